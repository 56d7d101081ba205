#!/usr/bin/env bash
# test_links.sh - no page of the kit has a link to a file or to a heading that is
# not there, and no lesson names an exercise without a link to its page, if it
# has one.
#
# Run from the repository's root.
. tests/tap.bash

# Where the page's links go, [text](here) and [name]: here; no code.
targets() {
    awk '/^ *```/ { block = !block; next } block { next }
        { gsub(/`[^`]*`/, "")
          if (match($0, /^\[[^]]+\]: /)) print substr($0, RLENGTH + 1)
          while (match($0, /\]\([^) ]+\)/)) {
              print substr($0, RSTART + 2, RLENGTH - 3)
              $0 = substr($0, RSTART + RLENGTH)
          } }' "$1" | grep -vE '^(https?|mailto):'
}

# Every heading of a page, as its anchor.
anchors() {
    awk '/^ *```/ { block = !block; next } !block && /^#+ /' "$1" |
        sed -E 's/^#+ //; s/.*/\L&/; s/[^a-z0-9 _-]//g; s/ /-/g'
}

links_are_good() {
    local page=$1 target file anchor bad=0
    while IFS= read -r target; do
        file=${target%%#*} anchor=
        [ "$file" = "$target" ] || anchor=${target#*#}
        file=${file:+$(dirname "$page")/$file}
        file=${file:-$page}
        [ -e "$file" ] || { echo "no $target" && bad=1 && continue; }
        [ -z "$anchor" ] || anchors "$file" | grep -qx -- "$anchor" ||
            { echo "no heading for $target" && bad=1; }
    done < <(targets "$page")
    return $bad
}

# "Exercise 5, return_exceptions" in plain text, although the page is there.
exercises_are_linked() {
    local name bad=0
    for name in exercises/[0-9][0-9]_*.md; do
        name=$(basename "$name" .md)
        grep -nE "Exercises? $((10#${name%%_*})), ${name#*_}\b" lessons/*.md &&
            bad=1
    done
    return $bad
}

links=0
for page in README.md docs/*.md lessons/*.md exercises/*.md verify/README.md; do
    links=$((links + $(targets "$page" | wc -l)))
    check "$page: its links lead somewhere" links_are_good "$page"
done
check 'there are links on them' test "$links" -gt 200
check 'lessons link the exercises that they name' exercises_are_linked
finish
