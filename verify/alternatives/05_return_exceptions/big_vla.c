/* one big function, tasks on the stack, counts from the outcomes */
#include "05_return_exceptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int process_all_safe(void *job)
{
    struct safe_batch *b = job;
    struct async_task tasks[b->n + 1];
    for (size_t i = 0; i < b->n; i++)
        async_spawn(&tasks[i], b->process_document, &b->docs[i]);
    int err = async_gather_all(tasks, b->n);
    if (err)
        return err;
    for (struct async_task *task = tasks; task < tasks + b->n; task++) {
        struct doc *doc = &b->docs[task - tasks];
        struct outcome *outcome = &b->outcomes[task - tasks];
        size_t length = strlen(task->err ? task->errmsg : doc->result);
        if (length > 127)
            length = 127;
        memcpy(outcome->text, task->err ? task->errmsg : doc->result, length);
        outcome->text[length] = 0;
        outcome->err = task->err;
        outcome->success = !task->err;
        b->successful += outcome->success;
        fprintf(stderr, "document %d: %s\n", doc->doc_id, outcome->text);
    }
    b->failed = b->n - b->successful;
    return 0;
}
