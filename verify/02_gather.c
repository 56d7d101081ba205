/*
 * The grader of exercise 2, gather.
 *
 * Whether calls run at the same time is seen by a gate: none is answered before
 * all are in flight. A program that does not start them all is idle with the
 * gate not full.
 */
#ifdef VERIFY_DRIVER

#include "02_gather.h"
#include "driver.h"

#include <errno.h>
#include <stdlib.h>

static int simulated_api_call(void *job)
{
    struct api_call *call = job;

    /* By its number and not by its address: it may be a copy. */
    if (call->task_id < 0 || (size_t)call->task_id >= driver_n())
        return driver_stray("simulated_api_call",
                            call->task_id == (int)driver_n() ? call->task_id
                                                             : -1);
    return driver_call("call", (size_t)call->task_id, &call->result);
}

void driver_main(void)
{
    size_t n = driver_n();
    /* One more, so that a loop that goes on too long is told as that. */
    struct api_call *calls = calloc(n + 1, sizeof *calls);
    struct fan_out fan_out = {simulated_api_call, calls, n};

    if (!calls)
        abort();
    for (size_t i = 0; i <= n; i++) {
        calls[i].delay = driver_seconds("delay", i);
        calls[i].task_id = (int)i;
    }
    driver_run(call_all, &fan_out, "call_all");
    for (size_t i = 0; i < n; i++) {
        driver_out_text(i, "result", calls[i].result);
        free(calls[i].result);
    }
    free(calls);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>

/* Many are more than some round number that somebody thinks is enough. */
enum { CALLS = 5, MANY = 1100 };

static void tell_delays(struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->n; i++)
        scenario_seconds(scenario, "delay", scenario->answers[i].after);
}

static struct scenario *calls(struct exam *exam, size_t n)
{
    struct scenario *scenario = scenario_new(exam, n);

    tell_delays(scenario);
    return scenario;
}

/* Whether every job was an element of calls. */
static bool right_jobs(struct exam *exam, const struct run *run)
{
    size_t n = run->scenario->n;

    if (!run->strayed)
        return true;
    if (run->stray < 0) {
        saw(exam, "simulated_api_call got a job that is no element of calls");
        likely(exam, "its job is &fan_out->calls[i]: not fan_out, not the "
                     "address of a pointer");
    } else {
        saw(exam, "call %ld was made, n is %zu", run->stray, n);
        likely(exam, n ? "the loop goes once too often: i < n, as the calls "
                         "are counted from 0"
                       : "a call before anybody looks at n, or i <= n, or a "
                         "number that is fixed");
    }
    return false;
}

/* All calls made, each once. */
static bool all_made(struct exam *exam, const struct run *run)
{
    return right_jobs(exam, run) && each_called_once(exam, run, "call");
}

/* ---- All goes well ----------------------------------------------------- */

static bool gated(struct exam *exam, size_t n)
{
    struct scenario *scenario = calls(exam, n);

    scenario->gate = n;
    asked(exam, "%zu calls, of which none is answered before all are in flight",
          n);
    const struct run *run = play(exam, scenario);
    return run && all_made(exam, run) && all_in_flight(exam, run);
}

/* Also more than a pool of some fixed size has workers for. */
static bool all_at_once(struct exam *exam)
{
    return gated(exam, CALLS) && gated(exam, MANY / 10 + draw(exam, 50));
}

static bool as_long_as_the_slowest(struct exam *exam)
{
    struct scenario *scenario = calls(exam, CALLS);

    asked(exam, "%d calls take as long as the slowest, %s", CALLS,
          in_seconds(slowest(scenario)));
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) && succeeded(exam, run) &&
           all_made(exam, run) && took(exam, run, slowest(scenario));
}

/* All calls made, all results there. */
static bool complete(struct exam *exam, struct scenario *scenario)
{
    const struct run *run = play(exam, scenario);

    return run && right_jobs(exam, run) && succeeded(exam, run) &&
           all_made(exam, run) && answers_in_place(exam, run, "result");
}

static bool results_in_order(struct exam *exam)
{
    asked(exam, "each result in its place, although they come in another "
                "order");
    return complete(exam, calls(exam, CALLS));
}

static bool none_and_one(struct exam *exam)
{
    asked(exam, "no calls at all (n is 0): call_all returns 0");
    if (!complete(exam, calls(exam, 0)))
        return false;
    asked(exam, "one call: call_all returns 0 and its result is there");
    return complete(exam, calls(exam, 1));
}

