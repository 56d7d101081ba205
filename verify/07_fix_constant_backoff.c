/*
 * The grader of exercise 7, fix a constant backoff.
 *
 * The server's wish, Retry-After, is a parameter for each attempt: the driver
 * counts them, so that it comes with the answer that it belongs to.
 */
#ifdef VERIFY_DRIVER

#include "07_fix_constant_backoff.h"
#include "driver.h"

#include <stdlib.h>
#include <string.h>

static struct request *requests;
static size_t *made; /* how often each was sent */

/* What HTTP says if a call ends so. */
static int status_of(int err)
{
    switch (err) {
    case 0:
        return 200;
    case LLM_EBADREQUEST:
        return 400;
    case LLM_EAUTHENTICATION:
        return 401;
    case LLM_ENOTFOUND:
        return 404;
    case LLM_ECONFLICT:
        return 409;
    case LLM_ERATELIMIT:
        return 429;
    case LLM_ESERVER:
        return 503;
    default:
        return 0;
    }
}

/* By its address on the net and not in memory: it may be a copy. */
static int send_request(void *job)
{
    struct request *request = job;
    size_t n = driver_n(), i = 0;
    char *unused = NULL;

    while (i < n && strcmp(requests[i].url, request->url) != 0)
        i++;
    if (i == n)
        return driver_stray("send", -1);
    size_t attempt = made[i]++;
    int err = driver_call("send", i, &unused);
    free(unused);
    request->status = status_of(err);
    request->retry_after = driver_seconds("retry_after", attempt * n + i);
    return err;
}

/* However each of them ends. */
static int send_all(void *backoffs)
{
    int *errs = calloc(driver_n(), sizeof *errs);

    if (!errs)
        abort();
    int err = async_gather_each_all(
        send_with_backoff, (struct backoff *)backoffs, driver_n(), errs);
    free(errs);
    return err;
}

void driver_main(void)
{
    size_t n = driver_n();
    struct backoff *backoffs = calloc(n, sizeof *backoffs);

    requests = calloc(n, sizeof *requests);
    made = calloc(n, sizeof *made);
    if (!backoffs || !requests || !made)
        abort();
    for (size_t i = 0; i < n; i++) {
        requests[i].url = driver_text("url", i);
        backoffs[i] = (struct backoff){send_request,
                                       &requests[i],
                                       atoi(driver_text("max_retries", 0)),
                                       driver_seconds("base_delay", 0),
                                       driver_seconds("max_delay", 0),
                                       0};
    }
    if (n == 1)
        driver_run(send_with_backoff, backoffs, "send_with_backoff");
    else
        driver_run(send_all, backoffs, "send_all");
    for (size_t i = 0; i < n; i++)
        driver_out_number(i, "attempts", backoffs[i].attempts);
    free(backoffs);
    free(requests);
    free(made);
}

#else

#include "grader.h"
#include "llm/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRIES = 2, LONG_RETRIES = 6 };

#define NO_LIMIT (3600 * SECOND)

static const int healing[] = {LLM_ERATELIMIT, LLM_ECONFLICT, LLM_ESERVER,
                              LLM_ECONNECTION, LLM_ETIMEDOUT};
static const int lasting[] = {LLM_EBADREQUEST, LLM_EAUTHENTICATION,
                              LLM_ENOTFOUND};
enum { HEALING = 5, LASTING = 3 };

/* n requests that the server cannot answer, ever (503). */
static struct scenario *failing(struct exam *exam, size_t n, int max_retries,
                                int64_t base, int64_t max_delay)
{
    struct scenario *scenario = scenario_new(exam, n);
    char number[16];

    scenario_tries(exam, scenario, (size_t)max_retries + 1);
    for (size_t i = 0; i < n; i++) {
        char url[96];

        snprintf(url, sizeof url, "https://api.example.com/%zu/%s", i,
                 scenario->answers[i].text);
        scenario_text(scenario, "url", url);
        for (size_t try = 0; try < scenario->tries; try++)
            answer_to(scenario, i, try)->err = LLM_ESERVER;
    }
    snprintf(number, sizeof number, "%d", max_retries);
    scenario_text(scenario, "max_retries", number);
    scenario_seconds(scenario, "base_delay", base);
    scenario_seconds(scenario, "max_delay", max_delay);
    return scenario;
}

