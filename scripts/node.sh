#!/bin/sh
# Sees to it that there is a Node.js for the identity providers of the tests. Silent where there is.
set -eu
oldest=18

major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p')
[ "${major:-0}" -ge "$oldest" ] && command -v npm >/dev/null && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Node.js (apt)" >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs npm >/dev/null
elif command -v brew >/dev/null; then
    echo "installing Node.js (brew)" >&2
    brew install --quiet node
else
    echo "the tests of single sign-on need Node.js $oldest or newer with npm: install it" >&2
    exit 1
fi
