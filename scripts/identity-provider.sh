#!/usr/bin/env bash
# Runs a certified OpenID provider on loopback and registers it with the demo's organization, so that
# a browser can sign in by single sign-on. For a look, and for nothing else: its people need no
# password. Leave `make demo` running and start this in another terminal; Ctrl-C ends it.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${1:-9400}
public=${PUBLIC_URL:-http://localhost:8000}
reeve=target/release/reeve
secret='a secret of the demonstration'

scripts/node.sh
[[ -x $reeve ]] || { echo "start \`make demo\` first" >&2; exit 1; }
[[ -d tests/providers/node_modules ]] || npm --prefix tests/providers ci --silent

if ! "$reeve" --json provider list --tenant acme | grep -q '"name":"demo"'; then
    printf '%s\n' "$secret" | "$reeve" provider add --tenant acme --name demo \
        --discovery "http://127.0.0.1:$port" --client-id reeve-demo --secret-stdin \
        --domain acme.example --role developer >/dev/null
fi

echo "Sign in with a browser: $public/auth/sso/login?email=ada@acme.example"
cd tests/providers
# It ends with its standard input, and so with this script.
exec node provider.mjs --port "$port" --issuer-name demo --client-id reeve-demo \
    --client-secret "$secret" --redirect-uri "$public/auth/sso/callback" \
    --accounts '[{"sub":"1001","email":"ada@acme.example","email_verified":true,"name":"Ada Byron"},
                 {"sub":"1002","email":"zoe@acme.example","email_verified":true,"name":"Zoe Quinn"},
                 {"sub":"1003","email":"eve@elsewhere.example","email_verified":true,"name":"Eve Elsewhere"}]' \
    2>/dev/null
