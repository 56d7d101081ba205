/*
 * The grader of exercise 5, return_exceptions.
 *
 * Whether all documents come to their end is the judge's own record; what is
 * said of each is compared with what the judge made of it.
 */
#ifdef VERIFY_DRIVER

#include "05_return_exceptions.h"
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By its number and not by its address: it may be a copy. */
static int process_document(void *job)
{
    struct doc *doc = job;
    char *answer = NULL;
    size_t i = (size_t)doc->doc_id;

    if (doc->doc_id < 0 || i >= driver_n())
        return driver_stray("process_document",
                            i == driver_n() ? doc->doc_id : -1);
    int err = driver_call("document", i, &answer);
    if (err)
        return err;
    /* Longer than an outcome's text can be, if the judge wants it. */
    if (asprintf(&doc->result, "%s%s", answer ? answer : "",
                 driver_text("tail", i)) < 0)
        abort();
    free(answer);
    return 0;
}

/* The outcomes are the caller's, whatever the batch points to now. */
static void tell_outcomes(const struct safe_batch *batch,
                          const struct outcome *outcomes)
{
    char text[sizeof outcomes[0].text + 1];

    driver_out_number(0, "successful", (long)batch->successful);
    driver_out_number(0, "failed", (long)batch->failed);
    for (size_t i = 0; i < driver_n(); i++) {
        const struct outcome *outcome = &outcomes[i];

        /* It may lack its end. */
        snprintf(text, sizeof text, "%.*s", (int)sizeof outcome->text,
                 outcome->text);
        driver_out_number(i, "success", outcome->success);
        driver_out_number(i, "err", outcome->err);
        driver_out_text(i, "text", text);
    }
}

