# Runs the commands of a page in order, and compares what each prints with what stands there. To be sourced after server.sh.
# Who sources it has `prepare COMMAND`, which says whether a command only gets things ready, and does what it is for; and
# `steady` where some of what is printed differs from run to run. `patience` is for how many seconds a command that prints
# something else is run again, as a person would who waits for a change.
patience=0

# Copies its input, with what differs from run to run made the same.
steady() {
    cat
}

# Runs the command read last and compares.
compare() {
    local found start=$SECONDS
    [ -n "$command" ] || return 0
    if ! prepare "$command"; then
        expected=$(steady <<<"$expected")
        while :; do
            found=$(eval "$command" 2>&1 </dev/null | steady) || true
            [ "$found" = "$expected" ] && break
            [ $((SECONDS - start)) -lt "$patience" ] || break
            sleep 0.2
        done
        if [ "$found" = "$expected" ]; then
            pass
        else
            fail "$command" "expected:" "$expected" "found:" "$found"
        fi
    fi
    command=
}

# All commands of the page $1.
run_page() {
    local inside=no line lines=0
    command= expected=
    while IFS= read -r line; do
        case $inside:$line in
        'no:```console') inside=yes ;;
        'yes:```') compare && inside=no ;;
        'yes:$ '*) compare && command=${line#'$ '} && expected= lines=0 ;;
        yes:*) [ $lines -eq 0 ] || expected+=$'\n'; expected+=$line lines=$((lines + 1)) ;;
        esac
    done <"$1"
}
