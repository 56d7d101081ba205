/*
 * The grader of exercise 13, metadata_extractor.
 *
 * Only the batch is called: in which of the two functions the retries are is
 * the student's choice. A document is known by its name.
 */
#ifdef VERIFY_DRIVER

#include "13_metadata_extractor.h"
#include "driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char **names; /* of the documents */

/* The answer reads "Project-7|2024-01-15|Engineer-Chen". */
static void take_apart(const char *answer, struct metadata *metadata)
{
    sscanf(answer, "%31[^|]|%15[^|]|%31[^|]", metadata->project, metadata->date,
           metadata->engineer);
}

/* The number of the document with that name; n if there is none. */
static size_t find(const char *name)
{
    size_t n = driver_n(), i = 0;

    while (i < n && (!name || strcmp(names[i], name) != 0))
        i++;
    return i;
}

static int api(void *job)
{
    struct api_job *api_job = job;
    size_t i = find(api_job->document_name);
    char *answer = NULL;

    if (i == driver_n())
        return driver_stray("api", -1);
    int err = driver_call("api", i, &answer);
    if (err)
        return err;
    /* An API may look at its job until it returns. */
    if (find(api_job->document_name) != i)
        err = driver_stray("api", (long)i);
    else
        take_apart(answer, &api_job->metadata);
    free(answer);
    return err;
}

/* The parts as the answer had them, whatever the student's code put there. */
static void tell_metadata(size_t i, const struct metadata *metadata)
{
    char text[96];

    snprintf(text, sizeof text, "%.31s|%.15s|%.31s", metadata->project,
             metadata->date, metadata->engineer);
    driver_out_text(i, "metadata", text);
}

static void tell_extraction(size_t i, const struct extraction *extraction)
{
    char error[ASYNC_ERRMSG_SIZE];

    snprintf(error, sizeof error, "%.127s", extraction->error);
    driver_out_number(i, "success", extraction->success);
    driver_out_number(i, "attempts", extraction->attempts);
    driver_out_text(i, "error", error);
    tell_metadata(i, &extraction->metadata);
}

void driver_main(void)
{
    size_t n = driver_n();
    struct extraction *extractions = calloc(n, sizeof *extractions);
    struct batch_stats stats = {.extractions = extractions, .total = n};

    names = calloc(n, sizeof *names);
    if (n > 0 && (!extractions || !names))
        abort();
    for (size_t i = 0; i < n; i++) {
        extractions[i].api = api;
        extractions[i].document_name = names[i] = driver_text("name", i);
        extractions[i].max_retries = atoi(driver_text("max_retries", 0));
        extractions[i].base_delay = driver_seconds("base_delay", 0);
    }
    driver_run(process_batch_with_stats, &stats, "process_batch_with_stats");
    for (size_t i = 0; i < n; i++)
        tell_extraction(i, &extractions[i]);
    driver_out_number(0, "successful", (long)stats.successful);
    driver_out_number(0, "failed", (long)stats.failed);
    driver_out_number(0, "elapsed_time",
                      isfinite(stats.elapsed_time) &&
                              fabs(stats.elapsed_time) < 1e9
                          ? lround(stats.elapsed_time * 1e9)
                          : -1);
    free(extractions);
    free(names);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRIES = 2, FEW = 10, DOCUMENTS = 100, MANY = 1000 };

/* ---- Scenarios --------------------------------------------------------- */

static const char *name_of(size_t i)
{
    static char names[4][40];
    static int next;
    char *name = names[next++ % 4];

    snprintf(name, sizeof names[0], "document_%03zu.pdf", i);
    return name;
}

/* The document's nth attempt, counted from 0, fails. */
static void fail(struct scenario *scenario, size_t i, size_t nth, int err)
{
    struct answer *answer = answer_to(scenario, i, nth);

    answer->err = err;
    snprintf(answer->text, sizeof answer->text, "Failed to process %s",
             name_of(i));
}

static void fail_always(struct scenario *scenario, size_t i, int err)
{
    for (size_t nth = 0; nth < scenario->tries; nth++)
        fail(scenario, i, nth, err);
}

