# shellcheck shell=bash
# What the scripts beside this file share, after ../clients.sh. To be sourced.

# Plays the list on the store $1; the variables that say where that is follow.
try_store() {
    (cd "$root/tests/clients" && PYTHONDONTWRITEBYTECODE=1 exec python3 -m stores "$1" "$(realpath "$ROLLCALL")" "$work/stores" "${@:2}")
}
