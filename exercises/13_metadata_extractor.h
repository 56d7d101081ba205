/*
 * The contract of exercise 13: what goes in, what comes out, who owns what.
 *
 * The API is given, and comes in the job: the program at the end of the
 * skeleton brings one, the judge another.
 */
#ifndef METADATA_EXTRACTOR_H
#define METADATA_EXTRACTOR_H

#include "async/async.h"

/* What is to be found out about a document. */
struct metadata {
    char project[32];
    char date[16];
    char engineer[32];
};

/* A call of the API. */
struct api_job {
    const char *document_name; /* in: which document */
    struct metadata metadata;  /* out */
};

/*
 * api is a coroutine: int api(void *api_job). It suspends until the answer is
 * there, writes metadata and returns 0; or it fails. -EBUSY: this time it did
 * not work, and the next it may. Any other error is unexpected, and final.
 */

/* One document, and what came of it. */
struct extraction {
    async_fn *api;                 /* in */
    const char *document_name;     /* in: the caller's */
    int max_retries;               /* in: attempts after the first; 2 */
    double base_delay;             /* in: the first wait, in seconds; 1.0 */
    bool success;                  /* out */
    struct metadata metadata;      /* out: if success */
    char error[ASYNC_ERRMSG_SIZE]; /* out: if not, the last error's text */
    int attempts; /* out, also on failure: how often api was called */
};

/*
 * Extracts one document's metadata. extraction is a struct extraction, whose
 * out fields it fills. Returns 0, or the last error.
 *
 * Who retries, this function or the next one, is up to you: see there.
 */
int extract_metadata(void *extraction) ASYNC_SUSPENDS;

/* All the documents, and the statistics. */
struct batch_stats {
    struct extraction *extractions; /* in: an array of total, the caller's;
                                       their out fields are filled */
    size_t total;                   /* in: how many; 0 is allowed */
    size_t successful, failed;      /* out: together they are total */
    double elapsed_time; /* out: seconds on the runtime's clock, async_now() */
};

/*
 * Processes all documents at the same time. batch_stats is a struct
 * batch_stats.
 *
 * A document that failed with -EBUSY is tried again, up to max_retries times,
 * whatever the others do meanwhile: base_delay after its first failure, and
 * twice as long after each further one. Each wait may have a random part that
 * makes it up to half longer, or shorter. After the last attempt there is no
 * wait. Any other error is final, also ASYNC_ECANCELED.
 *
 * Suspends until all documents are done. Returns 0, also if some or all of them
 * failed; -ENOMEM; or ASYNC_ECANCELED at once if the batch itself is cancelled.
 * When it returns, no call is under way, and what it allocated is freed.
 */
int process_batch_with_stats(void *batch_stats) ASYNC_SUSPENDS;

#endif