/* n documents whose first attempt succeeds. */
static struct scenario *documents(struct exam *exam, size_t n, int max_retries,
                                  int64_t base)
{
    struct scenario *scenario = scenario_new(exam, n);
    char number[16];

    scenario_tries(exam, scenario, (size_t)max_retries + 1);
    for (size_t i = 0; i < n * scenario->tries; i++) {
        struct answer *answer = &scenario->answers[i];
        char letters[sizeof answer->text];

        memcpy(letters, answer->text, sizeof letters);
        snprintf(answer->text, sizeof answer->text,
                 "Project-%zu|2024-01-%02zu|Engineer-%.10s", 1 + draw(exam, 10),
                 1 + draw(exam, 28), letters);
    }
    for (size_t i = 0; i < n; i++)
        scenario_text(scenario, "name", name_of(i));
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

/* ---- What came of it --------------------------------------------------- */

static bool right_jobs(struct exam *exam, const struct run *run)
{
    if (!run->strayed)
        return true;
    if (run->stray < 0)
        saw(exam, "api got a job that is no struct api_job with a document's "
                  "name");
    else
        saw(exam, "the job of the call for %s was changed before it was done",
            name_of((size_t)run->stray));
    likely(exam, "each call has a struct api_job of its own, with "
                 "document_name set, which stays until the call is done");
    return false;
}

/* Whether any attempt was to end with this error. */
static bool is_of_a_document(const struct scenario *scenario, int err)
{
    for (size_t i = 0; i < scenario->n * scenario->tries; i++)
        if (err && scenario->answers[i].err == err)
            return true;
    return false;
}

/* A run in which the batch went through, whatever came of the documents. */
static const struct run *played(struct exam *exam, struct scenario *scenario)
{
    const struct run *run = play(exam, scenario);

    if (!run || !right_jobs(exam, run))
        return NULL;
    if (succeeded(exam, run))
        return run;
    if (is_of_a_document(scenario, run->returned))
        likely(exam, "the failure of a document became that of the batch: "
                     "async_gather_all() or async_gather_each_all() waits for "
                     "all, and its own result is 0");
    return NULL;
}

static long number_of(const struct run *run, size_t i, const char *field)
{
    const char *value = out_of(run, i, field);

    return value ? atol(value) : -1;
}

/* What the document's last attempt came to. */
static const struct answer *end_of(const struct run *run, size_t i)
{
    size_t made = calls_of(run, "api", i);

    return made ? answer_to(run->scenario, i, made - 1) : NULL;
}

/* So many attempts, and the out field says so. */
static bool attempted(struct exam *exam, const struct run *run, size_t i,
                      size_t times)
{
    if (!called(exam, run, "api", i, times))
        return false;
    if (number_of(run, i, "attempts") == (long)times)
        return true;
    saw(exam, "attempts of %s is %ld, and api was called %s for it", name_of(i),
        number_of(run, i, "attempts"),
        times == 1 ? "once" : counted(times, "time"));
    likely(exam, "attempts counts each call of api, the first included");
    return false;
}

/* The document that such metadata belong to; NULL if there is none. */
static const char *whose(const struct run *run, const char *metadata)
{
    for (size_t i = 0; metadata && i < run->scenario->n; i++) {
        const struct answer *end = end_of(run, i);

        if (end && !end->err && strcmp(end->text, metadata) == 0)
            return name_of(i);
    }
    return NULL;
}

static bool succeeded_so(struct exam *exam, const struct run *run, size_t i,
                         const char *wanted)
{
    const char *metadata = out_of(run, i, "metadata");

    if (number_of(run, i, "success") == 1 && metadata &&
        strcmp(metadata, wanted) == 0)
        return true;
    saw(exam, "%s: success %s, metadata %s; the API said %s", name_of(i),
        number_of(run, i, "success") == 1 ? "true" : "false", quoted(metadata),
        quoted(wanted));
    if (number_of(run, i, "success") != 1)
        likely(exam, "a document that succeeded, if only at a retry, has "
                     "success true");
    else if (whose(run, metadata))
        likely(exam,
               "these are those of %s: results stand in the order of the "
               "documents, not in that of completion",
               whose(run, metadata));
    else
        likely(exam, "copy all of api_job.metadata, as the API wrote it there");
    return false;
}

static bool failed_so(struct exam *exam, const struct run *run, size_t i,
                      const char *wanted)
{
    const char *error = out_of(run, i, "error");

    if (number_of(run, i, "success") == 0 && error &&
        strcmp(error, wanted) == 0)
        return true;
    saw(exam, "%s: success %s, error %s; its last attempt failed with %s",
        name_of(i), number_of(run, i, "success") == 0 ? "false" : "true",
        quoted(error), quoted(wanted));
    likely(exam,
           number_of(run, i, "success") != 0
               ? "a document that failed to the last has success false"
           : error && *error
               ? "async_errmsg(err) is the text of the latest error: copy "
                 "it where the API returns it, before anything suspends"
               : "copy async_errmsg(err) into the extraction's error, "
                 "before anything else suspends");
    return false;
}

/* Each document stands in its place as it ended. */
static bool all_in_place(struct exam *exam, const struct run *run)
{
    for (size_t i = 0; i < run->scenario->n; i++) {
        const struct answer *end = end_of(run, i);

        if (!end) {
            saw(exam, "%s was never sent to api", name_of(i));
            likely(exam, "the loop ends too early, or begins too late");
            return false;
        }
        if (!(end->err ? failed_so : succeeded_so)(exam, run, i, end->text))
            return false;
    }
    return true;
}

static bool counted_right(struct exam *exam, const struct run *run,
                          long successful)
{
    long total = (long)run->scenario->n;
    long good = number_of(run, 0, "successful");
    long bad = number_of(run, 0, "failed");

    if (good == successful && bad == total - successful)
        return true;
    saw(exam,
        "successful %ld, failed %ld, of %ld documents, %ld of which "
        "succeeded",
        good, bad, total, successful);
    if (good + bad > total)
        likely(exam, "a document counted twice: count documents when all are "
                     "done, not attempts");
    else if (good + bad < total)
        likely(exam, "documents that are counted nowhere: what has not "
                     "succeeded has failed, whatever the error");
    else if (good > successful)
        likely(exam, "a failure counted as a success: what has not succeeded "
                     "has failed, whatever the error");
    else
        likely(exam, "a success counted as a failure: a document that succeeds "
                     "in the end is a success, retried or not");
    return false;
}

/* ---- The checks -------------------------------------------------------- */

static bool all_at_once(struct exam *exam)
{
    struct scenario *scenario =
        documents(exam, DOCUMENTS, RETRIES, draw_base(exam));

    scenario->gate = DOCUMENTS;
    asked(exam,
          "%d documents, of which none is answered before all have been sent",
          DOCUMENTS);
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) && each_called_once(exam, run, "api") &&
           all_in_flight(exam, run);
}

