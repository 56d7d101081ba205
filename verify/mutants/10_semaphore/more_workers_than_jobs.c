/* fails f: limit workers, also if there are fewer jobs */
#include "10_semaphore.h"

#include <errno.h>
#include <stdlib.h>

struct worker {
    struct limited *limited;
    size_t *next;
};

static int work(void *job)
{
    struct worker *worker = job;
    struct limited *limited = worker->limited;

    do {
        size_t i = (*worker->next)++;
        limited->errs[i] = limited->fn(limited->jobs[i]);
    } while (*worker->next < limited->n && !async_cancelling());
    return 0;
}

int gather_limited(void *job)
{
    struct limited *limited = job;
    size_t next = 0;

    if (limited->limit < 1)
        return -EINVAL;
    struct worker *workers = calloc((size_t)limited->limit, sizeof *workers);
    if (!workers)
        return -ENOMEM;
    for (int i = 0; i < limited->limit; i++)
        workers[i] = (struct worker){limited, &next};
    int err = async_gather_each(work, workers, (size_t)limited->limit);
    free(workers);
    return err;
}
