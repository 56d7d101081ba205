/*
 * The grader of exercise 10, semaphore.
 *
 * The durations are the judge's, so that every moment at which a slot was empty
 * while a call could have begun is in its record.
 */
#ifdef VERIFY_DRIVER

#include "10_semaphore.h"
#include "driver.h"

#include <stdint.h>
#include <stdlib.h>

/* What a job of ours is, nobody else knows. */
struct item {
    size_t number;
};

static struct item *items;

/* What errs holds until somebody writes there. */
enum { UNTOUCHED = -9999 };

static int call(void *job)
{
    char *answer = NULL;
    uintptr_t at = (uintptr_t)job - (uintptr_t)items;
    const struct item *item = job;

    if (at > driver_n() * sizeof *items || at % sizeof *items != 0)
        return driver_stray("call", -1);
    if (item->number == driver_n())
        return driver_stray("call", (long)item->number);
    int err = driver_call("call", item->number, &answer);
    free(answer);
    return err;
}

static int gather_both(void *job)
{
    struct limited *halves = job;

    return async_gather_each(gather_limited, halves, 2);
}

void driver_main(void)
{
    size_t n = driver_n();
    void **jobs = calloc(n + 1, sizeof *jobs);
    int *errs = calloc(n + 1, sizeof *errs);
    int limit = atoi(driver_text("limit", 0));
    struct limited limited = {call, jobs, n, limit, errs};
    struct limited halves[2] = {{call, jobs, n / 2, limit, errs}};

    items = calloc(n + 1, sizeof *items);
    if (!jobs || !errs || !items)
        abort();
    /* One more, so that a loop that goes on too long is told as that; and
       backwards, so that the jobs are no array of items. */
    for (size_t i = 0; i <= n; i++) {
        items[n - i].number = i;
        jobs[i] = &items[n - i];
        errs[i] = UNTOUCHED;
    }
    if (*driver_text("in_halves", 0)) {
        halves[1] = (struct limited){call, jobs + n / 2, n - n / 2, limit,
                                     errs + n / 2};
        driver_run(gather_both, halves, "gather_both");
    } else {
        driver_run(gather_limited, &limited, "gather_limited");
    }
    for (size_t i = 0; i < n; i++)
        if (errs[i] != UNTOUCHED)
            driver_out_number(i, "err", errs[i]);
    free(jobs);
    free(errs);
    free(items);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALLS = 12, LIMIT = 3, MANY = 1000 };

static struct scenario *calls(struct exam *exam, size_t n, long limit)
{
    struct scenario *scenario = scenario_new(exam, n);

    scenario_number(scenario, "limit", limit);
    return scenario;
}

/* Whether every job was one of jobs. */
static bool right_jobs(struct exam *exam, const struct run *run)
{
    if (!run->strayed)
        return true;
    if (run->stray < 0) {
        saw(exam, "fn was called with a job that is none of jobs");
        likely(exam, "jobs[i] is already a pointer: it is what fn gets; not "
                     "&jobs[i], not a struct of your own");
    } else {
        saw(exam, "jobs[%ld] was used, n is %zu", run->stray, run->scenario->n);
        likely(exam, "a loop that goes once too often: i < n");
    }
    return false;
}

/* All calls made, each once, by a function that returned 0. */
static bool all_made(struct exam *exam, const struct run *run)
{
    return right_jobs(exam, run) && succeeded(exam, run) &&
           each_called_once(exam, run, "call");
}

/* ---- The limit --------------------------------------------------------- */

static const struct run *gated(struct exam *exam, size_t n, size_t limit)
{
    struct scenario *scenario = calls(exam, n, limit);

    scenario->gate = limit < n ? limit : n;
    asked(exam,
          limit == 1 ? "%zu calls, limit 1: one after another"
                     : "%zu calls, limit %zu: none is answered while fewer "
                       "than %zu are in flight",
          n, limit, scenario->gate);
    return play(exam, scenario);
}

static bool reached(struct exam *exam, size_t n, size_t limit)
{
    const struct run *run = gated(exam, n, limit);

    return run && right_jobs(exam, run) && limit_reached(exam, run) &&
           all_made(exam, run);
}

static bool limit_is_reached(struct exam *exam)
{
    return reached(exam, CALLS, LIMIT) &&
           reached(exam, 5 * CALLS, 20 + draw(exam, 20));
}

static bool kept(struct exam *exam, size_t n, size_t limit)
{
    const struct run *run = gated(exam, n, limit);

    asked(exam, "%zu calls, limit %zu: never more than %zu in flight", n, limit,
          limit);
    return run && never_over(exam, run, limit) && all_made(exam, run);
}

