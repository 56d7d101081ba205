/*
 * The grader of exercise 16, document_processor.
 *
 * The mock LLM server's ledger tells what was asked, when, and what it cost.
 */
#ifdef VERIFY_DRIVER

#include "16_document_processor.h"
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>

enum { DOCUMENTS_MAX = 64 };

static struct document documents[DOCUMENTS_MAX];
static struct processing_result results[DOCUMENTS_MAX];
static struct document_processor processor;
static struct batch_summary summary;

static void prepare(struct llm_client *llm)
{
    processor = (struct document_processor){
        .llm = llm,
        .max_retries = atoi(driver_text("max_retries", 0)),
        .max_concurrent = atoi(driver_text("max_concurrent", 0)),
        .timeout = driver_seconds("timeout", 0),
        .base_delay = driver_seconds("base_delay", 0)};
    processor.semaphore.permits = processor.max_concurrent;
    for (size_t i = 0; i < driver_n(); i++) {
        documents[i].name = driver_text("name", i);
        documents[i].text = driver_text("text", i);
        if (!*documents[i].text)
            documents[i].text = NULL;
        results[i].processor = &processor;
        results[i].document = &documents[i];
    }
    summary = (struct batch_summary){.results = results,
                                     .total_documents = driver_n()};
}

static void tell(void)
{
    for (size_t i = 0; i < driver_n(); i++) {
        struct processing_result *result = &results[i];

        result->error[sizeof result->error - 1] = '\0';
        driver_out_number(i, "success", result->success);
        driver_out_text(i, "summary", result->summary);
        driver_out_text(i, "error", result->error);
        driver_out_number(i, "tokens", result->tokens);
        driver_out_billionths(i, "cost", result->cost);
        driver_out_number(i, "attempts", result->attempts);
        free(result->summary);
    }
    driver_out_number(0, "successful", (long)summary.successful);
    driver_out_number(0, "failed", (long)summary.failed);
    driver_out_billionths(0, "elapsed_time", summary.elapsed_time);
    driver_out_number(0, "total_tokens", summary.total_tokens);
    driver_out_billionths(0, "total_cost", summary.total_cost);
}

void driver_main(void)
{
    char base_url[64];

    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d/v1",
             driver_serve());
    struct llm_options options = {.api_key = driver_text("api_key", 0),
                                  .base_url = base_url,
                                  .max_retries = LLM_NO_RETRIES};
    struct llm_client *llm = llm_client_from_provider("openai", &options);
    if (!llm)
        abort();
    prepare(llm);
    driver_run(process_batch, &summary, "process_batch");
    tell();
    llm_client_free(llm);
}

#else

#include "traffic.h"

#include <stdio.h>
#include <string.h>

/* ---- Scenarios --------------------------------------------------------- */

static const struct items summaries = {
    .noun = "document",
    .field = "summary",
    .unset = "success is set once a summary has come",
    .swapped = "each task has a chat and a result of its own; the results "
               "stand in the documents' order",
    .lost = "the summary was lost: it is the chat's content",
    .unseen = "an attempt failed, and nobody looked at its error",
    .silent = "async_errmsg(err), at once: the next call that suspends may "
              "change it",
    .no_use = "an error of the request's own is the same next time: "
              "llm_worth_retrying() knows which are not",
    .ignored = "it is not retried: what does llm_worth_retrying() say?",
};

/* A word that stands in the text of document i, and in no other. */
static const char *word_of_item(const struct scenario *scenario, size_t i)
{
    return scenario->answers[i].text;
}

/* n documents, of which the first `empty` ones have no text. */
static struct scenario *documents(struct exam *exam, size_t n, size_t empty,
                                  const struct settings *settings)
{
    struct scenario *scenario = web_scenario(exam, n, &summaries);
    char text[128];

    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "doc_%zu.pdf", i);
        scenario_text(scenario, "name", text);
        snprintf(text, sizeof text, "Engineering content %s, page %zu...",
                 word_of_item(scenario, i), draw(exam, 100));
        scenario_text(scenario, "text", i < empty ? "" : text);
    }
    give_settings(scenario, settings);
    give_key(exam, scenario);
    return scenario;
}

