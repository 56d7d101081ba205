/*
 * Lesson 6: what a batch costs.
 *
 * What it shows: twenty reports at once take a twentieth of the time, and cost
 * as many tokens and as much money as one by one. Twenty tasks add to the same
 * counters, without a lock, and no token is lost.
 *
 * Run it:  make lesson6 (11 s; at once: ASYNC_CLOCK=virtual make lesson6)
 * Predict: Each of 20 reports is about 43 tokens of question, and 35 of answer.
 *          1,000 of the first cost $0.001, of the second $0.002. What do all 20
 *          cost, one by one? And all at once?
 * Expect:  (among other lines)
 *     Processed 20 documents in 10.0 s.
 *     Total tokens: 1557
 *     Processed 20 documents in 0.5 s.
 *     Total tokens: 1557
 *     So far, the server:   40 calls,   3114 tokens, $0.0045
 * Chapter: Part 3, "Batch Processing Documents Concurrently".
 */
#include "async/async.h"
#include "llm/llm.h"

#include "lesson.h"
#include "lesson_llm.h"

enum { DOCUMENTS = 20 };

struct report {
    struct batch *batch; /* in: to which it belongs */
    int number;          /* in */
    char *summary;       /* out, freed by whoever has the batch */
    int tokens;          /* out */
};

struct batch {
    struct llm_client *llm;           /* in */
    struct report reports[DOCUMENTS]; /* in and out */
    long tokens;                      /* out: of all of them */
    double cost;                      /* out: dollars */
};

static int summarize_one(void *job)
{
    struct report *report = job;
    struct batch *batch = report->batch;
    char prompt[128];
    struct llm_message messages[] = {
        {"system", "You are a Civil Engineering document summarizer."},
        {"user", prompt},
    };
    struct llm_chat chat = {.client = batch->llm,
                            .messages = messages,
                            .n_messages = 2,
                            .temperature = 0.3};

    snprintf(prompt, sizeof prompt,
             "Summarize this engineering report in 3 bullet points:\n\n"
             "Engineering report %d...",
             report->number);
    int err = llm_chat(&chat);
    if (err)
        return err;
    report->summary = chat.content; /* was the chat's, is the report's */
    report->tokens = chat.total_tokens;
    batch->tokens += chat.total_tokens;
    batch->cost += chat.cost;
    return 0;
}

static int one_by_one(void *job)
{
    struct batch *batch = job;

    for (int i = 0; i < DOCUMENTS; i++) {
        int err = summarize_one(&batch->reports[i]);
        if (err)
            return err;
    }
    return 0;
}

static int all_at_once(void *job)
{
    struct batch *batch = job;

    return async_gather_each(summarize_one, batch->reports, DOCUMENTS);
}

static void print_batch(const struct batch *batch, double seconds)
{
    size_t bytes = 0;

    for (int i = 0; i < DOCUMENTS; i++)
        bytes += strlen(batch->reports[i].summary) + 1;
    printf("Processed %d documents in %.1f s.\n", DOCUMENTS, seconds);
    printf("Total cost: $%.4f\n", batch->cost);
    printf("Total tokens: %ld\n", batch->tokens);
    printf("In memory: %d summaries, %zu bytes\n", DOCUMENTS, bytes);
}

static int run(const char *title, async_fn *way, struct llm_client *llm,
               const struct lesson_llm *server)
{
    struct batch batch = {.llm = llm};

    for (int i = 0; i < DOCUMENTS; i++)
        batch.reports[i] = (struct report){.batch = &batch, .number = i};
    printf("\n%s:\n", title);
    double start = async_now();
    int status = async_main(way, &batch);
    if (status == 0) {
        print_batch(&batch, async_now() - start);
        lesson_llm_print_totals(server, llm);
    }
    for (int i = 0; i < 3 && status == 0 && way == all_at_once; i++)
        printf("\nreport_%d.pdf, for %d tokens:\n%s\n", i,
               batch.reports[i].tokens, batch.reports[i].summary);
    for (int i = 0; i < DOCUMENTS; i++)
        free(batch.reports[i].summary);
    return status;
}

int main(void)
{
    struct lesson_llm server;

    lesson_begin(
        "Each of 20 reports is about 43 tokens of question, and 35 of\n"
        "answer. 1,000 of the first cost $0.001, of the second\n"
        "$0.002. What do all 20 cost, one by one? And all at once?");
    struct llm_client *llm = lesson_llm_client(&server, 0.5);
    if (!llm)
        return 1;
    int status = run("One by one", one_by_one, llm, &server);
    if (status == 0)
        status = run("All at once", all_at_once, llm, &server);
    if (status == 0)
        lesson_end("both the same, together $%.4f", llm->total_cost);
    llm_client_free(llm);
    lesson_llm_stop(&server);
    return status;
}
