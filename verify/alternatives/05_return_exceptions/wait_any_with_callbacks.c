/* as they come, with callbacks */
#include "05_return_exceptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note_outcome(struct safe_batch *batch, size_t i,
                         const struct async_task *task)
{
    struct outcome *outcome = &batch->outcomes[i];

    outcome->err = task->err;
    outcome->success = task->err == 0;
    if (outcome->success)
        batch->successful++;
    else
        batch->failed++;
    snprintf(outcome->text, sizeof outcome->text, "%s",
             task->err ? task->errmsg : batch->docs[i].result);
}

typedef void callback(struct safe_batch *, size_t, const struct async_task *);

static int for_each(struct safe_batch *batch, callback *then)
{
    struct async_task *tasks = malloc(batch->n * sizeof *tasks + 1);
    int err = tasks ? 0 : -ENOMEM;
    size_t i;

    for (i = batch->n; !err && i-- > 0;)
        async_spawn(&tasks[i], batch->process_document, &batch->docs[i]);
    while (!err && (err = async_wait_any(tasks, batch->n, &i)) == 0)
        then(batch, i, &tasks[i]);
    free(tasks);
    return err == -EINVAL ? 0 : err;
}

int process_all_safe(void *job)
{
    return for_each(job, note_outcome);
}