/* ---- Prompts ----------------------------------------------------------- */

static bool right_prompt(struct exam *exam, const struct run *run, size_t i)
{
    const struct request *request = request_for(run, i, 0);

    if (!request) {
        saw(exam, "the text of document %zu was never sent", i);
        likely(exam, "the user's message is \"Summarize:\", a line break, and "
                     "the text");
    } else if (strncmp(request->prompt, "Summarize:\nEng", 14) != 0) {
        saw(exam, "the user's message for document %zu is %s", i,
            quoted(request->prompt));
        likely(exam, "\"Summarize:\", a line break, and the text");
    } else if (!request->system ||
               strcmp(request->system, "You are a document summarizer.") != 0) {
        saw(exam, "the system's message for document %zu is %s", i,
            quoted(request->system));
        likely(exam, "two messages: first the system's, \"You are a document "
                     "summarizer.\", then the user's");
    } else if (request->temperature < 0.2999 || request->temperature > 0.3001) {
        saw(exam, "document %zu is sent with temperature %g", i,
            request->temperature);
        likely(exam, "the chat's temperature is 0.3");
    } else {
        return true;
    }
    return false;
}

static bool prompts(struct exam *exam)
{
    const struct settings settings = {10, 2, 30 * SECOND, SECOND};
    struct scenario *scenario = documents(exam, 6, 0, &settings);

    asked(exam, "6 documents: each is sent once, with a message of the system, "
                "one of the user, and temperature 0.3");
    const struct run *run = play(exam, scenario);
    if (!run || !succeeded(exam, run))
        return false;
    for (size_t i = 0; i < 6; i++)
        if (!right_prompt(exam, run, i) ||
            !item_tried(exam, run, i, 1, "answered"))
            return false;
    return rest_succeeded(exam, run, 0);
}

/* ---- The limit --------------------------------------------------------- */

enum { LIMIT = 10, MANY = 50 };

static bool none_rejected(struct exam *exam)
{
    const struct settings settings = {LIMIT, 2, 30 * SECOND, SHORT_DELAY};
    struct scenario *scenario = documents(exam, MANY, 0, &settings);

    text_add(&scenario->web.settings, "max-in-flight=%d\n", LIMIT);
    scenario->web.hold = LIMIT;
    scenario->web.requests = MANY;
    asked(exam,
          "%d documents, and a server that takes %d requests at a time: "
          "%d are in flight, none is rejected",
          MANY, LIMIT, LIMIT);
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && held(exam, run) &&
           rest_succeeded(exam, run, 0);
}

/* ---- Attempts ---------------------------------------------------------- */

/* Documents 0 and 1 always fail. */
static bool tried_again(struct exam *exam)
{
    const struct settings settings = {4, 2, 30 * SECOND, SHORT_DELAY};
    struct scenario *scenario = documents(exam, 4, 0, &settings);

    fault(scenario, 0, "429");
    fault(scenario, 1, "500");
    asked(exam, "max_retries 2; documents 0 and 1 always get 429 and 500: 3 "
                "requests for each, then an error");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && item_tried(exam, run, 0, 3, "429") &&
           item_tried(exam, run, 1, 3, "500") &&
           item_failed(exam, run, 0, "429") &&
           item_failed(exam, run, 1, "500") && rest_succeeded(exam, run, 2);
}

static struct scenario *many(struct exam *exam, const struct settings *settings)
{
    return documents(exam, WEB_JOBS, 0, settings);
}

static bool retried(struct exam *exam)
{
    return tried_again(exam) && waits_double(exam, many);
}

static bool not_worth_it(struct exam *exam)
{
    const struct settings settings = {4, 2, 30 * SECOND, SHORT_DELAY};
    struct scenario *scenario = documents(exam, 5, 1, &settings);

    fault(scenario, 1, "400");
    fault(scenario, 2, "401");
    asked(exam, "document 0 has no text, 1 and 2 get 400 and 401: no request, "
                "one, and one; then an error");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && run->traffic.count >= 1 &&
           item_tried(exam, run, 0, 0, "no text") &&
           item_failed(exam, run, 0, "no text") &&
           item_tried(exam, run, 1, 1, "400") &&
           item_failed(exam, run, 1, "400") &&
           item_tried(exam, run, 2, 1, "401") &&
           item_failed(exam, run, 2, "401") && rest_succeeded(exam, run, 3);
}

