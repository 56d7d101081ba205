#!/usr/bin/env bash
# test_readme.sh - what README.md says is so: its commands work, and its text
# blocks are what they print.
#
# The commands are taken from README.md itself, those in its sh blocks and those
# in the running text, and run in a copy of the kit, whose exercises are as they
# were handed out. Of `make test` it is only asked that it would run this script:
# running it from itself would never end.
#
# Run from the repository's root.
set -u

root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# As a user types them: in no make's surroundings, with nothing set.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES BUILD CC UNDER T SEED
unset SUBMISSION SANITIZE CONTEXT POLLER V ARGS HINT
unset ASYNC_SPEED ASYNC_TIMELINE ASYNC_TRACE ASYNC_DEBUG NO_COLOR COLUMNS
unset LLM_PROVIDER OPENAI_API_KEY OPENAI_BASE_URL
export ASYNC_CLOCK=virtual LC_ALL=C.UTF-8 PREDICT=0

result() { # PASSED NAME FILE: prints a line of TAP, and FILE if it failed.
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        sed 's/^/# /' "$3"
    fi
}

# The lines of the blocks that are marked sh, and what in the running text is
# code and calls make, each once.
commands() {
    {
        awk '/^```/ { inside = $0 == "```sh"; next } inside' README.md
        # shellcheck disable=SC2016 # backquotes are Markdown's
        awk '/^```/ { block = !block; next } !block' README.md | tr '\n' ' ' |
            grep -oE '`([A-Z_]+=[^ `]+ )*make [^`]+`' | tr -d '`'
    } | awk '!seen[$0]++'
}

# Runs one command in the copy; its output is kept in $work/output.
run() {
    local command=$1 status
    timeout 300 bash -c "$command" >"$work/output" 2>&1 </dev/null
    status=$?
    cat "$work/output" >>"$work/everything"
    return $status
}

# The mock server runs until it is stopped: stopped, once it says where it is.
# At any free port: its usual one may be taken here.
run_mock() {
    local pid
    ARGS=--port=0 make mock >"$work/output" 2>&1 </dev/null &
    pid=$!
    for _ in $(seq 600); do
        grep -q 'http://127.0.0.1:' "$work/output" && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    grep -q 'http://127.0.0.1:' "$work/output"
}

try() {
    case $1 in
    'make test')
        make -n test >"$work/output" 2>&1
        grep -q 'tests/test_readme.sh' "$work/output"
        ;;
    'make bench-http')
        run "$1 ROUNDS=1 SCALE=0.01 CASES=cpu-100" &&
            grep -q '^Of the bounds' "$work/output"
        ;;
    'make bench'*)
        # One round of little; test_bench.sh tries each case.
        run "$1 ROUNDS=1 SCALE=0.01 CASES='switch gather'" &&
            grep -q '^Of the bounds' "$work/output"
        ;;
    'make book')
        # pandoc is not installed for that.
        if command -v pandoc >/dev/null; then run "$1"; else make -n book; fi
        ;;
    'make mock')
        run_mock
        ;;
    'make exercise3')
        # As handed out, it is not to be written, but to be mended.
        run "$1"
        ;;
    'make exercise'*)
        # As handed out, it says what is not written yet, and fails.
        ! run "$1" && grep -q 'not written yet' "$work/output"
        ;;
    LLM_PROVIDER=openai*)
        # Without a key nothing is asked, and that is said.
        ! run "$1" && grep -q 'OPENAI_API_KEY' "$work/output"
        ;;
    ASYNC_SPEED=*)
        run "ASYNC_CLOCK=real $1"
        ;;
    *SUBMISSION=dir)
        run "${1%dir}solutions"
        ;;
    *)
        run "$1"
        ;;
    esac
}

cp -a "$root" "$work/kit" && cd "$work/kit" || exit 1
cp tools/skeletons/*.c exercises/
: >"$work/everything"

# README.md also says how the other exercises behave as they were handed out.
# make clean last: the others use what is built.
while IFS= read -r command; do
    try "$command"
    result $? "$command" "$work/output"
done < <(commands | grep -v '^make clean$'
    printf '%s\n' 'make exercise1' 'make exercise3' 'make clean')

# Each text block was printed by some of them, line for line.
awk -v folder="$work" '
    /^```/ { inside = !inside && $0 == "```text"; blocks += inside; next }
    inside { print > (folder "/block" blocks) }' README.md
sed -i 's/ *$//' "$work/everything"
for block in "$work"/block*; do
    awk 'NR == FNR { want[++n] = $0; next }
        { have[FNR] = $0 }
        END { for (start = 0; start + n <= FNR; start++) {
                  for (i = 1; i <= n && have[start + i] == want[i]; i++);
                  if (i > n) exit 0
              }
              print "no command printed these lines:"
              for (i = 1; i <= n; i++) print want[i]
              exit 1 }' "$block" "$work/everything" >"$work/output"
    result $? "README's text block: $(sed 1q "$block")" "$work/output"
done
echo "1..$count"
