#!/bin/bash
# test_tls.sh - a server whose certificate nobody has signed gets no request: it
# could be anybody, and the request holds the key.
set -u
cd "$(dirname "$0")/.." || exit 1

scratch=$(mktemp -d)
server=
trap 'rm -rf "$scratch"; [ -z "$server" ] || kill "$server"' EXIT

if ! command -v openssl >/dev/null; then
    echo '1..1'
    echo 'ok 1 - an unknown certificate # SKIP no openssl'
    exit 0
fi
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$scratch/key" -out "$scratch/certificate" 2>"$scratch/log" ||
    { cat "$scratch/log"; exit 1; }
openssl s_server -accept 127.0.0.1:0 -www -key "$scratch/key" \
    -cert "$scratch/certificate" >"$scratch/out" 2>&1 </dev/null &
server=$!
# Its port is in its first line: "ACCEPT 127.0.0.1:41234".
for ((i = 0; i < 500; i++)); do
    port=$(sed -n 's/^ACCEPT .*:\([0-9]*\).*/\1/p' "$scratch/out")
    [ -z "$port" ] || break
    sleep 0.02
done
LLM_TLS_URL=https://127.0.0.1:$port/v1 "$BUILD/tests/test_llm"