/* ---- No slot is held meanwhile ----------------------------------------- */

static bool slot_is_free(struct exam *exam)
{
    const struct settings settings = {1, 2, 30 * SECOND, 50 * MILLISECOND};
    struct scenario *scenario = documents(exam, 4, 0, &settings);

    text_add(&scenario->web.settings, "fault=503 attempts=1\n");
    asked(exam, "max_concurrent 1; each of 4 documents fails once: while one "
                "waits for its retry, others are sent");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && rest_succeeded(exam, run, 0) &&
           slot_was_free(exam, run);
}

/* ---- Time-outs --------------------------------------------------------- */

static bool each_its_own(struct exam *exam, int64_t unit)
{
    const struct settings settings = {5, 2, unit, SHORT_DELAY};
    struct scenario *scenario = documents(exam, 4, 0, &settings);

    fault(scenario, 0, "hang");
    fault(scenario, 1, "hang attempts=1");
    asked(exam,
          "timeout %s, max_retries 2; document 0 never gets an answer, "
          "1 gets one to its second attempt: others are closed",
          in_seconds(unit));
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && item_closed(exam, run, 0, 3, 3) &&
           item_closed(exam, run, 1, 1, 2) &&
           item_failed(exam, run, 0, "never answered") &&
           rest_succeeded(exam, run, 1);
}

/* One that never answers has the only slot for as long as the time limit is. */
static bool waiting_is_free(struct exam *exam, int64_t unit)
{
    const struct settings settings = {1, 0, 2 * unit, 30 * SECOND};
    struct scenario *scenario = documents(exam, 4, 0, &settings);

    fault(scenario, 0, "hang");
    asked(exam,
          "max_concurrent 1, max_retries 0, timeout %s; document 0 "
          "never gets an answer: the others, which wait for the slot "
          "meanwhile, succeed",
          in_seconds(2 * unit));
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && waiting_was_free(exam, run);
}

static bool time_limits(struct exam *exam)
{
    return patiently(exam, each_its_own) && patiently(exam, waiting_is_free);
}

/* ---- Tokens and cost --------------------------------------------------- */

static bool totals(struct exam *exam)
{
    const struct settings settings = {4, 2, 30 * SECOND, SHORT_DELAY};
    struct scenario *scenario = documents(exam, 8, 0, &settings);

    fault(scenario, 0, "malformed");
    fault(scenario, 1, "400");
    fault(scenario, 2, "503 attempts=1-2");
    asked(exam, "8 documents; one gets half a JSON, one 400, one 503 twice: "
                "tokens and cost are those that the server counted");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) &&
           item_failed(exam, run, 0, "half a JSON") && sums_right(exam, run);
}

/* ---- Order and counts -------------------------------------------------- */

static bool counts(struct exam *exam, const struct run *run, long successful,
                   long failed)
{
    if (out_number(run, 0, "successful") == successful &&
        out_number(run, 0, "failed") == failed)
        return true;
    saw(exam, "%ld successful and %ld failed, not %ld and %ld",
        out_number(run, 0, "successful"), out_number(run, 0, "failed"),
        successful, failed);
    likely(exam, "each document counts once: successful and failed together "
                 "are total_documents");
    return false;
}

static bool order(struct exam *exam)
{
    const struct settings settings = {5, 2, 30 * SECOND, SHORT_DELAY};
    struct scenario *scenario = documents(exam, 10, 0, &settings);

    answer_in_disorder(exam, scenario);
    fault(scenario, 0, "400");
    fault(scenario, 1, "404");
    fault(scenario, 2, "503 attempts=1");
    asked(exam, "10 documents, answered in another order, of which 0 and 1 "
                "fail: each result in its place, 8 successful, 2 failed");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run) || !rest_succeeded(exam, run, 2) ||
        !counts(exam, run, 8, 2) || !elapsed_right(exam, run, 0, 0, 10))
        return false;
    asked(exam, "no documents: process_batch returns 0");
    run = play(exam, documents(exam, 0, 0, &settings));
    return run && succeeded(exam, run) && counts(exam, run, 0, 0);
}

