/*
 * Exercise 2: gather. As many API calls as you are given, all at once.
 *
 * The task is in exercises/02_gather.md, the contract in the header beside it.
 * Try it: make exercise2. Stuck: make hint2. Grade it: make verify2.
 */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* await asyncio.gather(*[simulated_api_call(...) for call in calls]) */
int call_all(void *job)
{
    struct fan_out *fan_out = job;

    /* Your code goes here, in place of this return. */
    return async_raise(-ENOSYS, "call_all is not written yet: %zu calls to do",
                       fan_out->n);
}

/* ---- Given: what `make exercise2` runs --------------------------------- */

#ifndef ASYNC_VERIFY

enum { CALLS = 5 };

/* Pretends to call an API: waits for the delay, then has an answer. */
static int simulated_api_call(void *job)
{
    struct api_call *call = job;

    int err = async_sleep(call->delay);
    if (err)
        return err;

    char *result;
    if (asprintf(&result, "Result from task %d", call->task_id) < 0)
        return -ENOMEM;
    call->result = result;
    return 0;
}

/* The same, but task 3 fails, halfway through. */
static int failing_api_call(void *job)
{
    struct api_call *call = job;

    if (call->task_id != 3)
        return simulated_api_call(call);

    int err = async_sleep(call->delay / 2);
    if (err)
        return err;
    return async_raise(-EIO, "Task %d failed!", call->task_id);
}

/* What call_all() is to beat. */
static int one_after_another(void *job)
{
    struct fan_out *fan_out = job;

    for (size_t i = 0; i < fan_out->n; i++) {
        int err = fan_out->simulated_api_call(&fan_out->calls[i]);
        if (err)
            return err;
    }
    return 0;
}

/*
 * Makes five calls in the given way, prints what came of it, and returns the
 * seconds that it took; 0 if there are not five results.
 */
static double show(const char *title, async_fn *way, async_fn *operation)
{
    struct api_call calls[CALLS];
    for (int i = 0; i < CALLS; i++)
        calls[i] = (struct api_call){.delay = 0.2, .task_id = i};
    struct fan_out fan_out = {operation, calls, CALLS};

    printf("%s:\n", title);
    double start = async_now();
    int err = async_run(way, &fan_out);
    double seconds = async_now() - start;
    if (err == ASYNC_EINTERRUPTED)
        exit(130); /* Ctrl-C */
    if (err)
        printf("  Error: %s\n", async_errmsg(err));

    int results = 0;
    for (int i = 0; i < CALLS; i++) {
        if (calls[i].result) {
            printf("  %s\n", calls[i].result);
            results++;
        }
        free(calls[i].result);
    }
    printf("  %d of %d results in %.2f s\n\n", results, CALLS, seconds);
    return results == CALLS ? seconds : 0;
}

int main(void)
{
    double sequential =
        show("One after another", one_after_another, simulated_api_call);
    double concurrent = show("call_all", call_all, simulated_api_call);
    if (concurrent <= 0)
        return 1;

    show("call_all, when task 3 fails", call_all, failing_api_call);
    printf("Sequential: %.2fs\n", sequential);
    printf("Concurrent: %.2fs\n", concurrent);
    printf("Speedup: %.1fx\n", sequential / concurrent);
    return 0;
}

#endif
