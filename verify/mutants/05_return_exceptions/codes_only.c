/* fails c e g: async_gather_each_all, which keeps no texts */
#include "05_return_exceptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int process_all_safe(void *job)
{
    struct safe_batch *batch = job;
    int *errs = calloc(batch->n + 1, sizeof *errs);

    if (!errs)
        return -ENOMEM;
    int err = async_gather_each_all(batch->process_document, batch->docs,
                                    batch->n, errs);
    for (size_t i = 0; i < batch->n && !err; i++) {
        struct outcome *outcome = &batch->outcomes[i];

        *outcome = (struct outcome){.success = !errs[i], .err = errs[i]};
        snprintf(outcome->text, sizeof outcome->text, "%s",
                 errs[i] ? async_strerror(errs[i]) : batch->docs[i].result);
        if (errs[i])
            batch->failed++;
        else
            batch->successful++;
    }
    free(errs);
    return err;
}
