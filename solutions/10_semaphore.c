/*
 * Exercise 10, solved: a gather with a limit, for any coroutine.
 *
 * The task is in exercises/10_semaphore.md, the contract in the header beside
 * it. Run it: make solution10.
 */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What one task works on. */
struct turn {
    struct limited *limited;
    void *job;                     /* fn's */
    struct async_semaphore *slots; /* the same for all */
};

/* async with semaphore: return await f(x) */
static int take_turn(void *job)
{
    struct turn *turn = job;

    int err = async_semaphore_acquire(turn->slots);
    if (err)
        return err; /* cancelled while it waited: it has no permit */

    err = turn->limited->fn(turn->job);
    async_semaphore_release(turn->slots);
    return err;
}

/* await asyncio.gather(*[limited(f(x)) for x in xs], return_exceptions=True) */
int gather_limited(void *job)
{
    struct limited *limited = job;
    struct async_semaphore slots = {.permits = limited->limit};

    if (limited->limit < 1) /* with no permit at all nobody would ever begin */
        return async_raise(-EINVAL, "a limit of %d: it is at least 1",
                           limited->limit);

    struct turn *turns = calloc(limited->n, sizeof *turns);
    if (!turns && limited->n > 0) /* calloc(0) may give NULL, too */
        return -ENOMEM;
    for (size_t i = 0; i < limited->n; i++)
        turns[i] = (struct turn){limited, limited->jobs[i], &slots};

    /* gather_all: a call that fails is no reason to cancel the others. It
     * returns when all have ended, so that slots can be ours. */
    int err =
        async_gather_each_all(take_turn, turns, limited->n, limited->errs);
    free(turns);
    return err;
}

/* ---- Given: what `make exercise10` runs -------------------------------- */

#ifndef ASYNC_VERIFY

enum { PROMPTS = 10, LIMIT = 3 };

/* How many are under way now, and how many there were at most. */
static int in_flight, most;

struct completion {
    int number;          /* in */
    const char *content; /* out: unchanged if it failed */
};

/* Pretends to ask an LLM: 0.5 s. The prompt of number 4 is refused. */
static int generate_completion(void *job)
{
    struct completion *completion = job;

    in_flight++;
    if (in_flight > most)
        most = in_flight;
    int err = async_sleep(0.5);
    in_flight--;
    if (err)
        return err;
    if (completion->number == 4)
        return async_raise(-EIO, "400 Bad Request");
    completion->content = "an answer";
    return 0;
}

static int ask_all(void *job)
{
    struct completion completions[PROMPTS];
    void *jobs[PROMPTS];
    int errs[PROMPTS] = {0};
    struct limited limited = {generate_completion, jobs, PROMPTS, LIMIT, errs};

    (void)job;
    for (int i = 0; i < PROMPTS; i++) {
        completions[i] = (struct completion){i, "no answer"};
        jobs[i] = &completions[i];
    }
    double start = async_now();
    int err = gather_limited(&limited);
    if (err)
        return err;
    for (int i = 0; i < PROMPTS; i++)
        printf("  prompt %d: %s\n", i,
               errs[i] ? async_strerror(errs[i]) : completions[i].content);
    printf("\n%d prompts in %.1f s, with up to %d at a time.\n", PROMPTS,
           async_now() - start, most);
    return 0;
}

int main(void)
{
    printf("%d prompts of 0.5 s, %d at a time:\n\n", PROMPTS, LIMIT);
    return async_main(ask_all, NULL);
}

#endif
