/*
 * The grader of exercise 15, rate_limited_processor.
 *
 * What it did is what the web server saw: how many requests were in flight, who
 * was asked again, after how long. So it does not matter whether tasks, threads
 * or libcurl by hand did it.
 */
#ifdef VERIFY_DRIVER

#include "15_rate_limited_processor.h"
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>

enum { URLS_MAX = 128, BATCHES = 3 };

static struct rate_limited_processor processor;
static struct fetch_result results[URLS_MAX];
static char urls[URLS_MAX][64];
static struct url_batch batches[BATCHES];

/* As many batches as the scenario has, one after another. */
static int run_batches(void *job)
{
    int err = 0;

    (void)job;
    for (int i = 0; i < BATCHES && *driver_text("batch", (size_t)i) && !err;
         i++)
        err = process_batch(&batches[i]);
    return err;
}

static void prepare(int port)
{
    size_t next = 0;

    processor = (struct rate_limited_processor){
        .max_concurrent = atoi(driver_text("max_concurrent", 0)),
        .max_retries = atoi(driver_text("max_retries", 0)),
        .timeout = driver_seconds("timeout", 0),
        .base_delay = driver_seconds("base_delay", 0)};
    processor.semaphore.permits = processor.max_concurrent;
    for (size_t i = 0; i < driver_n(); i++) {
        snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%d%s", port,
                 driver_text("path", i));
        results[i].processor = &processor;
        results[i].url = urls[i];
    }
    for (size_t i = 0; i < BATCHES; i++) {
        size_t n = (size_t)atoi(driver_text("batch", i));

        batches[i] = (struct url_batch){
            .processor = &processor, .results = &results[next], .n = n};
        next += n;
    }
}

static void tell_result(size_t i)
{
    const cJSON *id = cJSON_GetObjectItem(results[i].data, "id");
    char path[32];

    driver_out_number(i, "success", results[i].success);
    driver_out_number(i, "status", results[i].status);
    driver_out_number(i, "attempts", results[i].attempts);
    results[i].error[sizeof results[i].error - 1] = '\0';
    driver_out_text(i, "error", results[i].error);
    /* The path that this is the post of. */
    snprintf(path, sizeof path, "/posts/%d",
             cJSON_IsNumber(id) ? id->valueint : -1);
    driver_out_text(i, "data", results[i].data ? path : NULL);
    cJSON_Delete(results[i].data);
}

void driver_main(void)
{
    prepare(driver_serve());
    driver_run(run_batches, NULL, "run_batches");
    for (size_t i = 0; i < driver_n(); i++)
        tell_result(i);
    for (size_t i = 0; i < BATCHES; i++) {
        driver_out_number(i, "successful", (long)batches[i].successful);
        driver_out_number(i, "failed", (long)batches[i].failed);
        driver_out_billionths(i, "elapsed_time", batches[i].elapsed_time);
    }
    driver_out_number(0, "all_completed", (long)processor.completed);
    driver_out_number(0, "all_failed", (long)processor.failed);
}

#else

#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The server has so many posts. */
enum { POSTS = 100 };

/* ---- Scenarios --------------------------------------------------------- */

static const struct items posts = {
    .noun = "URL",
    .named_by_text = true,
    .field = "data",
    .unset = "success is set if an answer with a status from 200 to 299 came, "
             "and its body is JSON",
    .swapped = "results stand in the order of the URLs, not in that of "
               "completion: each task has its own result, and its own body",
    .lost = "the data was lost: it is what cJSON_Parse() returned",
    .unseen = "an answer is a success if its status is from 200 to 299 and its "
              "body is JSON",
    .silent = "every failure has a text: async_errmsg(err), also for a "
              "time-out; or the status",
    .no_use = "an error of the request's own, 4xx but for 429, is the same "
              "next time",
    .ignored = "it is not retried: look at what http_get returned, and at the "
               "status",
};

/* The path of item i: each has another one, in no order. */
static const char *path_of(const struct scenario *scenario, size_t i)
{
    return scenario->answers[i].text;
}

