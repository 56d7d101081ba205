#!/usr/bin/env bash
# test_quiz.sh - every lesson has questions with answers, and `make quiz` asks
# them at a terminal, keeps the score, and takes no nonsense.
#
# Run from the repository's root. The quiz runs in a copy, so that nobody's
# score is touched.
. tests/tap.bash

mkdir "$work/lessons" "$work/tools"
cp lessons/*.md "$work/lessons"
cp tools/quiz "$work/tools"
lessons=$(find lessons -name '[0-9][0-9]_*.md' | wc -l)
cd "$work" || exit 1

terminal() { # COMMAND: what is typed comes from standard input
    TERM=dumb script -qec "$1" /dev/null | tr -d '\r'
}

# Two to four a lesson, numbered 1, 2 ..., each with one answer that is folded.
questions_are_whole() {
    local page bad=0
    for page in lessons/[0-9][0-9]_*.md; do
        awk '/^#/ { inside = /^### Questions/; next }
            !inside { next }
            /^[0-9]+\. / { n++; if ($1 + 0 != n) bad = 1 }
            /^   <details>$/ { opened++; if (opened != n) bad = 1 }
            /^   <summary>Answer<\/summary>$/ { titled++ }
            /^   <\/details>$/ { closed++; if (!text) bad = 1; text = 0 }
            opened > closed && /[a-z]/ && !/summary|details/ { text = 1 }
            END { exit bad || n < 2 || n > 4 || opened != n || titled != n ||
                       closed != n }' "$page" ||
            { echo "$page" && bad=1; }
    done
    return $bad
}

says_what_it_does() {
    tools/quiz </dev/null >said && grep -q "$(grep -chE '^[0-9]+\. ' <(awk '
        /^#/ { inside = /^### Questions/ } inside' lessons/*.md)) questions" said
}

refuses() { # ARGUMENT
    ! tools/quiz "$1" </dev/null 2>said &&
        grep -q "There is no '$1' in the quiz" said
}

one_right_one_wrong() {
    printf '\ny\n\nperhaps\nn\nq\n' | terminal 'tools/quiz 3' >said
    cat said
    grep -q '^This time: 1 of 2' said && grep -q '^In all: 1 of' said &&
        grep -q 'Please type y or n' said &&
        [ "$(cat build/quiz)" = $'3.1 y\n3.2 n' ]
}

# 3.1 was answered rightly, so that the first question of all is another.
asks_the_rest() {
    printf '\ny\nq\n' | terminal tools/quiz >said
    cat said
    grep -q "Lesson 1, question 1   (1 of " said &&
        grep -q '^In all: 2 of' said
}

# All of them, and every question has a text and an answer.
asks_all() {
    yes '' | sed 'n; s/$/y/' | head -n 400 | terminal 'tools/quiz again' >said
    grep -q '^To begin again' said || tail -n 5 said
    grep -q '^To begin again' said &&
        [ "$(grep -oE '^Lesson [0-9]+,' said | sort -u | wc -l)" -eq "$lessons" ]
}

check 'every lesson has two to four questions, each with its answer' \
    questions_are_whole
check 'at a pipe it says what it does' says_what_it_does
check 'a lesson that is not there is refused' refuses 99
check 'a word is refused' refuses 'all of them'
if command -v script >/dev/null; then
    check 'it asks, and keeps the score' one_right_one_wrong
    check 'what was right is not asked again' asks_the_rest
    check 'it asks all of them' asks_all
fi
finish