static bool in_their_places(struct exam *exam)
{
    struct scenario *scenario = documents(exam, FEW, RETRIES, draw_base(exam));
    size_t i = draw(exam, FEW - 3);

    fail(scenario, i, 0, -EBUSY);
    fail_always(scenario, i + 1, -EBUSY);
    fail_always(scenario, i + 2, -EBUSY);
    asked(exam,
          "%d documents; %s succeeds at its second attempt, %s and %s never: "
          "each metadata, and each error's text, in its own extraction",
          FEW, name_of(i), name_of(i + 1), name_of(i + 2));
    const struct run *run = played(exam, scenario);
    return run && all_in_place(exam, run);
}

static bool waits_double(struct exam *exam)
{
    int64_t base = draw_base(exam);
    struct scenario *scenario =
        documents(exam, BACKOFF_JOBS, BACKOFF_WAITS, base);

    int64_t after = slowest(scenario);
    for (size_t i = 0; i < BACKOFF_JOBS; i++) {
        fail_always(scenario, i, -EBUSY);
        for (size_t nth = 0; nth < scenario->tries; nth++)
            answer_to(scenario, i, nth)->after = after;
    }
    asked(exam,
          "%d documents that always fail, max_retries %d, base_delay %s: waits "
          "of %s, %s, %s and %s, or with a random part; none after the last",
          BACKOFF_JOBS, BACKOFF_WAITS, in_seconds(base), in_seconds(base),
          in_seconds(2 * base), in_seconds(4 * base), in_seconds(8 * base));
    const struct run *run = played(exam, scenario);
    if (!run || !backs_off(exam, run, "api", BACKOFF_WAITS, base, INT64_MAX) ||
        !no_wait_at_the_end(exam, run))
        return false;
    for (size_t i = 0; i < BACKOFF_JOBS; i++)
        if (!attempted(exam, run, i, BACKOFF_WAITS + 1))
            return false;
    return true;
}