/* n URLs in one batch. */
static struct scenario *urls(struct exam *exam, size_t n,
                             const struct settings *settings)
{
    struct scenario *scenario = web_scenario(exam, n, &posts);
    size_t first = draw(exam, POSTS), step = 3 + 10 * draw(exam, 10);

    for (size_t i = 0; i < n; i++) {
        /* Prime to the number of posts: all are different. */
        snprintf(scenario->answers[i].text, sizeof scenario->answers[i].text,
                 "/posts/%zu", (first + i * step) % POSTS + 1);
        scenario_text(scenario, "path", path_of(scenario, i));
    }
    give_settings(scenario, settings);
    return scenario;
}

/* ---- All goes well ----------------------------------------------------- */

static bool data_in_order(struct exam *exam)
{
    const struct settings settings = {5, 3, 10 * SECOND, SECOND};
    struct scenario *scenario = urls(exam, 10, &settings);

    give_batch(scenario, 10);
    answer_in_disorder(exam, scenario);
    asked(exam, "10 URLs, answered in another order: each one's data in its "
                "place, after one request");
    const struct run *run = play(exam, scenario);
    if (!run || !succeeded(exam, run) || !rest_succeeded(exam, run, 0))
        return false;
    if (run->traffic.count == 10)
        return true;
    saw(exam, "%s for 10 URLs", counted(run->traffic.count, "request"));
    likely(exam, "what has succeeded is not asked for again");
    return false;
}

/* ---- The limit --------------------------------------------------------- */

static bool limit_kept(struct exam *exam)
{
    size_t limit = 2 + draw(exam, 3), n = limit + 6;
    const struct settings settings = {(int)limit, 3, 30 * SECOND, SECOND};
    struct scenario *scenario = urls(exam, n, &settings);

    give_batch(scenario, n);
    scenario->web.hold = limit;
    scenario->web.requests = n;
    asked(exam,
          "%zu URLs, max_concurrent %zu: nobody is answered before %zu "
          "requests are in flight, then one whenever there are as many again",
          n, limit, limit);
    const struct run *run = play(exam, scenario);
    return run && held(exam, run) && succeeded(exam, run) &&
           rest_succeeded(exam, run, 0);
}

/* ---- Attempts ---------------------------------------------------------- */

/* status is that of the last answer; 0 if none came. */
static bool right_status(struct exam *exam, const struct run *run, size_t i,
                         long wanted)
{
    if (out_number(run, i, "status") == wanted)
        return true;
    saw(exam, "%s: status is %ld, the server's last answer had %ld",
        path_of(run->scenario, i), out_number(run, i, "status"), wanted);
    likely(exam, "status is that of the last answer, also of one that is an "
                 "error");
    return false;
}

enum { TRIED = 3 };

/* Items 0 to 2 get these, and then nothing else. */
static bool status_is_retried(struct exam *exam)
{
    static const char *const statuses[TRIED] = {"429", "500", "503"};
    /* Who takes it for milliseconds waits for 10 s, and is not waited for. */
    const struct settings settings = {4, 2, 30 * SECOND, 10 * MILLISECOND};
    struct scenario *scenario = urls(exam, 6, &settings);

    give_batch(scenario, 6);
    for (size_t i = 0; i < TRIED; i++)
        fault(scenario, i, statuses[i]);
    asked(exam, "max_retries 2; three URLs always give 429, 500 and 503: "
                "3 requests for each, then an error");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 0; i < TRIED; i++)
        if (!item_tried(exam, run, i, 3, statuses[i]) ||
            !item_failed(exam, run, i, statuses[i]))
            return false;
    return rest_succeeded(exam, run, TRIED);
}

static bool time_out_is_retried(struct exam *exam, int64_t unit)
{
    const struct settings settings = {4, 1, unit, SHORT_DELAY};
    struct scenario *scenario = urls(exam, 1, &settings);

    give_batch(scenario, 1);
    fault(scenario, 0, "hang");
    asked(exam,
          "max_retries 1, timeout %s; the URL never answers: 2 requests, "
          "then an error",
          in_seconds(unit));
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) &&
           item_tried(exam, run, 0, 2, "never answers") &&
           item_failed(exam, run, 0, "never answers");
}

