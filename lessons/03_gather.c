/*
 * Lesson 3: start them all, then wait.
 *
 * What it shows: async_spawn starts a coroutine as a task that runs beside us;
 * async_await waits for one task, async_gather for several.
 *
 * Run it:  make lesson3 (9 s; at once: ASYNC_CLOCK=virtual make lesson3)
 * Predict: Laundry is started, then dinner is cooked: which line comes first?
 *          How long do three operations of 2 s take together?
 * Expect:  (among other lines)
 *     Starting dinner...
 *     Starting laundry...
 *     Total: 1.0 s
 *     Total: 6.0 s
 *     Total: 2.0 s
 * Chapter: What You Already Know; Part 1, "Asynchronous (Non-Blocking) Code".
 */
#include "async/async.h"

#include "lesson.h"

struct operation {
    const char *name; /* in */
    double seconds;   /* in */
    char result[32];  /* out */
};

/* async def slow_operation(name, seconds): */
static int slow_operation(void *job)
{
    struct operation *operation = job;

    printf("Starting %s...\n", operation->name);
    int err = async_sleep(operation->seconds);
    if (err)
        return err;
    printf("Completed %s!\n", operation->name);
    snprintf(operation->result, sizeof operation->result, "result of %s",
             operation->name);
    return 0;
}

static int laundry(void *job)
{
    (void)job;
    struct operation washing = {.name = "laundry", .seconds = 1.0};
    struct operation cooking = {.name = "dinner", .seconds = 0.5};
    struct async_task task;

    async_spawn(&task, slow_operation, &washing);
    int cooking_err = slow_operation(&cooking); /* our own work meanwhile */
    /* Before any return: the task works on a local of ours. */
    int err = async_await(&task);
    if (err)
        return err;
    return cooking_err;
}

static int one_after_another(void *job)
{
    struct operation *operations = job;

    for (int i = 0; i < 3; i++) {
        int err = slow_operation(&operations[i]);
        if (err)
            return err;
    }
    return 0;
}

static int together(void *job)
{
    struct operation *operations = job;
    struct async_task tasks[3];

    for (int i = 0; i < 3; i++)
        async_spawn(&tasks[i], slow_operation, &operations[i]);
    return async_gather(tasks, 3);
}

/* Runs fn on three operations of 2 s; returns the exit status. */
static int run(const char *title, async_fn *fn)
{
    struct operation operations[3] = {
        {.name = "operation 1", .seconds = 2.0},
        {.name = "operation 2", .seconds = 2.0},
        {.name = "operation 3", .seconds = 2.0},
    };
    printf("\n%s:\n", title);
    async_timeline(6.0); /* every picture at this scale */
    double start = async_now();
    int status = async_main(fn, operations);
    if (status)
        return status;
    printf("Results: %s, %s, %s\n", operations[0].result, operations[1].result,
           operations[2].result);
    printf("Total: %.1f s\n", async_now() - start);
    return 0;
}

int main(void)
{
    lesson_begin("Laundry is started, then dinner is cooked: which line comes\n"
                 "first? How long do three operations of 2 s take together?");
    printf("Laundry takes 1 h, dinner half an hour (1 h is 1 s here):\n");
    double start = async_now();
    int status = async_main(laundry, NULL);
    if (status)
        return status;
    printf("Total: %.1f s\n", async_now() - start);
    status = run("Three operations, one after another", one_after_another);
    if (status)
        return status;
    start = async_now();
    status = run("The same three, together", together);
    if (status)
        return status;
    lesson_end("dinner; and %.1f s", async_now() - start);
    return 0;
}