/* ---- One fails --------------------------------------------------------- */

/* Gives call i the longest duration of all (or the shortest). */
static void make_extreme(struct scenario *scenario, size_t i, bool longest)
{
    struct answer *answers = scenario->answers, *extreme = &answers[i];

    for (size_t other = 0; other < scenario->n; other++)
        if ((answers[other].after > extreme->after) == longest)
            extreme = &answers[other];
    int64_t after = answers[i].after;
    answers[i].after = extreme->after;
    extreme->after = after;
}

/* A call in the middle, *bad, fails first, and call slow would end last. */
static struct scenario *failing(struct exam *exam, size_t slow, size_t *bad)
{
    static const int errors[] = {-EIO, -EPROTO, -ECONNRESET, -EHOSTUNREACH};
    struct scenario *scenario = scenario_new(exam, CALLS);

    *bad = 1 + draw(exam, CALLS - 2);
    struct answer *answer = &scenario->answers[*bad];

    make_extreme(scenario, slow, true);
    make_extreme(scenario, *bad, false);
    tell_delays(scenario);
    answer->err = errors[draw(exam, 4)];
    snprintf(answer->text, sizeof answer->text, "Task %zu failed!", *bad);
    return scenario;
}

static bool fails_before(struct exam *exam, size_t slow)
{
    size_t bad;
    struct scenario *scenario = failing(exam, slow, &bad);
    const struct answer *answer = &scenario->answers[bad];

    asked(exam,
          "call %zu fails with %s at %s: call_all returns that error, "
          "when no call is in flight any more",
          bad, error_name(answer->err), in_seconds(answer->after));
    const struct run *run = play(exam, scenario);
    if (!run || !right_jobs(exam, run))
        return false;
    if (run->returned == answer->err && run->open_at_return == 0)
        return all_awaited(exam, run);
    if (run->returned == 0 && !all_awaited(exam, run))
        return false;
    saw(exam, "call_all returned %s at %s, with %s in flight",
        error_name(run->returned), in_seconds(run->returned_at),
        counted(run->open_at_return, "call"));
    if (calls_of(run, "call", bad) == 0)
        return all_made(exam, run);
    if (run->open_at_return > 0)
        likely(exam, "it returns at the first error and leaves the others "
                     "running: async_gather() or async_reap()");
    else
        likely(exam, "the error of a call, or of gather, is not passed on");
    return false;
}

/* Whoever awaits one after another, from either end, and leaves at the error,
   has not waited for the slowest if that stands at the other end. */
static bool failure_is_returned(struct exam *exam)
{
    return fails_before(exam, CALLS - 1) && fails_before(exam, 0);
}

/* ---- Memory ------------------------------------------------------------ */

static bool a_thousand(struct exam *exam)
{
    struct scenario *scenario = calls(exam, MANY);
    size_t bad;

    scenario->sanitized = true;
    asked(exam, "%d calls, watched by AddressSanitizer and LeakSanitizer",
          MANY);
    if (!complete(exam, scenario))
        return false;
    scenario = failing(exam, 0, &bad);
    scenario->sanitized = true;
    asked(exam,
          "%d calls, of which call %zu fails, watched by AddressSanitizer "
          "and LeakSanitizer",
          CALLS, bad);
    return play(exam, scenario) != NULL;
}

static const struct check checks[] = {
    {'a', 3, "all calls are in flight at once", "", all_at_once, 0, 0},
    {'b', 2, "it takes as long as the slowest", "", as_long_as_the_slowest, 0,
     0},
    {'c', 2, "results in argument order", "", results_in_order, 0, 0},
    {'d', 1, "a failure is returned", "", failure_is_returned, 0, 2},
    {'e', 1, "no calls, and one call", "", none_and_one, 0, 2},
    {'f', 1, "a thousand calls, no leak", "", a_thousand, 0, 2},
    {0},
};

const struct grader grader_02_gather = {
    .number = 2,
    .name = "02_gather",
    .title = "gather",
    .functions = "int call_all(void *fan_out);",
    .first_step = "in call_all(), spawn all n calls in one loop with "
                  "async_spawn(), then wait for all with async_gather()",
    .lesson = 3,
    .checks = checks,
};

#endif
