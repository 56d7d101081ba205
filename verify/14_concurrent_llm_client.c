/*
 * The grader of exercise 14, concurrent_llm_client.
 *
 * Requests, tokens and cost are those of the mock LLM server's ledger, and not
 * what the program says of itself.
 */
#ifdef VERIFY_DRIVER

#include "14_concurrent_llm_client.h"
#include "driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPTS_MAX = 64, BATCHES = 3 };

static struct concurrent_openai_client client;
static struct completion completions[PROMPTS_MAX];
static struct prompt_batch batches[BATCHES];

/* As many batches as the scenario has, one after another. */
static int run_batches(void *job)
{
    int err = 0;

    (void)job;
    for (int i = 0; i < BATCHES && *driver_text("batch", (size_t)i) && !err;
         i++)
        err = batch_generate(&batches[i]);
    return err;
}

static void prepare(void)
{
    size_t next = 0;

    for (size_t i = 0; i < driver_n(); i++) {
        completions[i].client = &client;
        completions[i].prompt = driver_text("prompt", i);
    }
    for (size_t i = 0; i < BATCHES; i++) {
        size_t n = (size_t)atoi(driver_text("batch", i));

        batches[i] = (struct prompt_batch){
            .client = &client, .completions = &completions[next], .n = n};
        next += n;
    }
}

static long billionths(double dollars)
{
    return lround(dollars * 1e9);
}

static void tell(void)
{
    for (size_t i = 0; i < driver_n(); i++) {
        struct completion *completion = &completions[i];

        completion->error[sizeof completion->error - 1] = '\0';
        driver_out_number(i, "success", completion->success);
        driver_out_text(i, "response", completion->response);
        driver_out_number(i, "tokens", completion->tokens);
        driver_out_number(i, "cost", billionths(completion->cost));
        driver_out_text(i, "error", completion->error);
        free(completion->response);
    }
    for (size_t i = 0; i < BATCHES; i++) {
        driver_out_number(i, "successful", (long)batches[i].successful);
        driver_out_number(i, "elapsed_us",
                          (long)(batches[i].elapsed_time * 1e6));
    }
    driver_out_number(0, "total_tokens", client.total_tokens);
    driver_out_number(0, "total_cost", billionths(client.total_cost));
    driver_out_number(0, "completed", (long)client.completed);
}

void driver_main(void)
{
    char base_url[64];

    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d/v1",
             driver_serve());
    client = (struct concurrent_openai_client){
        .api_key = driver_text("api_key", 0),
        .base_url = base_url,
        .max_concurrent = atoi(driver_text("max_concurrent", 0))};
    client.semaphore.permits = client.max_concurrent;
    struct llm_options options = {.api_key = client.api_key,
                                  .base_url = base_url,
                                  .timeout = 30,
                                  .max_retries = LLM_NO_RETRIES};
    client.llm = llm_client_from_provider("openai", &options);
    if (!client.llm)
        abort();
    prepare();
    driver_run(run_batches, NULL, "run_batches");
    tell();
    llm_client_free(client.llm);
}

#else

#include "grader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Scenarios --------------------------------------------------------- */

/* A word that stands in the prompt of item i, and in no other. */
static const char *word_of_item(const struct scenario *scenario, size_t i)
{
    return scenario->answers[i].text;
}

static struct scenario *prompts(struct exam *exam, size_t n, size_t limit)
{
    static const char *const ends[] = {"?", " in one sentence?",
                                       ", and what is it good for?"};
    struct scenario *scenario = scenario_new(exam, n);
    char text[128];

    scenario->web.wanted = true;
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "What is %s%s", word_of_item(scenario, i),
                 ends[draw(exam, 3)]);
        scenario_text(scenario, "prompt", text);
    }
    scenario_number(scenario, "max_concurrent", (long)limit);
    snprintf(text, sizeof text, "sk-%06zu%06zu", draw(exam, 1000000),
             draw(exam, 1000000));
    scenario_text(scenario, "api_key", text);
    return scenario;
}

static void batch(struct scenario *scenario, size_t n)
{
    scenario_number(scenario, "batch", (long)n);
}

/* Something that the server does to item i, such as "500". */
static void fault(struct scenario *scenario, size_t i, const char *what)
{
    text_add(&scenario->web.settings, "fault=%s match=%s\n", what,
             word_of_item(scenario, i));
}

/* ---- What a run holds -------------------------------------------------- */

