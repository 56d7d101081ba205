/*
 * The grader of exercise 3, fix a blocking call.
 *
 * A pause that blocks holds the judge's clock, so that the fetches of a program
 * with nanosleep() begin one after another.
 */
#ifdef VERIFY_DRIVER

#include "03_fix_blocking_call.h"
#include "driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES_MAX = 8 };

static struct page pages[PAGES_MAX];

/* By its address on the net and not in memory: it may be a copy. */
static int fetch(struct page *page, const char *op,
                 int call(const char *op, size_t i, char **answer))
{
    char *answer = NULL;
    size_t i = 0;

    while (i < driver_n() && strcmp(pages[i].url, page->url) != 0)
        i++;
    if (i == driver_n())
        return async_raise(-EINVAL, "there is no page %s", page->url);
    int err = call(op, i, &answer);
    if (err)
        return err;
    page->status = answer ? atoi(answer) : 0;
    free(answer);
    return 0;
}

static int client_get(void *job)
{
    return fetch(job, "client_get", driver_call);
}

static int requests_get(void *job)
{
    return fetch(job, "requests_get", driver_call_blocking);
}

static int visit_all(void *job)
{
    (void)job;
    return async_gather_each(visit, pages, driver_n());
}

void driver_main(void)
{
    size_t n = driver_n();

    for (size_t i = 0; i < n; i++)
        pages[i] =
            (struct page){client_get, requests_get, driver_text("url", i),
                          driver_seconds("pause", i), 0};
    if (n == 1)
        driver_run(visit, &pages[0], "visit");
    else
        driver_run(visit_all, NULL, "visit_all");
    for (size_t i = 0; i < n; i++)
        driver_out_number(i, "status", pages[i].status);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PAGES = 4 };

/* Those whose answer takes longest begin first, so that the answers come in
   another order than the fetches begin. */
static int64_t pause_of(const struct scenario *scenario, size_t i)
{
    return (slowest(scenario) + 200 * MILLISECOND -
            scenario->answers[i].after) /
           10;
}

static struct scenario *pages(struct exam *exam, size_t n)
{
    struct scenario *scenario = scenario_new(exam, n);

    for (size_t i = 0; i < n; i++) {
        char url[96], *text = scenario->answers[i].text;

        snprintf(url, sizeof url, "https://example.com/%s", text);
        scenario_text(scenario, "url", url);
        scenario_seconds(scenario, "pause", pause_of(scenario, i));
        snprintf(text, sizeof scenario->answers[i].text, "%zu",
                 200 + 100 * i + draw(exam, 100));
    }
    return scenario;
}

static bool fetched(struct exam *exam, const struct run *run, size_t i)
{
    const char *status = out_of(run, i, "status");
    const char *wanted = run->scenario->answers[i].text;
    size_t suspending = calls_of(run, "client_get", i);
    size_t blocking = calls_of(run, "requests_get", i);

    if (blocking > 0 && run->blocked == 0) {
        saw(exam, "page %zu was fetched with requests_get", i);
        likely(exam, "it keeps a thread of its own waiting: client_get does "
                     "the same, and needs none");
    } else if (blocking > 0) {
        saw(exam,
            "page %zu was fetched with requests_get; for %s in all "
            "nobody else could run",
            i, in_seconds(run->blocked));
        likely(exam, "requests_get blocks the thread; client_get does the "
                     "same and suspends");
    } else if (suspending == 0) {
        saw(exam, "page %zu was never fetched", i);
        likely(exam, "it returns before it fetches");
    } else if (suspending != 1) {
        saw(exam, "page %zu was fetched %zu times", i, suspending);
        likely(exam, "each visit fetches its page once");
    } else if (!status || strcmp(status, wanted) != 0) {
        saw(exam, "page %zu has status %s, the server said %s", i,
            status ? status : "0", wanted);
        likely(exam, "client_get writes it into the job it is given: hand it "
                     "the page itself");
    } else {
        return true;
    }
    return false;
}

static bool never_blocking(struct exam *exam)
{
    asked(exam,
          "%d visits at once fetch their pages with client_get, never "
          "with requests_get",
          PAGES);
    const struct run *run = play(exam, pages(exam, PAGES));
    if (!run || !succeeded(exam, run))
        return false;
    for (size_t i = 0; i < PAGES; i++)
        if (!fetched(exam, run, i))
            return false;
    return true;
}

