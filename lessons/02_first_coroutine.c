/*
 * Lesson 2: awaiting is calling.
 *
 * What it shows: a coroutine is a function int f(void *job). Another coroutine
 * awaits it by calling it. Read these lines as "await fetch_data(...)":
 *
 *     int err = fetch_data(&fetch);
 *     if (err)
 *         return err;
 *
 * Run it:  make lesson2 (4 s; at once: ASYNC_CLOCK=virtual make lesson2)
 * Predict: Which comes first: Result, Data received or Fetching?
 *          And is a coroutine faster than a plain function?
 * Expect:  (among other lines)
 *     Fetching data...
 *     Data received!
 *     Result: value
 *     It took 1.0 s.
 * Chapter: Part 2, "Async/Await Syntax Basics".
 */
#include "async/async.h"

#include "lesson.h"

#include <errno.h>

struct fetch {
    const char *what; /* in */
    double seconds;   /* in */
    char *data;       /* out, the caller frees it */
};

static int fetch_blocking(struct fetch *fetch)
{
    printf("Fetching %s...\n", fetch->what);
    async_block(fetch->seconds);
    printf("Data received!\n");
    fetch->data = strdup("value");
    return fetch->data ? 0 : -ENOMEM;
}

static int my_async_function(void *job)
{
    (void)job; /* nothing goes in, nothing comes out */
    int err = async_sleep(1.0);
    if (err)
        return err;
    printf("Done!\n");
    return 0;
}

/* async def fetch_data(what, seconds): */
static int fetch_data(void *job)
{
    struct fetch *fetch = job;

    printf("Fetching %s...\n", fetch->what);
    int err = async_sleep(fetch->seconds);
    if (err)
        return err;
    printf("Data received!\n");
    fetch->data = strdup("value");
    return fetch->data ? 0 : -ENOMEM;
}

/* async def show_result(): */
static int show_result(void *job)
{
    (void)job;
    struct fetch fetch = {.what = "data", .seconds = 1.0};
    int err = fetch_data(&fetch);
    if (err)
        return err;
    printf("Result: %s\n", fetch.data);
    free(fetch.data);
    return 0;
}

static int run(const char *title, async_fn *fn, void *job)
{
    printf("\n%s:\n", title);
    double start = async_now();
    int status = async_main(fn, job);
    if (status)
        return status;
    printf("It took %.1f s.\n", async_now() - start);
    return 0;
}

int main(void)
{
    lesson_begin("Which comes first: Result, Data received or Fetching?\n"
                 "And is a coroutine faster than a plain function?");
    printf("1. A plain function that blocks:\n");
    struct fetch blocking = {.what = "data", .seconds = 1.0};
    double start = async_now();
    if (fetch_blocking(&blocking) != 0)
        return 1;
    printf("Result: %s\n", blocking.data);
    printf("It took %.1f s.\n", async_now() - start);
    free(blocking.data);

    int status = run("2. A coroutine without a job", my_async_function, NULL);
    if (status)
        return status;

    struct fetch fetch = {.what = "data", .seconds = 1.0};
    status = run("3. A coroutine with a job", fetch_data, &fetch);
    if (status)
        return status;
    printf("Result, in main: %s\n", fetch.data);
    free(fetch.data);

    status = run("4. The same, awaited by another", show_result, NULL);
    if (status)
        return status;

    lesson_end("fetching, received, result; 1.0 s each way, none faster");
    return 0;
}
