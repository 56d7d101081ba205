#!/usr/bin/env bash
# shellcheck disable=SC2016 # dollars are gdb's
# test_gdb.sh - gdb shows what tasks are doing, in a process and in a core file.
#
# Backtraces of a task end in run_function, with which every stack begins: not
# in "??", and not because the stack looks corrupt. tools/gdb-async.py shows
# those of the suspended tasks, too.
#
# Run from the repository's root; PARTS is the folder with the plain runtime.
. tests/tap.bash

PARTS=${PARTS:-build}

unset ASYNC_SPEED ASYNC_TIMELINE ASYNC_TRACE ASYNC_DEBUG
export ASYNC_CLOCK=virtual

skip_all() { # REASON
    skip 'gdb shows tasks' "$1"
    finish
    exit
}

# debug FILES... [-ex COMMAND]...: gdb, without anything of the person's own.
debug() {
    gdb -nx -batch -ex 'set width 0' -ex 'set style enabled off' \
        -ex 'set confirm off' "$@" 2>&1 </dev/null
}

command -v gdb >/dev/null || skip_all 'gdb is not installed'
debug -ex 'python print(1)' | grep -q '^1$' || skip_all 'this gdb has no Python'
debug -ex run "$(type -P true)" | grep -q 'exited normally' ||
    skip_all 'gdb may not run programs here'
read -ra compile <"$PARTS/flags"
[[ " ${compile[*]} " != *' -DASYNC_UCONTEXT '* ]] ||
    skip_all 'only tasks that assembly switches can be seen'
[[ " ${compile[*]} " == *' -g'* ]] ||
    skip_all 'the runtime has no debug information'

cat >"$work/program.c" <<'END'
#include "async/async.h"

static volatile int touched;
static volatile int *volatile where = &touched;

__attribute__((noinline)) static void innermost(void)
{
    *where = 1;
}

__attribute__((noinline)) static int descend(int levels)
{
    if (levels)
        descend(levels - 1);
    else
        innermost();
    touched++;
    return 0;
}

static int compute(void *job)
{
    int err = async_sleep(1);

    (void)job;
    if (err)
        return err;
    err = descend(2);
    touched++;
    return err;
}

static int wait_long(void *job)
{
    double *seconds = job;
    int err = async_sleep(*seconds);

    touched = (int)*seconds;
    return err;
}

static int begin_all(void *job)
{
    double seconds = 4711;
    struct async_task tasks[2];

    (void)job;
    async_spawn(&tasks[0], wait_long, &seconds);
    async_spawn(&tasks[1], compute, NULL);
    return async_gather(tasks, 2);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        where = 0; /* which crashes */
    return async_main(begin_all, NULL);
}
END

ours='innermost|descend|compute|wait_long|begin_all|call_function|run_function'

# functions: which of ours the backtraces in its input show, each once if it is
# there twice (in parts, or recursive), and what they show that has no name.
functions() {
    sed -nE 's/^#[0-9]+ +(0x[0-9a-f]+ in )?([^ ]+) \(.*/\2/p' |
        grep -xE "($ours|\\?\\?)" | uniq | tr '\n' ' '
}

# shows FUNCTIONS SAID: in that order, and no others.
shows() {
    local seen
    seen=$(functions <<<"$2")
    [ "${seen% }" = "$1" ] || { echo "$seen"; echo "$2"; return 1; }
}

# says PATTERN SAID
says() {
    grep -qE -e "$1" <<<"$2" || { echo "no $1 in:"; echo "$2"; return 1; }
}

"${compile[@]}" -o "$work/program" "$work/program.c" \
    "$PARTS/lib/libasync.a" -lpthread -lm || exit 1

bottom='call_function run_function'
running="innermost descend compute $bottom"
sleeping="wait_long $bottom"
gathering="begin_all $bottom"
there=(-x tools/gdb-async.py -ex 'break innermost' -ex run)

said=$(debug "${there[@]}" -ex bt "$work/program")
check 'bt in a task' shows "$running" "$said"
said=$(debug "${there[@]}" -ex finish -ex 'up 3' "$work/program")
check 'finish, and up' says 'in compute ' "$said"

said=$(debug "${there[@]}" -ex 'async tasks' "$work/program")
check 'async tasks: who runs' says '^\* 3 +compute +runs$' "$said"
check 'async tasks: who waits' says '^  2 +wait_long +sleeps$' "$said"
check 'async tasks: where' says '^ +at .*program\.c:[0-9]+$' "$said"

said=$(debug "${there[@]}" -ex 'async bt 2' "$work/program")
check 'async bt of one that sleeps' shows "$sleeping" "$said"
said=$(debug "${there[@]}" -ex 'async bt' "$work/program")
check 'async bt of all' shows "$gathering $sleeping $running" "$said"

said=$(debug "${there[@]}" -ex 'async task 2' -ex 'frame function wait_long' \
    -ex 'print *seconds' -ex 'async task' -ex bt -ex continue "$work/program")
check 'async task: its variables' says '^\$1 = 4711$' "$said"
check 'async task: nothing was changed' says 'exited normally' "$said"
said=$(debug "${there[@]}" -ex 'async task 2' -ex stepi -ex bt \
    "$work/program")
check 'async task ends when the program goes on' \
    shows "$running" "$said"

said=$(debug "${there[@]}" -ex 'async bt 9' "$work/program")
check 'no such task' says '^There is no task 9: see async tasks\.$' "$said"
said=$(debug -x tools/gdb-async.py -ex 'break main' -ex run \
    -ex 'async tasks' "$work/program")
check 'no loop' says '^This thread is not in async_run\.$' "$said"

# The kernel's own: gdb's generate-core-file stops at the guard pages of Linux
# 6.13, which lie inside of a mapping.
sh -c 'cd "$1" && ulimit -c unlimited && ./program crash; :' sh "$work" \
    >/dev/null 2>&1
core=$(find "$work" -name '*core*' -size +0 | head -n 1)
if [ -n "$core" ]; then
    said=$(debug "$work/program" "$core" -ex 'echo \n' -ex bt |
        sed '1,/^$/d')
    check 'a core file: bt' shows "$running" "$said"
    said=$(debug -x tools/gdb-async.py -ex 'async bt' "$work/program" "$core" |
        sed -n '/^Task /,$p')
    check 'a core file: async bt' \
        shows "$gathering $sleeping $running" "$said"
else
    skip 'a core file' 'the kernel writes none here'
fi

finish
