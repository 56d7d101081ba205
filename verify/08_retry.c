/*
 * The grader of exercise 8, retry.
 *
 * One job shows how often it is tried, and what comes of it. How the waits grow
 * is seen in many jobs at once, as each may have a random part.
 */
#ifdef VERIFY_DRIVER

#include "08_retry.h"
#include "driver.h"

#include <stdlib.h>

/* The jobs are addresses, and nothing else. */
static char *operations;

static int operation(void *job)
{
    size_t n = driver_n(), i = 0;
    char *unused = NULL;

    while (i < n && job != &operations[i])
        i++;
    if (i == n)
        return driver_stray("operation", -1);
    int err = driver_call("operation", i, &unused);
    free(unused);
    return err;
}

/* One error is not worth it; any other is, and what is no failure at all, too.
 */
static bool worth_retrying(int err)
{
    return err != atoi(driver_text("final", 0));
}

/* However each of them ends. */
static int retry_all(void *retries)
{
    int *errs = calloc(driver_n(), sizeof *errs);

    if (!errs)
        abort();
    int err =
        async_gather_each_all(retry, (struct retry *)retries, driver_n(), errs);
    free(errs);
    return err;
}

void driver_main(void)
{
    size_t n = driver_n();
    struct retry *retries = calloc(n, sizeof *retries);

    operations = malloc(n);
    if (!retries || !operations)
        abort();
    for (size_t i = 0; i < n; i++)
        retries[i] = (struct retry){operation,
                                    &operations[i],
                                    worth_retrying,
                                    atoi(driver_text("max_retries", 0)),
                                    driver_seconds("base_delay", 0),
                                    0};
    if (n == 1)
        driver_run(retry, retries, "retry");
    else
        driver_run(retry_all, retries, "retry_all");
    for (size_t i = 0; i < n; i++)
        driver_out_number(i, "attempts", retries[i].attempts);
    free(operations);
    free(retries);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRIES = 2 };

static const int errors[] = {-EIO, -EPROTO, -ECONNRESET, -EHOSTUNREACH};

/* n jobs, whose attempts all fail, each in another way than the one before it.
   The error that is not worth a retry is none of theirs. */
static struct scenario *failing(struct exam *exam, size_t n, int max_retries,
                                int64_t base)
{
    struct scenario *scenario = scenario_new(exam, n);
    size_t first = draw(exam, 4);
    char number[16];

    scenario_tries(exam, scenario, (size_t)max_retries + 1);
    for (size_t i = 0; i < n; i++)
        for (size_t try = 0; try < scenario->tries; try++)
            answer_to(scenario, i, try)->err = errors[(first + try % 2) % 4];
    snprintf(number, sizeof number, "%d", errors[(first + 3) % 4]);
    scenario_text(scenario, "final", number);
    snprintf(number, sizeof number, "%d", max_retries);
    scenario_text(scenario, "max_retries", number);
    scenario_seconds(scenario, "base_delay", base);
    return scenario;
}

/* A first wait that is no whole number of seconds. */
static int64_t draw_base(struct exam *exam)
{
    return (int64_t)(25 + draw(exam, 50)) * 10 * MILLISECOND + MILLISECOND;
}

/* The error that is not worth a retry: the one that failing() leaves out. */
static int final_error(const struct scenario *scenario)
{
    const char *at = strstr(text_chars(&scenario->parameters), "final =");

    return at ? atoi(at + strlen("final =")) : 0;
}

/* ---- What came of it --------------------------------------------------- */

static bool right_job(struct exam *exam, const struct run *run)
{
    if (!run->strayed)
        return true;
    saw(exam, "operation was called with another job than its own");
    likely(exam, "its job comes in the struct, too: operation(retry->job)");
    return false;
}

