/*
 * The grader of exercise 9, fix a missing semaphore.
 *
 * That a limit is kept says nothing of a program that does not come up to it,
 * so that both are seen in one run: nobody is answered before as many are in
 * flight as may be.
 */
#ifdef VERIFY_DRIVER

#include "09_fix_no_semaphore.h"
#include "driver.h"

#include <stdlib.h>
#include <string.h>

static struct fetch *fetches;

/* By its address on the net and not in memory: it may be a copy. */
static size_t number_of(const struct fetch *fetch)
{
    size_t n = driver_n(), i = 0;

    /* A thousand texts take too long to be compared a thousand times. */
    while (i < n && fetches[i].url != fetch->url)
        i++;
    if (i == n)
        for (i = 0; i < n && strcmp(fetches[i].url, fetch->url) != 0;)
            i++;
    return i;
}

static int fetch(void *job)
{
    size_t i = number_of(job);
    char *answer = NULL;

    if (i == driver_n())
        return driver_stray("fetch", -1);
    int err = driver_call("fetch", i, &answer);
    free(answer);
    return err;
}

static int fetch_both(void *job)
{
    struct fetch_batch *halves = job;

    return async_gather_each(fetch_all, halves, 2);
}

void driver_main(void)
{
    size_t n = driver_n();
    bool in_halves = *driver_text("in_halves", 0) != '\0';
    size_t first = in_halves ? n / 2 : n;
    int limit = atoi(driver_text("max_concurrent", 0));

    fetches = calloc(n + 1, sizeof *fetches);
    if (!fetches)
        abort();
    struct fetch_batch batches[2] = {
        {fetch, fetches, first, limit, 0},
        {fetch, fetches + first, n - first, limit, 0}};
    for (size_t i = 0; i < n; i++)
        fetches[i].url = driver_text("url", i);
    if (in_halves)
        driver_run(fetch_both, batches, "fetch_both");
    else
        driver_run(fetch_all, batches, "fetch_all");
    driver_out_number(0, "completed",
                      (long)(batches[0].completed + batches[1].completed));
    for (size_t i = 0; i < n; i++) {
        driver_out_number(i, "success", fetches[i].success);
        driver_out_text(i, "error", fetches[i].error);
    }
    free(fetches);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PAGES = 20, MANY = 1000, LIMIT = 5 };

static struct scenario *pages(struct exam *exam, size_t n, size_t limit)
{
    struct scenario *scenario = scenario_new(exam, n);
    char text[96];

    scenario_number(scenario, "max_concurrent", (long)limit);
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "https://example.com/%s/%zu",
                 scenario->answers[i].text, i + 1);
        scenario_text(scenario, "url", text);
    }
    return scenario;
}

/* Every page fetched once, by a function that came to its end. */
static bool all_fetched(struct exam *exam, const struct run *run)
{
    if (run->strayed) {
        saw(exam, "fetch got a job that is no element of fetches");
        likely(exam, "its job is a struct fetch: not the batch, not your own "
                     "struct, not the address of a pointer");
        return false;
    }
    return succeeded(exam, run) && each_called_once(exam, run, "fetch");
}

/* ---- The limit --------------------------------------------------------- */

static bool filled_not_over(struct exam *exam, size_t n, size_t limit)
{
    struct scenario *scenario = pages(exam, n, limit);

    scenario->gate = limit < n ? limit : n;
    asked(exam,
          "%zu pages, max_concurrent %zu: none is answered before %zu are in "
          "flight, and there are never more",
          n, limit, scenario->gate);
    const struct run *run = play(exam, scenario);
    return run && never_over(exam, run, limit) && limit_reached(exam, run) &&
           all_fetched(exam, run);
}

static bool five(struct exam *exam)
{
    return filled_not_over(exam, PAGES, LIMIT);
}

static bool whatever_it_is(struct exam *exam)
{
    return filled_not_over(exam, PAGES, 2 + draw(exam, 3)) &&
           filled_not_over(exam, PAGES, 6 + draw(exam, 10)) &&
           filled_not_over(exam, LIMIT, 1) &&
           filled_not_over(exam, 3, LIMIT + draw(exam, 90));
}

/* ---- Free slots -------------------------------------------------------- */

/* The first takes longer than all others together, and so does the last: who
   waits for one of them, wherever he begins, leaves slots empty. */
