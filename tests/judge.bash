# judge.bash - what the tests of the judge have in common; they source it.
#
# Each check has a folder of its own, and several are made at a time: hostile
# programs mostly wait for their limits. BUILD and SANITIZED are the two builds,
# SANDBOX is the judge's --sandbox, JOBS how many are made at a time.
# shellcheck shell=bash disable=SC2030,SC2031
set -u

BUILD=${BUILD:-build}
SANITIZED=${SANITIZED:-build/address-undefined}
SANDBOX=${SANDBOX:-auto}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A sandbox is made by the user that submissions run as, who has to get there.
chmod 711 "$work"
folder=$work
report=$folder/report

unset NO_COLOR
export LC_ALL=C
# The judge's own folders: they must all be gone in the end.
export TMPDIR=$work/tmp
mkdir "$TMPDIR"

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

# beside COMMAND...: runs it, which may make several checks, in a folder of its
# own, beside others.
started=0
beside() {
    while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-3}" ]; do
        wait -n
    done
    started=$((started + 1))
    (
        folder=$work/$started
        report=$folder/report
        mkdir "$folder"
        trap - EXIT
        "$@"
    ) >"$work/$started.tap" 2>&1 &
}

# All checks that were made, numbered.
finish() {
    wait
    check 'nothing is left behind' nothing_left "$TMPDIR" >"$work/last.tap"
    for ((i = 1; i <= started; i++)); do
        cat "$work/$i.tap"
    done | cat - "$work/last.tap" | awk '
        /^(not )?ok - / { n++; sub(/ok -/, "ok " n " -") }
        { print }
        END { print "1.." n }'
}

judge=("$BUILD/bin/verify" --build "${PARTS:-$BUILD}" --sandbox "$SANDBOX")

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
    # Nothing is wider than the terminal, but a command with a folder's path; and
    # nothing but text.
    awk 'length > 80 && !/^  \(replay: make / { print "too wide: " $0; bad = 1 } END { exit bad }' \
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

fails() { # EXERCISE FILE OPTION...
    local expected
    expected=$(sed -n '1s|^/\* fails \([a-z ]*\):.*|\1|p' "$2")
    [ -n "$expected" ] || {
        echo "$2 does not say what fails"
        return 1
    }
    hand_in "$@"
    expect_status 0 || return 1
    [ "$(letters FAIL)" = "$expected" ] || {
        echo "${*:3}: fails $(letters FAIL), not $expected"
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

# mutant_row FILE: its line in verify/mutants/README.md, out of $report: its
# name, the mistake, the check that finds it and the others that fail, and what
# that check saw. A number of many digits is what freed memory held, each time
# another.
mutant_row() {
    local mistake check others
    mistake=$(sed -n '1s|^/\* fails [a-z ]*: \(.*\) \*/$|\1|p' "$1")
    check=$(sed -n 's|^FAIL [0-9]*/[0-9]* \(.*\)|\1|p' "$report" |
        sed -n '1s| *(replay: .*||;1p')
    others=$(letters FAIL | cut -s -d ' ' -f 2-)
    awk '/^FAIL/ { failed++ }
        failed == 1 && /^  seen / { seen = 1; sub(/^  seen +/, ""); print; next }
        seen == 1 && /^          / { sub(/^ +/, ""); print; next }
        seen { exit }' "$report" | tr '\n' ' ' |
        sed -e 's/ *$//' -e 's/[|<*]/\\&/g' -e 's/-\?[0-9]\{7,\}/(garbage)/g' \
            -e "s~^~| $(basename "$1" .c) | $mistake | $check${others:+ (and $others)} | ~" \
            -e 's/$/ |/'
    echo
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

nothing_left() { # TMPDIR
    ls -A "$1"
    [ -z "$(ls -A "$1")" ] && nothing_runs "$1"
}

# No program in there runs any more.
nothing_runs() { # TMPDIR
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
