#!/usr/bin/env bash
# test_faults.sh - no call of the libraries has been forgotten: whatever they
# call outside can be made to fail by tests/faults, or is known not to fail.
#
# Run from the repository's root, with BUILD, after the libraries were built.
set -u

: "${BUILD:=build}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
libraries=()
for name in async async_curl llm scenario; do
    libraries+=("$BUILD/lib/lib$name.a")
done

nm -A "${libraries[@]}" | sed -n 's/.* U //p' | sort -u >"$work/used"
nm "${libraries[@]}" 2>/dev/null | sed -n 's/^[0-9a-f]* [A-TV-Z] //p' |
    sort -u >"$work/own"
{
    grep -ohE '\bfault_call_[a-zA-Z0-9_]+' tests/faults/inject*.c |
        sed 's/^fault_call_//'
    grep -v '^#' tests/faults/cannot_fail | tr -s ' ' '\n'
} | sort -u >"$work/known"

# Names with an underscore in front are the compiler's, and the checkers'.
comm -23 "$work/used" "$work/own" | grep -v '^_' >"$work/outside"
echo '1..2'
if [ -s "$work/outside" ]; then
    echo 'ok 1 - the libraries call something'
else
    echo 'not ok 1 - the libraries call something'
fi
if comm -23 "$work/outside" "$work/known" | sed 's/^/# /' >"$work/unknown" &&
    [ ! -s "$work/unknown" ]; then
    echo 'ok 2 - each call can be made to fail, or is known not to'
else
    echo 'not ok 2 - each call can be made to fail, or is known not to'
    echo '# In neither tests/faults/inject*.c nor tests/faults/cannot_fail:'
    cat "$work/unknown"
fi
