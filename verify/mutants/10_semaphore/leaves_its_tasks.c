/* fails g: it leaves without its tasks when it is cancelled */
#include "10_semaphore.h"

#include <errno.h>
#include <stdlib.h>

struct turn {
    struct limited *limited;
    void *job;
    struct async_semaphore *slots;
};

static int take_turn(void *job)
{
    struct turn *turn = job;

    int err = turn->limited->fn(turn->job);
    async_semaphore_release(turn->slots);
    return err;
}

int gather_limited(void *job)
{
    struct limited *limited = job;
    struct async_semaphore slots = {.permits = limited->limit};
    int err = 0;

    if (limited->limit < 1)
        return -EINVAL;
    struct turn *turns = calloc(limited->n + 1, sizeof *turns);
    struct async_task *tasks = calloc(limited->n + 1, sizeof *tasks);
    if (!turns || !tasks) {
        err = -ENOMEM;
        goto out;
    }
    for (size_t i = 0; i < limited->n; i++) {
        err = async_semaphore_acquire(&slots);
        if (err)
            goto out;
        turns[i] = (struct turn){limited, limited->jobs[i], &slots};
        async_spawn(&tasks[i], take_turn, &turns[i]);
    }
    err = async_gather_all(tasks, limited->n);
    for (size_t i = 0; i < limited->n; i++)
        limited->errs[i] = tasks[i].err;
out:
    free(tasks);
    free(turns);
    return err;
}
