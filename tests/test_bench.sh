#!/usr/bin/env bash
# test_bench.sh - the benchmarks measure: every case of every program runs, and
# prints figures. What they are is no test's business.
#
# Run from the repository's root.
. tests/tap.bash

number='[0-9][0-9.]*'

# On the virtual clock, so that sleeping takes no time.
figures_of() { # CASE
    ASYNC_CLOCK=virtual "$BUILD/bench/runtime" "$1" 100 2 >"$work/figures" ||
        return 1
    cat "$work/figures"
    [ "$(grep -cE "^(first|best) -?$number (ns|us|ms)$|^faults $number each$|^memory $number bytes$" \
        "$work/figures")" = 4 ]
}

unknown_case() {
    "$BUILD/bench/runtime" nonsense
    [ $? = 2 ]
}

floor() {
    "$BUILD/bench/floor" switch 1000 | grep -E "^switch +$number ns"
}

# Those beside which it stands are looked for along PATH; Python is there.
comparison() {
    python3 -B bench/compare.py "$BUILD/bench/runtime" --rounds 2 \
        --scale 0.001 --cases 'switch late' >"$work/table" || return 1
    cat "$work/table"
    grep -qE "^  ours +$number" "$work/table" &&
        grep -qE "^  asyncio +0.01 +$number" "$work/table" &&
        grep -q '^Of the bounds ' "$work/table"
}

# A pass of each case, with fewer requests than workers.
requests() {
    local row="( +$number)? +[0-9][0-9.,]* +$number( holds| NO)? "

    python3 -B bench/compare.py "$BUILD/bench/http" --rounds 1 --scale 0.01 \
        --server "$BUILD/bin/mock_llm" >"$work/table" || return 1
    cat "$work/table"
    [ "$(grep -cE "^  ours +[0-9][0-9.,]* +[0-9][0-9.,]*$" "$work/table")" = 5 ] &&
        [ "$(grep -cE "^  libcurl$row" "$work/table")" = 5 ]
}

no_server() {
    "$BUILD/bench/http" cpu-100 1 1
    [ $? = 2 ]
}

cases=$("$BUILD/bench/runtime" 2>&1 | awk '/^  [a-z]/ { print $1 }')
for case in $cases; do
    check "bench/runtime $case" figures_of "$case"
done
check 'there are eight cases' test "$(echo "$cases" | wc -l)" = 8
check 'a case that is not there' unknown_case
check 'bench/floor' floor
check 'bench/http without a server' no_server
if command -v python3 >/dev/null; then
    check 'bench/compare.py' comparison
    check 'bench/compare.py, of requests' requests
fi
finish