static bool free_slot_is_used(struct exam *exam)
{
    struct scenario *scenario = pages(exam, PAGES, LIMIT);
    int64_t sum = sum_of(scenario);

    scenario->answers[0].after += sum;
    scenario->answers[PAGES - 1].after += sum;
    asked(exam,
          "%d pages, max_concurrent %d, one that takes long among them: as "
          "long as there are more to begin, %d are in flight",
          PAGES, LIMIT, LIMIT);
    const struct run *run = play(exam, scenario);
    return run && all_fetched(exam, run) && slots_kept_busy(exam, run, LIMIT);
}

/* ---- Pages that fail --------------------------------------------------- */

/* Whether page i has what came of it written down. */
static bool noted(struct exam *exam, const struct run *run, size_t i)
{
    const struct answer *answer = &run->scenario->answers[i];
    const char *success = out_of(run, i, "success");
    const char *error = out_of(run, i, "error");

    if (!success || !error || strcmp(success, answer->err ? "0" : "1") != 0) {
        saw(exam, "page %zu %s, but success is %s", i,
            answer->err ? "failed" : "was fetched",
            success && *success == '1' ? "true" : "false");
        likely(exam, answer->err
                         ? "success is written before the fetch has ended, or "
                           "whatever it returned"
                         : "a path that leaves before success is written");
        return false;
    }
    if (answer->err && strcmp(error, answer->text) != 0) {
        saw(exam, "page %zu failed with %s, error is %s", i,
            quoted(answer->text), quoted(error));
        likely(exam, error[0] == '\0'
                         ? "a path that leaves before error is written"
                         : "async_errmsg(err) is the text of the latest error: "
                           "copy it before the next suspending call");
        return false;
    }
    return true;
}

/* All pages are accounted for. */
static bool all_noted(struct exam *exam, const struct run *run)
{
    size_t n = run->scenario->n, good = 0;
    const char *completed = out_of(run, 0, "completed");

    for (size_t i = 0; i < n; i++) {
        good += run->scenario->answers[i].err == 0;
        if (!noted(exam, run, i))
            return false;
    }
    if (completed && strtoul(completed, NULL, 10) == good)
        return true;
    saw(exam, "%zu of %zu pages were fetched, completed is %s", good, n,
        completed ? completed : "not there");
    likely(exam, completed && strtoul(completed, NULL, 10) > good
                     ? "pages that failed are counted, too, or pages whose "
                       "fetch has not ended yet"
                     : "not counted on every path");
    return false;
}

/* More fail than there are slots, and the others come after them. */
static struct scenario *failing(struct exam *exam, size_t *count)
{
    static const int errors[] = {-EIO, -EPROTO, -ECONNRESET, -EHOSTUNREACH};
    struct scenario *scenario = pages(exam, PAGES, LIMIT);

    *count = LIMIT + 1 + draw(exam, 4);
    for (size_t i = 0; i < *count; i++) {
        struct answer *answer = &scenario->answers[i];

        answer->err = errors[draw(exam, 4)];
        snprintf(answer->text, sizeof answer->text, "%zu: no page %zu here",
                 500 + draw(exam, 5), i);
    }
    return scenario;
}

/* Whether that is the error of a page. */
static bool is_of_a_page(const struct scenario *scenario, int err)
{
    for (size_t i = 0; i < scenario->n; i++)
        if (err && scenario->answers[i].err == err)
            return true;
    return false;
}

static bool failures_give_back(struct exam *exam)
{
    size_t count;
    struct scenario *scenario = failing(exam, &count);

    asked(exam,
          "%d pages, max_concurrent %d, the first %zu fail: the others are "
          "fetched all the same, and each has success or error",
          PAGES, LIMIT, count);
    const struct run *run = play(exam, scenario);
    if (run && is_of_a_page(scenario, run->returned)) {
        saw(exam, "fetch_all returned %s at %s, the error of a page",
            error_name(run->returned), in_seconds(run->returned_at));
        likely(exam, "what a page's task returns ends the batch: its error "
                     "stands in its struct, and the task returns 0");
        return false;
    }
    return run && all_fetched(exam, run) && never_over(exam, run, LIMIT) &&
           all_noted(exam, run);
}

