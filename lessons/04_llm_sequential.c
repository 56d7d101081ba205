/*
 * Lesson 4: one LLM call at a time.
 *
 * What it shows: a call to an LLM is an HTTP request, and libcurl's
 * curl_easy_perform blocks until the answer is there. Ten documents of 0.5 s
 * take 5 s, in which the processor has almost nothing to do.
 *
 * Run it:  make lesson4 (it blocks for 5 s of real time)
 * Predict: How long do ten documents take, at 0.5 s each? What share of that
 *          time does the processor work?
 * Expect:  (among other lines)
 *     Processing report_9.pdf...
 *     Processed 10 documents in 5.0 s; this thread worked 0.0 s of it.
 *     The server has had 10 requests, at most 1 at a time.
 * Chapter: The Story, "The Problem"; Part 3, before the client is converted.
 */
#include "async/async.h"

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
    err = curl_easy_perform(request->easy);
    return openai_answer(request, err);
}

static int one_by_one(void *job)
{
    struct openai_request *requests = job;

    for (int i = 0; i < DOCUMENTS; i++) {
        printf("Processing report_%d.pdf...\n", i);
        int err = summarize(&requests[i]);
        if (err)
            return err;
    }
    return 0;
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

/* Seconds for which the processor has worked for this thread. */
static double cpu_seconds(void)
{
    struct timespec cpu;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
}

int main(void)
{
    struct openai_request requests[DOCUMENTS];
    struct lesson_llm llm;

    lesson_begin("How long do ten documents take, at 0.5 s each? And for what\n"
                 "share of that time does the processor work?");
    if (lesson_llm_start(&llm, 0.5) != 0)
        return 1;
    prepare(requests, &llm);

    double start = lesson_llm_now(), cpu_start = cpu_seconds();
    int err = one_by_one(requests);
    double total = lesson_llm_now() - start, cpu = cpu_seconds() - cpu_start;
    if (err) {
        fprintf(stderr, "error: %s\n", async_errmsg(err));
    } else {
        printf("Processed %d documents in %.1f s; this thread worked %.1f s of "
               "it.\n",
               DOCUMENTS, total, cpu);
        printf("\nreport_0.pdf, for %d tokens:\n%s\n\n", requests[0].tokens,
               requests[0].summary);
        lesson_llm_print_ledger(&llm);
        lesson_end("%.1f s; %.1f %%", total, 100 * cpu / total);
    }

    for (int i = 0; i < DOCUMENTS; i++)
        openai_free(&requests[i]);
    lesson_llm_stop(&llm);
    return err ? 1 : 0;
}
