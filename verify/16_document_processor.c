/*
 * The grader of exercise 16, document_processor.
 *
 * The mock LLM server's ledger tells what was asked, when, and what it cost.
 */
#ifdef VERIFY_DRIVER

#include "16_document_processor.h"
#include "driver.h"

#include <math.h>
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

static long billionths(double dollars)
{
    return lround(dollars * 1e9);
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
        driver_out_number(i, "cost", billionths(result->cost));
        driver_out_number(i, "attempts", result->attempts);
        free(result->summary);
    }
    driver_out_number(0, "successful", (long)summary.successful);
    driver_out_number(0, "failed", (long)summary.failed);
    driver_out_number(0, "elapsed_us", (long)(summary.elapsed_time * 1e6));
    driver_out_number(0, "total_tokens", summary.total_tokens);
    driver_out_number(0, "total_cost", billionths(summary.total_cost));
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

#include "grader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Scenarios --------------------------------------------------------- */

struct settings {
    int max_concurrent, max_retries;
    int64_t timeout, base_delay;
};

/* Nobody waits for long. */
static const int64_t base = 5 * MILLISECOND / 2;

/* A word that stands in the text of document i, and in no other. */
static const char *word_of_item(const struct scenario *scenario, size_t i)
{
    return scenario->answers[i].text;
}

/* n documents, of which the first `empty` ones have no text. */
static struct scenario *documents(struct exam *exam, size_t n, size_t empty,
                                  const struct settings *settings)
{
    struct scenario *scenario = scenario_new(exam, n);
    char text[128];

    scenario->web.wanted = true;
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "doc_%zu.pdf", i);
        scenario_text(scenario, "name", text);
        snprintf(text, sizeof text, "Engineering content %s, page %zu...",
                 word_of_item(scenario, i), draw(exam, 100));
        scenario_text(scenario, "text", i < empty ? "" : text);
    }
    scenario_number(scenario, "max_concurrent", settings->max_concurrent);
    scenario_number(scenario, "max_retries", settings->max_retries);
    scenario_seconds(scenario, "timeout", settings->timeout);
    scenario_seconds(scenario, "base_delay", settings->base_delay);
    snprintf(text, sizeof text, "sk-%06zu%06zu", draw(exam, 1000000),
             draw(exam, 1000000));
    scenario_text(scenario, "api_key", text);
    return scenario;
}

/* Something that the server does to document i, such as "500". */
static void fault(struct scenario *scenario, size_t i, const char *what)
{
    text_add(&scenario->web.settings, "fault=%s match=%s\n", what,
             word_of_item(scenario, i));
}

/* ---- What a run holds -------------------------------------------------- */

static bool succeeded_item(struct exam *exam, const struct run *run, size_t i)
{
    const char *word = word_of_item(run->scenario, i);
    const char *summary = out_of(run, i, "summary");
    size_t requests = requests_about(run, word);

    if (out_number(run, i, "success") != 1) {
        saw(exam,
            "doc_%zu.pdf has success false, its error is %s; the server got %s "
            "for it",
            i, quoted(out_of(run, i, "error")), counted(requests, "request"));
        likely(exam, requests ? "success is set once a summary has come"
                              : "its text was never sent");
    } else if (!summary || !strstr(summary, word)) {
        saw(exam, "the text of doc_%zu.pdf has the word %s, its summary is %s",
            i, word, quoted(summary));
        likely(exam, summary ? "each task has a chat and a result of its own; "
                               "the results stand in the documents' order"
                             : "the summary was lost: it is the chat's "
                               "content");
    } else {
        return true;
    }
    return false;
}

/* All from document `first` on. */
static bool rest_succeeded(struct exam *exam, const struct run *run,
                           size_t first)
{
    for (size_t i = first; i < run->scenario->n; i++)
        if (!succeeded_item(exam, run, i))
            return false;
    return true;
}

static bool failed_item(struct exam *exam, const struct run *run, size_t i,
                        const char *why)
{
    const char *error = out_of(run, i, "error");

    if (out_number(run, i, "success") != 0) {
        saw(exam, "doc_%zu.pdf (%s) has success true", i, why);
        likely(exam, "an attempt failed, and nobody looked at its error");
    } else if (!error || !*error) {
        saw(exam, "doc_%zu.pdf (%s) has failed, and its error is empty", i,
            why);
        likely(exam, "async_errmsg(err), at once: the next call that suspends "
                     "may change it");
    } else {
        return true;
    }
    return false;
}