/* A first wait that is no whole number of seconds. */
static int64_t draw_base(struct exam *exam)
{
    return (int64_t)(25 + draw(exam, 50)) * 10 * MILLISECOND + MILLISECOND;
}

static bool right_job(struct exam *exam, const struct run *run)
{
    if (!run->strayed)
        return true;
    saw(exam, "send was called with another job than its request");
    likely(exam, "its job is backoff->request");
    return false;
}

/* ---- The waits --------------------------------------------------------- */

static bool waits_double(struct exam *exam)
{
    int64_t base = draw_base(exam);

    asked(exam,
          "%d requests that always fail with 503, max_retries %d, base_delay "
          "%s: before the retries waits of %s, %s, %s and %s, or with a random "
          "part",
          BACKOFF_JOBS, BACKOFF_WAITS, in_seconds(base), in_seconds(base),
          in_seconds(2 * base), in_seconds(4 * base), in_seconds(8 * base));
    const struct run *run =
        play(exam, failing(exam, BACKOFF_JOBS, BACKOFF_WAITS, base, NO_LIMIT));
    return run && right_job(exam, run) && begins_at_once(exam, run) &&
           backs_off(exam, run, "send", BACKOFF_WAITS, base, NO_LIMIT) &&
           all_awaited(exam, run);
}

static bool no_wait_after_the_last(struct exam *exam)
{
    asked(exam,
          "max_retries %d, and every attempt fails: it returns as soon as the "
          "last has",
          RETRIES);
    const struct run *run =
        play(exam, failing(exam, 1, RETRIES, draw_base(exam), NO_LIMIT));
    return run && right_job(exam, run) &&
           called(exam, run, "send", 0, RETRIES + 1) &&
           no_wait_at_the_end(exam, run);
}

static bool never_over_max_delay(struct exam *exam)
{
    int64_t base = draw_base(exam) + SECOND / 2;
    int64_t limit = (int64_t)(5 + draw(exam, 3)) * SECOND;

    asked(exam,
          "%d requests that always fail, base_delay %s, max_retries %d: the "
          "waits double up to max_delay, %s, and stay there",
          BACKOFF_JOBS, in_seconds(base), LONG_RETRIES, in_seconds(limit));
    const struct run *run =
        play(exam, failing(exam, BACKOFF_JOBS, LONG_RETRIES, base, limit));
    if (!run || !right_job(exam, run))
        return false;
    if (backs_off(exam, run, "send", LONG_RETRIES, base, limit))
        return true;
    /* Without the limit there were enough attempts: check a passed. */
    if (run->call_count < BACKOFF_JOBS * (LONG_RETRIES + 1))
        likely(exam, "it gives up where the waits reach max_delay: the wait is "
                     "cut down, and the attempts go on");
    return false;
}

/* ---- The last error ---------------------------------------------------- */

/* So many attempts, and the out field says so. */
static bool attempted(struct exam *exam, const struct run *run, size_t times)
{
    const char *told = out_of(run, 0, "attempts");

    if (!right_job(exam, run) || !called(exam, run, "send", 0, times))
        return false;
    if (told && atoi(told) == (int)times)
        return true;
    saw(exam, "attempts is %s, and it was sent %s", told ? told : "missing",
        times == 1 ? "once" : counted(times, "time"));
    likely(exam, "attempts counts each call of send, the first included");
    return false;
}

/* What the last attempt came to is what the function returns. */
static bool returned_last(struct exam *exam, const struct run *run)
{
    const struct call *last = &run->calls[run->call_count - 1];
    const struct answer *answer = answer_to(run->scenario, 0, last->nth);
    const char *text = answer->err ? answer->text : "";

    if (run->returned == answer->err && strcmp(run->errmsg, text) == 0)
        return all_awaited(exam, run);
    saw(exam,
        "send_with_backoff returned %s (%s); the last attempt came to %s (%s)",
        error_name(run->returned), quoted(run->errmsg), error_name(answer->err),
        quoted(text));
    if (answer->err == 0)
        likely(exam, "a success ends it, and its result is 0");
    else if (run->returned == 0)
        likely(exam, "the error is lost on the way out: after the last attempt "
                     "it is what is returned");
    else
        likely(exam, "an error of its own hides what went wrong: return the "
                     "last attempt's, as it is");
    return false;
}

