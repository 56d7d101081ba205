/*
 * The grader of exercise 11, timeout.
 *
 * The items of a scenario are the attempts, and behind them the cleanup that
 * each does if it is cancelled: the record shows what begins before what has
 * ended.
 */
#ifdef VERIFY_DRIVER

#include "11_timeout.h"
#include "driver.h"

#include <stdlib.h>
#include <string.h>

/* The job of the attempts: what the latest answer was, and how many there were.
 */
static struct operation {
    char *answer;
    size_t begun;
} operation;

static int attempt(void *job)
{
    size_t room = driver_n() / 2, i = operation.begun++;
    char *answer = NULL, *nothing = NULL;

    if (job != &operation)
        return driver_stray("attempt", -1);
    if (i >= room)
        return driver_stray("attempt", (long)i);
    int err = driver_call("attempt", i, &answer);
    if (err == ASYNC_ECANCELED &&
        strcmp(driver_text("cleans_up", 0), "") != 0) {
        int again = driver_call("cleanup", room + i, &nothing);
        free(nothing);
        if (again)
            return again;
    }
    if (err)
        return err;
    free(operation.answer);
    operation.answer = answer;
    return 0;
}

void driver_main(void)
{
    struct timed timed = {attempt, &operation, driver_seconds("timeout", 0),
                          atoi(driver_text("max_retries", 0)), 0};

    driver_run(call_with_timeout, &timed, "call_with_timeout");
    driver_out_number(0, "attempts", timed.attempts);
    driver_out_text(0, "answer", operation.answer);
    free(operation.answer);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many attempts a scenario has an end for; and how long those take that
   never end: a day. */
enum { ROOM = 8, DAY = 24 * 60 * 60 };

/* Attempts that never end, with a drawn timeout. */
static struct scenario *attempts(struct exam *exam, int max_retries,
                                 int64_t *timeout)
{
    struct scenario *scenario = scenario_new(exam, 2 * ROOM);

    *timeout = (int64_t)(10 + draw(exam, 30)) * 100 * MILLISECOND;
    scenario_seconds(scenario, "timeout", *timeout);
    scenario_number(scenario, "max_retries", max_retries);
    for (size_t i = 0; i < ROOM; i++)
        scenario->answers[i].after = DAY * SECOND;
    return scenario;
}

static size_t begun(const struct run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < ROOM; i++)
        n += calls_of(run, "attempt", i);
    return n;
}

/* Whether the attempts were given their own job, and were not too many. */
static bool right_jobs(struct exam *exam, const struct run *run)
{
    if (!run->strayed)
        return true;
    if (run->stray < 0) {
        saw(exam, "attempt was called with a job that is not its own");
        likely(exam, "its job is timed->job: not timed, not &timed->job");
    } else {
        saw(exam, "attempt after attempt was made, %ld before it was stopped",
            run->stray);
        likely(exam, "a loop without an end: there are max_retries + 1 "
                     "attempts at most");
    }
    return false;
}

/* ---- What came of it --------------------------------------------------- */

/* When attempt i, counted from 0, had ended, its cleanup included; NEVER if it
   had not. */
static int64_t end_of(const struct run *run, size_t i)
{
    const struct call *call = call_of(run, "attempt", i);
    const struct call *cleanup = call_of(run, "cleanup", ROOM + i);

    if (cleanup)
        return cleanup->ended;
    return call->gone != NEVER ? call->gone : call->ended;
}

/* Whether attempt i had another time than it should, or what came after it was
   late; if so, that is the mistake. */
static bool explain_attempt(struct exam *exam, const struct run *run,
                            int64_t timeout, size_t i)
{
    const struct call *call = call_of(run, "attempt", i);
    const struct call *next = call_of(run, "attempt", i + 1);
    bool stopped = call->gone != NEVER;
    int64_t had = (stopped ? call->gone : call->ended) - call->begun;
    int64_t then = next ? next->begun : run->returned_at;

    if (thousandfold(had, timeout))
        likely(exam, "1000 times too long: the timeout is in seconds");
    else if (!stopped && had > timeout)
        likely(exam,
               "attempt %zu took %s, longer than its timeout of %s, and nobody "
               "stopped it: async_wait_for()",
               i + 1, in_seconds(had), in_seconds(timeout));
    else if (stopped && !same_time(had, timeout))
        likely(exam,
               "attempt %zu was stopped after %s: each has the timeout, "
               "not a share of it, and no more",
               i + 1, in_seconds(had));
    else if (then > end_of(run, i) && !same_time(then, end_of(run, i)))
        likely(exam,
               "attempt %zu ended at %s, and then nothing happened until "
               "%s: the next one begins, or the result is returned, at "
               "once",
               i + 1, in_seconds(end_of(run, i)), in_seconds(then));
    else
        return false;
    return true;
}

