/* fails c e: limit workers, each with its own share of the jobs */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct worker {
    struct limited *limited;
    size_t first, end;
};

static int work(void *job)
{
    struct worker *worker = job;
    struct limited *limited = worker->limited;

    for (size_t i = worker->first; i < worker->end; i++) {
        limited->errs[i] = limited->fn(limited->jobs[i]);
        if (limited->errs[i] == ASYNC_ECANCELED)
            return ASYNC_ECANCELED;
    }
    return 0;
}

int gather_limited(void *job)
{
    struct limited *limited = job;
    size_t n = limited->n, limit = (size_t)limited->limit;

    if (limited->limit < 1)
        return -EINVAL;
    struct worker *workers = calloc(limit, sizeof *workers);
    if (!workers)
        return -ENOMEM;
    for (size_t i = 0; i < limit; i++)
        workers[i] =
            (struct worker){limited, i * n / limit, (i + 1) * n / limit};
    int err = async_gather_each(work, workers, limit);
    free(workers);
    return err;
}