/* ---- Cancelled --------------------------------------------------------- */

static bool cancelled(struct exam *exam, struct scenario *scenario,
                      size_t requests, const char *what)
{
    scenario->sanitized = true;
    scenario->web.cancel_at = requests;
    asked(exam,
          "cancelled %s: ASYNC_ECANCELED, every request closed, nothing "
          "leaked",
          what);
    const struct run *run = play(exam, scenario);
    if (!run)
        return false;
    if (run->cancelled_at == NEVER) {
        saw(exam, "process_batch returned %s (%s) before it was cancelled",
            error_name(run->returned), quoted(run->errmsg));
        likely(exam, "it does not wait for what it is to wait for");
    } else if (run->returned != ASYNC_ECANCELED) {
        saw(exam, "process_batch returned %s, after %s",
            error_name(run->returned), counted(run->traffic.count, "request"));
        likely(exam, "ASYNC_ECANCELED is no failure of a document: it is not "
                     "retried and not kept, but returned, from every call "
                     "that suspends");
    } else if (run->open_at_return > 0) {
        saw(exam, "process_batch returned with %s in flight",
            counted(run->open_at_return, "request"));
        likely(exam, "it does not wait for those that it has started");
    } else if (run->traffic.count > run->traffic.at_cancel) {
        saw(exam, "%s came after it was cancelled",
            counted(run->traffic.count - run->traffic.at_cancel, "request"));
        likely(exam, "whoever is cancelled while it waits sends nothing more");
    } else {
        return all_awaited(exam, run);
    }
    return false;
}

static const struct settings usual = {3, 2, 30 * SECOND, SHORT_DELAY};
static const struct settings patient = {3, 2, 30 * SECOND, 30 * SECOND};

static bool cancelled_twice(struct exam *exam)
{
    struct scenario *scenario = documents(exam, 6, 0, &usual);

    text_add(&scenario->web.settings, "fault=hang\n");
    if (!cancelled(exam, scenario, 3, "while 3 of 6 are in flight"))
        return false;
    /* More than one, since a wait that is random may be none. */
    scenario = documents(exam, 3, 0, &patient);
    text_add(&scenario->web.settings, "fault=503\n");
    return cancelled(exam, scenario, 3, "while 3 documents wait for a retry");
}

static bool no_trace(struct exam *exam)
{
    struct scenario *scenario = documents(exam, 4, 1, &usual);

    if (!cancelled_twice(exam))
        return false;
    fault(scenario, 1, "401");
    fault(scenario, 2, "500 attempts=1");
    scenario->sanitized = true;
    asked(exam, "4 documents, two of which fail, under AddressSanitizer; the "
                "key is nowhere to be read");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && key_unseen(exam, run) &&
           rest_succeeded(exam, run, 2);
}

static const struct check checks[] = {
    {'a', 1, "each document's prompt", "", prompts, 6, 0},
    {'b', 2, "the limit is used, and none is rejected", "", none_rejected, 10,
     0},
    {'c', 1, "retries whose waits double; Retry-After", "a", retried, 9, 0},
    {'d', 1, "what is not worth it is not retried", "c", not_worth_it, 9, 0},
    {'e', 1, "no slot is held while waiting", "b", slot_is_free, 10, 0},
    {'f', 1, "each attempt has its time-out", "a", time_limits, 11, 0},
    {'g', 1, "totals are the server's", "a", totals, 6, 0},
    {'h', 1, "order and counts", "a", order, 8, 0},
    {'i', 1, "cancelled; no leak, no key", "a", no_trace, 11, 0},
    {0},
};

const struct grader grader_16_document_processor = {
    .number = 16,
    .name = "16_document_processor",
    .title = "document processor",
    .functions = "int process_batch(void *batch_summary);",
    .first_step = "in process_one_with_retry(), fill a struct llm_chat with "
                  "two messages and call llm_chat(); keep what comes",
    .lesson = 18,
    .uses_llm = true,
    .checks = checks,
};

#endif
