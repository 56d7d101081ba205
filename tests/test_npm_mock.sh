#!/bin/bash
# test_npm_mock.sh - our client beside a server that nobody here wrote, the npm
# package @dwmkerr/mock-llm. Only where NPM_TESTS is set: it fetches that package.
set -u
cd "$(dirname "$0")/.." || exit 1

package=@dwmkerr/mock-llm@0.1.29
scratch=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$scratch"' EXIT

skip() {
    echo '1..1'
    echo "ok 1 - the npm package's server # SKIP $1"
    exit 0
}

[ -n "${NPM_TESTS:-}" ] || skip 'asks npm: NPM_TESTS=1 make test T=test_npm_mock'
command -v npm >/dev/null || skip 'no npm'
timeout 120 npm install --silent --no-save --prefix "$scratch" "$package" \
    >"$scratch/npm.log" 2>&1 || skip "npm cannot fetch $package"
cat >"$scratch/mock-llm.yaml" <<'END'
streaming:
  chunkSize: 5
  chunkIntervalMs: 1
rules:
  - path: "/v1/chat/completions"
    match: "@"
    response:
      status: 200
      content: |
        {"id": "chatcmpl-1", "object": "chat.completion",
         "model": "{{jmes request body.model}}",
         "choices": [{"message": {"role": "assistant",
           "content": "{{jmes request body.messages[-1].content}}"},
           "finish_reason": "stop"}],
         "usage": {"prompt_tokens": 7, "completion_tokens": 5,
           "total_tokens": 12}}
  - path: "/v1/chat/completions"
    match: "contains(body.messages[-1].content, 'forbidden')"
    response:
      status: 403
      content: |
        {"error": {"message": "Not you.", "type": "permission_error"}}
END
cd "$scratch" || exit 1
port=$((20000 + RANDOM % 20000))
HOST=127.0.0.1 PORT=$port node_modules/.bin/mock-llm >server.log 2>&1 </dev/null &
server=$!
cd "$OLDPWD" || exit 1
for ((i = 0; i < 500; i++)); do
    ! grep -q 'server running' "$scratch/server.log" || break
    sleep 0.05
done
LLM_NPM_MOCK_URL=http://127.0.0.1:$port/v1 "$BUILD/tests/test_llm_mock"
status=$?
[ "$status" -eq 0 ] || cat "$scratch/server.log"
exit "$status"