static bool tried(struct exam *exam, const struct run *run, size_t i,
                  size_t wanted, const char *why)
{
    size_t requests = requests_about(run, word_of_item(run->scenario, i));
    long attempts = out_number(run, i, "attempts");

    if (requests == wanted && attempts == (long)wanted)
        return true;
    if (requests == wanted) {
        saw(exam, "doc_%zu.pdf (%s): %s, but attempts is %ld", i, why,
            counted(requests, "request"), attempts);
        likely(exam, wanted == 0
                         ? "a document without text has no attempt: look at "
                           "text before the first one"
                         : "attempts counts the requests, the first one, too");
        return false;
    }
    saw(exam, "doc_%zu.pdf (%s): %s", i, why, counted(requests, "request"));
    if (requests == 0)
        likely(exam, "its text was never sent");
    else if (wanted == 0)
        likely(exam, "there is nothing to ask about: look at text before the "
                     "first attempt");
    else if (wanted == 1)
        likely(exam, "an error of the request's own is the same next time: "
                     "llm_worth_retrying() knows which are not");
    else if (requests == 1)
        likely(exam, "it is not retried: what does llm_worth_retrying() say?");
    else if (requests + 1 == wanted)
        likely(exam, "max_retries counts the retries, not the attempts");
    else
        likely(exam, "max_retries + 1 attempts, not more");
    return false;
}

/* ---- Prompts ----------------------------------------------------------- */

static bool right_prompt(struct exam *exam, const struct run *run, size_t i)
{
    const struct request *request =
        request_about(run, word_of_item(run->scenario, i), 0);

    if (!request) {
        saw(exam, "the text of doc_%zu.pdf was never sent", i);
        likely(exam, "the user's message is \"Summarize:\", a line break, and "
                     "the text");
    } else if (strncmp(request->prompt, "Summarize:\nEng", 14) != 0) {
        saw(exam, "the user's message for doc_%zu.pdf is %s", i,
            quoted(request->prompt));
        likely(exam, "\"Summarize:\", a line break, and the text");
    } else if (!request->system ||
               strcmp(request->system, "You are a document summarizer.") != 0) {
        saw(exam, "the system's message for doc_%zu.pdf is %s", i,
            quoted(request->system));
        likely(exam, "two messages: first the system's, \"You are a document "
                     "summarizer.\", then the user's");
    } else if (request->temperature < 0.2999 || request->temperature > 0.3001) {
        saw(exam, "doc_%zu.pdf is sent with temperature %g", i,
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
        if (!right_prompt(exam, run, i) || !tried(exam, run, i, 1, "answered"))
            return false;
    return rest_succeeded(exam, run, 0);
}

/* ---- The limit --------------------------------------------------------- */

enum { LIMIT = 10, MANY = 50 };

static bool none_rejected(struct exam *exam)
{
    const struct settings settings = {LIMIT, 2, 30 * SECOND, base};
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

enum { ASKING = 4 };

static const int64_t asked_for = 300 * MILLISECOND;

static bool obeyed(struct exam *exam, const struct run *run, size_t i)
{
    const char *word = word_of_item(run->scenario, i);
    const struct request *first = request_about(run, word, 0);
    const struct request *second = request_about(run, word, 1);

    if (first && second && second->arrived - first->ended >= asked_for)
        return true;
    if (second)
        saw(exam, "doc_%zu.pdf was sent again after %s", i,
            in_seconds((second->arrived - first->ended) / MILLISECOND *
                       MILLISECOND));
    else
        saw(exam, "doc_%zu.pdf was not sent again", i);
    likely(exam, "the chat's error.retry_after is the least that the server "
                 "asks for: wait so long if that is longer than the backoff");
    return false;
}

/* Documents 0 and 1 always fail. */
static bool tried_again(struct exam *exam)
{
    const struct settings settings = {4, 2, 30 * SECOND, base};
    struct scenario *scenario = documents(exam, 4, 0, &settings);

    fault(scenario, 0, "429");
    fault(scenario, 1, "500");
    asked(exam, "max_retries 2; documents 0 and 1 always get 429 and 500: 3 "
                "requests for each, then an error");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && tried(exam, run, 0, 3, "429") &&
           tried(exam, run, 1, 3, "500") && failed_item(exam, run, 0, "429") &&
           failed_item(exam, run, 1, "500") && rest_succeeded(exam, run, 2);
}

static bool waits(struct exam *exam)
{
    const int n = WEB_JOBS + ASKING;
    const struct settings settings = {n, WEB_WAITS, 30 * SECOND, base};
    struct scenario *scenario = documents(exam, (size_t)n, 0, &settings);

    for (size_t i = 0; i < ASKING; i++) {
        fault(scenario, i, "429 attempts=1 retry-after-ms=300");
        fault(scenario, i, "404"); /* so that it ends with that */
    }
    text_add(&scenario->web.settings, "fault=503 attempts=1-%d\n", WEB_WAITS);
    asked(exam,
          "base_delay %s, max_retries %d; %d documents fail %d times: each "
          "wait is twice the one before; %d are asked to wait %s",
          in_seconds(base), WEB_WAITS, WEB_JOBS, WEB_WAITS, ASKING,
          in_seconds(asked_for));
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 0; i < ASKING; i++)
        if (!obeyed(exam, run, i))
            return false;
    return waits_doubled(exam, run, request_about, ASKING, base) &&
           rest_succeeded(exam, run, ASKING);
}

static bool retried(struct exam *exam)
{
    return tried_again(exam) && in_three(exam, waits);
}

static bool not_worth_it(struct exam *exam)
{
    const struct settings settings = {4, 2, 30 * SECOND, base};
    struct scenario *scenario = documents(exam, 5, 1, &settings);

    fault(scenario, 1, "400");
    fault(scenario, 2, "401");
    asked(exam, "document 0 has no text, 1 and 2 get 400 and 401: no request, "
                "one, and one; then an error");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && run->traffic.count >= 1 &&
           tried(exam, run, 0, 0, "no text") &&
           failed_item(exam, run, 0, "no text") &&
           tried(exam, run, 1, 1, "400") && failed_item(exam, run, 1, "400") &&
           tried(exam, run, 2, 1, "401") && failed_item(exam, run, 2, "401") &&
           rest_succeeded(exam, run, 3);
}

/* ---- No slot is held meanwhile ----------------------------------------- */

/* Whether another request came between the first two for document i. */
static bool others_ran(const struct run *run, size_t i)
{
    const char *word = word_of_item(run->scenario, i);
    const struct request *first = request_about(run, word, 0);
    const struct request *second = request_about(run, word, 1);

    return first && second && second > first + 1;
}

static bool slot_is_free(struct exam *exam)
{
    const struct settings settings = {1, 2, 30 * SECOND, 50 * MILLISECOND};
    struct scenario *scenario = documents(exam, 4, 0, &settings);

    text_add(&scenario->web.settings, "fault=503 attempts=1\n");
    asked(exam, "max_concurrent 1; each of 4 documents fails once: while one "
                "waits for its retry, others are sent");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run) || !rest_succeeded(exam, run, 0))
        return false;
    for (size_t i = 0; i < 4; i++)
        if (others_ran(run, i))
            return true;
    saw(exam, "each document was retried before any other was sent");
    likely(exam, "the permit is held during the wait: it belongs to an "
                 "attempt, and is given back before async_sleep()");
    return false;
}

