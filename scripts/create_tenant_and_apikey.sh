#!/bin/sh
# Creates a tenant and an API key for it in a migrated database (`make migrate`); the key is printed
# once.
#   scripts/create_tenant_and_apikey.sh "Clínica Norte"
set -eu
cd "$(dirname "$0")/.."

if [ $# -ne 1 ]; then
    echo "usage: $0 NAME" >&2
    exit 2
fi

reeve() { cargo run -p reeve --release --quiet -- "$@"; }

reeve tenant create "$1"
reeve key create --tenant "$1" --name demo
