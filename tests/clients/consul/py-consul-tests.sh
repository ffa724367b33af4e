#!/usr/bin/env bash
# py-consul's own tests of agent, catalog, health and status, as they are published with it, each on a fresh server.
# Which of them are run, and why others are not, is in py-consul-tests.txt.
set -euo pipefail
source "$(dirname "$0")/common.sh"
version=1.8.0
directory=$cache/py-consul-$version

fetch() {
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-binary :all: \
        --dest "$work" "py-consul==$version" >"$work/pip" 2>&1 || { tail -n 5 "$work/pip" && give_up "its tests cannot be had"; }
    mkdir "$work/sdist"
    tar -xzf "$work/py_consul-$version.tar.gz" -C "$work/sdist"
    rm -rf "$directory"
    mv "$work/sdist/py_consul-$version" "$directory"
    # What is tested is the package that was installed.
    rm -r "$directory/consul" "$directory/pyproject.toml" "$directory/setup.cfg"
}

# The tests that are run, as pytest names them.
chosen() {
    case ${AGAINST:-rollcall} in
    rollcall) sed -nE 's/^(run|newer) //p' "$here/py-consul-tests.txt" ;;
    *) sed -n 's/^run //p' "$here/py-consul-tests.txt" ;;
    esac
}

need python3 curl
make_venv py-consul-tests "py-consul==$version" pytest==8.4.2 pytest-asyncio==1.2.0 aiohttp==3.13.2 packaging setuptools \
    setuptools-scm wheel
[ -d "$directory" ] || fetch
case ${AGAINST:-rollcall} in
rollcall) COMMAND=$here/shim.py ROLLCALL=$(realpath "$ROLLCALL") && export COMMAND ROLLCALL ;;
*) find_consul && COMMAND=$consul && export COMMAND ;;
esac
# The checks in them ask port 8500, so that it must be free.
enter_namespace "$@"
cp "$here/py_consul_conftest.py" "$directory/conftest.py"
cd "$directory"
# shellcheck disable=SC2046
"$python" -m pytest -p no:cacheprovider -q -rA --tb=short --basetemp="$work/pytest" -o asyncio_mode=auto \
    $(chosen) >"$work/tests" 2>&1 || true
same "every test has a line in py-consul-tests.txt" \
    "$(grep -hoE '^    def test_[a-z0-9_]+' tests/api/test_{agent,catalog,health,status}.py | sed 's/.* //' | sort)" \
    "$(sed -nE 's/^(run|newer|leave) tests\/api\/.*::([a-z0-9_]+).*/\2/p' "$here/py-consul-tests.txt" | sort)"
for name in $(chosen); do
    if grep -q "^PASSED $name" "$work/tests"; then
        pass
    else
        fail "$name" "$(sed -n "/^___.*[ .]${name##*::} ___/,/^___/p" "$work/tests" | grep -E '^E |^[a-z_/]*\.py:' | head -n 8)"
    fi
done
conclude
