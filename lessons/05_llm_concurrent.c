/*
 * Lesson 5: one word changes.
 *
 * What it shows: async_curl_perform is curl_easy_perform that suspends the task
 * instead of blocking the thread. One call after another is as slow as before;
 * gathered, ten documents take about as long as one.
 *
 * Run it:  make lesson5 (6 s of real time)
 * Predict: Ten documents of 0.5 s each, all at once: how many times faster?
 * Expect:  (among other lines)
 *     Processed 10 documents in 5.0 s.
 *     The server has had 10 requests, at most 1 at a time.
 *     Processed 10 documents in 0.5 s.
 *     The server has had 20 requests, at most 10 at a time.
 *     Speed-up: about 10x
 * Chapter: The Story, "The Breakthrough"; Part 3, "Batch Processing Documents
 *          Concurrently".
 */
#include "async/async.h"
#include "async_curl/async_curl.h"

#include "lesson.h"
#include "lesson_llm.h"
#include "openai_request.h"

enum { DOCUMENTS = 10 };

static int summarize(void *job)
{
    struct openai_request *request = job;

    int err = openai_request(request);
    if (err)
        return err;
    err = async_curl_perform(request->easy);
    return openai_answer(request, err);
}

static int one_by_one(void *job)
{
    struct openai_request *requests = job;

    for (int i = 0; i < DOCUMENTS; i++) {
        int err = summarize(&requests[i]);
        if (err)
            return err;
    }
    return 0;
}

static int together(void *job)
{
    struct openai_request *requests = job;

    return async_gather_each(summarize, requests, DOCUMENTS);
}

static void prepare(struct openai_request *requests,
                    const struct lesson_llm *llm)
{
    static char texts[DOCUMENTS][40];

    for (int i = 0; i < DOCUMENTS; i++) {
        snprintf(texts[i], sizeof texts[i], "Engineering report %d...", i);
        requests[i] = (struct openai_request){
            .base_url = llm->base_url,
            .api_key = llm->api_key,
            .text = texts[i],
        };
    }
}

/* Summarizes all documents in the given way; returns the exit status. */
static int run(const char *way, async_fn *fn, const struct lesson_llm *llm,
               double *seconds)
{
    struct openai_request requests[DOCUMENTS];

    prepare(requests, llm);
    printf("\n%s:\n", way);
    async_timeline(6.0); /* both pictures at one scale */
    double start = lesson_llm_now();
    int status = async_main(fn, requests);
    *seconds = lesson_llm_now() - start;
    if (status == 0) {
        printf("Processed %d documents in %.1f s.\n", DOCUMENTS, *seconds);
        lesson_llm_print_ledger(llm);
    }
    for (int i = 0; i < DOCUMENTS; i++)
        openai_free(&requests[i]);
    return status;
}

int main(void)
{
    double in_turn, at_once;
    struct lesson_llm llm;

    lesson_begin("Ten documents of 0.5 s each, all at once: how many times\n"
                 "faster than one by one?");
    if (lesson_llm_start(&llm, 0.5) != 0)
        return 1;
    int status = run("One by one", one_by_one, &llm, &in_turn);
    if (status == 0)
        status = run("All at once", together, &llm, &at_once);
    if (status == 0) {
        printf("\nSpeed-up: about %.0fx\n", in_turn / at_once);
        lesson_end("about %.0f times faster", in_turn / at_once);
    }
    lesson_llm_stop(&llm);
    return status;
}