/* Whether the fetch of page i began after its pause. */
static bool begun_in_time(struct exam *exam, const struct run *run, size_t i)
{
    const struct call *call = call_of(run, "client_get", i);
    int64_t pause = pause_of(run->scenario, i);

    if (call && same_time(call->begun, pause))
        return true;
    if (!call) {
        saw(exam, "page %zu was not fetched with client_get", i);
        likely(exam, calls_of(run, "requests_get", i)
                         ? "requests_get, which blocks the thread, instead"
                         : "it returns before it fetches");
        return false;
    }
    saw(exam, "page %zu, pause %s, was begun at %s", i, in_seconds(pause),
        in_seconds(call->begun));
    if (thousandfold(call->begun, pause))
        likely(exam, "waited 1000 times too long: async_sleep takes seconds");
    else if (call->begun > pause)
        likely(exam, run->blocked > 0
                         ? "it waited for other visits, too: something blocks "
                           "the thread"
                         : "a further wait, or one with something else than "
                           "page->pause");
    else
        likely(exam, "no pause before the fetch, or one that is cut to whole "
                     "seconds: async_sleep(page->pause)");
    return false;
}

static bool after_its_pause(struct exam *exam)
{
    asked(exam,
          "%d visits at once: each begins its client_get after its own pause",
          PAGES);
    const struct run *run = play(exam, pages(exam, PAGES));
    if (!run || !succeeded(exam, run) || !never_blocked(exam, run))
        return false;
    for (size_t i = 0; i < PAGES; i++)
        if (!begun_in_time(exam, run, i))
            return false;
    return true;
}

static bool all_at_once(struct exam *exam)
{
    struct scenario *scenario = pages(exam, PAGES);

    scenario->gate = PAGES;
    asked(exam,
          "%d visits, of which none is answered before all have begun their "
          "fetch",
          PAGES);
    const struct run *run = play(exam, scenario);
    return run && succeeded(exam, run) && all_in_flight(exam, run);
}

/* One visit, cancelled at that moment. */
static const struct run *cancelled(struct exam *exam, struct scenario *scenario,
                                   int64_t at, const char *during)
{
    scenario->cancel_at = at;
    asked(exam,
          "cancelled at %s, during the %s: ASYNC_ECANCELED at that "
          "instant%s",
          in_seconds(at), during,
          at < pause_of(scenario, 0) ? ", and no fetch" : "");
    const struct run *run = play(exam, scenario);
    return run && stopped_at_once(exam, run) ? run : NULL;
}

static bool failure_is_returned(struct exam *exam)
{
    struct scenario *scenario = pages(exam, 1);
    struct answer *answer = &scenario->answers[0];

    answer->err = draw(exam, 2) ? -ECONNRESET : -EHOSTUNREACH;
    asked(exam, "a fetch that fails with %s: visit returns that error",
          error_name(answer->err));
    const struct run *run = play(exam, scenario);
    if (!run)
        return false;
    if (run->returned == answer->err)
        return all_awaited(exam, run);
    saw(exam, "visit returned %s", error_name(run->returned));
    likely(exam, "the error of client_get() was ignored: if (err) return err;");
    return false;
}

static bool stops_when_cancelled(struct exam *exam)
{
    struct scenario *scenario = pages(exam, 1);
    const struct run *run =
        cancelled(exam, scenario, pause_of(scenario, 0) / 2, "pause");

    if (!run)
        return false;
    if (run->call_count > 0) {
        saw(exam, "the page was fetched all the same");
        likely(exam, "the error of async_sleep() was ignored: if (err) return "
                     "err;");
        return false;
    }
    scenario = pages(exam, 1);
    return cancelled(exam, scenario,
                     pause_of(scenario, 0) + scenario->answers[0].after / 2,
                     "fetch") &&
           failure_is_returned(exam);
}

static const struct check checks[] = {
    {'a', 4, "client_get, never requests_get", "", never_blocking, 0, 2},
    {'b', 3, "each begins after its own pause", "", after_its_pause, 0, 2},
    {'c', 2, "all are fetched at once", "ab", all_at_once, 0, 0},
    {'d', 1, "stops when cancelled", "ab", stops_when_cancelled, 0, 3},
    {0},
};

const struct grader grader_03_fix_blocking_call = {
    .number = 3,
    .name = "03_fix_blocking_call",
    .title = "fix a blocking call",
    .functions = "int visit(void *page);",
    .first_step = "look at the times that it prints: nothing happens at the "
                  "same time; which two lines of visit() block the thread?",
    .lesson = 3,
    .checks = checks,
};

#endif