/* Why it took another time, or another number of attempts, than it should. */
static void explain_pace(struct exam *exam, const struct run *run,
                         int64_t timeout, size_t wanted)
{
    size_t made = begun(run);

    for (size_t i = 0; i < made && i < ROOM; i++)
        if (end_of(run, i) != NEVER && explain_attempt(exam, run, timeout, i))
            return;
    if (*run->blocker)
        likely(exam, "%s() blocks the thread: no time-out can come",
               run->blocker);
    else if (made == 0)
        likely(exam, "no attempt was made");
    else if (made < wanted && run->returned == ASYNC_ECANCELED)
        likely(exam, "an attempt that was stopped returns ASYNC_ECANCELED: "
                     "that is the time-out, and another one follows");
    else if (made == 1)
        likely(exam, "a time-out was not followed by another attempt; or the "
                     "limit is around all of them, not around each");
    else if (made < wanted)
        likely(exam, "too few: max_retries are the attempts after the first "
                     "one");
    else if (call_of(run, "attempt", wanted - 1)->ended != NEVER)
        likely(exam, "an attempt that fails by itself is not retried: that is "
                     "the result");
    else
        likely(exam, "too many: with the first one there are max_retries + 1");
}

/* So many attempts, and the end at that time. */
static bool paced(struct exam *exam, const struct run *run, int64_t timeout,
                  size_t wanted, int64_t at)
{
    if (!right_jobs(exam, run))
        return false;
    if (begun(run) == wanted && same_time(run->returned_at, at))
        return true;
    if (begun(run) == 0 && run->returned != 0)
        return succeeded(exam, run);
    saw(exam, "%s, and it returned %s at %s", counted(begun(run), "attempt"),
        error_name(run->returned), in_seconds(run->returned_at));
    explain_pace(exam, run, timeout, wanted);
    return false;
}

/* It returned that error, and nothing was in flight any more. */
static bool returned(struct exam *exam, const struct run *run, int err)
{
    if (run->returned == err && run->open_at_return == 0)
        return all_awaited(exam, run);
    saw(exam, "it returned %s at %s, with %s in flight",
        error_name(run->returned), in_seconds(run->returned_at),
        counted(run->open_at_return, "call"));
    if (run->returned == err)
        likely(exam, "an attempt that was stopped is still to be waited for: "
                     "its cleanup takes a while");
    else if (run->returned == -ETIMEDOUT)
        likely(exam, "-ETIMEDOUT is another error, from errno.h: this one is "
                     "ASYNC_ETIMEDOUT");
    else if (run->returned == ASYNC_ECANCELED && err == ASYNC_ETIMEDOUT)
        likely(exam, "the attempt returned it, since it was stopped; what is "
                     "to be told is that the time was up");
    else if (run->returned == ASYNC_ETIMEDOUT)
        likely(exam, "every failure is told as a time-out");
    else if (run->returned == 0)
        likely(exam, "no attempt has succeeded: its error, or "
                     "ASYNC_ETIMEDOUT, is to be returned");
    else
        likely(exam,
               "an error that nobody asked for: where does it come from?");
    return false;
}

/* Attempt i was the one whose answer counts. */
static bool answered(struct exam *exam, const struct run *run, size_t i)
{
    const char *answer = out_of(run, 0, "answer");
    const char *wanted = run->scenario->answers[i].text;

    if (!succeeded(exam, run))
        return false;
    if (answer && strcmp(answer, wanted) == 0)
        return true;
    saw(exam, "the answer is %s, attempt %zu gave %s", quoted(answer), i + 1,
        quoted(wanted));
    likely(exam, "it returned before the attempt had ended, or let another one "
                 "write over its answer");
    return false;
}

/* ---- Time-outs --------------------------------------------------------- */

static bool fast(struct exam *exam)
{
    int64_t timeout;
    struct scenario *scenario = attempts(exam, 2, &timeout);

    scenario->answers[0].after = timeout / 4;
    asked(exam, "an attempt of %s, timeout %s: 0 after %s",
          in_seconds(timeout / 4), in_seconds(timeout),
          in_seconds(timeout / 4));
    const struct run *run = play(exam, scenario);
    return run && paced(exam, run, timeout, 1, timeout / 4) &&
           answered(exam, run, 0);
}