static bool succeeded_item(struct exam *exam, const struct run *run, size_t i)
{
    const char *word = word_of_item(run->scenario, i);
    const char *response = out_of(run, i, "response");

    if (out_number(run, i, "success") != 1) {
        saw(exam,
            "completion %zu has success false, its error is %s; the server "
            "sent %s for it",
            i, quoted(out_of(run, i, "error")),
            counted(requests_about(run, word), "request"));
        likely(exam, requests_about(run, word)
                         ? "success is set once a response has come"
                         : "its prompt was never sent");
    } else if (!response || !strstr(response, word)) {
        saw(exam, "completion %zu asks about %s, its response is %s", i, word,
            quoted(response));
        likely(exam, response
                         ? "each task has a chat and a completion of its own; "
                           "the responses stand in the prompts' order"
                         : "the response was lost: it is the chat's content");
    } else {
        return true;
    }
    return false;
}

static bool all_succeeded(struct exam *exam, const struct run *run)
{
    for (size_t i = 0; i < run->scenario->n; i++)
        if (!succeeded_item(exam, run, i))
            return false;
    return true;
}

static bool failed_item(struct exam *exam, const struct run *run, size_t i,
                        const char *why)
{
    const char *error = out_of(run, i, "error");

    if (out_number(run, i, "success") != 0) {
        saw(exam, "completion %zu (%s) has success true", i, why);
        likely(exam, "llm_chat() returned an error, and nobody looked");
    } else if (!error || !*error) {
        saw(exam, "completion %zu (%s) has failed, and its error is empty", i,
            why);
        likely(exam, "async_errmsg(err), at once: the next call that suspends "
                     "may change it");
    } else if (out_of(run, i, "response")) {
        saw(exam, "completion %zu (%s) has failed, and has a response", i, why);
        likely(exam, "a response is for what has succeeded");
    } else {
        return true;
    }
    return false;
}

/* ---- Requests ---------------------------------------------------------- */

static bool sent_once(struct exam *exam, const struct run *run, size_t i)
{
    size_t n = requests_about(run, word_of_item(run->scenario, i));

    if (n == 1)
        return true;
    saw(exam, "prompt %zu was sent %s", i, n ? counted(n, "time") : "never");
    if (n > 1)
        likely(exam, "each prompt is sent once: this client retries nothing");
    else
        likely(exam, run->traffic.count > 0
                         ? "a message of the role \"user\", whose content is "
                           "the prompt; for each completion"
                         : "nothing is sent at all: llm_chat()");
    return false;
}

static bool right_request(struct exam *exam, const struct run *run, size_t i)
{
    const char *word = word_of_item(run->scenario, i);
    const struct request *request = request_about(run, word, 0);

    if (!sent_once(exam, run, i))
        return false;
    if (request->system && strstr(request->system, word)) {
        saw(exam, "prompt %zu is sent, but not as a message of the user", i);
        likely(exam, "one message, of the role \"user\", whose content is the "
                     "prompt");
    } else if (!request->model ||
               strcmp(request->model, "gpt-3.5-turbo") != 0) {
        saw(exam, "prompt %zu asks the model %s", i, quoted(request->model));
        likely(exam, "gpt-3.5-turbo, which is the client's");
    } else if (request->max_tokens != 50) {
        if (request->max_tokens < 0)
            saw(exam, "prompt %zu is sent without max_tokens", i);
        else
            saw(exam, "prompt %zu is sent with max_tokens %g", i,
                request->max_tokens);
        likely(exam, "the chat's max_tokens is 50");
    } else {
        return true;
    }
    return false;
}

static bool requests(struct exam *exam)
{
    struct scenario *scenario = prompts(exam, 8, 5);

    batch(scenario, 8);
    asked(exam, "8 prompts: each is sent once, to gpt-3.5-turbo, with "
                "max_tokens 50");
    const struct run *run = play(exam, scenario);
    if (!run || !succeeded(exam, run))
        return false;
    for (size_t i = 0; i < 8; i++)
        if (!right_request(exam, run, i))
            return false;
    return all_succeeded(exam, run);
}

/* ---- The limit --------------------------------------------------------- */

