/* a counter and an event in place of a semaphore */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct turn {
    struct limited *limited;
    void *job;
    int *running;
    struct async_event *ended;
};

static int take_turn(void *job)
{
    struct turn *turn = job;

    while (*turn->running >= turn->limited->limit) {
        int err = async_event_wait(turn->ended);
        if (err)
            return err;
        if (*turn->running >= turn->limited->limit)
            async_event_clear(turn->ended);
    }
    ++*turn->running;
    int err = turn->limited->fn(turn->job);
    --*turn->running;
    async_event_set(turn->ended);
    return err;
}

int gather_limited(void *job)
{
    struct limited *limited = job;
    struct async_event ended = {0};
    int running = 0;

    if (limited->limit < 1)
        return async_raise(-EINVAL, "the limit is %d", limited->limit);
    struct turn *turns = calloc(limited->n + 1, sizeof *turns);
    if (!turns)
        return -ENOMEM;
    for (size_t i = 0; i < limited->n; i++)
        turns[i] = (struct turn){limited, limited->jobs[i], &running, &ended};
    int err =
        async_gather_each_all(take_turn, turns, limited->n, limited->errs);
    printf("%zu calls made\n", limited->n);
    free(turns);
    return err;
}
