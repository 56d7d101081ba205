/*
 * The contract of exercise 5: what goes in, what comes out, who owns what.
 *
 * The processing itself is given, and comes in the job: the program at the end
 * of the skeleton brings its own, the judge another.
 */
#ifndef RETURN_EXCEPTIONS_H
#define RETURN_EXCEPTIONS_H

#include "async/async.h"

/* One document to process. */
struct doc {
    int doc_id;   /* in: its number */
    char *result; /* out: what came of it; NULL until then, and if it failed */
};

/* How it went with one document. */
struct outcome {
    bool success;   /* whether process_document returned 0 */
    int err;        /* what it returned */
    char text[128]; /* the result, or the error's text */
};

/* All documents, and what became of each. */
struct safe_batch {
    async_fn *process_document; /* in: processes one document, see below */
    struct doc *docs;           /* in: an array of n documents, the caller's */
    size_t n;                   /* in: how many; 0 is allowed */
    struct outcome *outcomes;   /* out: an array of n, the caller's */
    size_t successful, failed;  /* out: how many of each; 0 at the start */
};

/*
 * process_document is a coroutine: int process_document(void *doc). Its job is
 * one struct doc; it suspends until the document is done, writes result and
 * returns 0, or fails and returns a negative error code, any of them. Whoever
 * called process_all_safe() frees the results.
 */

/*
 * Processes all n documents at the same time, each to its end, whatever becomes
 * of the others, and says of each how it went.
 *
 * safe_batch is a struct safe_batch. process_document is called exactly once
 * for each element of docs, and outcomes[i] is that of docs[i]: its err, and as
 * text the result if it succeeded, else the text of its error. (An error
 * that was returned without one has that of its code, as in errmsg of a task.)
 * A text that is longer than 127 bytes is cut there. successful and failed add
 * up to n.
 *
 * Suspends until all documents have ended. Returns 0, even if all of them
 * failed; ASYNC_ECANCELED if the batch itself was cancelled, and the outcomes
 * mean nothing then; or -ENOMEM. When it returns, no document is under way any
 * more, and everything that it allocated for itself is freed.
 */
int process_all_safe(void *safe_batch) ASYNC_SUSPENDS;

#endif
