#!/usr/bin/env bash
# test_python_to_c.sh - the C in docs/python-to-c.md compiles, and its quick
# reference card runs.
#
# The page is read as a reader does: of each table, the second column. A table
# of the card is a piece of a program, from top to bottom. In the other tables
# each cell stands for itself, and is compiled in a function where the names
# that the page uses are declared. Cells with words beside the code are prose.
#
# Run from the repository's root; BUILD is the folder that was built.
. tests/tap.bash

page=docs/python-to-c.md
sanitizer=() # the runtime that was built may need its library
case $BUILD in
*address*) sanitizer=("-fsanitize=address,undefined") ;;
*thread*) sanitizer=(-fsanitize=thread) ;;
esac

# The C column, one cell a line, code only; "prose" where there are words, too.
# The line's number comes first. Of the card, or of all other tables.
cells() { # card | other
    awk -v wanted="$1" '
        /^## / { part = /quick reference card/ ? "card" : "other" }
        !/^\|/ { heads = 0; next }
        ++heads <= 2 || part != wanted { next }
        {
            split($0, column, "|")
            text = code = ""
            n = split(column[3], span, "`")
            for (i = 1; i <= n; i++)
                if (i % 2) text = text span[i]; else code = code " " span[i]
            print FNR "\t" (text ~ /[a-z]/ || code == "" ? "prose" : code)
        }' "$page"
}

compile() {
    "${CC:-gcc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror \
        -Wno-unused-value -Wno-empty-body -Ilib "$@"
}

the_cells_compile() {
    local flags
    {
        cat <<'END'
#include "async/async.h"
#include "async_curl/async_curl.h"
#include "llm/llm.h"
#include <errno.h>
int f(void *job);
struct job { int value; } x, *xs, *job;
struct async_task task, *tasks;
struct async_semaphore s;
struct async_event e;
struct async_queue q;
struct llm_client *llm;
struct llm_chat chat;
struct llm_stream stream;
const char *text;
int value, err, fd, *errs;
bool exact;
size_t n, i;
CURL *easy;
END
        cells other | awk -F'\t' '$2 != "prose" {
            sub(/;? *$/, ";", $2)
            print "int cell_" $1 "(void);\nint cell_" $1 "(void)\n{"
            print "#line " $1 " \"docs/python-to-c.md\""
            print "    {" $2 " }\n    return err;\n}"
        }'
    } >"$work/cells.c"
    read -ra flags < <(pkg-config --cflags libcurl)
    compile -Wno-unused-variable "${flags[@]}" -fsyntax-only "$work/cells.c"
}

# If the page was written in another way, nothing would be compiled.
there_are_enough() {
    echo "$(cells other | grep -vc prose) cells, $(cells card | grep -c .) lines"
    [ "$(cells other | grep -vc prose)" -ge 45 ] &&
        [ "$(cells card | grep -vc prose)" -ge 50 ]
}

the_card_runs() {
    {
        cat <<'END'
#include "async/async.h"
#include <errno.h>
#include <stdio.h>
enum { max_retries = 3 };
static int calls;
static int operation(void *job)
{
    (void)job;
    calls++;
    return async_raise(-EBUSY, "busy");
}
static int async_func1(void *job) { (void)job; return async_sleep(1); }
static int async_func2(void *job) { (void)job; return async_sleep(2); }
static int async_func3(void *job)
{
    (void)job;
    return async_raise(-EINVAL, "number 3 failed");
}
static int slow_operation(void *job) { (void)job; return async_sleep(60); }
END
        cells card | awk -F'\t' '
            $2 ~ /^ int [a-z_]+\(.*\)$/ { print "static" $2; next }
            $2 != "prose" { print $2 }'
        cat <<'END'
static int all(void *job)
{
    const char *result = "";
    double start = async_now();
    int err = inside_another(&result);
    printf("%s %g %d\n", result, async_now() - start, err);
    start = async_now();
    err = run_three(job);
    printf("%g %s\n", async_now() - start, async_errmsg(err));
    start = async_now();
    err = run_three_whatever_fails(job);
    printf("%g %d\n", async_now() - start, err);
    start = async_now();
    err = retry(job);
    printf("%g %s, %d calls\n", async_now() - start, async_errmsg(err), calls);
    start = async_now();
    err = limited(job);
    printf("%g %s\n", async_now() - start, async_errmsg(err));
    return 0;
}
int main(void)
{
    const char *result = "";
    int err = from_top_level(&result);
    printf("%d %s\n", err, result);
    return async_main(all, NULL);
}
END
    } >"$work/card.c"
    compile "$work/card.c" "$BUILD/lib/libasync.a" -o "$work/card" \
        "${sanitizer[@]}" -lm -lpthread || return 1
    ASYNC_CLOCK=virtual "$work/card" >"$work/card.out" || return 1
    diff - "$work/card.out" <<'END'
0 Done
Done 1 0
0 number 3 failed
number 3 failed
2 0
7 busy, 3 calls
Operation timed out!
5 slow_operation took longer than 5 s
END
}

check "there is C in $page" there_are_enough
check "each cell of $page compiles" the_cells_compile
check "the quick reference card runs" the_card_runs
finish
