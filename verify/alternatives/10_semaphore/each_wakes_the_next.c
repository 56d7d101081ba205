/* an event for each job; whoever has ended sets the next one */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct all {
    struct limited *limited;
    struct async_event *turns;
    size_t next;
};

struct one {
    struct all *all;
    size_t i;
};

static void wake_next(struct all *all)
{
    if (all->next < all->limited->n)
        async_event_set(&all->turns[all->next++]);
}

static int run_one(void *job)
{
    struct one *one = job;
    struct limited *limited = one->all->limited;

    int err = async_event_wait(&one->all->turns[one->i]);
    if (err)
        return err;
    limited->errs[one->i] = limited->fn(limited->jobs[one->i]);
    wake_next(one->all);
    return 0;
}

int gather_limited(void *job)
{
    struct limited *limited = job;
    size_t n = limited->n;

    if (limited->limit < 1)
        return -EINVAL;
    if (n == 0)
        return 0;
    struct one *ones = calloc(n, sizeof *ones + sizeof(struct async_event));
    if (!ones)
        return -ENOMEM;
    struct all all = {limited, (struct async_event *)(ones + n), 0};
    for (size_t i = 0; i < n; i++)
        ones[i] = (struct one){&all, i};
    for (int i = 0; i < limited->limit; i++)
        wake_next(&all);
    int err = async_gather_each(run_one, ones, n);
    free(ones);
    return err;
}