void driver_main(void)
{
    size_t n = driver_n();
    /* One document more, so that a loop that goes on too long is told so. */
    struct doc *docs = calloc(n + 1, sizeof *docs);
    struct outcome *outcomes = calloc(n, sizeof *outcomes);
    struct safe_batch batch = {process_document, docs, n, outcomes, 0, 0};

    if (!docs || (!outcomes && n > 0))
        abort();
    for (size_t i = 0; i <= n; i++)
        docs[i].doc_id = (int)i;
    driver_run(process_all_safe, &batch, "process_all_safe");
    tell_outcomes(&batch, outcomes);
    for (size_t i = 0; i <= n; i++)
        free(docs[i].result);
    free(docs);
    free(outcomes);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Many are more than some round number that somebody thinks is enough. */
enum { DOCUMENTS = 5, MANY = 1100, TEXT_MAX = 127 };

/* Before any other document ends. */
#define EARLY (50 * MILLISECOND)

/* ---- Scenarios --------------------------------------------------------- */

/* Document i fails, with a text that exists nowhere else. */
static void make_fail(struct exam *exam, struct scenario *scenario, size_t i)
{
    static const int errors[] = {-EIO, -EPROTO, -EINVAL, -ECONNRESET};
    struct answer *answer = &scenario->answers[i];
    char secret[sizeof answer->text];

    snprintf(secret, sizeof secret, "%s", answer->text);
    snprintf(answer->text, sizeof answer->text,
             "Document %zu is corrupted! (%.10s)", i, secret);
    answer->err = errors[draw(exam, 4)];
}

/* Documents of which one in the middle, *bad, fails before the others end. */
static struct scenario *one_of_five_fails(struct exam *exam, size_t *bad)
{
    struct scenario *scenario = scenario_new(exam, DOCUMENTS);

    *bad = 1 + draw(exam, DOCUMENTS - 2);
    make_fail(exam, scenario, *bad);
    scenario->answers[*bad].after = EARLY;
    return scenario;
}

/* ---- What was called --------------------------------------------------- */

static bool right_jobs(struct exam *exam, const struct run *run)
{
    if (!run->strayed)
        return true;
    if (run->stray < 0) {
        saw(exam, "process_document got a job that is no element of docs");
        likely(exam, "its job is &batch->docs[i]: not batch, not an outcome");
    } else {
        saw(exam, "document %ld was processed, n is %zu", run->stray,
            run->scenario->n);
        likely(exam, "a call before anybody looks at n, or i <= n");
    }
    return false;
}

/* Each document was processed once, and came to its end. */
static bool all_ended(struct exam *exam, const struct run *run)
{
    if (!right_jobs(exam, run) || !each_called_once(exam, run, "document"))
        return false;
    for (size_t i = 0; i < run->call_count; i++) {
        const struct call *call = &run->calls[i];

        if (call->ended != NEVER)
            continue;
        saw(exam, "document %zu was cancelled at %s, before it was done",
            call->item, in_seconds(call->gone));
        likely(exam, "async_gather() stops all others at the first failure; "
                     "async_gather_all() lets each end by itself");
        return false;
    }
    return all_awaited(exam, run);
}

/* ---- What was said of each --------------------------------------------- */

static long number_of(const struct run *run, size_t i, const char *field)
{
    const char *value = out_of(run, i, field);

    return value ? atol(value) : -1;
}

/* The document whose text that is, or n. */
static size_t owner_of(const struct scenario *scenario, const char *text)
{
    size_t i = text ? 0 : scenario->n;

    while (i < scenario->n && strcmp(scenario->answers[i].text, text) != 0)
        i++;
    return i;
}

static const char *why_wrong_text(const struct run *run, size_t i,
                                  const char *text, const char *wanted)
{
    const struct answer *answer = &run->scenario->answers[i];

    if (strlen(text) > TEXT_MAX)
        return "a text ends with a '\\0': snprintf() writes one also where it "
               "cuts";
    if (*text == '\0')
        return answer->err ? "the error's text is tasks[i].errmsg"
                           : "the result is copied into text, when the task "
                             "has ended";
    if (owner_of(run->scenario, text) < run->scenario->n)
        return answer->err ? "the text of another document: async_errmsg() "
                             "knows one error only, the latest, and "
                             "tasks[i].errmsg that of task i"
                           : "the text of another document: outcomes[i] is "
                             "that of docs[i]";
    if (strncmp(text, wanted, strlen(text)) == 0)
        return "cut too early: the size that snprintf() is given is sizeof "
               "outcome->text";
    if (strstr(text, wanted))
        return "nothing is put before or behind the text";
    if (strchr(wanted, '%') && strncmp(text, wanted, strcspn(wanted, "%")) == 0)
        return "the text is no format: snprintf(outcome->text, sizeof "
               "outcome->text, \"%s\", ...)";
    return answer->err ? "the error's text is kept by its task: "
                         "tasks[i].errmsg after async_gather_all()"
                       : "not what process_document left in result";
}

static bool right_text(struct exam *exam, const struct run *run, size_t i,
                       const char *wanted)
{
    const char *text = out_of(run, i, "text");

    if (text && strcmp(text, wanted) == 0)
        return true;
    if (text && strlen(text) > TEXT_MAX)
        saw(exam, "none of the %d bytes of outcome %zu's text is a '\\0'",
            TEXT_MAX + 1, i);
    else if (text && *text && strncmp(text, wanted, strlen(text)) == 0)
        saw(exam,
            "outcome %zu has only the first %zu bytes of its text, which are "
            "to be %zu",
            i, strlen(text), strlen(wanted));
    else
        saw(exam, "outcome %zu has the text %s; it is to be %s", i,
            quoted(text), quoted(wanted));
    likely(exam, "%s", why_wrong_text(run, i, text ? text : "", wanted));
    return false;
}

/* Whether it returned the error of a document as its own. */
static bool passed_on(const struct run *run)
{
    for (size_t i = 0; i < run->scenario->n; i++)
        if (run->returned != 0 &&
            run->returned == run->scenario->answers[i].err)
            return true;
    return false;
}

/* Whether something else explains why an outcome or a count is wrong; that is
   told then. */
static bool has_other_cause(struct exam *exam, const struct run *run)
{
    if (run->returned != 0 && !passed_on(run))
        return !succeeded(exam, run);
    return !all_ended(exam, run);
}

static const char *why_wrong_err(int seen, int wanted)
{
    if (seen == ASYNC_EINPROGRESS)
        return "looked at before its task had ended: first wait for all, then "
               "write the outcomes";
    if (seen == -wanted && wanted != 0)
        return "error codes are negative: err is what process_document "
               "returned";
    if (seen > 0)
        return "no error code at all: is it read from a task that was freed, "
               "or never spawned?";
    if (seen == wanted && wanted == ASYNC_ECANCELED)
        return "whatever is not 0 is a failure, this one, too";
    if (seen == 0 && wanted == 0)
        return "this outcome was never written: does the loop end before it "
               "has come to all? And outcomes is the caller's array";
    return "err is not written: it is what process_document returned, "
           "tasks[i].err";
}

/* Success and err, as process_document returned it. */
static bool right_verdict(struct exam *exam, const struct run *run, size_t i)
{
    int wanted = run->scenario->answers[i].err;
    long success = number_of(run, i, "success");
    int err = (int)number_of(run, i, "err");

    if (success == !wanted && err == wanted)
        return true;
    if (has_other_cause(exam, run))
        return false;
    size_t owner = owner_of(run->scenario, out_of(run, i, "text"));
    saw(exam, "outcome %zu has success %s and err %s; document %zu returned %s",
        i, success ? "true" : "false", error_name(err), i, error_name(wanted));
    if (owner < run->scenario->n && owner != i)
        likely(exam,
               "it is the outcome of document %zu: outcomes[i] is that "
               "of docs[i], whichever ended first, and whether it failed",
               owner);
    else
        likely(exam, "%s",
               owner == i && err == wanted ? "success is whether err is 0"
                                           : why_wrong_err(err, wanted));
    return false;
}

static bool right_outcome(struct exam *exam, const struct run *run, size_t i)
{
    return right_verdict(exam, run, i) &&
           right_text(exam, run, i, run->scenario->answers[i].text);
}

static bool right_counts(struct exam *exam, const struct run *run)
{
    size_t failed = 0;

    for (size_t i = 0; i < run->scenario->n; i++)
        failed += run->scenario->answers[i].err != 0;
    if (counts_right(exam, run, failed, "document"))
        return true;
    if (has_other_cause(exam, run))
        return false;
    /* Counts of outcomes that are wrong are wrong for the same reason. */
    for (size_t i = 0; i < run->scenario->n; i++)
        if (!right_verdict(exam, run, i))
            return false;
    return counts_right(exam, run, failed, "document");
}

/* 0 was returned, whatever became of the documents. */
static bool returned_0(struct exam *exam, const struct run *run)
{
    if (!passed_on(run) && !succeeded(exam, run)) {
        if (run->returned > 0)
            likely(exam, "how many failed stands in failed; what is returned "
                         "is 0, or a negative error of the batch itself");
        return false;
    }
    if (!passed_on(run))
        return true;
    saw(exam, "process_all_safe returned %s", error_name(run->returned));
    likely(exam, "the error of a document is no error of the batch: it is told "
                 "in its outcome");
    return false;
}

/* All of that. */
static bool complete(struct exam *exam, const struct run *run)
{
    if (!run || !all_ended(exam, run) || !returned_0(exam, run))
        return false;
    for (size_t i = 0; i < run->scenario->n; i++)
        if (!right_outcome(exam, run, i))
            return false;
    return right_counts(exam, run);
}

/* ---- The checks -------------------------------------------------------- */

/* More than a pool of some fixed size has workers for. */
static bool many_at_once(struct exam *exam)
{
    size_t n = MANY / 10 + draw(exam, 50);
    struct scenario *scenario = scenario_new(exam, n);

    scenario->gate = n;
    asked(exam, "%zu documents, of which none is done before all are under way",
          n);
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) &&
           each_called_once(exam, run, "document") && all_in_flight(exam, run);
}

