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
    const cJSON *title = cJSON_GetObjectItem(results[i].data, "title");

    driver_out_number(i, "success", results[i].success);
    driver_out_number(i, "status", results[i].status);
    driver_out_number(i, "attempts", results[i].attempts);
    results[i].error[sizeof results[i].error - 1] = '\0';
    driver_out_text(i, "error", results[i].error);
    driver_out_number(i, "id", cJSON_IsNumber(id) ? id->valueint : -1);
    driver_out_text(i, "title", cJSON_GetStringValue(title));
    driver_out_number(i, "data", results[i].data != NULL);
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
        driver_out_number(i, "elapsed_us",
                          (long)(batches[i].elapsed_time * 1e6));
    }
    driver_out_number(0, "all_completed", (long)processor.completed);
    driver_out_number(0, "all_failed", (long)processor.failed);
}

#else

#include "grader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The server has so many posts. */
enum { POSTS = 100 };

/* ---- Scenarios --------------------------------------------------------- */

struct settings {
    int max_concurrent, max_retries;
    int64_t timeout, base_delay;
};

/* Nobody waits for long. */
static const int64_t base = 5 * MILLISECOND / 2;

/* The path of item i: each has another one, in no order. */
static const char *path_of(const struct scenario *scenario, size_t i)
{
    return scenario->answers[i].text;
}

/* n URLs in one batch. */
static struct scenario *urls(struct exam *exam, size_t n,
                             const struct settings *settings)
{
    struct scenario *scenario = scenario_new(exam, n);
    size_t first = draw(exam, POSTS), step = 3 + 10 * draw(exam, 10);

    scenario->web.wanted = true;
    for (size_t i = 0; i < n; i++) {
        /* Prime to the number of posts: all are different. */
        snprintf(scenario->answers[i].text, sizeof scenario->answers[i].text,
                 "/posts/%zu", (first + i * step) % POSTS + 1);
        scenario_text(scenario, "path", path_of(scenario, i));
    }
    scenario_number(scenario, "max_concurrent", settings->max_concurrent);
    scenario_number(scenario, "max_retries", settings->max_retries);
    scenario_seconds(scenario, "timeout", settings->timeout);
    scenario_seconds(scenario, "base_delay", settings->base_delay);
    return scenario;
}

static void batch(struct scenario *scenario, size_t n)
{
    scenario_number(scenario, "batch", (long)n);
}

/* Something that the server does to item i, such as "503 attempts=1". */
static void fault(struct scenario *scenario, size_t i, const char *what)
{
    text_add(&scenario->web.settings, "fault=%s match=%s\n", what,
             path_of(scenario, i));
}

/* ---- What a run holds -------------------------------------------------- */