/* So many attempts, and the out field says so. */
static bool attempted(struct exam *exam, const struct run *run, size_t times)
{
    const char *told = out_of(run, 0, "attempts");

    if (!right_job(exam, run) || !called(exam, run, "operation", 0, times))
        return false;
    if (told && atoi(told) == (int)times)
        return true;
    saw(exam, "attempts is %s, and operation was called %s",
        told ? told : "missing", times == 1 ? "once" : counted(times, "time"));
    likely(exam, "attempts counts each call of operation, the first included");
    return false;
}

/* The error of the last attempt, with its text. */
static bool returned_last(struct exam *exam, const struct run *run)
{
    const struct call *last = &run->calls[run->call_count - 1];
    const struct answer *answer =
        answer_to(run->scenario, last->item, last->nth);

    if (run->returned == answer->err && strcmp(run->errmsg, answer->text) == 0)
        return all_awaited(exam, run);
    saw(exam, "retry returned %s (%s); the last attempt failed with %s (%s)",
        error_name(run->returned), quoted(run->errmsg), error_name(answer->err),
        quoted(answer->text));
    if (run->returned == 0)
        likely(exam, "the error is lost on the way out: after the last attempt "
                     "it is what retry returns");
    else if (run->returned == answer->err)
        likely(exam, "another text was recorded: return the error as it is, "
                     "without async_raise()");
    else
        likely(exam, "not the last attempt's error: that is what err holds "
                     "when operation has returned");
    return false;
}

/* ---- The checks -------------------------------------------------------- */

/* One job that succeeds at its nth attempt, counted from 0. */
static bool succeeds_at(struct exam *exam, size_t nth)
{
    struct scenario *scenario = failing(exam, 1, RETRIES, draw_base(exam));

    answer_to(scenario, 0, nth)->err = 0;
    asked(exam, "max_retries %d, and attempt %zu succeeds: retry returns 0",
          RETRIES, nth + 1);
    const struct run *run = play(exam, scenario);
    return run && attempted(exam, run, nth + 1) && succeeded(exam, run) &&
           begins_at_once(exam, run) && no_wait_at_the_end(exam, run);
}

static bool success_ends_it(struct exam *exam)
{
    if (!succeeds_at(exam, 0) || !succeeds_at(exam, RETRIES))
        return false;
    asked(exam, "max_retries 0, and the attempt fails: one attempt, no wait");
    const struct run *run = play(exam, failing(exam, 1, 0, draw_base(exam)));
    return run && attempted(exam, run, 1) && returned_last(exam, run) &&
           no_wait_at_the_end(exam, run);
}

static bool gives_up(struct exam *exam)
{
    int retries = RETRIES + 1;

    asked(exam,
          "max_retries %d, and every attempt fails: %d attempts, and the last "
          "one's error with its text",
          retries, retries + 1);
    const struct run *run =
        play(exam, failing(exam, 1, retries, draw_base(exam)));
    return run && attempted(exam, run, (size_t)retries + 1) &&
           returned_last(exam, run);
}

static bool waits_double(struct exam *exam)
{
    int64_t base = draw_base(exam);

    asked(exam,
          "%d jobs that always fail, max_retries %d, base_delay %s: before the "
          "retries waits of %s, %s, %s and %s, or with a random part",
          BACKOFF_JOBS, BACKOFF_WAITS, in_seconds(base), in_seconds(base),
          in_seconds(2 * base), in_seconds(4 * base), in_seconds(8 * base));
    const struct run *run =
        play(exam, failing(exam, BACKOFF_JOBS, BACKOFF_WAITS, base));
    return run && right_job(exam, run) &&
           backs_off(exam, run, "operation", BACKOFF_WAITS, base, INT64_MAX) &&
           all_awaited(exam, run);
}

static bool no_wait_after_the_last(struct exam *exam)
{
    asked(exam,
          "max_retries %d, and every attempt fails: it returns as soon as the "
          "last has",
          RETRIES);
    const struct run *run =
        play(exam, failing(exam, 1, RETRIES, draw_base(exam)));
    return run && right_job(exam, run) &&
           called(exam, run, "operation", 0, RETRIES + 1) &&
           no_wait_at_the_end(exam, run);
}