static bool limit_is_kept(struct exam *exam)
{
    return kept(exam, CALLS, LIMIT) &&
           kept(exam, 5 * CALLS, 20 + draw(exam, 20));
}

/* ---- Free slots -------------------------------------------------------- */

/* The first takes longer than all others together, and so does the last: who
   waits for one of them, wherever he begins, leaves slots empty. */
static bool free_slot_is_used(struct exam *exam)
{
    struct scenario *scenario = calls(exam, CALLS, LIMIT);
    int64_t sum = sum_of(scenario);

    scenario->answers[0].after += sum;
    scenario->answers[CALLS - 1].after += sum;
    asked(exam,
          "%d calls of different lengths, limit %d: as long as there are more "
          "to begin, %d are in flight",
          CALLS, LIMIT, LIMIT);
    const struct run *run = play(exam, scenario);
    return run && all_made(exam, run) && slots_kept_busy(exam, run, LIMIT);
}

static bool four_rounds(struct exam *exam)
{
    struct scenario *scenario = calls(exam, 10, 3);
    int64_t each = scenario->answers[0].after;

    for (size_t i = 0; i < 10; i++)
        scenario->answers[i].after = each;
    asked(exam, "10 calls of %s, limit 3: four rounds, %s", in_seconds(each),
          in_seconds(4 * each));
    const struct run *run = play(exam, scenario);
    if (!run || !all_made(exam, run))
        return false;
    if (same_time(run->returned_at, 4 * each))
        return true;
    saw(exam, "it returned after %s, and there were up to %zu in flight",
        in_seconds(run->returned_at), run->most_in_flight);
    likely(exam,
           run->most_in_flight > 3   ? "more than three at a time are fewer "
                                       "rounds: the limit is not kept"
           : run->most_in_flight < 3 ? "fewer than three at a time are more "
                                       "rounds: the limit is not reached"
                                     : "a free slot is not used at once: a "
                                       "sleep, or a wait for somebody else");
    return false;
}

/* ---- Calls that fail --------------------------------------------------- */

/* The first takes longest and fails with an error of its own; more of the
   others fail than there are slots. */
static struct scenario *failing(struct exam *exam)
{
    static const int errors[] = {-EPROTO, -ECONNRESET, -EHOSTUNREACH};
    struct scenario *scenario = calls(exam, CALLS, LIMIT);

    scenario->answers[0].after = 2 * slowest(scenario);
    scenario->answers[0].err = -EIO;
    for (size_t i = 2; i < CALLS; i += 2)
        scenario->answers[i].err = errors[draw(exam, 3)];
    scenario->answers[2 + 2 * draw(exam, CALLS / 2 - 1)].err = ASYNC_ECANCELED;
    return scenario;
}

/* How a wrong value may have come into errs. */
static void explain_err(struct exam *exam, const struct run *run, int err)
{
    bool all_zero = true;

    for (size_t i = 0; i < run->scenario->n; i++) {
        const char *other = out_of(run, i, "err");
        all_zero &= other && atoi(other) == 0;
    }
    if (err == ASYNC_EINPROGRESS)
        likely(exam, "a task's err is its result once it has been awaited or "
                     "gathered: copy it afterwards");
    else if (all_zero)
        likely(exam, "the result of fn is lost on its way: what the task "
                     "returns is what fn returned");
    else
        likely(exam, "errs stand in the order of jobs, not of completion; each "
                     "is the result of its own call");
}

/* errs[i] is what call i returned. */
static bool errs_in_place(struct exam *exam, const struct run *run)
{
    for (size_t i = 0; i < run->scenario->n; i++) {
        const char *err = out_of(run, i, "err");
        int wanted = run->scenario->answers[i].err;

        if (err && atoi(err) == wanted)
            continue;
        if (!err) {
            saw(exam, "errs[%zu] was not written", i);
            likely(exam, "every call has an entry in errs, 0 if it succeeded");
        } else {
            saw(exam, "errs[%zu] is %s, call %zu returned %s", i,
                error_name(atoi(err)), i, error_name(wanted));
            explain_err(exam, run, atoi(err));
        }
        return false;
    }
    return true;
}

static bool failures_are_told(struct exam *exam)
{
    struct scenario *scenario = failing(exam);

    asked(
        exam,
        "%d calls, limit %d, half of them fail, one with ASYNC_ECANCELED: all "
        "are made, errs[i] is the result of call i, and gather_limited "
        "returns 0",
        CALLS, LIMIT);
    const struct run *run = play(exam, scenario);
    if (!run || !right_jobs(exam, run))
        return false;
    for (size_t i = 0; i < CALLS; i++) {
        if (run->returned == 0 || run->returned != scenario->answers[i].err)
            continue;
        saw(exam, "gather_limited returned %s, the error of a call",
            error_name(run->returned));
        likely(exam, run->returned == ASYNC_ECANCELED
                         ? "a call that was cancelled by somebody has failed, "
                           "as others do; gather_limited was not cancelled: "
                           "async_cancelling() is 0"
                         : "one call that fails is to stop no other: errs "
                           "tells, and gather_limited returns 0");
        return false;
    }
    return all_made(exam, run) && errs_in_place(exam, run) &&
           never_over(exam, run, LIMIT) && slots_kept_busy(exam, run, LIMIT);
}

