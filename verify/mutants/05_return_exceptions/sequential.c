/* fails a f: one document after another */
#include "05_return_exceptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int process_all_safe(void *job)
{
    struct safe_batch *batch = job;

    for (size_t i = 0; i < batch->n; i++) {
        struct outcome *outcome = &batch->outcomes[i];
        int err = batch->process_document(&batch->docs[i]);

        *outcome = (struct outcome){.success = !err, .err = err};
        snprintf(outcome->text, sizeof outcome->text, "%s",
                 err ? async_errmsg(err) : batch->docs[i].result);
        if (err)
            batch->failed++;
        else
            batch->successful++;
    }
    return 0;
}