static bool succeeded_item(struct exam *exam, const struct run *run, size_t i)
{
    const char *path = path_of(run->scenario, i);
    long id = atol(path + strlen("/posts/"));
    const char *error = out_of(run, i, "error");

    if (out_number(run, i, "success") != 1) {
        saw(exam, "%s has success false, its error is %s; the server got %s",
            path, quoted(error), counted(requests_to(run, path), "request"));
        likely(exam, requests_to(run, path)
                         ? "success is set if an answer with a status from 200 "
                           "to 299 came, and its body is JSON"
                         : "it was never fetched");
    } else if (out_number(run, i, "id") != id) {
        saw(exam, "the data of %s is that of post %ld", path,
            out_number(run, i, "id"));
        likely(exam, "results stand in the order of the URLs, not in that of "
                     "completion: each task has its own result, and its own "
                     "body");
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

/* ---- All goes well ----------------------------------------------------- */

static bool data_in_order(struct exam *exam)
{
    const struct settings settings = {5, 3, 10 * SECOND, SECOND};
    struct scenario *scenario = urls(exam, 10, &settings);

    batch(scenario, 10);
    text_add(&scenario->web.settings, "latency=0.01..0.06\nseed=%zu\n",
             draw(exam, 1000));
    asked(exam, "10 URLs, answered in another order: each one's data in its "
                "place, after one request");
    const struct run *run = play(exam, scenario);
    if (!run || !succeeded(exam, run) || !all_succeeded(exam, run))
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

    batch(scenario, n);
    scenario->web.hold = limit;
    scenario->web.requests = n;
    asked(exam,
          "%zu URLs, max_concurrent %zu: nobody is answered before %zu "
          "requests are in flight, then one whenever there are as many again",
          n, limit, limit);
    const struct run *run = play(exam, scenario);
    return run && held(exam, run) && succeeded(exam, run) &&
           all_succeeded(exam, run);
}

/* ---- Attempts ---------------------------------------------------------- */

/* It failed as it should, and says why. */
static bool failed_item(struct exam *exam, const struct run *run, size_t i,
                        const char *why)
{
    const char *path = path_of(run->scenario, i);
    const char *error = out_of(run, i, "error");

    if (out_number(run, i, "success") != 0) {
        saw(exam, "%s (%s) has success true", path, why);
        likely(exam, "an answer is a success if its status is from 200 to 299 "
                     "and its body is JSON");
    } else if (!error || !*error) {
        saw(exam, "%s (%s) has failed, and its error is empty", path, why);
        likely(exam, "every failure has a text: async_errmsg(err), also for a "
                     "time-out; or the status");
    } else if (out_number(run, i, "data") != 0) {
        saw(exam, "%s (%s) has failed, and its data is not NULL", path, why);
        likely(exam, "data is for what has succeeded");
    } else {
        return true;
    }
    return false;
}

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

static bool tried(struct exam *exam, const struct run *run, size_t i,
                  size_t wanted, const char *why)
{
    const char *path = path_of(run->scenario, i);
    size_t requests = requests_to(run, path);

    if (requests == wanted && out_number(run, i, "attempts") == (long)wanted)
        return true;
    if (requests == wanted) {
        saw(exam, "%s (%s): %s, but attempts is %ld", path, why,
            counted(requests, "request"), out_number(run, i, "attempts"));
        likely(exam, "attempts counts the requests, the first one, too");
        return false;
    }
    saw(exam, "%s (%s): %s", path, why, counted(requests, "request"));
    if (requests == 0)
        likely(exam, "it was never fetched");
    else if (wanted == 1)
        likely(exam, "an error of the request's own, 4xx but for 429, is the "
                     "same next time");
    else if (requests == 1 && strcmp(why, "429") == 0)
        likely(exam, "429 is the one 4xx that is retried: later the server "
                     "takes the same request");
    else if (requests == 1 && why[0] != '5')
        likely(exam, "a time-out is retried, and each attempt has a time limit "
                     "of its own: async_wait_for() around one, not around all");
    else if (requests == 1)
        likely(exam, "it is not retried: look at what http_get returned, and "
                     "at the status");
    else if (requests + 1 == wanted)
        likely(exam, "max_retries counts the retries, not the attempts");
    else
        likely(exam, "max_retries + 1 attempts, not more");
    return false;
}

enum { TRIED = 4 };

/* Items 0 to 3 get these, and then nothing else. */
static bool attempts_once(struct exam *exam)
{
    static const char *const faults[TRIED] = {"429", "500", "503", "hang"};
    static const char *const whys[TRIED] = {"429", "500", "503",
                                            "never answers"};
    const struct settings settings = {6, 2, 150 * MILLISECOND, base};
    struct scenario *scenario = urls(exam, 6, &settings);

    batch(scenario, 6);
    for (size_t i = 0; i < TRIED; i++)
        fault(scenario, i, faults[i]);
    asked(exam, "max_retries 2, timeout 0.15 s; three URLs always give 429, "
                "500 and 503, and one never answers: 3 requests for each, then "
                "an error");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 0; i < TRIED; i++)
        if (!tried(exam, run, i, 3, whys[i]) ||
            !failed_item(exam, run, i, whys[i]))
            return false;
    for (size_t i = TRIED; i < 6; i++)
        if (!succeeded_item(exam, run, i))
            return false;
    return true;
}

static bool attempts(struct exam *exam)
{
    return in_three(exam, attempts_once);
}

static bool not_worth_it(struct exam *exam)
{
    static const char *const statuses[] = {"400", "401", "403", "404"};
    const struct settings settings = {4, 2, 30 * SECOND, base};
    struct scenario *scenario = urls(exam, 6, &settings);

    batch(scenario, 6);
    for (size_t i = 0; i < 4; i++)
        fault(scenario, i, statuses[i]);
    asked(exam, "four URLs give 400, 401, 403 and 404: one request for each, "
                "then an error");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 0; i < 4; i++)
        if (!tried(exam, run, i, 1, statuses[i]) ||
            !failed_item(exam, run, i, statuses[i]) ||
            !right_status(exam, run, i, atol(statuses[i])))
            return false;
    return succeeded_item(exam, run, 4) && right_status(exam, run, 4, 200) &&
           succeeded_item(exam, run, 5);
}

/* ---- Waits ------------------------------------------------------------- */

enum { ASKING = 4 };

static const int64_t asked_for = 300 * MILLISECOND;