static bool attempts(struct exam *exam)
{
    return status_is_retried(exam) && patiently(exam, time_out_is_retried);
}

static bool not_worth_it(struct exam *exam)
{
    static const char *const statuses[] = {"400", "401", "403", "404"};
    const struct settings settings = {4, 2, 30 * SECOND, SHORT_DELAY};
    struct scenario *scenario = urls(exam, 6, &settings);

    give_batch(scenario, 6);
    for (size_t i = 0; i < 4; i++)
        fault(scenario, i, statuses[i]);
    asked(exam, "four URLs give 400, 401, 403 and 404: one request for each, "
                "then an error");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 0; i < 4; i++)
        if (!item_tried(exam, run, i, 1, statuses[i]) ||
            !item_failed(exam, run, i, statuses[i]) ||
            !right_status(exam, run, i, atol(statuses[i])))
            return false;
    return rest_succeeded(exam, run, 4) && right_status(exam, run, 4, 200);
}

/* ---- Waits ------------------------------------------------------------- */

static struct scenario *many(struct exam *exam, const struct settings *settings)
{
    struct scenario *scenario = urls(exam, WEB_JOBS, settings);

    give_batch(scenario, WEB_JOBS);
    return scenario;
}

static bool backoff(struct exam *exam)
{
    return waits_double(exam, many);
}

/* ---- No slot is held meanwhile ----------------------------------------- */

static bool slot_is_free(struct exam *exam)
{
    const struct settings settings = {1, 2, 30 * SECOND, 50 * MILLISECOND};
    struct scenario *scenario = urls(exam, 4, &settings);

    give_batch(scenario, 4);
    text_add(&scenario->web.settings, "fault=503 attempts=1\n");
    asked(exam, "max_concurrent 1; each of 4 URLs fails once: while one waits "
                "for its retry, others are fetched");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && rest_succeeded(exam, run, 0) &&
           slot_was_free(exam, run);
}

/* ---- Time-outs --------------------------------------------------------- */

/* As long as each attempt has a limit of its own, they all succeed. */
static bool each_its_own(struct exam *exam, int64_t unit)
{
    const struct settings settings = {5, 6, unit, SHORT_DELAY};
    struct scenario *scenario = urls(exam, 4, &settings);

    give_batch(scenario, 4);
    fault(scenario, 0, "hang attempts=1-2");
    fault(scenario, 1, "drip attempts=1 seconds=60");
    asked(exam,
          "timeout %s; two attempts of one URL never answer, one of "
          "another answers a byte at a time: closed, and tried again",
          in_seconds(unit));
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run) || !item_closed(exam, run, 0, 2, 3) ||
        !item_closed(exam, run, 1, 1, 2))
        return false;
    if (out_number(run, 0, "success") == 1)
        return rest_succeeded(exam, run, 0);
    saw(exam, "%s failed after %s: %s", item_name(run, 0),
        counted(requests_for(run, 0), "request"),
        quoted(out_of(run, 0, "error")));
    likely(exam, "one time limit over all attempts: each has its own");
    return false;
}

/* One that never answers has the only slot for as long as the time limit is. */
static bool waiting_is_free(struct exam *exam, int64_t unit)
{
    const struct settings settings = {1, 0, 2 * unit, 30 * SECOND};
    struct scenario *scenario = urls(exam, 4, &settings);

    give_batch(scenario, 4);
    fault(scenario, 0, "hang");
    asked(exam,
          "max_concurrent 1, max_retries 0, timeout %s; one URL never "
          "answers: the three others, which wait for the slot meanwhile, "
          "are fetched",
          in_seconds(2 * unit));
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && waiting_was_free(exam, run);
}

static bool time_limits(struct exam *exam)
{
    return patiently(exam, each_its_own) && patiently(exam, waiting_is_free);
}

/* ---- Bad answers ------------------------------------------------------- */

/* An answer came whole, and is none: the next one is the same. Half a body is
   something else, a connection that failed. */
