/*
 * The contract of exercise 16: what goes in, what comes out, who owns what.
 *
 * It is the chapter's production processor, with its names and its defaults,
 * and what lesson 18 found missing in it.
 */
#ifndef DOCUMENT_PROCESSOR_H
#define DOCUMENT_PROCESSOR_H

#include "async/async.h"
#include "llm/llm.h"

#include <stdbool.h>

struct document {
    const char *name; /* such as "doc_7.pdf" */
    const char *text; /* NULL: there is none */
};

/* [ProductionAsyncProcessor; Part 4] */
struct document_processor {
    struct llm_client *llm; /* in: it retries nothing by itself */
    int max_retries;        /* in: how often one is sent again, at most */
    int max_concurrent;     /* in: requests in flight at any time, at most */
    double timeout;         /* in: seconds for each attempt */
    double base_delay;      /* in: seconds before the first retry; then twice
                               that, four times that ... */
    struct async_semaphore semaphore; /* max_concurrent permits */
};

/* The defaults, but for the client: struct document_processor p =
   DOCUMENT_PROCESSOR(llm); */
#define DOCUMENT_PROCESSOR(client)                                             \
    {                                                                          \
        .llm = (client), .max_retries = 2, .max_concurrent = 10,               \
        .timeout = 30.0, .base_delay = 1.0, .semaphore = {                     \
            .permits = 10                                                      \
        }                                                                      \
    }

/* One document, and what came of it. [ProcessingResult] */
struct processing_result {
    struct document_processor *processor; /* in */
    const struct document *document;      /* in */
    bool success;                         /* out */
    char *summary;   /* out: the caller frees it; NULL if it failed */
    char error[256]; /* out: why it failed, never empty then */
    int tokens;      /* out: of request and answer together; 0 if it failed */
    double cost;     /* out: dollars; 0 if it failed */
    int attempts;    /* out: requests that were made for it */
};

/*
 * Has the document summarized: a message of the system, "You are a document
 * summarizer.", one of the user, "Summarize:\n" and the text; temperature 0.3.
 * processing_result is a struct processing_result.
 *
 * Each attempt holds one permit of the semaphore, and ends timeout seconds
 * after it got that, with its connection closed. Another one follows,
 * max_retries times at most, if it may help: after a time-out, and if
 * llm_worth_retrying() says so. Before the k-th retry (k = 0, 1, ...) it waits
 * base_delay * 2^k seconds, which may be varied at random from nothing to half
 * as much again, or for as long as the server asks (the chat's
 * error.retry_after) if that is longer. It holds no permit meanwhile. A
 * document without text fails without a request.
 *
 * Returns 0 also if the document has failed, as the result then says; an error
 * only if it could not go on (ASYNC_ECANCELED, -ENOMEM).
 */
int process_one_with_retry(void *processing_result) ASYNC_SUSPENDS;

/* [process_batch(documents)] */
struct batch_summary {
    struct processing_result *results; /* in: processor and document are set */
    size_t total_documents;            /* in: so many; 0 is allowed */
    size_t successful, failed;         /* out */
    double elapsed_time;               /* out: seconds, by async_now() */
    double total_cost;                 /* out: of all that succeeded */
    long total_tokens;                 /* out: the same */
};

/*
 * Processes all documents, max_concurrent at a time; the results stay in the
 * documents' order. batch_summary is a struct batch_summary. Returns as above;
 * when it returns, no request is in flight.
 */
int process_batch(void *batch_summary) ASYNC_SUSPENDS;

#endif
