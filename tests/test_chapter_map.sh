#!/usr/bin/env bash
# test_chapter_map.sh - docs/chapter-map.md has all 67 items of the chapter, and
# none points nowhere: each function that is named behind a file is defined, or
# declared, in it. That the files are there, and their headings, test_links.sh
# says.
#
# Run from the repository's root.
. tests/tap.bash

page=docs/chapter-map.md

# A line for each link of the page: the file, and the functions that are named
# behind it, up to the next link.
links() {
    awk '{
        rest = $0
        while (match(rest, /\]\([^)]+\)/)) {
            file = substr(rest, RSTART + 2, RLENGTH - 3)
            rest = substr(rest, RSTART + RLENGTH)
            behind = rest
            sub(/[\[|].*/, "", behind)
            sub(/#.*/, "", file)
            functions = ""
            while (match(behind, /`[a-z_]+\(\)`/)) {
                functions = functions " " substr(behind, RSTART + 1, RLENGTH - 4)
                behind = substr(behind, RSTART + RLENGTH)
            }
            print "docs/" file functions
        }
    }' "$page"
}

every_item_is_there() {
    diff <(seq 67) <(grep -oE '^\| [0-9]+ \|' "$page" | tr -dc '0-9\n')
}

every_item_points_somewhere() {
    ! grep -E '^\| [0-9]+ \|' "$page" | grep -v ']('
}

every_function_is_there() {
    local file functions function bad=0
    while read -r file functions; do
        for function in $functions; do
            grep -qE "^([a-z].*[ *])?$function\(" "$file" ||
                { echo "no function $function in $file" && bad=1; }
        done
    done < <(links)
    return $bad
}

# If the page was written in another way, nothing would be looked at.
there_are_many() {
    echo "$(links | wc -l) links, $(links | grep -c ' ') with functions"
    [ "$(links | wc -l)" -gt 80 ] && [ "$(links | grep -c ' ')" -gt 25 ]
}

# Its rows are edited by many, and merged.
no_row_twice() {
    local twice
    twice=$(grep -oE '^\| [A-Z][^|]*\|' README.md | sort | uniq -d)
    echo "$twice"
    [ -z "$twice" ]
}

check "README's table has no row twice" no_row_twice
check 'all 67 items are there' every_item_is_there
check 'each of them points somewhere' every_item_points_somewhere
check 'it has links, and functions' there_are_many
check 'every function is in the file that it stands behind' \
    every_function_is_there
finish
