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

cases=$("$BUILD/bench/runtime" 2>&1 | awk '/^  [a-z]/ { print $1 }')
for case in $cases; do
    check "bench/runtime $case" figures_of "$case"
done
check 'there are eight cases' test "$(echo "$cases" | wc -l)" = 8
check 'a case that is not there' unknown_case
check 'bench/floor' floor
if command -v python3 >/dev/null; then
    check 'bench/compare.py' comparison
fi
finish
