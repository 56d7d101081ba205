/* the work is done in a task, with workers that spawn each call */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
    struct limited *limited;
    size_t begun;
};

static int work(void *job)
{
    struct state *state = *(struct state **)job;
    struct limited *l = state->limited;

    while (state->begun < l->n) {
        struct async_task call;
        size_t mine = state->begun++;

        async_spawn(&call, l->fn, l->jobs[mine]);
        l->errs[mine] = async_await(&call);
        if (async_cancelling())
            return ASYNC_ECANCELED;
    }
    return 0;
}

static int manage(void *job)
{
    struct state state = {job, 0};
    size_t n = (size_t)state.limited->limit;
    struct state **same;

    if (n > state.limited->n)
        n = state.limited->n;
    same = malloc((n + 1) * sizeof(struct state *));
    if (!same)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        same[i] = &state;
    int err = async_gather_each(work, same, n);
    free(same);
    return err;
}

int gather_limited(void *job)
{
    struct async_task manager;

    if (((struct limited *)job)->limit <= 0)
        return async_raise(-EINVAL, "no limit at all");
    async_spawn(&manager, manage, job);
    return async_await(&manager);
}
