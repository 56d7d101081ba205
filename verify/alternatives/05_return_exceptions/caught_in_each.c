/* each document has a function that catches its error */
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
    err ? batch->failed++ : batch->successful++;
    return 0;
}

int process_all_safe(void *job)
{
    struct safe_batch *batch = job;
    struct safe_doc *all = calloc(batch->n + 1, sizeof *all);

    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        all[i] = (struct safe_doc){batch, i};
    int err = async_gather_each(process_safe, all, batch->n);
    free(all);
    return err;
}
