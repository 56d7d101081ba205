/*
 * Lesson 16: a semaphore is no rate.
 *
 * What it shows: five calls at a time are 600 requests a minute if a call takes
 * half a second. A provider that allows 60 a minute refuses most of them. What
 * limits a rate is a token bucket.
 *
 * Run it:  make lesson16 (on the virtual clock; ASYNC_CLOCK=real takes 18 s)
 * Predict: At most five calls at a time, 0.5 s each: how many requests a minute
 *          is that? A provider takes 60 a minute, 5 of them at once. 20
 *          documents come: how many get through?
 * Expect:  (among other lines)
 *     Done: 20 of 20. Refused (429): 0. 20 requests in 2.0 s: 600 a minute.
 *     Done: 5 of 20. Refused (429): 15. 20 requests in 0.5 s: 2400 a minute.
 *     Done: 20 of 20. Refused (429): 0. 20 requests in 15.5 s: 77 a minute.
 * Chapter: exercise solutions, 02; Additional Resources, "OpenAI rate limits".
 */
#include "async/async.h"
#include "llm/llm.h"
#include "scenario/scenario.h"

#include "lesson.h"

#include <errno.h>

enum { DOCUMENTS = 20 };

struct processor {
    struct llm_client *llm;        /* in */
    struct async_semaphore *slots; /* in: NULL is without */
    int done, refused;             /* out */
};

struct document {
    struct processor *processor; /* in */
    int number;                  /* in */
};

/* Asks the model; its answer is of no interest here. */
static int ask(struct llm_client *llm, int number)
{
    char prompt[64];
    struct llm_message message = {"user", prompt};
    struct llm_chat chat = {
        .client = llm, .messages = &message, .n_messages = 1};

    snprintf(prompt, sizeof prompt, "Summarize: document %d", number);
    int err = llm_chat(&chat);
    free(chat.content);
    return err;
}

static int summarize(void *job)
{
    struct document *document = job;
    struct processor *processor = document->processor;
    int err = 0;

    if (processor->slots)
        err = async_semaphore_acquire(processor->slots);
    if (err)
        return err;
    err = ask(processor->llm, document->number);
    if (processor->slots)
        async_semaphore_release(processor->slots);
    processor->done += err == 0;
    processor->refused += err == LLM_ERATELIMIT;
    return err;
}

static int summarize_all(void *job)
{
    struct document documents[DOCUMENTS];
    int errs[DOCUMENTS]; /* not needed here: the processor has counted */

    for (int i = 0; i < DOCUMENTS; i++)
        documents[i] = (struct document){job, i};
    return async_gather_each_all(summarize, documents, DOCUMENTS, errs);
}

static int run(const char *title, const struct scenario_limits *provider,
               struct async_semaphore *slots, struct llm_limiter *bucket)
{
    struct scenario scenario = {.latency = 0.5, .limits = *provider};
    struct llm_options options = {.scenario = &scenario,
                                  .max_retries = LLM_NO_RETRIES,
                                  .limiter = bucket};
    struct processor processor = {
        .llm = llm_client_from_provider("simulated", &options), .slots = slots};

    printf("\n%s:\n", title);
    if (!processor.llm) {
        fprintf(stderr, "error: %s\n", async_errmsg(-errno));
        return 1;
    }
    if (provider->requests_per_minute > 0)
        async_timeline(15.5); /* both pictures at one scale */
    double start = async_now();
    int status = async_main(summarize_all, &processor);
    double seconds = async_now() - start;
    if (status == 0)
        printf("Done: %d of %d. Refused (429): %d. %d requests in %.1f s: "
               "%.0f a minute.\n",
               processor.done, DOCUMENTS, processor.refused, DOCUMENTS, seconds,
               DOCUMENTS / seconds * 60);
    llm_client_free(processor.llm);
    return status;
}

int main(void)
{
    const struct scenario_limits none = {0};
    const struct scenario_limits sixty = {.requests_per_minute = 60,
                                          .burst = 5};
    struct async_semaphore five = {.permits = 5};
    struct llm_limiter bucket = {.requests_per_minute = 60, .burst = 5};

    lesson_begin("At most five calls at a time, 0.5 s each: how many requests\n"
                 "a minute is that? A provider takes 60 a minute, 5 of them\n"
                 "at once. 20 documents come: how many get through?");
    setenv("ASYNC_CLOCK", "virtual", 0); /* unless it is set already */
    printf("LLM: simulated, 0.5 s a call. Clock: %s.\n", getenv("ASYNC_CLOCK"));

    int status = run("Five at a time; a provider that takes everything", &none,
                     &five, NULL);
    if (status == 0)
        status = run("Five at a time; a provider that takes 60 a minute",
                     &sixty, &five, NULL);
    if (status == 0)
        status = run("A token bucket of 60 a minute; the same provider", &sixty,
                     NULL, &bucket);
    if (status == 0)
        lesson_end("600; and 5 of 20, but with a token bucket all 20");
    return status;
}
