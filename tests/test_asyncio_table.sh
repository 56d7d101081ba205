#!/usr/bin/env bash
# test_asyncio_table.sh - the tables of docs/asyncio-semantics.md are complete
# and true: all 120 cases, each once; what has a C reading is a test of the file
# named above the table, and what has none is not; what differs says so in its
# test; and so does the count in the text.
#
# Run from the repository's root.
. tests/tap.bash

page=docs/asyncio-semantics.md

# FILE CASE KIND of each row.
# shellcheck disable=SC2016 # backquotes and dollars are Markdown's and awk's
awk '/^\[tests\// { file = $0; gsub(/^\[|\].*/, "", file) }
     /^\| `/ { split($0, cell, " *\\| *"); gsub(/`/, "", cell[2])
               print file, cell[2], cell[3] }' "$page" >"$work/rows"

# FILE CASE of each test whose comment begins with "Difference".
awk '/^\/\* / { comment = $0 }
     /^static void [a-z0-9_]+\(void \*\*state\)/ {
         if (comment ~ /^\/\* Difference/) {
             sub(/^static void /, ""); sub(/\(.*/, ""); print FILENAME, $0 } }
     /^}/ { comment = "" }' tests/test_asyncio_*.c >"$work/differences"

all_cases() {
    local cases
    cases=$(awk '{ print $2 }' "$work/rows" | sort -u | wc -l)
    echo "$cases cases in $(wc -l <"$work/rows") rows, expected 120 in 120"
    [ "$cases" -eq 120 ] && [ "$(wc -l <"$work/rows")" -eq 120 ]
}

tests_exist() {
    local file name kind status=0
    while read -r file name kind; do
        case $kind in
        equal | differs)
            grep -q "cmocka_unit_test($name)" "$file" ||
                { echo "$file has no test $name" && status=1; }
            ;;
        none)
            ! grep -q "cmocka_unit_test($name)" tests/test_asyncio_*.c ||
                { echo "$name is none, and is a test" && status=1; }
            ;;
        *)
            echo "$name is neither equal nor differs nor none: $kind"
            status=1
            ;;
        esac
    done <"$work/rows"
    return $status
}

differences_are_said() {
    local file name kind status=0
    while read -r file name kind; do
        [ "$kind" = none ] && continue
        [ "$kind" = differs ]
        local in_table=$?
        grep -qx "$file $name" "$work/differences"
        [ $in_table -eq $? ] ||
            { echo "$name: $kind on the page, not so in $file" && status=1; }
    done <"$work/rows"
    return $status
}

names_exist() {
    local name status=0
    # shellcheck disable=SC2016 # backquotes are Markdown's
    for name in $(grep -oE '`[a-z0-9]+(_[a-z0-9]+){3,}`' "$page" | tr -d '`'); do
        grep -q " $name " "$work/rows" ||
            grep -q "cmocka_unit_test($name)" tests/test_asyncio_*.c ||
            { echo "$name is neither a case nor a test" && status=1; }
    done
    return $status
}

numbers_are_right() {
    local equal differs none
    equal=$(grep -c ' equal$' "$work/rows")
    differs=$(grep -c ' differs$' "$work/rows")
    none=$(grep -c ' none$' "$work/rows")
    local beside=$(($(cat tests/test_asyncio_*.c | grep -c cmocka_unit_test\() - \
        equal - differs))
    local text
    text=$(tr '\n' ' ' <"$page")
    local says="Of the 120 cases, $equal are equal, $differs differ"
    grep -qF "$says" <<<"$text" || { echo "not said: $says" && return 1; }
    says="and $none have no counterpart in C. Beside them stand $beside more tests"
    grep -qF "$says" <<<"$text" || { echo "not said: $says" && return 1; }
}

check "all 120 cases are there, each once" all_cases
check "each is a test of its file, or none" tests_exist
check "what differs is named in both places" differences_are_said
check "every name on the page exists" names_exist
check "the numbers in the text are right" numbers_are_right
finish
