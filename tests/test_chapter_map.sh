#!/usr/bin/env bash
# test_chapter_map.sh - docs/chapter-map.md has all 67 items of the chapter, and
# none points nowhere: each file is there, each heading, and each function that
# is named behind a file is defined, or declared, in it.
#
# Run from the repository's root.
set -u

page=docs/chapter-map.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

check() { # NAME COMMAND...
    local name=$1
    shift
    count=$((count + 1))
    if "$@" >"$work/output" 2>&1; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        sed 's/^/# /' "$work/output"
    fi
}

# A line for each link of the page: the file, the heading's anchor or "-", and
# the functions that are named behind it, up to the next link.
links() {
    awk '{
        rest = $0
        while (match(rest, /\]\([^)]+\)/)) {
            target = substr(rest, RSTART + 2, RLENGTH - 3)
            rest = substr(rest, RSTART + RLENGTH)
            behind = rest
            sub(/\[.*/, "", behind)
            sub(/\|.*/, "", behind)
            anchor = target
            if (!sub(/^[^#]*#/, "", anchor)) anchor = "-"
            sub(/#.*/, "", target)
            functions = ""
            while (match(behind, /`[a-z_]+\(\)`/)) {
                functions = functions " " substr(behind, RSTART + 1, RLENGTH - 4)
                behind = substr(behind, RSTART + RLENGTH)
            }
            print (target == "" ? FILENAME : "docs/" target), anchor functions
        }
    }' "$page"
}

# Every heading of a page, as its anchor.
anchors() {
    awk '/^```/ { block = !block; next } !block && /^#+ /' "$1" |
        sed -E 's/^#+ //; s/.*/\L&/; s/[^a-z0-9 _-]//g; s/ /-/g'
}

every_item_is_there() {
    diff <(seq 67) <(grep -oE '^\| [0-9]+ \|' "$page" | tr -dc '0-9\n')
}

every_item_points_somewhere() {
    ! grep -E '^\| [0-9]+ \|' "$page" | grep -v ']('
}

every_link_is_good() {
    local file anchor functions function bad=0
    while read -r file anchor functions; do
        [ -f "$file" ] || { echo "no file $file" && bad=1 && continue; }
        [ "$anchor" = - ] || anchors "$file" | grep -qx -- "$anchor" ||
            { echo "no heading #$anchor in $file" && bad=1; }
        for function in $functions; do
            grep -qE "^([a-z].*[ *])?$function\(" "$file" ||
                { echo "no function $function in $file" && bad=1; }
        done
    done < <(links)
    return $bad
}

# If the page was written in another way, nothing would be looked at.
there_are_many() {
    echo "$(links | wc -l) links, $(links | grep -c ' - [a-z]') with functions"
    [ "$(links | wc -l)" -gt 80 ] && [ "$(links | grep -c ' - [a-z]')" -gt 25 ]
}

check 'all 67 items are there' every_item_is_there
check 'each of them points somewhere' every_item_points_somewhere
check 'it has links, headings and functions' there_are_many
check 'every file, heading and function that it names is there' \
    every_link_is_good
echo "1..$count"
