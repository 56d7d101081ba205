#!/usr/bin/env bash
# test_verify.sh - the judge is as good as what it rejects.
#
# Right programs get all points, wrong ones lose exactly the checks that their
# first line names, hostile ones get none and stop nobody. Each is handed in as
# a student would, in a folder of its own.
#
# Run from the repository's root; BUILD and SANITIZED are the two builds.
set -u

BUILD=${BUILD:-build}
SANITIZED=${SANITIZED:-build/address-undefined}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=$work
report=$folder/report

unset NO_COLOR
export LC_ALL=C
# The judge's own folders: they must all be gone in the end.
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
# A sandbox is made by the user that submissions run as, who has to get there.
chmod 711 "$work"

# check NAME COMMAND...: the check passes if the command succeeds; what the
# command prints says why it did not.
check() {
    local name=$1 reason
    shift
    if reason=$("$@" 2>&1); then
        echo "ok - $name"
    else
        echo "not ok - $name"
        printf '%s\n' "$reason" | sed 's/^/# /'
    fi
}

judge=("$BUILD/bin/verify" --build "${PARTS:-$BUILD}" --sandbox "${SANDBOX:-auto}")

verify() {
    "${judge[@]}" --sanitized "$SANITIZED" "$@"
}

number_of() { # 02_gather -> 2
    local number=${1%%_*}
    echo "${number#0}"
}

# hand_in EXERCISE FILE [OPTION]...: grades the file as the one exercise of a
# submission. The report goes to $report, the exit status is verify's.
hand_in() {
    local exercise=$1 file=$2
    shift 2
    rm -rf "$folder/submission"
    mkdir "$folder/submission"
    cp "$file" "$folder/submission/$exercise.c"
    verify --submission "$folder/submission" \
        --exercise "$(number_of "$exercise")" "$@" >"$report" 2>&1
}

# The letters of the checks with this verdict, and blanks between them.
letters() {
    sed -n "s|^$1 [0-9]*/[0-9]* \\([a-z]\\)\\. .*|\\1|p" "$report" |
        tr '\n' ' ' | sed 's/ $//'
}

# expect_status STATUS: the exit status of the command before, and what is said of every report, right or wrong.
expect_status() {
    local status=$?
    if [ "$status" -ne "$1" ]; then
        echo "exit status $status, not $1"
        cat "$report"
        return 1
    fi
    # Nothing is wider than the terminal, and nothing but text.
    awk 'length > 80 { print "too wide: " $0; bad = 1 } END { exit bad }' \
        "$report" || return 1
    if grep -q '[^[:print:]]' "$report"; then
        echo 'control characters:'
        cat -v "$report"
        return 1
    fi
}

passes() {
    hand_in "$@"
    expect_status 0 || return 1
    grep -q '^10 of 10 points$' "$report" &&
        grep -q '^Results: 1/1 tests passed$' "$report" && return 0
    cat "$report"
    return 1
}

fails() { # EXERCISE FILE
    local expected
    expected=$(sed -n '1s|^/\* fails \([a-z ]*\):.*|\1|p' "$2")
    [ -n "$expected" ] || {
        echo "$2 does not say what fails"
        return 1
    }
    hand_in "$@" --seed 1
    expect_status 0 || return 1
    [ "$(letters FAIL)" = "$expected" ] || {
        echo "fails $(letters FAIL), not $expected"
        cat "$report"
        return 1
    }
    # Each failure says what was asked and seen; the first, what to do.
    local word
    for word in asked seen; do
        [ "$(grep -c "^  $word  *[^ ]" "$report")" -eq \
            "$(letters FAIL | wc -w)" ] || {
            echo "not every failure has a line $word"
            cat "$report"
            return 1
        }
    done
    grep -q '^  likely  ' "$report" && grep -q '^  next    lesson' "$report"
}

