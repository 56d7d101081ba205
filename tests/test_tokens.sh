#!/bin/bash
# test_tokens.sh - llm_count_tokens beside the npm package tiktoken, on 1.5 MB of
# mixed text. Only where NPM_TESTS is set (it fetches that package) and where the
# vocabularies are (make vocab).
set -u
cd "$(dirname "$0")/.." || exit 1

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

skip() {
    echo '1..1'
    echo "ok 1 - equal to tiktoken # SKIP $1"
    exit 0
}

[ -n "${NPM_TESTS:-}" ] || skip 'asks npm: NPM_TESTS=1 make test T=test_tokens'
command -v npm >/dev/null || skip 'no npm'
[ -e vocab/cl100k_base.tiktoken ] || skip 'no vocabularies: make vocab'
cp tests/tokens.mjs "$scratch"
cd "$scratch" || exit 1
timeout 120 npm install --silent --no-save --prefix . tiktoken@1.0.22 >npm.log 2>&1 ||
    skip 'npm cannot fetch tiktoken'
node tokens.mjs cases || exit 1
cd "$OLDPWD" || exit 1
LLM_TOKENS_CASES=$scratch/cases exec "$BUILD/tests/test_llm_tokens"
