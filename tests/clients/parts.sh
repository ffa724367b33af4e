# shellcheck shell=bash
# Runs several parts one after the other, and says at the end which were as they should be. To be sourced by a script that
# has `run_part NAME`, whose exit codes are: 0 all as it should be, 1 something is not, 77 nothing was tried.

# $1 what is said of those that are good; then the names of the parts.
run_parts() {
    local said=$1 name start status good=() bad=() skipped=()
    shift
    for name in "$@"; do
        start=$SECONDS status=0
        echo "-- $name"
        run_part "$name" || status=$?
        echo "   $((SECONDS - start)) s"
        case $status in
        0) good+=("$name") ;;
        77) skipped+=("$name") ;;
        *) bad+=("$name") ;;
        esac
    done
    echo "$said: ${good[*]:-none}"
    [ ${#bad[@]} -eq 0 ] || echo "FAILED: ${bad[*]}"
    [ ${#skipped[@]} -eq 0 ] || echo "SKIP SKIP SKIP: not tried: ${skipped[*]}"
    [ ${#bad[@]} -eq 0 ]
}
