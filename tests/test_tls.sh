#!/bin/bash
# test_tls.sh - a server whose certificate nobody has signed gets no request: it
# could be anybody, and the request holds the key. Nor does one whose certificate
# is trusted, but made out to another name.
set -u
cd "$(dirname "$0")/.." || exit 1

scratch=$(mktemp -d)
servers=()
trap 'rm -rf "$scratch"; [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}"' EXIT

if ! command -v openssl >/dev/null; then
    echo '1..1'
    echo 'ok 1 - an unknown certificate # SKIP no openssl'
    exit 0
fi

# certificate NAME SUBJECT: one that has signed itself, for this subject.
certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test \
        -addext "subjectAltName=$2" -keyout "$scratch/$1.key" \
        -out "$scratch/$1.pem" 2>"$scratch/log" ||
        { cat "$scratch/log"; exit 1; }
}

# serve NAME CERTIFICATE: sends an answer, whatever the request is; url is where.
serve() {
    local answer='{"choices":[{"message":{"content":"Hi."}}]}' port=
    mkfifo "$scratch/$1.in"
    openssl s_server -accept 127.0.0.1:0 -key "$scratch/$2.key" \
        -cert "$scratch/$2.pem" <"$scratch/$1.in" >"$scratch/$1.out" 2>&1 &
    servers+=($!)
    exec {input}>"$scratch/$1.in"
    printf 'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s\n' \
        "${#answer}" "$answer" >&"$input"
    # Its port is in its first line: "ACCEPT 127.0.0.1:41234".
    for ((i = 0; i < 500; i++)); do
        port=$(sed -n 's/^ACCEPT .*:\([0-9]*\).*/\1/p' "$scratch/$1.out")
        [ -z "$port" ] || break
        sleep 0.02
    done
    url=https://127.0.0.1:$port/v1
}

certificate own DNS:localhost,IP:127.0.0.1
certificate other DNS:other.example
cat "$scratch"/*.pem >"$scratch/trusted"
serve unknown own
export LLM_TLS_URL=$url
serve own own
export LLM_TLS_OWN_URL=$url
serve other other
export LLM_TLS_OTHER_URL=$url
LLM_TLS_CA_FILE=$scratch/trusted "$BUILD/tests/test_llm"