/* All attempts fail, but for the last, which comes to something else. */
static bool comes_to(struct exam *exam, int last)
{
    int retries = RETRIES + 1;
    struct scenario *scenario =
        failing(exam, 1, retries, draw_base(exam), NO_LIMIT);

    answer_to(scenario, 0, (size_t)retries)->err = last;
    asked(exam,
          "max_retries %d, every attempt fails with 503, and the last one %s: "
          "%d attempts, and the last one's result",
          retries,
          last == 0             ? "succeeds"
          : last == LLM_ESERVER ? "with 503, too"
                                : "with 400",
          retries + 1);
    const struct run *run = play(exam, scenario);
    return run && attempted(exam, run, (size_t)retries + 1) &&
           returned_last(exam, run);
}

static bool ends_with_the_last(struct exam *exam)
{
    return comes_to(exam, LLM_ESERVER) && comes_to(exam, LLM_EBADREQUEST) &&
           comes_to(exam, 0);
}

/* ---- Retry-After ------------------------------------------------------- */

/* The wait before the kth retry, counted from 0. */
static int64_t wait_before(const struct run *run, size_t k)
{
    return run->calls[k + 1].begun - run->calls[k].ended;
}

/* In how many seconds each of the first attempts wants to be asked again. */
static bool respected(struct exam *exam, const struct run *run,
                      const int64_t *wishes, size_t n, int64_t base)
{
    for (size_t k = 0; k < n; k++) {
        int64_t wait = wait_before(run, k);
        int64_t most = (3 * wishes[k] + 3 * (base << k)) / 2;

        if (wait > 1000 && wait >= wishes[k] - 1000 && wait <= most + 1000)
            continue;
        if (wishes[k])
            saw(exam,
                "after attempt %zu, whose retry_after was %s, it waited for %s",
                k + 1, in_seconds(wishes[k]), in_seconds(wait));
        else
            saw(exam,
                "after attempt %zu, whose retry_after was 0, it waited for %s",
                k + 1, in_seconds(wait));
        if (thousandfold(wishes[k], wait))
            likely(exam, "a thousandth of it: both retry_after and "
                         "async_sleep() are in seconds");
        else if (wait < wishes[k] && k > 0)
            likely(exam, "whatever error it comes with: a retry_after that is "
                         "greater than 0 is the least that it waits");
        else if (wait < wishes[k])
            likely(exam, "shorter than what the server asked for: look at "
                         "retry_after of the request that was sent, after each "
                         "attempt; max_delay is no limit for that");
        else if (wait <= 1000)
            likely(exam, "no wait at all: without a retry_after it is the "
                         "usual one");
        else
            likely(exam, wishes[k] ? "longer than the server asked for: it is "
                                     "in seconds"
                                   : "longer than the usual wait: retry_after "
                                     "counts for the attempt it came with");
        return false;
    }
    return true;
}

/* The first 429 says when to come again, the second does not; a 503 does. */
static bool retry_after(struct exam *exam)
{
    int64_t base = draw_base(exam);
    int64_t wishes[] = {4 * base + (int64_t)(1 + draw(exam, 9)) * MILLISECOND,
                        0, 3 * base};
    struct scenario *scenario = failing(exam, 1, 3, base, base * 5 / 2);

    answer_to(scenario, 0, 0)->err = LLM_ERATELIMIT;
    answer_to(scenario, 0, 1)->err = LLM_ERATELIMIT;
    for (size_t k = 0; k < 3; k++)
        scenario_seconds(scenario, "retry_after", wishes[k]);
    asked(exam,
          "429 with a retry_after of %s, 429 without, 503 with one of %s; "
          "base_delay %s, max_delay %s: it waits for as long as it was asked "
          "to, and for about %s after the second",
          in_seconds(wishes[0]), in_seconds(wishes[2]), in_seconds(base),
          in_seconds(base * 5 / 2), in_seconds(2 * base));
    const struct run *run = play(exam, scenario);
    if (!run || !right_job(exam, run))
        return false;
    if (called(exam, run, "send", 0, 4))
        return respected(exam, run, wishes, 3, base);
    if (run->call_count == 1)
        likely(exam, "a 429 is not tried again: it is in the list of what may "
                     "heal");
    else if (run->call_count == 3)
        likely(exam, "max_retries + 1 attempts, also when the next wait would "
                     "be longer than max_delay: that one is cut down");
    return false;
}