/* From the end of request k to the next one; -1: there is none. */
static int64_t wait_after(const struct run *run, const char *path, size_t k)
{
    const struct request *request = request_to(run, path, k);
    const struct request *next = request_to(run, path, k + 1);

    return next ? next->arrived - request->ended : -1;
}

static bool asked_waits(struct exam *exam, const struct run *run)
{
    for (size_t i = 0; i < ASKING; i++) {
        const char *path = path_of(run->scenario, i);
        int64_t wait = wait_after(run, path, 0);

        if (wait >= asked_for)
            continue;
        if (wait < 0)
            saw(exam, "%s was not retried after its 429", path);
        else
            saw(exam, "%s was sent again after %s", path,
                in_seconds(wait / MILLISECOND * MILLISECOND));
        likely(exam, "retry_after is the least that the server asks for: wait "
                     "so long if that is longer than the backoff");
        return false;
    }
    return true;
}

static bool backoff_once(struct exam *exam)
{
    const int n = WEB_JOBS + ASKING;
    const struct settings settings = {n, WEB_WAITS, 30 * SECOND, base};
    struct scenario *scenario = urls(exam, (size_t)n, &settings);

    batch(scenario, (size_t)n);
    for (size_t i = 0; i < ASKING; i++) {
        fault(scenario, i, "429 attempts=1 retry-after-ms=300");
        fault(scenario, i, "404"); /* so that it ends with that */
    }
    /* Answers that come one after another, or each would wait, too, for its
       turn to be read. */
    text_add(&scenario->web.settings,
             "fault=503 attempts=1-%d\nlatency=0..0.01\n", WEB_WAITS);
    asked(exam,
          "base_delay %s, max_retries %d; %d URLs fail %d times: each wait is "
          "twice the one before; %d are asked to wait %s",
          in_seconds(base), WEB_WAITS, WEB_JOBS, WEB_WAITS, ASKING,
          in_seconds(asked_for));
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && asked_waits(exam, run) &&
           waits_doubled(exam, run, request_to, ASKING, base);
}

static bool backoff(struct exam *exam)
{
    return in_three(exam, backoff_once);
}

/* ---- No slot is held meanwhile ----------------------------------------- */

/* Whether another request came between two for that path. */
static bool others_ran(const struct run *run, const char *path)
{
    const struct request *first = request_to(run, path, 0);
    const struct request *second = request_to(run, path, 1);

    for (const struct request *other = first + 1; second && other < second;
         other++)
        if (strcmp(other->path, path) != 0)
            return true;
    return false;
}

static bool slot_is_free(struct exam *exam)
{
    const struct settings settings = {1, 2, 30 * SECOND, 50 * MILLISECOND};
    struct scenario *scenario = urls(exam, 4, &settings);
    const struct run *run;

    batch(scenario, 4);
    text_add(&scenario->web.settings, "fault=503 attempts=1\n");
    asked(exam, "max_concurrent 1; each of 4 URLs fails once: while one waits "
                "for its retry, others are fetched");
    run = play(exam, scenario);
    if (!run || !went_on(exam, run) || !all_succeeded(exam, run))
        return false;
    for (size_t i = 0; i < 4; i++)
        if (others_ran(run, path_of(scenario, i)))
            return true;
    saw(exam, "each URL was retried before any other was fetched");
    likely(exam, "the permit is held during the wait: it belongs to an "
                 "attempt, and is given back before async_sleep()");
    return false;
}

/* ---- Time-outs --------------------------------------------------------- */

/* The client closed the k-th request for that path before it was answered. */
static bool was_closed(struct exam *exam, const struct run *run,
                       const char *path, size_t k)
{
    const struct request *request = request_to(run, path, k);

    if (request && request->left && request->ended != NEVER)
        return true;
    if (!request)
        saw(exam, "%s: %s, and no more", path,
            counted(requests_to(run, path), "request"));
    else
        saw(exam, "%s: request %zu was still open when your function returned",
            path, k + 1);
    likely(exam, request ? "who gives up closes the connection, too: "
                           "async_wait_for() cancels http_get, which does"
                         : "a time-out is retried, and each attempt has a time "
                           "limit of its own");
    return false;
}

