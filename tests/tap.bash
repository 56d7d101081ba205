# tap.bash - what test scripts have in common; they source it, and end with
# `finish`. (Those of the judge run several checks at a time: judge.bash.)
# shellcheck shell=bash
set -u

BUILD=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# check NAME COMMAND...: the check passes if the command succeeds; what the
# command prints says why it did not.
check() {
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

# skip NAME REASON
skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

finish() {
    echo "1..$count"
}