static const struct run *play_held(struct exam *exam, const char *what)
{
    size_t limit = 2 + draw(exam, 3), n = limit + 6;
    struct scenario *scenario = prompts(exam, n, limit);

    batch(scenario, n);
    scenario->web.hold = limit;
    scenario->web.requests = n;
    asked(exam, "%zu prompts, max_concurrent %zu: %s", n, limit, what);
    const struct run *run = play(exam, scenario);
    return run && succeeded(exam, run) ? run : NULL;
}

static bool reached(struct exam *exam)
{
    const struct run *run =
        play_held(exam, "nobody is answered before so many are in flight");

    return run && hold_reached(exam, run);
}

static bool never_more(struct exam *exam)
{
    const struct run *run =
        play_held(exam, "nobody is answered before nothing else would run");

    return run && hold_not_exceeded(exam, run);
}

static bool refilled(struct exam *exam)
{
    const struct run *run =
        play_held(exam, "one is answered whenever so many are in flight");

    return run && hold_refilled(exam, run) && all_succeeded(exam, run);
}

/* ---- Responses --------------------------------------------------------- */

static bool in_order(struct exam *exam)
{
    struct scenario *scenario = prompts(exam, 10, 5);

    batch(scenario, 10);
    text_add(&scenario->web.settings, "latency=0.01..0.06\nseed=%zu\n",
             draw(exam, 1000));
    asked(exam, "10 prompts, answered in another order: each one's response in "
                "its place");
    const struct run *run = play(exam, scenario);
    return run && succeeded(exam, run) && all_succeeded(exam, run);
}

enum { BAD = 3 };

static const char *const bad[BAD] = {"401", "500", "malformed"};

/* Items 1 to 3 of the first batch fail, others do not; more than there are
   permits, so that one that is not given back is missed. */
static struct scenario *failing(struct exam *exam, size_t n)
{
    struct scenario *scenario = prompts(exam, n, 2);

    for (size_t i = 0; i < BAD; i++)
        fault(scenario, 1 + i, bad[i]);
    return scenario;
}

/* A key that is not accepted and an answer that broke off have not the same
   reason. */
static bool reasons_differ(struct exam *exam, const struct run *run)
{
    const char *key = out_of(run, 1, "error"),
               *broken = out_of(run, BAD, "error");

    if (!key || !broken || strcmp(key, broken) != 0)
        return true;
    saw(exam,
        "completion 1 (401) and completion %d (malformed) have the same "
        "error, %s",
        BAD, quoted(key));
    likely(exam, "async_errmsg(err) is the text of this task's latest error: "
                 "copy it where llm_chat() has returned, and not when all is "
                 "done");
    return false;
}

static bool failures(struct exam *exam)
{
    struct scenario *scenario = failing(exam, 8);

    batch(scenario, 8);
    asked(exam, "8 prompts, of which 1 to 3 get 401, 500 and an answer that is "
                "no JSON: these fail, and no other");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 0; i < 8; i++)
        if (!(i >= 1 && i <= BAD ? failed_item(exam, run, i, bad[i - 1])
                                 : succeeded_item(exam, run, i)) ||
            !sent_once(exam, run, i))
            return false;
    return reasons_differ(exam, run);
}

/* ---- Tokens and cost --------------------------------------------------- */

/* Of what succeeded, each and all: as the server has it. */
static bool right_sums(struct exam *exam, const struct run *run)
{
    for (size_t i = 0; i < run->scenario->n; i++) {
        const struct request *request =
            request_about(run, word_of_item(run->scenario, i), 0);
        char whose[48];

        snprintf(whose, sizeof whose, "completion %zu's", i);
        if (!request || out_number(run, i, "tokens") != request->tokens) {
            saw(exam, "%s tokens are %ld, the server's are %ld", whose,
                out_number(run, i, "tokens"), request ? request->tokens : 0);
            likely(exam, "the chat's total_tokens; none of what has failed");
            return false;
        }
        if (!cost_is(exam, whose, out_number(run, i, "cost"), request->cost,
                     request->tokens))
            return false;
    }
    if (out_number(run, 0, "total_tokens") != tokens_of_all(run)) {
        saw(exam, "total_tokens is %ld, the server counts %ld",
            out_number(run, 0, "total_tokens"), tokens_of_all(run));
        likely(exam, "total_tokens is the sum over all that succeeded");
        return false;
    }
    return cost_is(exam, "the total", out_number(run, 0, "total_cost"),
                   cost_of_all(run), tokens_of_all(run));
}

