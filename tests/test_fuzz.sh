#!/usr/bin/env bash
# test_fuzz.sh - differences from CPython that were found once stay mended.
#
# A file of tests/fuzz/found/ is a program, and behind "#=" the trace that
# CPython's asyncio makes of it. The runtime has to make the same. Python is
# not needed for that: `make fuzz` runs these files on both sides, and then
# looks for more.
#
# Run from the repository's root; BUILD is the folder that was built.
. tests/tap.bash

interpreter=$BUILD/tests/fuzz/interpreter
shopt -s nullglob

# Its first line names the program, its last one ends the trace.
trace() {
    "$interpreter" <"$1" 2>/dev/null | sed '1d;$d'
}

same_trace() {
    local expected
    expected=$(sed -n 's/^#= //p' "$1")
    [ -n "$expected" ] || { echo "$1 has no trace"; return 1; }
    diff -u --label asyncio <(echo "$expected") --label runtime <(trace "$1")
}

refused() {
    local said
    said=$(printf '%s\n' "$1" | "$interpreter" 2>&1)
    [ $? -eq 2 ] || { echo "not refused: $1"; return 1; }
    [[ $said == *"$2"* ]] || { echo "it said: $said"; return 1; }
}

for file in tests/fuzz/found/*.txt; do
    check "$(basename "$file" .txt)" same_trace "$file"
done
check 'no body' refused 'sleep 1' 'line 1: not in a body: sleep'
check 'no such operation' refused $'body 0\n  slep 1' 'no operation slep'
check 'no number' refused $'body 0\n  try sleep' 'a number is missing'
check 'not a number' refused $'body 0\n  sleep 1s' 'stand here: 1s'

finish
