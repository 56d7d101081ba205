#!/usr/bin/env bash
# test_docs.sh - what docs/inside-the-runtime.md names is there: each file, each
# function, each file of lib/async at least once, and its program runs.
#
# Run from the repository's root.
. tests/tap.bash

page=docs/inside-the-runtime.md

# Everything in backquotes, one a line.
names() {
    # shellcheck disable=SC2016 # backquotes are Markdown's
    awk '/^```/ { block = !block; next } !block' "$page" |
        grep -oE '`[^`]+`' | tr -d '`' | sort -u
}

functions_exist() {
    local function missing=0
    for function in $(names | grep -oE '^[a-z_]+\(\)$' | tr -d '()'); do
        case $function in
        make_tea | swapcontext) continue ;;
        esac
        grep -qE "^[a-z].*[ *]$function\(|define $function\(" lib/async/*.[ch] ||
            { echo "no function $function in lib/async" && missing=1; }
    done
    return $missing
}

files_exist() {
    local file missing=0
    for file in $(names | grep -oE '^[a-z_]+\.[ch]$'); do
        [ -f "lib/async/$file" ] ||
            { echo "no file lib/async/$file" && missing=1; }
    done
    return $missing
}

files_are_named() {
    local file missing=0
    for file in lib/async/*.c; do
        grep -q "\`$(basename "$file")\`" "$page" ||
            { echo "$page does not name $(basename "$file")" && missing=1; }
    done
    return $missing
}

# The assembly on the page is the one in switch.h.
same_instructions() {
    awk '/^    leaq/, /^1:/' "$page" | sed 's/^ *//' >"$work/page"
    awk '/leaq 1f/, /"1:/' lib/async/switch.h |
        grep -oE '"[^"]+"' | sed 's/"//g; s/\\n//; s/\\t//; s/%%/%/g' \
        >"$work/header"
    diff "$work/page" "$work/header"
}

program_runs() {
    awk '/^```c$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$page" \
        >"$work/tea.c"
    local flags=()
    [ "$(uname -m)" != x86_64 ] || flags=(-fcf-protection=none)
    "${CC:-gcc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Ilib \
        "${flags[@]}" "$work/tea.c" lib/async/*.c -o "$work/tea" \
        -lm -lpthread || return 1
    ASYNC_CLOCK=virtual "$work/tea" >"$work/tea.out" || return 1
    printf 'kettle on\ntea\n' | diff - "$work/tea.out"
}

check "functions that $page names exist" functions_exist
check "files that $page names exist" files_exist
check "every file of lib/async is named" files_are_named
check "the instructions are those of switch.h" same_instructions
check "its program runs" program_runs
finish
