#!/bin/sh
# Sees to it that tests/python/.venv holds what tests/python/requirements.txt names. Silent where it does.
set -eu
cd "$(dirname "$0")/../tests/python"

# Written last, so that what was stopped half way is made anew.
done=.venv/requirements.txt
cmp -s requirements.txt "$done" && exit 0

if ! python3 -c 'import ensurepip, venv' 2>/dev/null && [ "$(id -u)" = 0 ] &&
    command -v apt-get >/dev/null; then
    echo "installing Python (apt)" >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
fi
command -v python3 >/dev/null || { echo "the tests need Python 3.10 or newer: install it" >&2; exit 1; }

rm -rf .venv
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --no-input -r requirements.txt
cp requirements.txt "$done"
