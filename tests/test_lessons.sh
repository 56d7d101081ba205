#!/usr/bin/env bash
# test_lessons.sh - the lessons print what their pages and headers say.
#
# What is expected is read from the files that students read: a page's block
# under "What it prints" is a lesson's whole output, its header's Expect some
# lines of it, in their order. Lessons without a network run on the virtual
# clock, where every time is exact. The others wait for real sockets, so that
# their times are not compared: the server's counts tell one by one from all at
# once.
#
# Run from the repository's root; BUILD is the folder that was built.
. tests/tap.bash

unset ASYNC_CLOCK ASYNC_SPEED ASYNC_TIMELINE ASYNC_TRACE ASYNC_DEBUG PREDICT
unset NO_COLOR COLUMNS
unset LLM_PROVIDER OPENAI_API_KEY OPENAI_BASE_URL

# The first text block of a page under "What it prints".
page_output() {
    awk '/^## / { here = $0 == "## What it prints" }
        here && /^```/ { if (inside) exit; inside = 1; next }
        here && inside' "$1"
}

# The lines of a header comment's Expect, without the comment's frame.
header_output() {
    awk '/^ \* Chapter:/ { exit }
        inside { print substr($0, 8) }
        /^ \* Expect:/ { inside = 1 }' "$1"
}

# Without what the clock decides: numbers of seconds, the speed-up, where in a
# row of a picture its marks stand and which marks there are, and how many of the
# requests that were sent together were still there together. Lesson 13's heart
# has beaten or has not, which does not depend on time; how often does.
without_times() {
    sed -E 's/[0-9]+\.[0-9]+ s/N s/g; s/about [0-9]+x/about Nx/
        s/[├┤┼═·█▒─╱]+/~/g; s/~[_ ~]*~/~/; s/ +_*~/ ~/; /^[_~] /d
        s/^ +0 s .* s$/0 s/
        s/at most ([2-9]|[0-9]{2,}) at a time/at most MANY at a time/
        s/heartbeats: [1-9][0-9]*$/heartbeats: MANY/
        s/Processors: [0-9]+$/Processors: N/'
}

same() {
    diff -u --label expected "$1" --label printed "$2"
}

# Each line of the first file is in the second, in that order.
in_order() {
    awk 'NR == FNR { want[++n] = $0; next }
        at < n && $0 == want[at + 1] { at++ }
        END { if (!n) print "nothing is expected"
              if (at < n) print "not printed, or not there: " want[at + 1]
              exit !n || at < n }' "$1" "$2"
}

# The runtime's reports end in a place, which is as long as the file's name.
narrow() {
    ! LC_ALL=C.UTF-8 grep -nE '.{81}' "$1" | grep -vE '^[0-9]+:async: .* at [^ ]+$'
}

plain() {
    ! LC_ALL=C grep -n '[^ -~]' "$1"
}

# A command that goes over a line's end would be copied as two commands.
whole_code_spans() {
    awk '/^ *```/ { block = !block; next }
        !block && gsub(/`/, "&") % 2 { print FNR ": " $0; broken = 1 }
        END { exit broken }' "$1"
}

sections_in_order() {
    local wanted='The problem|Run it the naive way|What it prints|The idea|The C'
    wanted+="|What C makes you own|Try changing it"
    wanted+="|Where the chapter's text differs|Exercises"
    same <(tr '|' '\n' <<<"$wanted") <(sed -n 's/^## //p' "$1")
}

# Runs the lesson at a pipe, as UTF-8 and as ASCII; its output must be clean
# whatever it says.
run_lesson() {
    local program=$BUILD/lessons/$1 out=$work/$1
    LC_ALL=C.UTF-8 "$program" </dev/null 2>"$out.err" | sed 's/ *$//' \
        >"$out.utf8"
    local status=${PIPESTATUS[0]}
    # AddressSanitizer, of lesson 17's ucontext.
    sed -i '/WARNING: ASan doesn.t fully support makecontext/d' "$out.err"
    LC_ALL=C "$program" </dev/null >"$out.ascii" 2>&1
    if [ "$status" -ne 0 ]; then
        echo "exit status $status"
        cat "$out.err"
        return 1
    fi
    [ ! -s "$out.err" ] || cat "$out.err"
    [ ! -s "$out.err" ]
}

at_a_terminal() { # LESSON GUESS
    local command="$BUILD/lessons/$1"
    printf '%s\n' "$2" | TERM=dumb script -qec "$command" /dev/null |
        tr -d '\r'
}

guess_beside_result() {
    local text
    text=$(at_a_terminal "$1" 'about a week')
    grep -q '^Predict: ' <<<"$text" || echo 'no question'
    grep -qx 'You predicted: about a week' <<<"$text" || echo 'no guess'
    grep -q '^What happened: .' <<<"$text" || echo 'no result'
    grep -q '^Predict: ' <<<"$text" &&
        grep -qx 'You predicted: about a week' <<<"$text" &&
        grep -q '^What happened: .' <<<"$text"
}

# Lesson 17's loop is not the runtime, and yet draws what the runtime draws.
same_pictures() {
    local row='^(main|slow_operation [1-3]|) {3,}'
    same <(grep -E "$row" "$work/$1.utf8") <(grep -E "$row" "$work/$2.utf8")
}

skipped_guess() {
    ! at_a_terminal "$1" '' | grep 'You predicted'
}

no_question() {
    ! PREDICT=0 at_a_terminal "$1" '' | grep -i 'predict'
}

for page in lessons/[0-9][0-9]_*.md; do
    name=$(basename "$page" .md)
    case $name in
    0[1-3]_* | 0[789]_* | 1[0-2]_* | 1[4-8]_*)
        mode=ASYNC_CLOCK=virtual filter=cat ;;
    *) mode=ASYNC_SPEED=4 filter=without_times ;;
    esac
    export "${mode?}"

    check "$name: runs" run_lesson "$name"
    page_output "$page" | $filter >"$work/page"
    header_output "lessons/$name.c" | $filter >"$work/header"
    $filter <"$work/$name.utf8" >"$work/printed"
    check "$name: prints what its page says" same "$work/page" "$work/printed"
    check "$name: prints what its header says" \
        in_order "$work/header" "$work/printed"
    check "$name: fits in 80 columns" narrow "$work/$name.utf8"
    check "$name: is ASCII where the locale is" plain "$work/$name.ascii"
    check "$name: its page has its parts in order" sections_in_order "$page"
    if ! command -v script >/dev/null; then
        count=$((count + 1))
        echo "ok $count - $name: at a terminal # SKIP needs script(1)"
    else
        check "$name: shows the guess beside the result" \
            guess_beside_result "$name"
    fi
    unset "${mode%=*}"
done

# What is simulated is what the mock server answers, to the token.
same_counts() {
    ASYNC_CLOCK=virtual "$BUILD/lessons/$1" </dev/null >"$work/simulated" &&
        same <(grep -E 'Total|client' "$work/$1.utf8") \
            <(grep -E 'Total|client' "$work/simulated")
}

check "06_batch: a simulated LLM counts like a served one" same_counts 06_batch
check "17_event_loop: draws the pictures of 03_gather" \
    same_pictures 03_gather 17_event_loop

for page in README.md docs/*.md lessons/*.md exercises/*.md; do
    check "$page: no command is broken over two lines" whole_code_spans "$page"
done

# How a question can be avoided is the same in all of them.
if command -v script >/dev/null; then
    export ASYNC_CLOCK=virtual
    check "Enter skips the question" skipped_guess 01_sequential
    check "PREDICT=0 asks nothing" no_question 01_sequential
fi
finish