/* By somebody who has that fetch, and nothing else. */
static bool one_is_cancelled(struct exam *exam)
{
    struct scenario *scenario = pages(exam, PAGES, LIMIT);

    scenario->answers[draw(exam, PAGES)].err = ASYNC_ECANCELED;
    asked(exam,
          "%d pages, and one ends with ASYNC_ECANCELED, although the batch was "
          "not cancelled: all others are fetched, and fetch_all returns 0",
          PAGES);
    const struct run *run = play(exam, scenario);
    if (run && run->returned == ASYNC_ECANCELED) {
        saw(exam, "fetch_all returned ASYNC_ECANCELED at %s",
            in_seconds(run->returned_at));
        likely(exam, "a page that somebody cancelled has failed, as others do; "
                     "whether the batch was cancelled says async_cancelling(), "
                     "which is 0 here");
        return false;
    }
    return run && all_fetched(exam, run);
}

/* ---- Two batches at the same time -------------------------------------- */

static bool two_at_once(struct exam *exam)
{
    struct scenario *scenario = pages(exam, 2 * PAGES, LIMIT);

    scenario_text(scenario, "in_halves", "yes");
    scenario->gate = 2 * LIMIT;
    asked(exam,
          "two tasks call fetch_all at the same time, each with %d pages and "
          "max_concurrent %d: %d in flight together",
          PAGES, LIMIT, 2 * LIMIT);
    const struct run *run = play(exam, scenario);
    if (!run)
        return false;
    if (run->gate_open && run->most_in_flight == 2 * LIMIT)
        return all_fetched(exam, run) && all_noted(exam, run);
    saw(exam, "there were up to %zu in flight", run->most_in_flight);
    likely(exam, "they share what each should have for itself: a static or "
                 "global semaphore, or other variables");
    return false;
}

/* ---- None, one, a thousand, cancelled ---------------------------------- */

static bool complete(struct exam *exam, size_t n, bool sanitized)
{
    struct scenario *scenario = pages(exam, n, LIMIT);

    scenario->sanitized = sanitized;
    const struct run *run = play(exam, scenario);
    return run && all_fetched(exam, run) && never_over(exam, run, LIMIT) &&
           all_noted(exam, run);
}

/* Five are in flight then, and the others wait for their turn. */
static bool stops_when_cancelled(struct exam *exam)
{
    struct scenario *scenario = pages(exam, PAGES, LIMIT);

    scenario->cancel_at = 50 * MILLISECOND;
    scenario->sanitized = true;
    asked(exam,
          "%d pages, max_concurrent %d, cancelled at %s: ASYNC_ECANCELED at "
          "that instant, and no more pages are begun",
          PAGES, LIMIT, in_seconds(scenario->cancel_at));
    const struct run *run = play(exam, scenario);
    return run && begins_no_more(exam, run) && released_rightly(exam, run) &&
           stopped_at_once(exam, run);
}

static bool any_number(struct exam *exam)
{
    asked(exam, "no pages at all (n is 0): fetch_all returns 0");
    if (!complete(exam, 0, false))
        return false;
    asked(exam, "one page: it is fetched, and completed is 1");
    if (!complete(exam, 1, false) || !two_at_once(exam) ||
        !one_is_cancelled(exam))
        return false;
    asked(exam, "%d pages, watched by AddressSanitizer and LeakSanitizer",
          MANY);
    return complete(exam, MANY, true) && stops_when_cancelled(exam);
}

static const struct check checks[] = {
    {'a', 3, "five at once, and never more", "", five, 0, 0},
    {'b', 2, "as many as max_concurrent says", "a", whatever_it_is, 0, 0},
    {'c', 2, "a free slot is used at once", "a", free_slot_is_used, 0, 0},
    {'d', 2, "a failure gives its slot back", "a", failures_give_back, 0, 0},
    {'e', 1, "any number; two batches; cancelled", "a", any_number, 0, 0},
    {0},
};

const struct grader grader_09_fix_no_semaphore = {
    .number = 9,
    .name = "09_fix_no_semaphore",
    .title = "fix a missing semaphore",
    .functions = "int fetch_all(void *fetch_batch);",
    .first_step = "look at the picture that it draws: how many pages does it "
                  "ask for at once, and how many does the server take?",
    .lesson = 10,
    .checks = checks,
};

#endif
