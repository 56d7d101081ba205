/*
 * Exercise 5: return_exceptions. All documents to their end, and a report on
 * each.
 *
 * The task is in exercises/05_return_exceptions.md, the contract in the header
 * beside it. Try it: make exercise5. Stuck: make hint5. Grade it: make verify5.
 */
#include "05_return_exceptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* await asyncio.gather(*tasks, return_exceptions=True), and a look at each */
int process_all_safe(void *job)
{
    struct safe_batch *batch = job;

    /* Your code goes here, in place of this return. */
    return async_raise(-ENOSYS,
                       "process_all_safe is not written yet: %zu documents "
                       "to do",
                       batch->n);
}

/* ---- Given: what `make exercise5` runs --------------------------------- */

#ifndef ASYNC_VERIFY

enum { DOCUMENTS = 5 };

/* Takes the longer the higher the number; document 3 is corrupted, and document
   1 comes back with an error code and no text. */
static int process_document(void *job)
{
    struct doc *doc = job;

    int err = async_sleep(0.1 * (doc->doc_id + 1));
    if (err)
        return err;
    if (doc->doc_id == 1)
        return -EIO;
    if (doc->doc_id == 3)
        return async_raise(-EINVAL, "Document %d is corrupted!", doc->doc_id);

    char *result;
    if (asprintf(&result, "Processed doc %d", doc->doc_id) < 0)
        return -ENOMEM;
    doc->result = result;
    return 0;
}

static void print_outcomes(const struct safe_batch *batch, double seconds)
{
    for (size_t i = 0; i < batch->n; i++)
        printf("Document %zu%s: %s\n", i,
               batch->outcomes[i].success ? "" : " failed",
               batch->outcomes[i].text);
    printf("%zu successful, %zu failed, in %.1f s.\n", batch->successful,
           batch->failed, seconds);
}

int main(void)
{
    struct doc docs[DOCUMENTS] = {{0}};
    struct outcome outcomes[DOCUMENTS] = {{0}};
    struct safe_batch batch = {process_document, docs, DOCUMENTS,
                               outcomes,         0,    0};

    for (int i = 0; i < DOCUMENTS; i++)
        docs[i].doc_id = i;
    double start = async_now();
    int status = async_main(process_all_safe, &batch);
    if (status == 0)
        print_outcomes(&batch, async_now() - start);

    for (int i = 0; i < DOCUMENTS; i++)
        free(docs[i].result);
    return status;
}

#endif
