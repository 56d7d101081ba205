/*
 * The grader of exercise 14, concurrent_llm_client.
 *
 * Requests, tokens and cost are those of the mock LLM server's ledger, and not
 * what the program says of itself.
 */
#ifdef VERIFY_DRIVER

#include "14_concurrent_llm_client.h"
#include "driver.h"

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

static void tell(void)
{
    for (size_t i = 0; i < driver_n(); i++) {
        struct completion *completion = &completions[i];

        completion->error[sizeof completion->error - 1] = '\0';
        driver_out_number(i, "success", completion->success);
        driver_out_text(i, "response", completion->response);
        driver_out_number(i, "tokens", completion->tokens);
        driver_out_billionths(i, "cost", completion->cost);
        driver_out_text(i, "error", completion->error);
        free(completion->response);
    }
    for (size_t i = 0; i < BATCHES; i++) {
        driver_out_number(i, "successful", (long)batches[i].successful);
        driver_out_billionths(i, "elapsed_time", batches[i].elapsed_time);
    }
    driver_out_number(0, "total_tokens", client.total_tokens);
    driver_out_billionths(0, "total_cost", client.total_cost);
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

#include "traffic.h"

#include <stdio.h>
#include <string.h>

/* ---- Scenarios --------------------------------------------------------- */

static const struct items completions = {
    .noun = "completion",
    .field = "response",
    .unset = "success is set once a response has come",
    .swapped = "each task has a chat and a completion of its own; the "
               "responses stand in the prompts' order",
    .lost = "the response was lost: it is the chat's content",
    .unseen = "llm_chat() returned an error, and nobody looked",
    .silent = "async_errmsg(err), at once: the next call that suspends may "
              "change it",
};

/* A word that stands in the prompt of item i, and in no other. */
static const char *word_of_item(const struct scenario *scenario, size_t i)
{
    return scenario->answers[i].text;
}

static struct scenario *prompts(struct exam *exam, size_t n, size_t limit)
{
    static const char *const ends[] = {"?", " in one sentence?",
                                       ", and what is it good for?"};
    struct scenario *scenario = web_scenario(exam, n, &completions);
    char text[128];

    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "What is %s%s", word_of_item(scenario, i),
                 ends[draw(exam, 3)]);
        scenario_text(scenario, "prompt", text);
    }
    scenario_number(scenario, "max_concurrent", (long)limit);
    give_key(exam, scenario);
    return scenario;
}

/* ---- Requests ---------------------------------------------------------- */

static bool sent_once(struct exam *exam, const struct run *run, size_t i)
{
    size_t n = requests_for(run, i);

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
    const struct request *request = request_for(run, i, 0);

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

    give_batch(scenario, 8);
    asked(exam, "8 prompts: each is sent once, to gpt-3.5-turbo, with "
                "max_tokens 50");
    const struct run *run = play(exam, scenario);
    if (!run || !succeeded(exam, run))
        return false;
    for (size_t i = 0; i < 8; i++)
        if (!right_request(exam, run, i))
            return false;
    return rest_succeeded(exam, run, 0);
}

/* ---- The limit --------------------------------------------------------- */

static const struct run *play_held(struct exam *exam, const char *what)
{
    size_t limit = 2 + draw(exam, 3), n = limit + 6;
    struct scenario *scenario = prompts(exam, n, limit);

    give_batch(scenario, n);
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

    return run && hold_refilled(exam, run) && rest_succeeded(exam, run, 0);
}

/* ---- Responses --------------------------------------------------------- */

static bool in_order(struct exam *exam)
{
    struct scenario *scenario = prompts(exam, 10, 5);

    give_batch(scenario, 10);
    answer_in_disorder(exam, scenario);
    asked(exam, "10 prompts, answered in another order: each one's response in "
                "its place");
    const struct run *run = play(exam, scenario);
    return run && succeeded(exam, run) && rest_succeeded(exam, run, 0);
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

    give_batch(scenario, 8);
    asked(exam, "8 prompts, of which 1 to 3 get 401, 500 and an answer that is "
                "no JSON: these fail, and no other");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 0; i < 8; i++)
        if (!(i >= 1 && i <= BAD ? item_failed(exam, run, i, bad[i - 1])
                                 : item_succeeded(exam, run, i)) ||
            !sent_once(exam, run, i))
            return false;
    return reasons_differ(exam, run);
}

/* ---- Tokens and cost --------------------------------------------------- */

static bool sums(struct exam *exam)
{
    struct scenario *scenario = failing(exam, 8);

    give_batch(scenario, 8);
    asked(exam, "8 prompts, of which 3 fail: tokens and cost, of each and of "
                "all, are those that the server counted");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && sums_right(exam, run);
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

static bool two_batches(struct exam *exam)
{
    struct scenario *scenario = failing(exam, 9);

    give_batch(scenario, 5);
    give_batch(scenario, 4);
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
           elapsed_right(exam, run, 0, 0, 5) &&
           elapsed_right(exam, run, 1, 5, 4) && sums_right(exam, run);
}

static bool none_and_one(struct exam *exam)
{
    struct scenario *scenario = failing(exam, 6);

    give_batch(scenario, 0);
    give_batch(scenario, 1);
    give_batch(scenario, 5);
    scenario->sanitized = true;
    asked(exam, "batches of 0, 1 and 5 prompts, of which 3 fail, under "
                "AddressSanitizer; the key is nowhere to be read");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && key_unseen(exam, run) &&
           right_count(exam, "the empty batch's successful",
                       out_number(run, 0, "successful"), 0) &&
           item_succeeded(exam, run, 0);
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
