/* fails a: a semaphore that nobody asked for */
#include "05_return_exceptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct async_semaphore slots;

struct limited {
    struct safe_batch *batch;
    size_t i;
};

static int process_limited(void *job)
{
    struct limited *limited = job;
    struct outcome *outcome = &limited->batch->outcomes[limited->i];
    struct doc *doc = &limited->batch->docs[limited->i];

    int err = async_semaphore_acquire(&slots);
    if (err)
        return err;
    err = limited->batch->process_document(doc);
    async_semaphore_release(&slots);
    *outcome = (struct outcome){.success = !err, .err = err};
    snprintf(outcome->text, sizeof outcome->text, "%s",
             err ? async_errmsg(err) : doc->result);
    return 0;
}

int process_all_safe(void *job)
{
    struct safe_batch *batch = job;
    struct limited *all = calloc(batch->n + 1, sizeof *all);

    if (!all)
        return -ENOMEM;
    slots = (struct async_semaphore){.permits = 10};
    for (size_t i = 0; i < batch->n; i++)
        all[i] = (struct limited){batch, i};
    int err = async_gather_each(process_limited, all, batch->n);
    free(all);
    for (size_t i = 0; i < batch->n; i++)
        batch->successful += batch->outcomes[i].success;
    batch->failed = batch->n - batch->successful;
    return err;
}