static bool never_ends(struct exam *exam, int max_retries)
{
    int64_t timeout;
    struct scenario *scenario = attempts(exam, max_retries, &timeout);
    int64_t end = (max_retries + 1) * timeout;

    asked(exam,
          "attempts that never end, timeout %s, max_retries %d: "
          "ASYNC_ETIMEDOUT after %s, at %s",
          in_seconds(timeout), max_retries,
          counted((size_t)max_retries + 1, "attempt"), in_seconds(end));
    const struct run *run = play(exam, scenario);
    return run && paced(exam, run, timeout, (size_t)max_retries + 1, end) &&
           returned(exam, run, ASYNC_ETIMEDOUT);
}

static bool times_out(struct exam *exam)
{
    return never_ends(exam, 2) && never_ends(exam, 0) &&
           never_ends(exam, 3 + (int)draw(exam, 3));
}

/* Two that take too long, and one that does not. */
static struct scenario *two_slow(struct exam *exam, int64_t *timeout,
                                 int64_t *end)
{
    struct scenario *scenario = attempts(exam, 2, timeout);

    scenario->answers[0].after = scenario->answers[1].after = *timeout * 3 / 2;
    scenario->answers[2].after = *timeout * 3 / 4;
    *end = *timeout * 11 / 4;
    return scenario;
}

static bool third_succeeds(struct exam *exam)
{
    int64_t timeout, end;
    struct scenario *scenario = two_slow(exam, &timeout, &end);

    asked(exam,
          "timeout %s, attempts of %s, %s and %s: the third one's answer, at "
          "%s",
          in_seconds(timeout), in_seconds(timeout * 3 / 2),
          in_seconds(timeout * 3 / 2), in_seconds(timeout * 3 / 4),
          in_seconds(end));
    const struct run *run = play(exam, scenario);
    return run && paced(exam, run, timeout, 3, end) && answered(exam, run, 2);
}

/* ---- An error of its own ----------------------------------------------- */

/* The first attempt that does not take too long fails, after `late` ones. */
static bool fails_after(struct exam *exam, size_t late)
{
    static const int errors[] = {-EIO, -EPROTO, -ECONNRESET, -EHOSTUNREACH};
    int64_t timeout;
    struct scenario *scenario = attempts(exam, 3, &timeout);
    struct answer *answer = &scenario->answers[late];
    int64_t end = (int64_t)late * timeout + timeout / 2;

    answer->after = timeout / 2;
    answer->err = errors[draw(exam, 4)];
    snprintf(answer->text, sizeof answer->text, "40%zu: not you",
             1 + draw(exam, 9));
    asked(exam,
          "attempt %zu fails with %s and the text %s, at %s: that is returned, "
          "and not retried",
          late + 1, error_name(answer->err), quoted(answer->text),
          in_seconds(end));
    const struct run *run = play(exam, scenario);
    if (!run || !paced(exam, run, timeout, late + 1, end) ||
        !returned(exam, run, answer->err))
        return false;
    if (strcmp(run->errmsg, answer->text) == 0)
        return true;
    saw(exam, "the error's text is %s", quoted(run->errmsg));
    likely(exam, "the error was returned, but its text got lost: something was "
                 "raised or suspended after it");
    return false;
}

static bool own_error(struct exam *exam)
{
    return fails_after(exam, 0) && fails_after(exam, 1);
}

/* ---- Cleanup ----------------------------------------------------------- */

/* Whether no attempt began while the one before it was still cleaning up. */
static bool one_at_a_time(struct exam *exam, const struct run *run)
{
    for (size_t i = 0; i + 1 < ROOM; i++) {
        const struct call *cleanup = call_of(run, "cleanup", ROOM + i);
        const struct call *next = call_of(run, "attempt", i + 1);

        if (!next)
            break;
        if (cleanup && cleanup->ended != NEVER && cleanup->ended <= next->begun)
            continue;
        saw(exam, "attempt %zu began at %s, while attempt %zu %s", i + 2,
            in_seconds(next->begun), i + 1,
            !cleanup                 ? "had not been stopped"
            : cleanup->gone != NEVER ? "was stopped in its cleanup"
                                     : "was still cleaning up");
        likely(exam, !cleanup ? "nobody cancelled it: async_wait_for() does"
                     : cleanup->gone != NEVER
                         ? "it was cancelled a second time: once is enough"
                         : "async_cancel() only asks: the attempt has ended "
                           "when it was awaited");
        return false;
    }
    return true;
}

