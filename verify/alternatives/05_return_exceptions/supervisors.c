/* a supervisor for each, on its own heap block */
#include "05_return_exceptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct supervisor {
    struct async_task task;
    struct safe_batch *batch;
    size_t i;
};

static int supervise(void *job)
{
    struct supervisor *me = job;
    struct safe_batch *batch = me->batch;
    struct outcome *outcome = batch->outcomes + me->i;
    struct async_task inner;
    async_spawn(&inner, batch->process_document, batch->docs + me->i);
    int err = async_await(&inner);
    if (err == ASYNC_ECANCELED && async_cancelling())
        return err;
    (err ? &batch->failed : &batch->successful)[0]++;
    outcome->err = inner.err;
    outcome->success = !err;
    const char *text = err ? inner.errmsg : batch->docs[me->i].result;
    strncat(outcome->text, text, sizeof outcome->text - 1);
    return 0;
}

int process_all_safe(void *job)
{
    struct safe_batch *batch = job;
    int err = 0;
    struct supervisor **all = malloc((batch->n + 1) * sizeof *all);
    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++) {
        all[i] = malloc(sizeof **all);
        if (!all[i])
            abort();
        all[i]->batch = batch;
        all[i]->i = i;
        async_spawn(&all[i]->task, supervise, all[i]);
    }
    for (size_t i = 0; i < batch->n; i++) {
        if (err)
            async_reap(&all[i]->task, 1);
        else
            err = async_await(&all[i]->task);
        if (err)
            async_reap(&all[i]->task, 1);
    }
    while (batch->n && batch->n-- > 0)
        free(all[batch->n]);
    free(all);
    return err;
}
