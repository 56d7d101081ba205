/* fails b c e f g: outcomes in the order in which documents end */
#include "05_return_exceptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note_outcome(struct safe_batch *batch, size_t i, size_t to,
                         const struct async_task *task)
{
    struct outcome *outcome = &batch->outcomes[to];

    outcome->err = task->err;
    outcome->success = task->err == 0;
    if (outcome->success)
        batch->successful++;
    else
        batch->failed++;
    snprintf(outcome->text, sizeof outcome->text, "%s",
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
    int err = 0;
    for (size_t to = 0; to < batch->n && !err; to++) {
        size_t i;
        err = async_wait_any(tasks, batch->n, &i);
        if (!err)
            note_outcome(batch, i, to, &tasks[i]);
    }
    free(tasks);
    return err;
}
