#!/bin/bash
# test_book.sh - the site that `make book` makes has all pages, links that lead
# somewhere, the pages' folded answers, and a picture for each timeline.
#
# With NPM_TESTS set, also in a browser: see tests/book/browse.mjs. Its two
# packages are fetched from npm, without any others.
#
# Run from the repository's root, with the kit built.
. tests/tap.bash

book=$work/book

page_of() {
    echo "$book/$1" | sed 's/README\.md$/index.md/; s/\.md$/.html/'
}

# number WORD FILE: how many lines of it have that.
number() {
    grep -cE -- "$1" "$2"
}

same_number() { # WHAT PATTERN PAGE PATTERN
    local here there
    here=$(number "$2" "$3") there=$(number "$4" "$(page_of "$3")")
    [ "$here" = "$there" ] || echo "$1: $here in $3, $there in the book"
    [ "$here" = "$there" ]
}

page_is_whole() {
    same_number answers '<summary>' "$1" '<summary>Answer' &&
        same_number timelines '^ +0 s +[0-9.]+ s ' "$1" '^<svg '
}

# Where a page links to is a page; and where it names a place in it, that is there.
# shellcheck disable=SC2016 # the dollars are awk's
links_are_good() {
    (cd "$book" && find . -name '*.html' | sed 's:^\./::' | xargs awk '
        { rest = $0
          while (match(rest, /(id|href)="[^"]*"/)) {
              found = substr(rest, RSTART, RLENGTH)
              rest = substr(rest, RSTART + RLENGTH)
              value = found
              sub(/^[a-z]+="/, "", value)
              sub(/"$/, "", value)
              if (found ~ /^id/) there[FILENAME "#" value]
              else if (value !~ /^[a-z]+:/) link[FILENAME " " value]
          }
          there[FILENAME] }
        END { for (each in link) {
                  split(each, part, " ")
                  to = part[2]
                  if (to ~ /\.css$/) continue
                  if (to ~ /^#/) to = part[1] to
                  else {
                      folder = part[1]
                      if (!sub(/\/[^\/]*$/, "/", folder)) folder = ""
                      to = folder to
                      while (sub(/[^\/.]+\/\.\.\//, "", to));
                  }
                  links++
                  if (!(to in there)) { print part[1] ": " part[2]; bad++ }
              }
              print links + 0 " links"
              exit bad || links < 1000 }')
}

# At 200 columns, where the page has 80, a moment is known to a tenth.
told_in_words() {
    grep -q 'slow_operation 3: starts at 0.0 s, ends at 2.0 s' \
        "$book/lessons/03_gather.html" &&
        grep -q 'process 50: starts at 0.0 s, goes on at 1.2 s, ends at 1.5 s' \
            "$book/lessons/10_semaphore.html" &&
        grep -q 'summarize 20: starts at 0.0 s, goes on at 14.0 s, goes on at 15' \
            "$book/lessons/16_rate_limit.html" &&
        ! grep -q 'main: starts at 0.0 s, ends at 2.0 s' \
            "$book/lessons/16_rate_limit.html"
}

neighbours_are_linked() {
    grep -q 'rel="prev" href="../lessons/02_first_coroutine.html"' \
        "$book/lessons/03_gather.html" &&
        grep -q 'rel="next" href="../lessons/04_llm_sequential.html"' \
            "$book/lessons/03_gather.html"
}

if ! command -v pandoc >/dev/null; then
    skip 'the book' 'no pandoc'
    echo '1..1'
    exit 0
fi
check 'the book is made' make -s book BOOK="$book"
for page in README.md lessons/*.md exercises/*.md docs/*.md verify/README.md; do
    check "$page is whole" page_is_whole "$page"
done
check 'links lead somewhere' links_are_good
check 'pictures are told in words' told_in_words
check 'neighbours are linked' neighbours_are_linked

if [ -z "${NPM_TESTS:-}" ]; then
    skip 'in a browser' 'asks npm: NPM_TESTS=1 make test T=test_book.sh'
elif ! command -v npm >/dev/null || ! command -v chromium >/dev/null; then
    skip 'in a browser' 'needs npm and chromium'
elif ! timeout 120 npm install --silent --no-save --ignore-scripts --prefix "$work" \
    axe-core@4.10.3 playwright-core@1.56.1 >"$work/npm.log" 2>&1; then
    skip 'in a browser' 'npm cannot fetch axe-core and playwright-core'
else
    NPM_FOLDER=$work node tests/book/browse.mjs "$book" >"$work/browsed" 2>&1
    status=$?
    # Its checks are counted on from ours.
    awk -v n="$count" '/^1\.\.[0-9]+$/ { next }
        sub(/ok [0-9]+ - /, "ok " n + 1 " - ") { n++ } { print }' \
        "$work/browsed"
    count=$((count + $(number '^(not )?ok ' "$work/browsed")))
    check 'the browser came to the end' test "$status" = 0
fi
finish
