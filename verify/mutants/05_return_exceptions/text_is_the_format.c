/* fails g: the text is the format */
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
    snprintf(outcome->text, sizeof outcome->text,
             task->err ? task->errmsg : batch->docs[i].result);
}

int process_all_safe(void *job)
{
    struct safe_batch *batch = job;
    struct async_task *tasks = calloc(batch->n, sizeof *tasks);

    if (!tasks && batch->n > 0)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        async_spawn(&tasks[i], batch->process_document, &batch->docs[i]);
    int err = async_gather_all(tasks, batch->n);
    for (size_t i = 0; i < batch->n && !err; i++)
        note_outcome(batch, i, &tasks[i]);
    free(tasks);
    return err;
}