/* ---- Time-outs --------------------------------------------------------- */

/* The first n of the wanted requests for document i, which were not answered,
   were closed. */
static bool were_closed(struct exam *exam, const struct run *run, size_t i,
                        size_t n, size_t wanted)
{
    const char *word = word_of_item(run->scenario, i);

    for (size_t k = 0; k < n; k++) {
        const struct request *request = request_about(run, word, k);

        if (request && request->left && request->ended != NEVER)
            continue;
        if (!request)
            saw(exam, "doc_%zu.pdf: %s, not %zu", i,
                counted(requests_about(run, word), "request"), wanted);
        else
            saw(exam,
                "doc_%zu.pdf: request %zu was still open when your function "
                "returned",
                i, k + 1);
        likely(exam, request ? "who gives up closes the connection, too: "
                               "async_wait_for() cancels llm_chat, which does"
                     : k > 1 ? "max_retries counts the retries, not the "
                               "attempts"
                             : "a time-out is retried, and each attempt has a "
                               "time limit of its own");
        return false;
    }
    return true;
}

static bool each_its_own(struct exam *exam)
{
    const struct settings settings = {5, 2, 100 * MILLISECOND, base};
    struct scenario *scenario = documents(exam, 4, 0, &settings);

    fault(scenario, 0, "hang");
    fault(scenario, 1, "hang attempts=1");
    asked(exam,
          "timeout 0.1 s, max_retries 2; document 0 never gets an answer, "
          "1 gets one to its second attempt: others are closed");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && were_closed(exam, run, 0, 3, 3) &&
           were_closed(exam, run, 1, 1, 2) &&
           failed_item(exam, run, 0, "never answered") &&
           rest_succeeded(exam, run, 1);
}

/* One that never answers has the only slot for as long as the time limit is. */
static bool waiting_is_free(struct exam *exam)
{
    const struct settings settings = {1, 0, 200 * MILLISECOND, 30 * SECOND};
    struct scenario *scenario = documents(exam, 4, 0, &settings);

    fault(scenario, 0, "hang");
    asked(exam, "max_concurrent 1, max_retries 0, timeout 0.2 s; document 0 "
                "never gets an answer: the others, which wait for the slot "
                "meanwhile, succeed");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 1; i < 4; i++) {
        if (out_number(run, i, "success") == 1)
            continue;
        saw(exam, "doc_%zu.pdf failed after %s: %s", i,
            counted(requests_about(run, word_of_item(scenario, i)), "request"),
            quoted(out_of(run, i, "error")));
        likely(exam, "the time limit is for the request, not for the wait for "
                     "a slot: acquire first, async_wait_for() then");
        return false;
    }
    return true;
}

