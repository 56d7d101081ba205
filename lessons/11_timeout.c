/*
 * Lesson 11: stopping a task.
 *
 * What it shows: a time-out, async_cancel and Ctrl-C stop a task in one and the
 * same way: the call that it is suspended in returns ASYNC_ECANCELED. What the
 * task does then is its own affair, and what it holds, it frees.
 *
 * Run it:  make lesson11 (15 s; at once: ASYNC_CLOCK=virtual make lesson11)
 * Predict: An operation of 7 s fills a buffer. It is stopped by a time-out, by
 *          async_cancel, and by Ctrl-C. Who frees the buffer?
 * Expect:  (among other lines)
 *     slow_operation: the task was cancelled, frees 7 of 10 pieces
 *     Operation timed out!
 *     slow_operation: the task was cancelled, frees 2 of 10 pieces
 *     slow_operation: the task was cancelled, frees 1 of 10 pieces
 * Chapter: Quick Reference Card, "Common Patterns"; exercise solutions, 02.
 */
#include "async/async.h"

#include "lesson.h"

#include <errno.h>
#include <signal.h>

enum { PIECES = 10 };

struct operation {
    char *answer; /* out, the caller frees it */
};

/* An answer that comes in pieces, as they do from a network. */
static int slow_operation(void *job)
{
    struct operation *operation = job;
    char *buffer = calloc(PIECES + 1, 1);

    if (!buffer)
        return -ENOMEM;
    for (int i = 0; i < PIECES; i++) {
        int err = async_sleep(0.7);
        if (err) {
            printf("slow_operation: %s, frees %d of %d pieces\n",
                   async_strerror(err), i, PIECES);
            free(buffer);
            return err;
        }
        buffer[i] = '#';
    }
    operation->answer = buffer;
    return 0;
}

/* try: await asyncio.wait_for(slow_operation(), timeout=5.0) */
static int by_time_out(void *job)
{
    int err = async_wait_for(slow_operation, job, 5.0);
    if (err == ASYNC_ETIMEDOUT) {
        printf("Operation timed out!\n");
        return 0;
    }
    return err;
}

static int by_cancel(void *job)
{
    struct async_task task;

    async_spawn(&task, slow_operation, job);
    int err = async_sleep(2.0);
    async_cancel(&task);
    int result = async_await(&task);
    printf("The task returned: %s\n", async_strerror(result));
    return err; /* ours: not 0 if we were cancelled ourselves */
}

static bool pressed;

static int press_ctrl_c(void *job)
{
    (void)job;
    int err = async_sleep(1.0);
    if (err)
        return err;
    pressed = true;
    return raise(SIGINT); /* which is what a terminal sends on Ctrl-C */
}

static int by_ctrl_c(void *job)
{
    struct async_task tasks[2];

    async_spawn(&tasks[0], slow_operation, job);
    async_spawn(&tasks[1], press_ctrl_c, NULL);
    return async_gather(tasks, 2);
}

static int run(const char *title, async_fn *way)
{
    struct operation operation = {0};

    printf("%s:\n", title);
    async_timeline(7.0); /* all pictures at one scale */
    double start = async_now();
    int err = async_run(way, &operation);
    printf("It took %.1f s. Answer: %s\n", async_now() - start,
           operation.answer ? operation.answer : "none");
    free(operation.answer);
    return err == ASYNC_EINTERRUPTED && !pressed ? 130 : 0;
}

int main(void)
{
    lesson_begin("An operation of 7 s fills a buffer. It is stopped by a\n"
                 "time-out, by async_cancel, and by Ctrl-C. Who frees the\n"
                 "buffer?");
    signal(SIGINT, SIG_DFL); /* in the background it may be ignored */
    dup2(STDOUT_FILENO, STDERR_FILENO); /* the runtime's own words, too */

    int status = run("Nobody stops it", slow_operation);
    if (status == 0)
        status = run("\nA time-out", by_time_out);
    if (status == 0)
        status = run("\nasync_cancel", by_cancel);
    if (status == 0)
        status = run("\nCtrl-C", by_ctrl_c);
    if (status == 0)
        lesson_end("slow_operation itself, each time in the same line");
    return status;
}