static bool answered_once(struct exam *exam, const struct run *run, size_t i,
                          const char *why)
{
    if (requests_for(run, i) == 1)
        return true;
    saw(exam, "%s (%s): %s", item_name(run, i), why,
        counted(requests_for(run, i), "request"));
    likely(exam, "an answer with status 200 that is no JSON has failed, and "
                 "is not asked for again");
    return false;
}

static bool bad_answers(struct exam *exam)
{
    static const char *const bad[] = {"malformed", "truncate", "html", "empty"};
    const struct settings settings = {5, 1, 30 * SECOND, SHORT_DELAY};
    struct scenario *scenario = urls(exam, 6, &settings);

    give_batch(scenario, 6);
    for (size_t i = 0; i < 4; i++)
        fault(scenario, i, bad[i]);
    asked(exam, "four URLs answer with status 200, and half a JSON, half a "
                "body, HTML and nothing: each fails, and no other");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 0; i < 4; i++)
        if (!item_failed(exam, run, i, bad[i]) ||
            (strcmp(bad[i], "truncate") != 0 &&
             !answered_once(exam, run, i, bad[i])))
            return false;
    return rest_succeeded(exam, run, 4);
}

/* ---- Counts ------------------------------------------------------------ */

static bool counts(struct exam *exam, const struct run *run, size_t i,
                   const char *what, long successful, long failed)
{
    const char *names[2][2] = {{"successful", "failed"},
                               {"all_completed", "all_failed"}};
    const char **name = names[strcmp(what, "the processor") == 0];

    if (out_number(run, i, name[0]) == successful &&
        out_number(run, i, name[1]) == failed)
        return true;
    saw(exam, "%s counts %ld and %ld, not %ld and %ld", what,
        out_number(run, i, name[0]), out_number(run, i, name[1]), successful,
        failed);
    likely(exam, "a URL counts once, when it is known what became of it: in "
                 "its batch, which began at 0, and in the processor, which "
                 "goes on");
    return false;
}

static bool three_batches(struct exam *exam)
{
    const struct settings settings = {3, 2, 30 * SECOND, SHORT_DELAY};
    struct scenario *scenario = urls(exam, 8, &settings);

    give_batch(scenario, 5);
    give_batch(scenario, 0);
    give_batch(scenario, 3);
    fault(scenario, 1, "404");
    fault(scenario, 2, "503 attempts=1");
    fault(scenario, 6, "malformed");
    scenario->sanitized = true;
    asked(exam, "batches of 5, 0 and 3 URLs with one processor, a failure in "
                "the first and in the last, under AddressSanitizer");
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) &&
           counts(exam, run, 0, "the first batch", 4, 1) &&
           counts(exam, run, 1, "the empty batch", 0, 0) &&
           counts(exam, run, 2, "the last batch", 2, 1) &&
           counts(exam, run, 0, "the processor", 6, 2) &&
           elapsed_right(exam, run, 0, 0, 5) &&
           elapsed_right(exam, run, 2, 5, 3);
}

static const struct check checks[] = {
    {'a', 1, "data, in order", "", data_in_order, 0, 0},
    {'b', 1, "the limit is reached, never exceeded", "", limit_kept, 0, 0},
    {'c', 1, "max_retries + 1 attempts, then an error", "", attempts, 9, 0},
    {'d', 1, "what is not worth it is not retried", "c", not_worth_it, 9, 0},
    {'e', 1, "waits double; Retry-After", "c", backoff, 9, 0},
    {'f', 2, "no slot is held while waiting", "b", slot_is_free, 0, 0},
    {'g', 1, "each attempt has its time-out", "a", time_limits, 11, 0},
    {'h', 1, "an answer that is no JSON", "a", bad_answers, 0, 0},
    {'i', 1, "counts over three batches, no leak", "a", three_batches, 0, 0},
    {0},
};

const struct grader grader_15_rate_limited_processor = {
    .number = 15,
    .name = "15_rate_limited_processor",
    .title = "rate-limited processor",
    .functions = "int process_batch(void *url_batch);",
    .first_step = "in process_batch(), run fetch_with_retry() for each result "
                  "with async_gather_each(); in there, http_get() once",
    .lesson = 10,
    .uses_llm = true,
    .checks = checks,
};

#endif