static bool all_to_their_end(struct exam *exam)
{
    size_t bad;
    struct scenario *scenario = one_of_five_fails(exam, &bad);

    scenario->gate = DOCUMENTS;
    asked(exam,
          "%d documents at once, of which %zu fails first: all others come to "
          "their end",
          DOCUMENTS, bad);
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) &&
           each_called_once(exam, run, "document") &&
           all_in_flight(exam, run) && all_ended(exam, run) &&
           many_at_once(exam);
}

static bool results_in_place(struct exam *exam)
{
    size_t bad;
    struct scenario *scenario = one_of_five_fails(exam, &bad);

    asked(exam,
          "%d documents, of which %zu fails: each result is in its own "
          "outcome",
          DOCUMENTS, bad);
    const struct run *run = play(exam, scenario);
    if (!run || !right_jobs(exam, run))
        return false;
    for (size_t i = 0; i < DOCUMENTS; i++)
        if (i != bad && !right_outcome(exam, run, i))
            return false;
    return true;
}

/*
 * Two, with one code and different texts. Neither stands where it would if the
 * outcomes were in order of completion, or the failures came first or last.
 */
static bool errors_in_place(struct exam *exam)
{
    struct scenario *scenario = scenario_new(exam, DOCUMENTS);
    size_t bad = 2 + draw(exam, 2);

    make_fail(exam, scenario, 0);
    make_fail(exam, scenario, bad);
    scenario->answers[bad].after = EARLY;
    scenario->answers[bad].err = scenario->answers[0].err;
    asked(exam,
          "%d documents, of which 0 and %zu fail: the error of each, and its "
          "text, are in its own outcome",
          DOCUMENTS, bad);
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) && right_outcome(exam, run, 0) &&
           right_outcome(exam, run, bad);
}