/* ---- What heals -------------------------------------------------------- */

/* A request for each error. */
static bool each_tried(struct exam *exam, const int *errors, size_t n,
                       size_t times)
{
    struct scenario *scenario =
        failing(exam, n, RETRIES, draw_base(exam), NO_LIMIT);

    for (size_t i = 0; i < n; i++)
        for (size_t try = 0; try < scenario->tries; try++)
            answer_to(scenario, i, try)->err = errors[i];
    const struct run *run = play(exam, scenario);
    if (!run || !right_job(exam, run))
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t seen = calls_of(run, "send", i);

        if (seen == times)
            continue;
        saw(exam, "a request that failed with %s was sent %s",
            error_name(errors[i]), counted(seen, "time"));
        if (times == 1)
            likely(exam, "it will not heal: list what does, and return "
                         "everything else at once");
        else if (seen > 1)
            return called(exam, run, "send", i, times);
        else
            likely(exam, "this one may heal: it is missing from the list of "
                         "what is tried again");
        return false;
    }
    return true;
}

static bool stops(struct exam *exam, bool in_wait)
{
    int64_t base = draw_base(exam);
    struct scenario *scenario = failing(exam, 1, RETRIES, base, NO_LIMIT);

    /* Early in the wait: it may be a short one. */
    scenario->cancel_at =
        slowest(scenario) / (in_wait ? 1 : 2) + (in_wait ? 2 * MILLISECOND : 0);
    asked(exam,
          "cancelled at %s, during the first %s: ASYNC_ECANCELED at that "
          "instant",
          in_seconds(scenario->cancel_at), in_wait ? "wait" : "attempt");
    const struct run *run = play(exam, scenario);
    if (!run || !right_job(exam, run))
        return false;
    if (stopped_at_once(exam, run))
        return true;
    if (run->call_count > 1 && !*run->blocker)
        likely(exam, "a cancellation is no failure, and it was tried again: "
                     "return ASYNC_ECANCELED, from send and from the wait");
    return false;
}

static bool only_what_heals(struct exam *exam)
{
    asked(exam, "400, 401 and 404: sent once, as that stays what it is");
    if (!each_tried(exam, lasting, LASTING, 1))
        return false;
    asked(exam, "429, 409, 503, no connection, time-out: %d attempts each",
          RETRIES + 1);
    return each_tried(exam, healing, HEALING, RETRIES + 1) &&
           stops(exam, false) && stops(exam, true);
}

static const struct check checks[] = {
    {'a', 3, "the waits double", "", waits_double, 0, 1},
    {'b', 1, "no wait after the last attempt", "", no_wait_after_the_last, 0,
     2},
    {'c', 2, "it ends as the last attempt did", "", ends_with_the_last, 0, 2},
    {'d', 2, "Retry-After is respected", "", retry_after, 0, 3},
    {'e', 1, "only what may heal is retried", "", only_what_heals, 0, 3},
    {'f', 1, "no wait over max_delay", "a", never_over_max_delay, 0, 0},
    {0},
};

const struct grader grader_07_fix_constant_backoff = {
    .number = 7,
    .name = "07_fix_constant_backoff",
    .title = "fix a constant backoff",
    .functions = "int send_with_backoff(void *backoff);",
    .first_step = "look at what it prints: when is /overloaded asked again, "
                  "and when would it have been well? Let the wait grow",
    .lesson = 9,
    .checks = checks,
};

#endif