/* As long as each attempt has a limit of its own, they all succeed. */
static bool each_its_own(struct exam *exam)
{
    const struct settings settings = {5, 6, 100 * MILLISECOND, base};
    struct scenario *scenario = urls(exam, 4, &settings);
    const char *hangs = path_of(scenario, 0), *drips = path_of(scenario, 1);

    batch(scenario, 4);
    fault(scenario, 0, "hang attempts=1-2");
    fault(scenario, 1, "drip attempts=1 seconds=60");
    asked(exam, "timeout 0.1 s; two attempts of one URL never answer, one of "
                "another answers a byte at a time: closed, and tried again");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run) || !was_closed(exam, run, hangs, 0) ||
        !was_closed(exam, run, hangs, 1) || !was_closed(exam, run, drips, 0))
        return false;
    if (out_number(run, 0, "success") == 1)
        return all_succeeded(exam, run);
    saw(exam, "%s failed after %s: %s", hangs,
        counted(requests_to(run, hangs), "request"),
        quoted(out_of(run, 0, "error")));
    likely(exam, "one time limit over all attempts: each has its own");
    return false;
}

/* One that never answers has the only slot for as long as the time limit is. */
static bool waiting_is_free(struct exam *exam)
{
    const struct settings settings = {1, 0, 200 * MILLISECOND, 30 * SECOND};
    struct scenario *scenario = urls(exam, 4, &settings);

    batch(scenario, 4);
    fault(scenario, 0, "hang");
    asked(exam, "max_concurrent 1, max_retries 0, timeout 0.2 s; one URL never "
                "answers: the three others, which wait for the slot meanwhile, "
                "are fetched");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 1; i < 4; i++) {
        if (out_number(run, i, "success") == 1)
            continue;
        saw(exam, "%s failed after %s: %s", path_of(scenario, i),
            counted(requests_to(run, path_of(scenario, i)), "request"),
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

/* ---- Bad answers ------------------------------------------------------- */

/* An answer came whole, and is none: the next one is the same. Half a body is
   something else, a connection that failed. */
static bool answered_once(struct exam *exam, const struct run *run, size_t i,
                          const char *why)
{
    const char *path = path_of(run->scenario, i);

    if (requests_to(run, path) == 1)
        return true;
    saw(exam, "%s (%s): %s", path, why,
        counted(requests_to(run, path), "request"));
    likely(exam, "an answer with status 200 that is no JSON has failed, and "
                 "is not asked for again");
    return false;
}

static bool bad_answers(struct exam *exam)
{
    static const char *const bad[] = {"malformed", "truncate", "html", "empty"};
    const struct settings settings = {5, 1, 30 * SECOND, base};
    struct scenario *scenario = urls(exam, 6, &settings);

    batch(scenario, 6);
    for (size_t i = 0; i < 4; i++)
        fault(scenario, i, bad[i]);
    asked(exam, "four URLs answer with status 200, and half a JSON, half a "
                "body, HTML and nothing: each fails, and no other");
    const struct run *run = play(exam, scenario);
    if (!run || !went_on(exam, run))
        return false;
    for (size_t i = 0; i < 4; i++)
        if (!failed_item(exam, run, i, bad[i]) ||
            (strcmp(bad[i], "truncate") != 0 &&
             !answered_once(exam, run, i, bad[i])))
            return false;
    return succeeded_item(exam, run, 4) && succeeded_item(exam, run, 5);
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

/* elapsed_time is no shorter than from the batch's first request to its last
   answer. */
static bool elapsed(struct exam *exam, const struct run *run, size_t number,
                    size_t first, size_t n)
{
    int64_t from = INT64_MAX, to = 0;
    int64_t told = 1000 * (int64_t)out_number(run, number, "elapsed_us");

    for (size_t i = first; i < first + n; i++) {
        const char *path = path_of(run->scenario, i);
        const struct request *request;

        for (size_t k = 0; (request = request_to(run, path, k)); k++) {
            from = request->arrived < from ? request->arrived : from;
            to = request->ended > to ? request->ended : to;
        }
    }
    if (told + MILLISECOND >= to - from &&
        told <= run->returned_at + MILLISECOND)
        return true;
    saw(exam, "elapsed_time is %s; its requests took %s",
        in_seconds(told / MILLISECOND * MILLISECOND),
        in_seconds((to - from) / MILLISECOND * MILLISECOND));
    likely(exam, "async_now() after the batch, less async_now() before it");
    return false;
}

static bool two_batches(struct exam *exam)
{
    const struct settings settings = {3, 2, 30 * SECOND, base};
    struct scenario *scenario = urls(exam, 8, &settings);

    batch(scenario, 5);
    batch(scenario, 0);
    batch(scenario, 3);
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
           elapsed(exam, run, 0, 0, 5) && elapsed(exam, run, 2, 5, 3);
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
    {'i', 1, "counts over two batches, no leak", "a", two_batches, 0, 0},
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