static bool time_limits(struct exam *exam)
{
    return in_three(exam, each_its_own) && in_three(exam, waiting_is_free);
}

/* ---- Tokens and cost --------------------------------------------------- */

/* Document i's own numbers: of its one answer, or 0. */
static bool right_numbers(struct exam *exam, const struct run *run, size_t i)
{
    const char *word = word_of_item(run->scenario, i);
    const struct request *request;
    int64_t cost = 0;
    long tokens = 0;
    char whose[48];

    for (size_t k = 0; (request = request_about(run, word, k)); k++) {
        tokens += request->tokens;
        cost += request->cost;
    }
    snprintf(whose, sizeof whose, "doc_%zu.pdf's", i);
    if (out_number(run, i, "tokens") == tokens)
        return cost_is(exam, whose, out_number(run, i, "cost"), cost, tokens);
    saw(exam, "%s tokens are %ld, the server's are %ld", whose,
        out_number(run, i, "tokens"), tokens);
    likely(exam, "the chat's total_tokens; none of what has failed");
    return false;
}

static bool totals(struct exam *exam)
{
    const struct settings settings = {4, 2, 30 * SECOND, base};
    struct scenario *scenario = documents(exam, 8, 0, &settings);

    fault(scenario, 0, "malformed");
    fault(scenario, 1, "400");
    fault(scenario, 2, "503 attempts=1-2");
    asked(exam, "8 documents; one gets half a JSON, one 400, one 503 twice: "
                "tokens and cost are those that the server counted");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run) ||
        !failed_item(exam, run, 0, "half a JSON"))
        return false;
    for (size_t i = 0; i < 8; i++)
        if (!right_numbers(exam, run, i))
            return false;
    if (out_number(run, 0, "total_tokens") != tokens_of_all(run)) {
        saw(exam, "total_tokens is %ld, the server counts %ld",
            out_number(run, 0, "total_tokens"), tokens_of_all(run));
        likely(exam, "total_tokens is the sum over all that succeeded, each "
                     "once");
        return false;
    }
    return cost_is(exam, "the total", out_number(run, 0, "total_cost"),
                   cost_of_all(run), tokens_of_all(run));
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

/* elapsed_time is no shorter than from the first request to the last answer. */
static bool elapsed(struct exam *exam, const struct run *run)
{
    const struct traffic *traffic = &run->traffic;
    int64_t told = 1000 * (int64_t)out_number(run, 0, "elapsed_us"), last = 0;

    for (size_t i = 0; i < traffic->count; i++)
        if (traffic->requests[i].ended > last)
            last = traffic->requests[i].ended;
    int64_t took = last - traffic->requests[0].arrived;
    if (told + MILLISECOND >= took && told <= run->returned_at + MILLISECOND)
        return true;
    saw(exam, "elapsed_time is %s; the requests took %s",
        in_seconds(told / MILLISECOND * MILLISECOND),
        in_seconds(took / MILLISECOND * MILLISECOND));
    likely(exam, "async_now() after the batch, less async_now() before it");
    return false;
}

static bool order(struct exam *exam)
{
    const struct settings settings = {5, 2, 30 * SECOND, base};
    struct scenario *scenario = documents(exam, 10, 0, &settings);

    text_add(&scenario->web.settings, "latency=0.01..0.06\nseed=%zu\n",
             draw(exam, 1000));
    fault(scenario, 0, "400");
    fault(scenario, 1, "404");
    fault(scenario, 2, "503 attempts=1");
    asked(exam, "10 documents, answered in another order, of which 0 and 1 "
                "fail: each result in its place, 8 successful, 2 failed");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run) || !rest_succeeded(exam, run, 2) ||
        !counts(exam, run, 8, 2) || !elapsed(exam, run))
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

static const struct settings usual = {3, 2, 30 * SECOND, base};
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
    const char *key = strstr(text_chars(&scenario->parameters), "sk-");
    char secret[16];

    if (!cancelled_twice(exam))
        return false;
    snprintf(secret, sizeof secret, "%.15s", key);
    fault(scenario, 1, "401");
    fault(scenario, 2, "500 attempts=1");
    scenario->sanitized = true;
    asked(exam, "4 documents, two of which fail, under AddressSanitizer; the "
                "key is nowhere to be read");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && unseen(exam, run, secret) &&
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
