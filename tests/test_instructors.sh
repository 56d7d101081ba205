#!/usr/bin/env bash
# test_instructors.sh - what docs/instructors.md says is so: each of its blocks of
# commands runs, in its order, and leaves what the page says.
#
# They run in a copy of the kit, with a class of three; the platforms' folders,
# such as /autograder, are folders beside it, and nothing is installed or cloned.
#
# Run from the repository's root.
. tests/tap.bash

page=docs/instructors.md
root=$PWD
# Submissions run as somebody else, who has to get to the judge's own folders.
chmod 755 "$work"

unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES BUILD SANITIZED PARTS CC UNDER T
unset SEED SUBMISSION SANITIZE CONTEXT POLLER V ARGS NO_COLOR COLUMNS
export LC_ALL=C.UTF-8

make_class() {
    mkdir -p class/ada class/bob/exercises 'class/Zoë, "the late"'
    cp solutions/02_gather.c class/ada
    cp solutions/03_fix_blocking_call.c class/ada
    cp verify/mutants/02_gather/sequential.c class/bob/exercises/02_gather.c
    cp solutions/02_gather.c 'class/Zoë, "the late"/02_gather (1).c'
}

# Block i, in the order of the page, with the folders of here.
blocks() {
    awk -v folder="$work" '
        /^```/ { inside = $0 == "```sh"; n += inside; next }
        inside { print > (folder "/block" n) }
        END { print n }' "$page" >"$work/blocks"
    sed -i -e '/^apt-get/d' -e "s|^git clone .*|ln -s $kit /autograder/kit|" \
        -e 's|^make -C \(.*\) verify14 verify|make -n -C \1 verify|' \
        -e 's|^make verify SUBMISSION|make -n verify SUBMISSION|' \
        -e "s|/autograder|$work/autograder|g" -e "s|/grade\\b|$work/grade|g" \
        -e "s|cd /opt/kit|cd $kit|" -e "s|cd /kit|cd $kit|" \
        -e "s|cd kit|cd $kit|" -e "s|\\.\\./handin|$kit/class/ada|" \
        "$work"/block[0-9]*
    [ "$(cat "$work/blocks")" -ge 10 ]
}

# The n-th block whose text has these words, run in a folder.
run() { # WORDS FOLDER
    local block
    block=$(grep -lF -e "$1" "$work"/block[0-9]* | head -n 1)
    [ -n "$block" ] || return 1
    (cd "$2" && timeout 250 bash "$block" </dev/null)
}

# That all solutions pass is asked by test_verify.sh.
ready() {
    run 'make verify14' "$kit" >"$work/ready" 2>&1
    grep -qx 'Results: 1/1 tests passed' "$work/ready" &&
        grep -q 'bin/verify .*--submission' "$work/ready" && return 0
    cat "$work/ready"
    return 1
}

# Nobody has handed in everything, and so the loop's statuses are 2.
graded() {
    run 'for submission' "$kit" && cat grades.csv results/status || return 1
    grep -qxF '"class/ada",20,160,2' grades.csv &&
        grep -qE '^"class/bob",[0-9],160,2$' grades.csv &&
        [ "$(wc -l <grades.csv)" -eq 3 ] &&
        [ "$(grep -c '^2 ' results/status)" -eq 3 ] &&
        [ "$(stat -c %a seed.txt)" = 600 ] &&
        jq -e '.exercises[1].likely | test("02_gather .1..c was meant")' \
            results/Zo*.json
}

# A secret gives the same grades again, several at a time.
graded_again() {
    local name
    mv results first && mkdir results && run xargs "$kit"
    for name in ada bob; do
        diff <(jq '[.exercises[].checks[] | .verdict, .seed]' \
            "first/$name.json") <(jq \
            '[.exercises[].checks[] | .verdict, .seed]' "results/$name.json") ||
            return 1
    done
    [ "$(wc -l <results/status)" -eq 3 ]
}

# The replay line of a report, as it stands there, fails that check again.
replayed() {
    local line
    line=$(sed -n 's/.*(replay: \(make verify2 .*\))$/\1/p' first/bob.txt |
        head -n 1)
    [ -n "$line" ] || return 1
    bash -c "$line" >"$work/replayed" 2>&1
    grep -qF "$(grep -m1 '^. FAIL' first/bob.txt)" "$work/replayed" &&
        run 'SEED=4711' "$kit"
}

# (The exercises that are not there count, too: the status is 2.)
weighted() {
    run weights.txt "$kit" >"$work/weighted" 2>&1
    grep -q '^Points: 20/170 ' "$work/weighted" || {
        cat "$work/weighted"
        return 1
    }
}

gradescope() {
    mkdir -p "$work"/autograder/{source,results}
    cp seed.txt "$work/autograder/source"
    cp -r class/ada "$work/autograder/submission"
    run setup.sh "$work"
    run run_autograder "$work"
    jq -e '[.tests[].score] | add == 20' "$work/autograder/results/results.json"
}

classroom() {
    GITHUB_WORKSPACE=$kit/class/ada GITHUB_OUTPUT=$work/github \
        run GITHUB_OUTPUT "$work"
    sed -n 's/^result=//p' "$work/github" | base64 -d |
        jq -e '[.tests[].score] | add == 20'
}

autolab() {
    run 'format autolab' "$work" | tail -n 1 | jq -e .scores.ex2==10
}

vpl() {
    mkdir "$work/vpl" && cp class/ada/*.c "$work/vpl" &&
        echo 'export VPL_GRADEMAX=80' >"$work/vpl/vpl_environment.sh"
    run vpl_environment.sh "$work/vpl" || return 1
    (cd "$work/vpl" && ./vpl_execution) | tail -n 1 | grep -x 'Grade :=>>10'
}

prairielearn() {
    mkdir -p "$work/grade" && cp -r class/ada "$work/grade/student"
    run /grade/results "$work"
    jq -e '.gradable and .score == 0.125' "$work/grade/results/results.json"
}

without_solutions() {
    mv solutions hidden
    build/bin/verify --build build --sanitized build/address-undefined \
        --submission class/ada --exercise 2
    local status=$?
    mv hidden solutions
    return $status
}

if ! command -v jq >/dev/null; then
    echo '1..0 # SKIP there is no jq'
    exit
fi
kit=$work/kit
cp -a "$root" "$kit" && cd "$kit" || exit 1
rm -rf results class grades.csv seed.txt
make_class
check "$page has its blocks" blocks
check 'the machine is ready' ready
check 'a class is graded' graded
check 'and again, several at a time' graded_again
check 'a grade is replayed' replayed
check 'weights' weighted
check Gradescope gradescope
check 'GitHub Classroom' classroom
check Autolab autolab
check 'Moodle VPL' vpl
check PrairieLearn prairielearn
check 'solutions/ is not needed' without_solutions
finish
