/*
 * Exercise 10: semaphore. A gather with a limit, for any coroutine.
 *
 * The task is in exercises/10_semaphore.md, the contract in the header beside
 * it. Try it: make exercise10. Stuck: make hint10. Grade it: make verify10.
 */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* await asyncio.gather(*[limited(f(x)) for x in xs], return_exceptions=True) */
int gather_limited(void *job)
{
    struct limited *limited = job;

    /* Your code goes here, in place of this return. */
    return async_raise(-ENOSYS,
                       "gather_limited is not written yet: %zu jobs, %d of "
                       "them at a time",
                       limited->n, limited->limit);
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
