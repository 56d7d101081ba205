#!/bin/bash
# clients.sh - the official clients of OpenAI and of Anthropic, from npm, have to
# work with our mock server. It needs node and npm, and so is no part of
# `make test`. Speaks TAP; tests/run counts it.
set -eu
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
tests/npm_clients/install build/npm
make -s "$build/bin/mock_llm" >&2
NPM_FOLDER=$PWD/build/npm MOCK_LLM=$PWD/$build/bin/mock_llm \
    exec node --test-reporter=tap tests/npm_clients/clients.mjs
