#!/usr/bin/env bash
# test_errata.sh - docs/errata.md is right: each of its commands prints what
# stands behind it, and each erratum is told in the lessons that it names.
#
# Run from the repository's root; BUILD is the folder that was built. Where the
# page says make, the program is run: the tests have built it.
. tests/tap.bash

page=docs/errata.md

unset ASYNC_SPEED ASYNC_TIMELINE ASYNC_TRACE ASYNC_DEBUG LLM_PROVIDER
export ASYNC_CLOCK=virtual LC_ALL=C.UTF-8

# The cells of column n of all rows, but for the heads.
column() {
    awk -F' *[|] *' -v n="$1" '
        !/^\|/ { heads = 0; next }
        ++heads > 2 { print $(n + 1) }' "$page"
}

# "make lesson9<tab>what it prints", for each of column 3.
promises() {
    column 3 | awk -F'`' '{
        for (i = 2; i <= NF; i += 2)
            if ($i ~ /^make /) command = $i
            else if (command != "") print command "\t" $i
        command = ""
    }'
}

program() {
    case $1 in
    'make errata') echo "$BUILD/tests/chapter/errata" ;;
    'make verify-chapter') echo "$BUILD/tests/chapter/test_async_await" ;;
    'make lesson'*) echo "$BUILD"/lessons/"$(printf %02d "${1#make lesson}")"_* |
        tr ' ' '\n' | grep -vE '\.(o|d)$' ;;
    esac
}

# All that the command is said to print is in what it prints, in any order.
prints() {
    local command=$1 text bad=0
    "$(program "$command")" </dev/null >"$work/printed" 2>&1
    while IFS= read -r text; do
        grep -qF -- "$text" "$work/printed" ||
            { echo "$command does not print: $text" && bad=1; }
    done < <(promises | awk -F'\t' -v c="$command" '$1 == c { print $2 }')
    return $bad
}

# The chapter's words at the beginning of each row are in each page that the row
# names, wherever its lines end there.
is_told() {
    local row claim target bad=0
    while IFS= read -r row; do
        # shellcheck disable=SC2016 # backquotes are Markdown's
        claim=$(sed -E 's/^\| ("([^"]*)"|`([^`]*)`).*/\2\3/' <<<"$row")
        for target in $(grep -oE '\]\([^)]+\)' <<<"$row" | tr -d ']()'); do
            tr -s '\n ' '  ' <"docs/$target" | grep -qF -- "$claim" ||
                { echo "$target does not tell of: $claim" && bad=1; }
        done
        grep -qF '](' <<<"$row" || { echo "no page: $claim" && bad=1; }
    done < <(grep -E '^\| ("|`)' "$page")
    return $bad
}

there_are_many() {
    echo "$(column 1 | wc -l) errata, $(promises | wc -l) promises"
    [ "$(column 1 | wc -l)" -ge 50 ] && [ "$(promises | wc -l)" -ge 30 ]
}

# The block at the end of the page is what make errata prints.
same_block() {
    awk '/^## What make errata/ { here = 1 } here && /^```/ { inside = !inside
        next } inside' "$page" | diff - <("$(program 'make errata')")
}

check 'there are errata, and commands that show them' there_are_many
check 'each is told where the page says' is_told
check 'what make errata prints is on the page' same_block
while IFS= read -r command; do
    check "$command prints what the page says" prints "$command"
done < <(promises | cut -f1 | sort -u)
finish
