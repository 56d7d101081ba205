/*
 * report.c - what a learner's mistakes get: what happened, where, and what to
 * do about it. Everything goes to standard error.
 */
#include "async/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void async_say(const char *text)
{
    size_t left = strlen(text);
    ssize_t n = 0;

    /* A signal may come in the middle; on any other error nobody is left to
       tell. */
    while (left > 0 && (n >= 0 || errno == EINTR)) {
        n = write(STDERR_FILENO, text, left);
        if (n > 0) {
            text += n;
            left -= (size_t)n;
        }
    }
}

/* Output of the program so far first, so that the report stands in its place.
 */
static FILE *report(void)
{
    fflush(stdout);
    return stderr;
}

/* ", at file:line", if it is known. */
static void print_place(FILE *file, const char *place)
{
    if (place)
        fprintf(file, ", at %s", place);
}

static void print_task(FILE *file, const struct async_coroutine *task)
{
    fprintf(file, "task %u, %s", task->number, task->name);
    if (task->spawned_at)
        fprintf(file, ", spawned at %s", task->spawned_at);
}

void async_report_outside(const char *caller)
{
    FILE *file = report();

    fprintf(file, "async: %s() was called outside of any task", caller);
    print_place(file, async_place);
    fputs(".\n", file);
    if (async_loop)
        fputs("  A callback (of libcurl, say) runs on the loop's own stack and "
              "cannot wait:\n  leave what is to be done to a task, and wake it "
              "with async_event_set().\n",
              file);
    else
        fputs("  Only a task can be suspended: call it from a function that "
              "async_run() or\n  async_main() runs, or that was spawned "
              "there.\n",
              file);
}

void async_report_nested(void)
{
    FILE *file = report();

    fputs("async: async_run() was called inside async_run()", file);
    print_place(file, async_place);
    fputs(
        ".\n  There is one loop, and it is running already: call the function "
        "itself, or\n  spawn it.\n",
        file);
}

static const char *text_of_result(const struct async_coroutine *task)
{
    return task->error.err == task->result ? task->error.text
                                           : async_strerror(task->result);
}

void async_report_failed_cleanup(const struct async_coroutine *task)
{
    FILE *file = report();

    fputs("async: never awaited: ", file);
    print_task(file, task);
    fprintf(file, ".\n  It failed in its cleanup, and nobody looked: %s.\n",
            text_of_result(task));
}

void async_report_never_awaited(const struct async_coroutine *task)
{
    FILE *file = report();

    fputs("async: never awaited: ", file);
    print_task(file, task);
    if (task->state != ASYNC_ENDED)
        fputs(".\n  The function that spawned it has returned; the task is "
              "cancelled.\n",
              file);
    else if (task->result)
        fprintf(file, ".\n  It failed, and nobody looked: %s.\n",
                text_of_result(task));
    else
        fputs(".\n  It happened to end in time.\n", file);
    fputs("  Whoever spawns a task also awaits, gathers or reaps it.\n", file);
}

void async_report_more_never_awaited(const struct async_coroutine *parent,
                                     size_t more)
{
    FILE *file = report();

    fprintf(file, "async: never awaited: %zu more of those that ", more);
    print_task(file, parent);
    fputs(", has spawned.\n", file);
}

void async_report_reused(const struct async_coroutine *task, const char *place)
{
    FILE *file = report();

    fprintf(file,
            "async: one struct async_task for two tasks, at %s.\n  It still "
            "belongs to ",
            place);
    print_task(file, task);
    fputs(",\n  which now nobody can await. Use an array with an element for "
          "each task.\n",
          file);
}

void async_report_lost_frame(const struct async_coroutine *task)
{
    FILE *file = report();

    fputs("async: a task has lost its memory: ", file);
    print_task(file, task);
    fputs(".\n  The function that spawned it has returned, and with it went "
          "the task's job or\n  its struct async_task. Before it returns, on "
          "every path, it must await, gather\n  or reap its tasks. The program "
          "cannot go on.\n",
          file);
}

void async_report_over_release(void)
{
    FILE *file = report();

    fputs("async: a semaphore was released more often than acquired", file);
    print_place(file, async_place);
    fputs(".\n  The release is ignored. Release once after each acquire that "
          "returned 0,\n  and only then.\n",
          file);
}

void async_report_other_thread(void)
{
    FILE *file = report();

    fputs("async: tasks cannot be woken from another thread", file);
    print_place(file, async_place);
    fputs(".\n  A semaphore, an event or a queue belongs to the thread whose "
          "tasks wait there.\n  Let the task that called async_to_thread() "
          "wake them when it goes on.\n",
          file);
}

void async_report_cancelled_elsewhere(void)
{
    FILE *file = report();

    fputs("async: a task cannot be cancelled from another thread, or from "
          "another\n  async_run",
          file);
    print_place(file, async_place);
    fputs(".\n  It was left as it is. Let the task that called "
          "async_to_thread() cancel it when\n  that goes on.\n",
          file);
}

void async_report_deadlock(void)
{
    report();
    fputs("async: deadlock: every task waits, and nothing is left that could "
          "wake one.\n",
          stderr);
    async_dump();
    fputs("  Whom do they wait for? Look for a permit that is never released, "
          "an event\n  that nobody sets, a queue that nobody fills or closes, "
          "or tasks that wait for\n  each other.\n",
          stderr);
}

void async_report_stuck(void)
{
    fputs("  They were cancelled once, and still wait: the program cannot go "
          "on.\n",
          stderr);
}