/* Whether all first attempts began at once. */
static bool all_begun(struct exam *exam, const struct run *run)
{
    for (size_t i = 0; i < run->scenario->n; i++) {
        const struct call *first = call_of(run, "api", i);

        if (first && same_time(first->begun, 0))
            continue;
        saw(exam, "%s was begun at %s", name_of(i),
            first ? in_seconds(first->begun) : "no time");
        likely(exam, "one after another: start all, then wait for all");
        return false;
    }
    return true;
}

/* Whether all retries began before the slow document was done. */
static bool no_barrier(struct exam *exam, const struct run *run, size_t slow)
{
    int64_t barrier = call_of(run, "api", slow)->ended;

    for (size_t i = 0; i < run->call_count; i++) {
        const struct call *call = &run->calls[i];

        if (call->nth == 0 || call->begun < barrier)
            continue;
        saw(exam,
            "%s had failed at %s, and was tried again at %s, when %s was "
            "done",
            name_of(call->item),
            in_seconds(call_of(run, "api", call->item)->ended),
            in_seconds(call->begun), name_of(slow));
        likely(exam, "retries in rounds, each after the slowest of the one "
                     "before: let each document's task do its own retries");
        return false;
    }
    return true;
}

static bool elapsed_is_told(struct exam *exam, const struct run *run)
{
    int64_t told = number_of(run, 0, "elapsed_time");

    if (same_time(told, run->returned_at))
        return true;
    saw(exam, "elapsed_time is %s, and it took %s", in_seconds(told),
        in_seconds(run->returned_at));
    likely(exam, told == 0
                     ? "not written, read twice at the same moment, or from "
                       "another clock than async_now()"
                     : "it is the difference of two readings of async_now(), "
                       "before the first call and after the last, in seconds");
    return false;
}

/* One takes long; the others fail at once, and again, and are done before it.
 */
static bool no_rounds(struct exam *exam)
{
    int64_t base = draw_base(exam);
    struct scenario *scenario = documents(exam, 4, RETRIES, base);
    size_t slow = draw(exam, 4);

    for (size_t i = 0; i < 4; i++) {
        for (size_t nth = 0; nth <= RETRIES; nth++)
            answer_to(scenario, i, nth)->after =
                (int64_t)(10 + 10 * i + nth) * MILLISECOND;
        if (i != slow)
            fail_always(scenario, i, -EBUSY);
    }
    answer_to(scenario, slow, 0)->after = 20 * base;
    asked(exam,
          "%s takes %s, three others fail and are tried again meanwhile: all "
          "is done after %s, and elapsed_time says so",
          name_of(slow), in_seconds(20 * base), in_seconds(20 * base));
    const struct run *run = played(exam, scenario);
    return run && called(exam, run, "api", slow, 1) && all_begun(exam, run) &&
           no_barrier(exam, run, slow) && no_wait_at_the_end(exam, run) &&
           elapsed_is_told(exam, run);
}

static bool sums_up(struct exam *exam)
{
    struct scenario *scenario = documents(exam, FEW, RETRIES, draw_base(exam));
    size_t i = draw(exam, FEW - 3);

    fail(scenario, i, 0, -EBUSY);
    fail_always(scenario, i + 1, -EBUSY);
    fail_always(scenario, i + 2, -EBUSY);
    asked(exam,
          "%d documents; one succeeds at its second attempt, two never: "
          "successful %d, failed 2",
          FEW, FEW - 2);
    const struct run *run = played(exam, scenario);
    return run && counted_right(exam, run, FEW - 2);
}