/* The nth attempt, counted from 0, fails for good. */
static bool final_at(struct exam *exam, size_t nth)
{
    struct scenario *scenario = failing(exam, 1, RETRIES, draw_base(exam));

    answer_to(scenario, 0, nth)->err = final_error(scenario);
    asked(exam,
          "attempt %zu fails with %s, for which worth_retrying says no: that "
          "error at once",
          nth + 1, error_name(final_error(scenario)));
    const struct run *run = play(exam, scenario);
    if (!run || !right_job(exam, run))
        return false;
    if (calls_of(run, "operation", 0) > nth + 1) {
        saw(exam, "it was tried again: %s",
            counted(calls_of(run, "operation", 0), "attempt"));
        likely(exam, nth ? "worth_retrying was asked about the first error "
                           "only: ask after each"
                         : "ask worth_retrying(err) before you wait");
        return false;
    }
    return attempted(exam, run, nth + 1) && returned_last(exam, run) &&
           no_wait_at_the_end(exam, run);
}

static bool not_worth_it(struct exam *exam)
{
    return final_at(exam, 0) && final_at(exam, 1);
}

/* ---- Cancelled --------------------------------------------------------- */

/* Whether anything was called after the cancellation. */
static bool tried_again(const struct run *run)
{
    for (size_t i = 0; run->cancelled_at != NEVER && i < run->call_count; i++)
        if (run->calls[i].begun >= run->cancelled_at)
            return true;
    return false;
}

static bool cancelled(struct exam *exam, struct scenario *scenario, int64_t at,
                      const char *when, const char *mistake)
{
    scenario->cancel_at = at;
    scenario->sanitized = true;
    asked(exam,
          "cancelled at %s, during the first %s: ASYNC_ECANCELED at that "
          "instant, although worth_retrying says yes to it; nothing leaked",
          in_seconds(at), when);
    const struct run *run = play(exam, scenario);
    if (!run || !right_job(exam, run))
        return false;
    if (stopped_at_once(exam, run))
        return true;
    if (run->cancelled_at == NEVER)
        likely(exam, "it had ended before: no wait and no second attempt after "
                     "the first failure");
    else if (tried_again(run) && !*run->blocker)
        likely(exam, "%s", mistake);
    return false;
}

/* Early in the wait: it may be a short one. */
static bool stops_when_cancelled(struct exam *exam)
{
    int64_t base = draw_base(exam);
    struct scenario *first = failing(exam, 1, RETRIES, base);
    struct scenario *second = failing(exam, 1, RETRIES, base);

    return cancelled(exam, first, slowest(first) / 2, "attempt",
                     "a cancellation is no failure, and it was tried again: "
                     "return ASYNC_ECANCELED before worth_retrying is asked") &&
           cancelled(exam, second, slowest(second) + 2 * MILLISECOND, "wait",
                     "the cancellation that the wait was to return did not end "
                     "it: wait with async_sleep(), and if (err) return err; "
                     "before the next attempt");
}

static const struct check checks[] = {
    {'a', 1, "a success ends it", "", success_ends_it, 0, 1},
    {'b', 2, "it gives up with the last error", "", gives_up, 0, 0},
    {'c', 3, "the waits double", "", waits_double, 0, 2},
    {'d', 1, "no wait after the last attempt", "", no_wait_after_the_last, 0,
     0},
    {'e', 1, "what is not worth it is not retried", "", not_worth_it, 0, 0},
    {'f', 2, "stops when cancelled", "", stops_when_cancelled, 0, 3},
    {0},
};

const struct grader grader_08_retry = {
    .number = 8,
    .name = "08_retry",
    .title = "retry",
    .functions = "int retry(void *retry);",
    .first_step = "in retry(), call the operation once, count it in attempts, "
                  "and return what it returned",
    .lesson = 9,
    .checks = checks,
};

#endif