void async_report_wait_failed(int err)
{
    FILE *file = report();

    fprintf(
        file,
        "async: waiting for file descriptors failed: %s.\n  Has the program "
        "closed a descriptor that it did not open? One of them is the\n  "
        "runtime's own; without it, no task can be woken.\n",
        async_strerror(err));
}

void async_report_held(const struct async_coroutine *task, double seconds,
                       const char *from, const char *whom)
{
    FILE *file = report();

    fputs("async: ", file);
    print_task(file, task);
    fprintf(file,
            ",\n  kept the thread for %.3f s, and nobody else could run:\n",
            seconds);
    if (from)
        fprintf(file, "  after %s", from);
    else
        fputs("  from its beginning", file);
    if (whom && task->place)
        fprintf(file, " and up to %s, %s()", task->place, whom);
    else if (!whom)
        fputs(" to its end", file);
    fputs(".\n  Suspend in between, or hand what takes so long to "
          "async_to_thread().\n",
          file);
}

/* ---- The table of tasks ------------------------------------------------ */

/* A line, put together without printf: a signal handler prints it, too. */
struct line {
    char text[256];
    size_t length;
};

static void put(struct line *line, const char *text)
{
    while (*text && line->length < sizeof line->text - 2)
        line->text[line->length++] = *text++;
}

static void put_number(struct line *line, size_t number)
{
    char digits[24];
    size_t i = sizeof digits - 1;

    digits[i] = '\0';
    do
        digits[--i] = (char)('0' + number % 10);
    while (number /= 10);
    put(line, digits + i);
}

static void put_up_to(struct line *line, size_t column)
{
    do
        put(line, " ");
    while (line->length < column);
}

static void say_line(struct line *line)
{
    line->text[line->length++] = '\n';
    line->text[line->length] = '\0';
    async_say(line->text);
    line->length = 0;
}

/* What the task does; a wait for one other task wants its name behind it. */
static const char *state_of(const struct async_coroutine *task)
{
    switch (task->state) {
    case ASYNC_NEW:
        return "has not begun";
    case ASYNC_RUNNING:
        return "runs";
    case ASYNC_WAITING:
        return task->wait ? task->wait->what : "can go on";
    case ASYNC_RETURNED:
    case ASYNC_LEAVING:
        return "has returned, its children have not";
    case ASYNC_ENDED:
        break;
    }
    return task->result ? "has failed" : "has ended";
}

enum { NAME_COLUMN = 9, STATE_COLUMN = 31, WIDTH = 80 };

static void dump(const struct async_coroutine *task)
{
    const struct async_wait *wait =
        task->state == ASYNC_WAITING ? task->wait : NULL;
    struct line line = {.length = 0};

    put(&line, "  ");
    put_number(&line, task->number);
    put_up_to(&line, NAME_COLUMN);
    put(&line, task->name);
    put_up_to(&line, STATE_COLUMN);
    put(&line, state_of(task));
    if (wait && wait->awaited) {
        put(&line, " task ");
        put_number(&line, wait->awaited->number);
    }
    say_line(&line);
    if (!(wait && task->place) && !task->spawned_at)
        return;
    put_up_to(&line, NAME_COLUMN);
    if (wait && task->place) {
        put(&line, "at ");
        put(&line, task->place);
    }
    if (task->spawned_at) {
        bool fits =
            line.length + strlen(", spawned at ") + strlen(task->spawned_at) <=
            WIDTH;
        if (!fits) {
            say_line(&line);
            put_up_to(&line, NAME_COLUMN);
        }
        put(&line, fits && line.length > NAME_COLUMN ? ", " : "");
        put(&line, "spawned at ");
        put(&line, task->spawned_at);
    }
    say_line(&line);
}

enum { MOST_TASKS = 20, MOST_STATES = 12 };

/* How many of the tasks that are not listed are in which state. */
struct rest {
    const char *states[MOST_STATES];
    size_t counts[MOST_STATES];
};

static void count(struct rest *rest, const char *state)
{
    size_t i = 0;

    while (i < MOST_STATES - 1 && rest->states[i] && rest->states[i] != state)
        i++;
    if (!rest->states[i])
        rest->states[i] = i < MOST_STATES - 1 ? state : "does something else";
    rest->counts[i]++;
}

static void say_rest(const struct rest *rest)
{
    struct line line = {.length = 0};

    for (size_t i = 0; i < MOST_STATES && rest->states[i]; i++) {
        put(&line, "  and ");
        put_number(&line, rest->counts[i]);
        put(&line, " more");
        put_up_to(&line, STATE_COLUMN);
        put(&line, rest->states[i]);
        say_line(&line);
    }
}

/* The next in the tree of tasks: children before siblings. */
static const struct async_coroutine *next(const struct async_coroutine *task)
{
    if (task->first_child)
        return task->first_child;
    while (task && !task->next_sibling)
        task = task->parent;
    return task ? task->next_sibling : NULL;
}

void async_dump_loop(const struct async_loop *loop)
{
    const struct async_coroutine *task = loop ? loop->main : NULL;
    struct rest rest = {{NULL}, {0}};

    if (!task) {
        async_say("async: no tasks: async_run() is not running.\n");
        return;
    }
    async_say("  task   function              what it does\n");
    /* A signal may have come while a list was being changed: whatever is read
       then, this comes to an end. */
    for (size_t i = 0; task && i <= loop->spawned; i++) {
        if (i < MOST_TASKS)
            dump(task);
        else
            count(&rest, state_of(task));
        task = next(task);
    }
    say_rest(&rest);
}

void async_dump(void)
{
    report();
    async_dump_loop(async_loop);
}
