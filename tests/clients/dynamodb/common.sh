# shellcheck shell=bash
# Emulators of DynamoDB, and what rollcall needs to find a table there. To be sourced.

source "$(dirname "${BASH_SOURCE[0]}")/../clients.sh"
need python3 curl
# Later versions take a second to give a table of some hundred items.
make_venv moto-5.0.28 "moto[server]==5.0.28" boto3==1.44.8 pynamodb==6.1.0
engine=

# Chooses a place for an emulator: sets `engine_port`, DYNAMODB_URL, and `settings`, the variables of a server.
place_engine() {
    free_port
    engine_port=$port
    export DYNAMODB_URL=http://127.0.0.1:$engine_port
    settings=(AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x DYNAMODB_URL="$DYNAMODB_URL" BACKEND_STORAGE=DynamoDB
        DYNAMODB_TABLE_HOSTS=hosts DYNAMODB_CREATE_TABLES_IN_APP=true ROLLCALL_DYNAMODB_POLL=500ms)
}

# Starts the emulator $1 on `engine_port`.
start_engine() {
    case $1 in
    moto) "$python" "${BASH_SOURCE[0]%/*}/moto_server.py" "$engine_port" >"$work/engine.log" 2>&1 </dev/null & ;;
    dynalite)
        node "$dynalite/node_modules/dynalite/cli.js" --port "$engine_port" --path "$work/dynalite" --createTableMs 0 \
            --deleteTableMs 0 --updateTableMs 0 >"$work/engine.log" 2>&1 </dev/null &
        ;;
    esac
    engine=$!
    for _ in $(seq 1 300); do
        curl -s --max-time 2 -o /dev/null "http://127.0.0.1:$engine_port/" && return
        sleep 0.1
    done
    give_up "$1 does not start: $(tail -n 3 "$work/engine.log")"
}

stop_engine() {
    [ -z "$engine" ] || { kill -CONT "$engine" && kill "$engine" && wait "$engine"; } 2>/dev/null || true
    engine=
}
