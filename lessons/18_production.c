/*
 * Lesson 18: production-ready?
 *
 * What it shows: the chapter's last program, as it is printed there: it retries
 * with exponential backoff, degrades gracefully, reports everything. It works,
 * as long as the provider does. Then it is judged.
 *
 * Run it:  make lesson18 (at once: it sets the virtual clock itself)
 * Predict: 50 documents, and a provider that takes 10 calls at a time: how many
 *          does it lose? One answer never comes: when is its report there?
 * Expect:  (among other lines)
 *     Successful: 30/50   Failed: 20/50   Time: 3.3s
 *     Requests: 120 (50 at 0 s, 40 at 1 s, 30 at 3 s)
 *     Successful: 49/50   Failed: 1/50   Time: 1803.0s
 * Chapter: Part 4, "Production-Ready Async Document Processor with Error
 *          Handling".
 */
#include "async/async.h"
#include "llm/llm.h"
#include "scenario/scenario.h"

#include "lesson.h"

#include <errno.h>

enum { DOCUMENTS = 50, MAX_RETRIES = 2, MOMENTS = 8 };

/* The processor, and what the judge has seen of it. */
struct processor {
    struct llm_client *llm; /* in */
    double start;           /* in */
    int requests;           /* out */
    struct moment {
        double time;
        int requests;
    } moments[MOMENTS]; /* out: those sent together; the last: all later */
};

struct document {
    struct processor *processor; /* in */
    char name[16], text[40];     /* in */
    bool success;                /* out */
    char *summary;               /* out, to be freed */
    const char *error;           /* out: static memory */
    int tokens;                  /* out */
    double cost;                 /* out */
};

/* The judge's note of a request that is about to be sent. */
static void count_request(struct processor *processor)
{
    double now = async_now() - processor->start;
    int i = 0;

    while (i < MOMENTS - 1 && processor->moments[i].requests > 0 &&
           processor->moments[i].time < now)
        i++;
    processor->moments[i].time = now;
    processor->moments[i].requests++;
    processor->requests++;
}

/* ---- The processor, as the chapter has it ------------------------------ */

static int summarize(struct document *document)
{
    char prompt[64];
    struct llm_message messages[] = {
        {"system", "You are a document summarizer."},
        {"user", prompt},
    };
    struct llm_chat chat = {.client = document->processor->llm,
                            .messages = messages,
                            .n_messages = 2,
                            .temperature = 0.3};

    snprintf(prompt, sizeof prompt, "Summarize:\n%s", document->text);
    count_request(document->processor);
    int err = llm_chat(&chat);
    if (err)
        return err;
    document->success = true;
    document->summary = chat.content;
    document->tokens = chat.total_tokens;
    document->cost = chat.cost;
    return 0;
}

static int process_one_with_retry(void *job)
{
    struct document *document = job;

    int err = summarize(document);
    for (int i = 0; i < MAX_RETRIES && err && err != ASYNC_ECANCELED; i++) {
        err = async_sleep(1 << i); /* 1 s, 2 s */
        if (err)
            return err;
        err = summarize(document);
    }
    if (!err || err == ASYNC_ECANCELED) /* no Exception, in Python */
        return err;
    document->error = async_strerror(err);
    return 0; /* the failure is in the result */
}

struct batch {
    struct document *documents; /* in */
    size_t n;                   /* in */
    int successful;             /* out */
    long tokens;                /* out */
    double cost;                /* out */
};

static int process_batch(void *job)
{
    struct batch *batch = job;
    int errs[DOCUMENTS]; /* not needed: the documents have it */

    int err = async_gather_each_all(process_one_with_retry, batch->documents,
                                    batch->n, errs);
    for (size_t i = 0; i < batch->n; i++) {
        batch->successful += batch->documents[i].success;
        batch->tokens += batch->documents[i].tokens;
        batch->cost += batch->documents[i].cost;
    }
    return err;
}

/* ---- The trials -------------------------------------------------------- */

static const struct trial {
    const char *title;
    size_t documents;
    const char *provider; /* how it behaves: see scenario.h */
} trials[] = {
    {"A provider that takes everything", 50, ""},
    {"A provider that takes 10 calls at a time", 50, "max-in-flight = 10"},
    {"One answer never comes", 50, "fault = hang match=\"content 7\""},
    {"The key is wrong", 50, "fault = 401"},
    {"6 requests a minute, and Retry-After with each refusal", 2,
     "requests-per-minute = 6\nburst = 1"},
};

enum { TRIALS = sizeof trials / sizeof trials[0] };

static void print_report(const struct batch *batch,
                         const struct processor *processor, double seconds)
{
    int failed = (int)batch->n - batch->successful, shown = 0;

    printf("Successful: %d/%zu   Failed: %d/%zu   Time: %.1fs\n",
           batch->successful, batch->n, failed, batch->n, seconds);
    printf("Cost: $%.4f   Tokens: %ld\n", batch->cost, batch->tokens);
    printf("Requests: %d (", processor->requests);
    for (int i = 0; i < MOMENTS && processor->moments[i].requests > 0; i++) {
        const struct moment *moment = &processor->moments[i];

        printf("%s%d ", i ? ", " : "", moment->requests);
        if (i < MOMENTS - 1)
            printf("at %.4g s", moment->time);
        else
            printf("later");
    }
    printf(")\n");
    for (size_t i = 0; i < batch->n && shown < 1; i++)
        if (!batch->documents[i].success && ++shown)
            printf("Errors:\n   - %s: %s\n", batch->documents[i].name,
                   batch->documents[i].error);
    if (failed > shown)
        printf("   - and %d more\n", failed - shown);
}

static int run(const struct trial *trial)
{
    struct document documents[DOCUMENTS] = {0};
    struct batch batch = {.documents = documents, .n = trial->documents};
    struct scenario scenario = {.latency = 0.3};
    struct llm_options options = {.scenario = &scenario,
                                  .max_retries = LLM_NO_RETRIES};
    struct processor processor = {.start = async_now()};
    char error[SCENARIO_ERROR_SIZE] = "";

    printf("\n%s:\n", trial->title);
    if (scenario_read(&scenario, trial->provider, error))
        processor.llm = llm_client_from_provider("simulated", &options);
    if (!processor.llm) {
        fprintf(stderr, "%s\n", *error ? error : async_errmsg(-errno));
        return 1;
    }
    for (int i = 0; i < DOCUMENTS; i++) {
        documents[i].processor = &processor;
        snprintf(documents[i].name, sizeof documents[i].name, "doc_%d.pdf", i);
        snprintf(documents[i].text, sizeof documents[i].text,
                 "Engineering content %d...", i);
    }
    int status = async_main(process_batch, &batch);
    if (status == 0)
        print_report(&batch, &processor, async_now() - processor.start);
    for (int i = 0; i < DOCUMENTS; i++)
        free(documents[i].summary);
    llm_client_free(processor.llm);
    return status;
}

int main(void)
{
    int status = 0;

    setenv("ASYNC_CLOCK", "virtual", 1);
    printf(
        "On the virtual clock: the half hour of this lesson passes at once.\n"
        "LLM: simulated, 0.3 s a call.\n");
    lesson_begin("50 documents, and a provider that takes 10 calls at a time:\n"
                 "how many does it lose? One answer never comes: when is the\n"
                 "report there?");
    for (int i = 0; i < TRIALS && status == 0; i++)
        status = run(&trials[i]);
    if (status == 0)
        lesson_end("20; and after half an hour");
    return status;
}