/* ---- Numbers at the edge ----------------------------------------------- */

static bool refused(struct exam *exam, long limit)
{
    asked(exam, "limit %ld: gather_limited returns -EINVAL, and calls nothing",
          limit);
    const struct run *run = play(exam, calls(exam, CALLS, limit));
    if (!run)
        return false;
    if (run->returned == -EINVAL && run->call_count == 0)
        return all_awaited(exam, run);
    saw(exam, "it returned %s after %s", error_name(run->returned),
        counted(run->call_count, "call"));
    likely(exam, "look at limit before anything else");
    return false;
}

static bool two_at_once(struct exam *exam)
{
    struct scenario *scenario = calls(exam, 2 * CALLS, LIMIT);

    scenario_text(scenario, "in_halves", "yes");
    scenario->gate = 2 * LIMIT;
    asked(exam,
          "two tasks call gather_limited at the same time, each with %d calls "
          "and a limit of %d: %d in flight together",
          CALLS, LIMIT, 2 * LIMIT);
    const struct run *run = play(exam, scenario);
    if (!run || !right_jobs(exam, run))
        return false;
    if (run->gate_open && run->most_in_flight == 2 * LIMIT)
        return all_made(exam, run);
    saw(exam, "there were up to %zu in flight", run->most_in_flight);
    likely(exam, "they share what each should have for itself: a static or "
                 "global semaphore, or other variables");
    return false;
}

static bool edges(struct exam *exam)
{
    if (!reached(exam, CALLS, 1) || !kept(exam, CALLS, 1) ||
        !reached(exam, LIMIT, LIMIT + 1 + draw(exam, 90)) || !two_at_once(exam))
        return false;
    asked(exam, "no calls at all (n is 0): gather_limited returns 0");
    const struct run *run = play(exam, calls(exam, 0, LIMIT));
    return run && all_made(exam, run) && refused(exam, 0) && refused(exam, -1);
}

/* ---- Cancelled, and a thousand ----------------------------------------- */

static bool stops_when_cancelled(struct exam *exam)
{
    struct scenario *scenario = calls(exam, CALLS, LIMIT);

    scenario->cancel_at = 50 * MILLISECOND;
    scenario->sanitized = true;
    asked(exam,
          "%d calls, limit %d, cancelled at %s: ASYNC_ECANCELED at that "
          "instant, and nothing more begins",
          CALLS, LIMIT, in_seconds(scenario->cancel_at));
    const struct run *run = play(exam, scenario);
    return run && begins_no_more(exam, run) && released_rightly(exam, run) &&
           stopped_at_once(exam, run);
}

static bool a_thousand(struct exam *exam)
{
    size_t limit = 30 + draw(exam, 40);
    struct scenario *scenario = calls(exam, MANY, limit);

    scenario->sanitized = true;
    asked(exam,
          "%d calls, limit %zu, watched by AddressSanitizer and LeakSanitizer",
          MANY, limit);
    const struct run *run = play(exam, scenario);
    return run && all_made(exam, run) && errs_in_place(exam, run);
}

static bool cancelled_and_many(struct exam *exam)
{
    return stops_when_cancelled(exam) && a_thousand(exam);
}

static const struct check checks[] = {
    {'a', 2, "the limit is reached", "", limit_is_reached, 0, 0},
    {'b', 2, "and never exceeded", "a", limit_is_kept, 0, 0},
    {'c', 2, "a free slot is used at once", "ab", free_slot_is_used, 0, 0},
    {'d', 1, "ten equal ones at three: four rounds", "", four_rounds, 0, 0},
    {'e', 1, "failures: errs, and the slots go on", "ab", failures_are_told, 0,
     0},
    {'f', 1, "any limit, no jobs, two at once", "", edges, 0, 0},
    {'g', 1, "stops when cancelled; a thousand", "", cancelled_and_many, 0, 0},
    {0},
};

const struct grader grader_10_semaphore = {
    .number = 10,
    .name = "10_semaphore",
    .title = "semaphore",
    .functions = "int gather_limited(void *limited);",
    .first_step = "write a coroutine that acquires a semaphore, calls fn on "
                  "one job, and releases it; then run it for all jobs",
    .lesson = 10,
    .checks = checks,
};

#endif
