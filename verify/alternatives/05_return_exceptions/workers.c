/* n workers that take the documents from the end, and count afterwards */
#include "05_return_exceptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct safe_doc {
    struct safe_batch *batch;
    size_t i;
};

/* try: ... except Exception as e: ... */
static int process_safe(void *job)
{
    struct safe_doc *safe = job;
    struct safe_batch *batch = safe->batch;
    struct doc *doc = &batch->docs[safe->i];
    struct outcome *outcome = &batch->outcomes[safe->i];

    int err = batch->process_document(doc);
    *outcome = (struct outcome){.success = !err, .err = err};
    snprintf(outcome->text, sizeof outcome->text, "%s",
             err ? async_errmsg(err) : doc->result);
    return 0;
}

struct work {
    struct safe_batch *batch;
    size_t left;
};

static int worker(void *job)
{
    struct work *work = job;

    while (work->left > 0) {
        struct safe_doc next = {work->batch, --work->left};
        int err = process_safe(&next);
        if (err)
            return err;
    }
    return 0;
}

int process_all_safe(void *job)
{
    struct safe_batch *batch = job;
    struct work work = {batch, batch->n};
    struct async_task *tasks = malloc((batch->n + 1) * sizeof *tasks);

    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        async_spawn(&tasks[i], worker, &work);
    int err = async_gather(tasks, batch->n);
    for (size_t i = 0; i < batch->n; i++)
        batch->successful += batch->outcomes[i].success;
    batch->failed = batch->n - batch->successful;
    free(tasks);
    return err;
}