static bool waits_for_cleanup(struct exam *exam)
{
    int64_t timeout, end;
    struct scenario *scenario = two_slow(exam, &timeout, &end);

    scenario_text(scenario, "cleans_up", "yes");
    end += scenario->answers[ROOM].after + scenario->answers[ROOM + 1].after;
    asked(exam,
          "two attempts that take too long, and %s and %s to clean up: each "
          "next one begins after that, the answer comes at %s",
          in_seconds(scenario->answers[ROOM].after),
          in_seconds(scenario->answers[ROOM + 1].after), in_seconds(end));
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) && one_at_a_time(exam, run) &&
           paced(exam, run, timeout, 3, end) && answered(exam, run, 2);
}

/* ---- Cancelled --------------------------------------------------------- */

static bool cancelled_in(struct exam *exam, size_t attempt)
{
    int64_t timeout;
    struct scenario *scenario = attempts(exam, 3, &timeout);

    scenario->cancel_at = (int64_t)(attempt - 1) * timeout + timeout / 2;
    scenario->sanitized = true;
    asked(exam,
          "cancelled at %s, in attempt %zu: ASYNC_ECANCELED at that instant, "
          "and no other attempt",
          in_seconds(scenario->cancel_at), attempt);
    const struct run *run = play(exam, scenario);
    if (!run || !right_jobs(exam, run))
        return false;
    if (begun(run) == attempt)
        return stopped_at_once(exam, run);
    saw(exam, "%s, and it returned %s at %s", counted(begun(run), "attempt"),
        error_name(run->returned), in_seconds(run->returned_at));
    likely(exam, begun(run) > attempt
                     ? "it retried its own cancellation (only ASYNC_ETIMEDOUT "
                       "is a time-out), or held it back (async_shield())"
                     : "a time-out was not followed by another attempt");
    return false;
}

static bool stops_when_cancelled(struct exam *exam)
{
    return cancelled_in(exam, 1) && cancelled_in(exam, 2);
}

/* ---- The number of attempts -------------------------------------------- */

static bool counts(struct exam *exam, struct scenario *scenario,
                   int64_t timeout, int wanted)
{
    scenario->sanitized = true;
    const struct run *run = play(exam, scenario);
    if (!run || !right_jobs(exam, run))
        return false;

    const char *told = out_of(run, 0, "attempts");
    if (told && atoi(told) == wanted && begun(run) == (size_t)wanted)
        return true;
    if (begun(run) == 0 && run->returned != 0)
        return succeeded(exam, run);
    saw(exam, "attempts is %s, %zu were made", told ? told : "not there",
        begun(run));
    if (begun(run) == (size_t)wanted)
        likely(exam, "counted on some paths only, or without the first one: it "
                     "is how many were begun");
    else
        explain_pace(exam, run, timeout, (size_t)wanted);
    return false;
}

static bool attempts_counted(struct exam *exam)
{
    int64_t timeout, end;
    struct scenario *scenario = two_slow(exam, &timeout, &end);

    asked(exam, "the third attempt succeeds: attempts is 3");
    if (!counts(exam, scenario, timeout, 3))
        return false;
    asked(exam, "max_retries is 1, and no attempt ends: attempts is 2");
    scenario = attempts(exam, 1, &timeout);
    if (!counts(exam, scenario, timeout, 2))
        return false;
    scenario = attempts(exam, 1, &timeout);
    scenario->answers[0].after = timeout / 2;
    scenario->answers[0].err = -EIO;
    asked(exam, "the first attempt fails: attempts is 1");
    return counts(exam, scenario, timeout, 1);
}

static const struct check checks[] = {
    {'a', 1, "a fast one takes no extra time", "", fast, 0, 0},
    {'b', 2, "one that never ends: so many time-outs", "", times_out, 0, 0},
    {'c', 2, "slow, slow, fast: a limit for each", "", third_succeeds, 0, 0},
    {'d', 1, "an error of its own is not retried", "", own_error, 0, 0},
    {'e', 2, "its cleanup first, then the next", "", waits_for_cleanup, 0, 0},
    {'f', 1, "stops when cancelled", "c", stops_when_cancelled, 0, 0},
    {'g', 1, "attempts are counted", "", attempts_counted, 0, 0},
    {0},
};

const struct grader grader_11_timeout = {
    .number = 11,
    .name = "11_timeout",
    .title = "timeout",
    .functions = "int call_with_timeout(void *timed);",
    .first_step = "make one attempt with async_wait_for(timed->attempt, "
                  "timed->job, timed->timeout), and return what it returns",
    .lesson = 11,
    .checks = checks,
};

#endif
