# shellcheck shell=bash
# Runs the parts of a test, each a script that works alone too, and says how they went. To be sourced.
#
# Exit codes of a part: 0 all as it should be, 1 something is not, 77 nothing was tried.

# $1 the folder of the scripts, $2 what is said of the parts that went well, then their names.
run_parts() {
    local folder=$1 said=$2 name start status good=() bad=() skipped=()
    shift 2
    for name in "$@"; do
        start=$SECONDS status=0
        echo "-- $name"
        "$folder/$name.sh" || status=$?
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