static bool sums(struct exam *exam)
{
    struct scenario *scenario = failing(exam, 8);

    batch(scenario, 8);
    asked(exam, "8 prompts, of which 3 fail: tokens and cost, of each and of "
                "all, are those that the server counted");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && right_sums(exam, run);
}

/* ---- Batches ----------------------------------------------------------- */

static bool right_count(struct exam *exam, const char *what, long told,
                        long right)
{
    if (told == right)
        return true;
    saw(exam, "%s is %ld, not %ld", what, told, right);
    likely(exam, "what has failed is not counted; a batch counts its own "
                 "successes, from 0, and the client those of all batches");
    return false;
}

/* elapsed_time of a batch of n, from item `first` on, is no shorter than from
   its first request to its last answer. */
static bool elapsed(struct exam *exam, const struct run *run, size_t number,
                    size_t first, size_t n)
{
    int64_t from = INT64_MAX, to = 0;
    int64_t told = 1000 * (int64_t)out_number(run, number, "elapsed_us");

    for (size_t i = first; i < first + n; i++) {
        const struct request *request =
            request_about(run, word_of_item(run->scenario, i), 0);

        if (!request)
            continue;
        from = request->arrived < from ? request->arrived : from;
        to = request->ended > to ? request->ended : to;
    }
    if (told + MILLISECOND >= to - from &&
        told <= run->returned_at + MILLISECOND)
        return true;
    saw(exam, "elapsed_time is %s; the requests took %s",
        in_seconds(told / MILLISECOND * MILLISECOND),
        in_seconds((to - from) / MILLISECOND * MILLISECOND));
    likely(exam, "seconds: async_now() after the batch, less async_now() "
                 "before it");
    return false;
}

static bool two_batches(struct exam *exam)
{
    struct scenario *scenario = failing(exam, 9);

    batch(scenario, 5);
    batch(scenario, 4);
    text_add(&scenario->web.settings, "latency=0.02\n");
    asked(exam, "batches of 5 and 4 prompts with one client, 3 failures in the "
                "first: 2 and 4 successful, 6 completed, and each one's time");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) &&
           right_count(exam, "the first batch's successful",
                       out_number(run, 0, "successful"), 2) &&
           right_count(exam, "the second batch's successful",
                       out_number(run, 1, "successful"), 4) &&
           right_count(exam, "the client's completed",
                       out_number(run, 0, "completed"), 6) &&
           elapsed(exam, run, 0, 0, 5) && elapsed(exam, run, 1, 5, 4) &&
           right_sums(exam, run);
}

static bool none_and_one(struct exam *exam)
{
    struct scenario *scenario = failing(exam, 6);
    const char *key = strstr(text_chars(&scenario->parameters), "sk-");
    char secret[16];

    snprintf(secret, sizeof secret, "%.15s", key);
    batch(scenario, 0);
    batch(scenario, 1);
    batch(scenario, 5);
    scenario->sanitized = true;
    asked(exam, "batches of 0, 1 and 5 prompts, of which 3 fail, under "
                "AddressSanitizer; the key is nowhere to be read");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && unseen(exam, run, secret) &&
           right_count(exam, "the empty batch's successful",
                       out_number(run, 0, "successful"), 0) &&
           succeeded_item(exam, run, 0);
}

static const struct check checks[] = {
    {'a', 1, "each prompt is sent once, as it should", "", requests, 6, 0},
    {'b', 1, "the limit is reached", "", reached, 0, 0},
    {'c', 2, "it is never exceeded", "b", never_more, 0, 0},
    {'d', 1, "a free slot is used at once", "bc", refilled, 0, 0},
    {'e', 1, "responses in the prompts' order", "", in_order, 0, 0},
    {'f', 1, "failures are their own", "", failures, 8, 0},
    {'g', 1, "tokens and cost are the server's", "a", sums, 6, 0},
    {'h', 1, "a second batch", "a", two_batches, 6, 0},
    {'i', 1, "no prompt, and one; no leak, no key", "a", none_and_one, 0, 0},
    {0},
};

const struct grader grader_14_concurrent_llm_client = {
    .number = 14,
    .name = "14_concurrent_llm_client",
    .title = "concurrent LLM client",
    .functions = "int batch_generate(void *prompt_batch);",
    .first_step = "in generate_completion(), fill a struct llm_chat with the "
                  "prompt and call llm_chat(); keep what comes",
    .lesson = 10,
    .uses_llm = true,
    .checks = checks,
};

#endif