/* One fails unexpectedly, one is cancelled by somebody, nobody retries them. */
static bool unexpected(struct exam *exam)
{
    static const int errors[] = {-EIO, -EPROTO, -ECONNRESET, -EHOSTUNREACH};
    struct scenario *scenario = documents(exam, FEW, RETRIES, draw_base(exam));
    size_t odd = draw(exam, FEW - 1), gone = odd + 1;

    fail_always(scenario, odd, errors[draw(exam, 4)]);
    fail_always(scenario, gone, ASYNC_ECANCELED);
    asked(exam,
          "%d documents; %s fails with %s, and %s with ASYNC_ECANCELED: both "
          "have failed, without a retry, and the others succeed",
          FEW, name_of(odd), error_name(answer_to(scenario, odd, 0)->err),
          name_of(gone));
    const struct run *run = played(exam, scenario);
    if (!run)
        return false;
    for (size_t i = odd; i <= gone; i++) {
        if (calls_of(run, "api", i) == 1)
            continue;
        saw(exam, "%s was tried %s", name_of(i),
            counted(calls_of(run, "api", i), "time"));
        likely(exam, "only -EBUSY is worth a retry; any other error is final, "
                     "and a cancellation is no failure that heals");
        return false;
    }
    return counted_right(exam, run, FEW - 2) &&
           failed_so(exam, run, odd, answer_to(scenario, odd, 0)->text);
}

static bool cancelled(struct exam *exam)
{
    struct scenario *scenario = documents(exam, FEW, RETRIES, draw_base(exam));

    scenario->cancel_at = slowest(scenario) / 10;
    asked(exam,
          "%d documents, and the batch is cancelled at %s: ASYNC_ECANCELED at "
          "that instant, with no call in flight",
          FEW, in_seconds(scenario->cancel_at));
    const struct run *run = play(exam, scenario);
    return run && stopped_at_once(exam, run);
}

/* All wait for their retry then, some of them for long. */
static bool cancelled_in_a_wait(struct exam *exam)
{
    int64_t base = 10 * SECOND + draw_base(exam);
    struct scenario *scenario = documents(exam, FEW, RETRIES, base);

    for (size_t i = 0; i < FEW; i++)
        fail_always(scenario, i, -EBUSY);
    scenario->cancel_at = slowest(scenario) + MILLISECOND;
    scenario->sanitized = true;
    asked(exam,
          "%d documents that fail, base_delay %s, and the batch is cancelled "
          "at %s, while all wait for a retry: ASYNC_ECANCELED at that instant, "
          "and no other attempt",
          FEW, in_seconds(base), in_seconds(scenario->cancel_at));
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) && begins_no_more(exam, run) &&
           stopped_at_once(exam, run);
}

static bool whatever_happens(struct exam *exam)
{
    return unexpected(exam) && cancelled(exam) && cancelled_in_a_wait(exam);
}

static bool of_size(struct exam *exam, size_t n, bool sanitized)
{
    struct scenario *scenario = documents(exam, n, RETRIES, draw_base(exam));

    scenario->sanitized = sanitized;
    if (n == MANY) {
        fail(scenario, draw(exam, n / 2), 0, -EBUSY);
        fail_always(scenario, n / 2 + draw(exam, n / 2), -EBUSY);
    }
    const struct run *run = played(exam, scenario);
    return run && all_in_place(exam, run) &&
           counted_right(exam, run, (long)n - (n == MANY));
}

static bool any_size(struct exam *exam)
{
    asked(exam, "no documents at all (total is 0): 0 of each");
    if (!of_size(exam, 0, false))
        return false;
    asked(exam, "one document");
    if (!of_size(exam, 1, false))
        return false;
    asked(exam, "%d documents, watched by AddressSanitizer and LeakSanitizer",
          MANY);
    return of_size(exam, MANY, true);
}

static const struct check checks[] = {
    {'a', 1, "all documents are in flight at once", "", all_at_once, 3, 1},
    {'b', 2, "metadata and errors in place", "", in_their_places, 0, 0},
    {'c', 2, "retries whose waits double", "", waits_double, 0, 2},
    {'d', 2, "no rounds, and elapsed_time", "", no_rounds, 0, 2},
    {'e', 1, "the numbers add up", "", sums_up, 0, 3},
    {'f', 1, "unexpected errors, and cancellation", "", whatever_happens, 8, 3},
    {'g', 1, "none, one, and a thousand", "", any_size, 0, 3},
    {0},
};

const struct grader grader_13_metadata_extractor = {
    .number = 13,
    .name = "13_metadata_extractor",
    .title = "metadata extractor",
    .functions = "int extract_metadata(void *extraction); "
                 "int process_batch_with_stats(void *batch_stats);",
    .first_step = "in extract_metadata(), call api once with a struct api_job "
                  "of its own; then gather all in process_batch_with_stats()",
    .lesson = 9,
    .checks = checks,
};

#endif