survives() { # FILE: exercise 2, no points, the report has the words
    local verdict words status=0
    verdict=$(sed -n '1s|^/\* \([a-z]*\): .*|\1|p' "$1")
    words=$(sed -n '1s|^/\* [a-z]*: \(.*\) \*/$|\1|p' "$1")
    [ "$verdict" != ungradable ] || status=2
    hand_in 02_gather "$1" --seed 1
    expect_status $status || return 1
    # The report's own lines, without line breaks. A limit may be reached
    # before another: then " | " stands between the words of both.
    if ! tr -s '\n ' ' ' <"$report" | grep -qF "${words// | /$'\n'}"; then
        echo "the report does not say: $words"
        cat "$report"
        return 1
    fi
    grep -q '^Results: 0/1 tests passed$' "$report" &&
        grep -q '^Points: 0/10 ' "$report" && ! grep -q '^PASS' "$report" &&
        return 0
    cat "$report"
    return 1
}

# ---- Submissions as a whole --------------------------------------------------

exercises=()
for header in exercises/[0-9][0-9]_*.h; do
    exercises+=("$(basename "$header" .h)")
done
n=${#exercises[@]}

# graded STATUS LINE OPTION...: that exit status, and the report has that line.
graded() {
    local status=$1 line=$2
    shift 2
    verify "$@" >"$report" 2>&1
    expect_status "$status" || return 1
    grep -qxF -e "$line" "$report" && return 0
    echo "there is no line: $line"
    cat "$report"
    return 1
}

# said STATUS WORDS OPTION...: that exit status, and these words somewhere.
said() {
    local status=$1 words=$2
    shift 2
    verify "$@" >"$report" 2>&1
    expect_status "$status" || return 1
    tr -s '\n ' ' ' <"$report" | grep -qF -e "$words" && return 0
    echo "it does not say: $words"
    cat "$report"
    return 1
}

skeletons_are_not_started() {
    graded 0 "Results: 0/$n tests passed" --submission tools/skeletons &&
        [ "$(grep -c '^NOT STARTED 0/10$' "$report")" -eq "$n" ]
}

skeletons_earn_nothing() {
    graded 0 "Results: 0/$n tests passed" --submission tools/skeletons \
        --grade-unstarted --seed "$1" &&
        [ "$(grep -c '^0 of 10 points$' "$report")" -eq "$n" ]
}

reformatted_skeleton() {
    mkdir "$folder/reformatted"
    sed 's|^    |\t\t|; s|^{|/* here it starts */ {  // so|' \
        tools/skeletons/02_gather.c >"$folder/reformatted/02_gather.c"
    ! cmp -s tools/skeletons/02_gather.c "$folder/reformatted/02_gather.c" &&
        graded 0 'NOT STARTED 0/10' --submission "$folder/reformatted" \
            --exercise 2
}

# One right, one that loops, one that is not there: each its own verdict.
mixed_submission() {
    mkdir -p "$folder/mixed/exercises"
    cp solutions/01_first_coroutine.c "$folder/mixed/exercises"
    cp verify/attacks/exit_0.c "$folder/mixed/exercises/02_gather.c"
    echo 'int no(' >"$folder/mixed/exercises/notes.c"
    graded 2 "Results: 1/$n tests passed" --submission "$folder/mixed" &&
        grep -q '^NOT HANDED IN 0/10$' "$report" &&
        grep -q '^10 of 10 points$' "$report" &&
        grep -q '^0 of 10 points$' "$report"
}

same_again() {
    local mutant=verify/mutants/02_gather/by_completion.c
    hand_in 02_gather "$mutant" --seed 4711
    cp "$report" "$folder/first"
    hand_in 02_gather "$mutant" --seed 4711
    cmp "$folder/first" "$report" || return 1
    hand_in 02_gather "$mutant" --seed 4712
    ! cmp -s "$folder/first" "$report"
}

failure_block() {
    hand_in 02_gather verify/mutants/02_gather/sequential.c --seed 4711
    local block
    block=$(sed -n '/^FAIL 0\/3/,/^  next/p' "$report")
    [[ $block =~ ^'FAIL 0/3 a. all calls are in flight at once'.*'(replay: '\
'make verify2 SUBMISSION='.*' SEED=4711)'.*'  asked   5 calls'.*'  seen    1 '\
'of 5 in flight at 0.0 s'.*'  likely  one after another'.*'  next    lesson 3; '\
'make hint2'$ ]] && return 0
    cat "$report"
    return 1
}

short_replay() {
    verify --exercise 1 --submission exercises --grade-unstarted --seed 7 \
        >"$report" 2>&1
    grep -q '^FAIL 0/[0-9] .*   (replay: make verify1 SEED=7)$' "$report" ||
        grep -q '^10 of 10 points$' "$report"
}

# blocking STATEMENT: the C library's name for a sleep, put before the wait.
blocking() {
    local name=${1%%(*} seed
    {
        printf '#include <%s>\n' poll.h sys/select.h time.h unistd.h
        sed "s|^    int err = async_sleep|    struct timespec t = {0, 50000000};\\
    struct timeval v = {0, 50000}; (void)t, (void)v;\\
    $1;\\
&|" verify/alternatives/01_first_coroutine/gather_each.c
    } >"$folder/blocking.c"
    for seed in 1 2; do
        hand_in 01_first_coroutine "$folder/blocking.c" --seed $seed
        expect_status 0 || return 1
        if [ "$(letters FAIL)" != 'b c d f' ] || ! tr -s '\n ' ' ' <"$report" |
            grep -q "seen $name() blocked the whole thread; it was blocked for "
        then
            cat "$report"
            return 1
        fi
    done
}

# The runtime tells it whatever the durations: so does each seed.
unawaited() {
    local seed
    for seed in 1 2 3 4 5 6; do
        hand_in 01_first_coroutine \
            verify/mutants/01_first_coroutine/"$1".c --seed $seed
        expect_status 0 || return 1
        if [ "$(letters FAIL)" != 'd e f' ] || ! tr -s '\n ' ' ' <"$report" |
            grep -q "seen a task was never awaited: task [0-9], download_file, \
spawned at 01_first_coroutine.c:[0-9]"; then
            cat "$report"
            return 1
        fi
    done
}

# The messages of a program, and what it printed, stand there once.
messages_once() {
    hand_in 01_first_coroutine \
        verify/mutants/01_first_coroutine/gathers_two.c --seed 1
    [ "$(grep -c 'it said on standard error' "$report")" -eq 1 ] &&
        [ "$(grep -c 'seen    the same as in d' "$report")" -eq 2 ] &&
        grep -q '^  next    lesson 3; make hint1 HINT=2$' "$report" && return 0
    cat "$report"
    return 1
}

# A crash is told by the sanitizers, without addresses.
# Without addresses. (A replay line has a folder of a random name.)
crash_has_a_place() {
    local words line
    hand_in 02_gather verify/attacks/crashes.c --seed 1
    words=$(tr -s '\n ' ' ' <"$report")
    line=$(grep -n 'return [*]nowhere' verify/attacks/crashes.c | cut -d: -f1)
    [[ $words == *"seen "*" at 02_gather.c:$line in call_all likely a pointer"* ]] &&
        [[ $words == *'; SANITIZE=1 make exercise2 shows the place'* ]] &&
        ! grep -v replay: "$report" | grep -q 0x && return 0
    cat "$report"
    return 1
}

# Of two warnings both are told, the one in a macro with the place of its use.
warnings_told() {
    sed 's|&fan_out->calls\[i\]|(const struct api_call *)&|
         s|^    struct fan_out|    int never_used;\n&|' \
        verify/mutants/02_gather/leaks.c >"$folder/warnings.c"
    hand_in 02_gather "$folder/warnings.c" --seed 1
    expect_status 0 || return 1
    grep -q '^  | 02_gather.c:11:9: warning: unused variable' "$report" &&
        grep -q '^  | 02_gather.c:[0-9:]* warning: .*async_spawn_at' "$report" &&
        return 0
    cat "$report"
    return 1
}

stopped_twice() {
    hand_in 02_gather verify/attacks/loops.c --seed 1
    [ "$(grep -c '^NOT REACHED' "$report")" -eq 4 ] &&
        tr -s '\n ' ' ' <"$report" |
        grep -qF 'not run: two earlier checks had to be stopped'
}

# next_line LINE OPTION...: the last line of the report.
next_line() {
    local line=$1
    shift
    verify "$@" >"$report" 2>&1
    [ "$(tail -n 1 "$report")" = "$line" ] || {
        cat "$report"
        return 1
    }
}

next_steps() {
    next_line 'Next: exercise 1; exercises/01_first_coroutine.md is the task.' \
        --submission tools/skeletons &&
        ! grep -q 'Some tests failed' "$report" &&
        next_line 'Next: exercise 1, of which there is no file.' \
            --submission lib && ! grep -q 'Some tests failed' "$report" &&
        hand_in 02_gather verify/attacks/no_return.c
    grep -q '^Next: exercise 2, which is not gradable yet: see UNGRADABLE.$' \
        "$report" && ! grep -q 'Some tests failed' "$report" || return 1
    hand_in 02_gather verify/mutants/02_gather/sequential.c
    [ "$(tail -n 2 "$report")" = 'Some tests failed. Review the concepts above.
Next: exercise 2, its first FAIL; make hint2 helps.' ]
}

marks_in_utf8() {
    LC_ALL=C.UTF-8 verify --submission solutions --exercise 3 >"$report" 2>&1
    grep -q '^✅ PASS 4/4' "$report" && ! grep -q $'\033' "$report"
}

directory_as_file() {
    mkdir -p "$folder/odd/02_gather.c"
    said 2 'UNGRADABLE 0/10 seen it is no regular file' --submission "$folder/odd" \
        --exercise 2
}

pipe_as_file() {
    mkdir -p "$folder/pipe"
    mkfifo "$folder/pipe/02_gather.c"
    said 2 'UNGRADABLE 0/10 seen it is no regular file' --submission "$folder/pipe" \
        --exercise 2
}

link_as_file() {
    mkdir -p "$folder/link"
    ln -sf "$PWD/solutions/02_gather.c" "$folder/link/02_gather.c"
    said 2 'UNGRADABLE 0/10 seen it is a symbolic link' \
        --submission "$folder/link" --exercise 2
}

without_sanitizers() {
    SANITIZED=/nowhere said 3 'INCONCLUSIVE 0/0 f. a thousand calls' \
        --submission solutions --exercise 2 &&
        grep -q '^9 of 9 points$' "$report" &&
        grep -q '^Results: 0/1 tests passed$' "$report"
}

own_header_is_not_used() {
    mkdir "$folder/header"
    cp solutions/02_gather.c "$folder/header"
    echo '#error the wrong header' >"$folder/header/02_gather.h"
    graded 0 '10 of 10 points' --submission "$folder/header" --exercise 2
}

absolute_include() {
    echo "#include \"$PWD/solutions/02_gather.c\"" >"$folder/absolute.c"
    hand_in 02_gather "$folder/absolute.c"
    # It cannot be read, or it is told: that depends on the folder's mode.
    expect_status 2 && grep -q '^UNGRADABLE 0/10$' "$report"
}

exercises_as_a_file() {
    mkdir "$folder/file"
    echo 'not a folder' >"$folder/file/exercises"
    graded 2 'NOT HANDED IN 0/10' --submission "$folder/file" --exercise 2
}

full_disk() {
    verify --submission solutions --exercise 2 >/dev/full 2>"$report"
    [ $? -eq 3 ] && grep -q '^verify: cannot write the report: ' "$report"
}

# What a program prints beside its messages, and how much, is its own affair.
chatty() { # STATEMENT
    sed "s|^    int err = async_sleep|    $1\
&|" solutions/01_first_coroutine.c >"$folder/chatty.c"
    ! cmp -s "$folder/chatty.c" solutions/01_first_coroutine.c &&
        passes 01_first_coroutine "$folder/chatty.c"
}

nothing_left() { # TMPDIR
    ls -A "$1"
    [ -z "$(ls -A "$1")" ] || return 1
    local exe
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
        "$1"/*)
            echo "$exe still runs"
            return 1
            ;;
        esac
    done
}

# Whoever stops the judge stops what it runs.
interrupted() {
    local pid tmp=$folder/interrupted/tmp
    mkdir -p "$tmp"
    cp verify/attacks/sleeps_for_real.c "$folder/interrupted/02_gather.c"
    TMPDIR=$tmp "${judge[@]}" --submission "$folder/interrupted" \
        --exercise 2 >"$report" 2>&1 &
    pid=$!
    # Until there is something to be stopped: the program, or its linker.
    until [ -n "$(find "$tmp" -name program 2>/dev/null)" ]; do
        kill -0 $pid || return 1
        sleep 0.05
    done
    kill -TERM $pid
    wait $pid
    [ $? -eq 143 ] && nothing_left "$tmp"
}

# ---- All of them -------------------------------------------------------------

right_ones() {
    for file in solutions/[0-9][0-9]_*.c; do
        exercise=$(basename "$file" .c)
        for seed in 1 2 3; do
            check "$exercise: the solution passes with seed $seed" \
                passes "$exercise" "$file" --seed "$seed"
        done
    done
    for file in verify/alternatives/*/*.c; do
        exercise=$(basename "$(dirname "$file")")
        check "$exercise: $(basename "$file" .c) is right, too" \
            passes "$exercise" "$file" --seed 1
    done
}

wrong_ones() {
    for file in verify/mutants/*/*.c; do
        exercise=$(basename "$(dirname "$file")")
        check "$exercise: $(basename "$file" .c) is found" \
            fails "$exercise" "$file"
    done
}

hostile_ones() {
    for file in verify/attacks/*.c; do
        check "attack: $(basename "$file" .c)" survives "$file"
    done
}

whole_ones() {
    check 'the skeletons are not started' skeletons_are_not_started
    for seed in 1 2 3; do
        check "graded all the same, they earn nothing with seed $seed" \
            skeletons_earn_nothing "$seed"
    done
    check 'comments and blanks are no start' reformatted_skeleton
    check 'all solutions pass' graded 0 "Results: $n/$n tests passed" \
        --submission solutions
    check 'an exercise that cannot be graded does not stop the others' \
        mixed_submission
    check 'the same seed gives the same report, another one does not' same_again
    check 'a failure says what was asked and seen, and what to do' failure_block
    check 'the replay command of the own exercises is short' short_replay
    for call in 'nanosleep(\&t, NULL)' 'usleep(50000)' 'poll(NULL, 0, 50)' \
        'sleep(1)' 'clock_nanosleep(CLOCK_MONOTONIC, 0, \&t, NULL)' \
        'ppoll(NULL, 0, \&t, NULL)' 'select(0, NULL, NULL, NULL, \&v)' \
        'pselect(0, NULL, NULL, NULL, \&t, NULL)' 'async_block(0.05)'; do
        check "blocking by ${call%%(*}() is seen, and told" blocking "$call"
    done
    for mutant in gathers_two awaits_one; do
        check "01_first_coroutine: $mutant is found with each seed" \
            unawaited $mutant
    done
    check 'what several checks saw is told once' messages_once
    check 'a crash is told with its place' crash_has_a_place
    check 'warnings are told, also those in a macro' warnings_told
    check 'after two that had to be stopped, no more is run' stopped_twice
    check 'the last line says what to do next' next_steps
    check 'marks in a UTF-8 locale, no colour in a pipe' marks_in_utf8
    check 'a folder that is not there' said 1 'there is no folder /nowhere' \
        --submission /nowhere
    check 'an exercise that is not there' said 1 'there is no exercise 99' \
        --exercise 99
    check 'a seed that is no number' said 1 '--seed: "x" is no number' --seed x
    check 'an option that is not there' said 1 'Usage: verify' --nonsense
    check 'a folder with none of the files' graded 2 \
        "Results: 0/$n tests passed" --submission lib
    check 'a folder in place of a file' directory_as_file
    check 'a named pipe in place of a file' pipe_as_file
    check 'a link in place of a file' link_as_file
    check 'a header beside the file is not used' own_header_is_not_used
    check 'the solution cannot be included by its whole path' absolute_include
    check 'a file in place of exercises/' exercises_as_a_file
    check 'a report that cannot be written' full_disk
    check 'much output of its own costs no points' chatty \
        'for (int i = 0; i < 20000; i++) printf("line %d of many\\n", i);'
    check 'a zero byte costs no points' chatty 'putchar(0);'
    check 'without sanitizers their checks are inconclusive' without_sanitizers
    check 'stopping the judge stops everything' interrupted
}

# Two at a time: hostile programs mostly wait for their limits.
in_folder() (
    folder=$work/$1
    report=$folder/report
    mkdir "$folder"
    shift
    for group; do
        "$group"
    done
)

in_folder a right_ones wrong_ones >"$work/a.tap" &
in_folder b hostile_ones whole_ones >"$work/b.tap"
wait
check 'nothing is left behind' nothing_left "$TMPDIR" \
    >"$work/c.tap"
cat "$work"/[abc].tap | awk '
    /^(not )?ok - / { n++; sub(/ok -/, "ok " n " -") }
    { print }
    END { print "1.." n }'
