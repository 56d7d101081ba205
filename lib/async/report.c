/*
 * report.c - what a learner's mistakes get: what happened, where, and what to
 * do about it. Everything goes to standard error.
 */
#include "async/runtime.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void async_say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        /* Nobody is left to tell. */
    }
}

/* Output of the program so far first, so that the report stands in its place.
 */
static FILE *report(void)
{
    fflush(stdout);
    return stderr;
}

static void print_place(FILE *file, const struct async_coroutine *task)
{
    if (task->line)
        fprintf(file, "task %u, %s, spawned at %s:%d", task->number, task->name,
                task->file, task->line);
    else
        fprintf(file, "task %u, %s", task->number, task->name);
}

void async_report_outside(const char *caller)
{
    fprintf(report(),
            "async: %s() was called outside of any task.\n"
            "  Only a task can be suspended: call it from a function that "
            "async_run() or\n  async_main() runs, or that was spawned there.\n",
            caller);
}

void async_report_nested(void)
{
    fprintf(report(),
            "async: async_run() was called inside async_run().\n"
            "  There is one loop, and it is running already: call the function "
            "itself, or\n  spawn it.\n");
}

void async_report_never_awaited(const struct async_coroutine *task)
{
    FILE *file = report();

    fputs("async: never awaited: ", file);
    print_place(file, task);
    if (task->state != ASYNC_ENDED)
        fputs(".\n  The function that spawned it has returned; the task is "
              "cancelled.\n",
              file);
    else if (task->result)
        fprintf(file, ".\n  It failed, and nobody looked: %s.\n",
                task->error.err == task->result ? task->error.text
                                                : async_strerror(task->result));
    else
        fputs(".\n  It happened to end in time.\n", file);
    fputs("  Whoever spawns a task also awaits, gathers or reaps it.\n", file);
}

void async_report_reused(const struct async_coroutine *task, const char *file,
                         int line)
{
    FILE *out = report();

    fprintf(out,
            "async: one struct async_task for two tasks, at %s:%d.\n  It still "
            "belongs to ",
            file, line);
    print_place(out, task);
    fputs(",\n  which now nobody can await. Use an array with an element for "
          "each task.\n",
          out);
}

void async_report_over_release(void)
{
    fprintf(report(),
            "async: a semaphore was released more often than acquired.\n"
            "  The release is ignored. Release once after each acquire that "
            "returned 0,\n  and only then.\n");
}

void async_report_deadlock(void)
{
    fprintf(report(),
            "async: deadlock: every task waits, and nothing is left that could "
            "wake one.\n");
    async_dump();
    fprintf(stderr, "  Whom do they wait for? Look for a permit that is never "
                    "released, or for\n  tasks that wait for each other.\n");
}

/* ---- The table of tasks ------------------------------------------------ */

static const char *state_of(const struct async_coroutine *task)
{
    switch (task->state) {
    case ASYNC_NEW:
        return "not started yet";
    case ASYNC_RUNNING:
        return "running";
    case ASYNC_WAITING:
        return task->wait ? task->wait->what : "ready";
    case ASYNC_RETURNED:
    case ASYNC_LEAVING:
        return "has returned, its children have not";
    case ASYNC_ENDED:
        break;
    }
    return task->result ? "failed" : "done";
}

static void dump(const struct async_coroutine *task)
{
    bool waits = task->state == ASYNC_WAITING && task->wait;

    fprintf(stderr, "  %6u  %-24.24s %s%s", task->number, task->name,
            waits ? "waits for " : "", state_of(task));
    if (task->line)
        fprintf(stderr, "  (%s:%d)", task->file, task->line);
    fputc('\n', stderr);
}

void async_dump(void)
{
    const struct async_coroutine *task = async_loop ? async_loop->main : NULL;

    report();
    if (!task) {
        fputs("async: no tasks: async_run() is not running.\n", stderr);
        return;
    }
    fputs("    task  function                 state\n", stderr);
    while (task) {
        dump(task);
        /* Children before siblings; they form a tree below main. */
        if (task->first_child) {
            task = task->first_child;
            continue;
        }
        while (task && !task->next_sibling)
            task = task->parent;
        if (task)
            task = task->next_sibling;
    }
}