static bool counts_add_up(struct exam *exam)
{
    struct scenario *scenario = scenario_new(exam, DOCUMENTS);

    make_fail(exam, scenario, 1);
    make_fail(exam, scenario, DOCUMENTS - 1);
    scenario->answers[1].after = EARLY;
    asked(exam, "%d documents, of which 2 fail: successful is 3, failed 2",
          DOCUMENTS);
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) && right_counts(exam, run);
}

/* The documents from first to last fail. */
static bool with_failures(struct exam *exam, size_t first, size_t last,
                          const char *which)
{
    struct scenario *scenario = scenario_new(exam, DOCUMENTS);

    for (size_t i = first; i <= last; i++)
        make_fail(exam, scenario, i);
    asked(exam,
          "%s of %d documents fail%s: process_all_safe returns 0, and says of "
          "each how it went",
          which, DOCUMENTS, first == last ? "s" : "");
    return complete(exam, play(exam, scenario));
}

static bool returns_0(struct exam *exam)
{
    return with_failures(exam, 0, 0, "the first") &&
           with_failures(exam, DOCUMENTS - 1, DOCUMENTS - 1, "the last") &&
           with_failures(exam, 0, DOCUMENTS - 1, "all");
}

/* A document that ends so was not necessarily cancelled by us. */
static bool one_was_cancelled(struct exam *exam)
{
    struct scenario *scenario = scenario_new(exam, DOCUMENTS);
    size_t bad = DOCUMENTS - 1; /* the first to end, in none of their orders */
    struct answer *answer = &scenario->answers[bad];

    *answer = (struct answer){.after = EARLY, .err = ASYNC_ECANCELED};
    asked(exam,
          "document %zu ends with ASYNC_ECANCELED: it counts as failed, and "
          "has a text, that of the code",
          bad);
    const struct run *run = play(exam, scenario);
    if (!run || !all_ended(exam, run) || !returned_0(exam, run) ||
        !right_verdict(exam, run, bad))
        return false;
    if (!right_counts(exam, run)) {
        if (number_of(run, 0, "successful") > 0)
            likely(exam, "a document that ended with ASYNC_ECANCELED has "
                         "failed, and counts as failed, whoever cancelled it");
        return false;
    }
    const char *text = out_of(run, bad, "text");
    if (text && *text)
        return true;
    saw(exam, "outcome %zu has no text", bad);
    likely(exam, "tasks[i].errmsg has a text for every error; so has "
                 "async_errmsg(err)");
    return false;
}

static bool when_cancelled(struct exam *exam)
{
    struct scenario *scenario = scenario_new(exam, DOCUMENTS);

    if (!one_was_cancelled(exam))
        return false;
    scenario->cancel_at = 80 * MILLISECOND;
    asked(exam,
          "the batch itself is cancelled at %s: ASYNC_ECANCELED at that "
          "instant, and no document is under way",
          in_seconds(scenario->cancel_at));
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) && stopped_at_once(exam, run);
}

/* The result does not fit into the outcome's text. */
static bool a_long_one(struct exam *exam)
{
    struct scenario *scenario = scenario_new(exam, 1);
    /* Whoever takes the text for a format makes one % of two. */
    char tail[201] = ", 100%% done, ", wanted[TEXT_MAX + 1];
    size_t length = strlen(tail);

    memset(tail + length, 'a' + (int)draw(exam, 26), sizeof tail - 1 - length);
    tail[sizeof tail - 1] = '\0';
    scenario_text(scenario, "tail", tail);
    snprintf(wanted, sizeof wanted, "%s%.*s", scenario->answers[0].text,
             TEXT_MAX - (int)strlen(scenario->answers[0].text), tail);
    scenario->sanitized = true;
    asked(exam,
          "one document, whose result is longer than its outcome's text, and "
          "has a %% in it: cut after %d bytes",
          TEXT_MAX);
    const struct run *run = play(exam, scenario);
    return run && all_ended(exam, run) && succeeded(exam, run) &&
           right_verdict(exam, run, 0) && right_text(exam, run, 0, wanted);
}

static bool none_one_a_thousand(struct exam *exam)
{
    asked(exam, "no documents at all (n is 0): process_all_safe returns 0");
    if (!complete(exam, play(exam, scenario_new(exam, 0))) || !a_long_one(exam))
        return false;

    struct scenario *scenario = scenario_new(exam, MANY);
    for (size_t i = draw(exam, 7); i < MANY; i += 7)
        make_fail(exam, scenario, i);
    scenario->sanitized = true;
    asked(exam,
          "%d documents, of which every seventh fails, watched by "
          "AddressSanitizer and LeakSanitizer",
          MANY);
    return complete(exam, play(exam, scenario));
}

static const struct check checks[] = {
    {'a', 2, "all at once, each to its end", "", all_to_their_end, 0, 1},
    {'b', 2, "results in their places", "", results_in_place, 0, 0},
    {'c', 2, "errors in their places, with text", "", errors_in_place, 0, 2},
    {'d', 1, "the counts add up", "", counts_add_up, 0, 0},
    {'e', 1, "whoever fails: 0, and all is told", "", returns_0, 0, 0},
    {'f', 1, "a document cancelled, the batch cancelled", "", when_cancelled, 0,
     2},
    {'g', 1, "none, one, a thousand, no leak", "", none_one_a_thousand, 0, 2},
    {0},
};

const struct grader grader_05_return_exceptions = {
    .number = 5,
    .name = "05_return_exceptions",
    .title = "return_exceptions",
    .functions = "int process_all_safe(void *safe_batch);",
    .first_step = "in process_all_safe(), spawn all documents as in exercise "
                  "2, then wait for all with async_gather_all()",
    .lesson = 8,
    .checks = checks,
};

#endif
