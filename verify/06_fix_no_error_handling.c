/*
 * The grader of exercise 6, fix missing error handling.
 *
 * An item's answer is a secret title. The driver makes a body of it, in one of
 * several forms; the judge knows which of them are good, and what title a
 * parser finds there.
 */
#ifdef VERIFY_DRIVER

#include "06_fix_no_error_handling.h"
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct item *items;

/* Not by asprintf(): a leak would be told without the caller's line. */
static char *body_of(const char *form, const char *title)
{
    enum { SIZE = 400 };
    static const struct {
        const char *name, *format;
    } forms[] = {
        /* A title that belongs to something else comes first. */
        {"plain", "{\"by\": {\"title\": \"Dr.\"}, \"title\": \"%s\"}"},
        {"escaped", "{\"by\": {\"title\": \"Dr.\"}, "
                    "\"title\":\"\\\"%s\\\" \\u0026 more\"}"},
        {"cut off", "{\"id\": 7, \"title\": \"%s"},
        {"HTML", "<html><title>%s</title></html>"},
        {"a long page of HTML", "<html><title>%s</title>%0200d</html>"},
        {"without a title", "{\"by\": {\"title\": \"Dr.\"}, \"name\": \"%s\"}"},
        {"with a number as its title", "{\"id\": 7, \"title\": 42}"},
        {"an array", "[\"title\", \"%s\"]"},
    };
    char *body = calloc(SIZE, 1);

    if (!body)
        abort();
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(form, forms[i].name) == 0)
            snprintf(body, SIZE, forms[i].format, title, 0);
    return body;
}

static int get(void *job)
{
    struct get *get = job;
    char *answer = NULL;
    size_t i = 0;

    while (i <= driver_n() &&
           (!get->url || strcmp(items[i].url, get->url) != 0))
        i++;
    if (i >= driver_n())
        return driver_stray("get", i == driver_n() ? (long)i : -1);
    get->body = NULL;
    int err = driver_call("get", i, &answer);
    if (err)
        return err;
    get->body = body_of(driver_text("form", i), answer ? answer : "");
    free(answer);
    return 0;
}

static void tell_items(const struct item_batch *batch)
{
    char error[sizeof batch->items[0].error + 1];

    driver_out_number(0, "successful", (long)batch->successful);
    driver_out_number(0, "failed", (long)batch->failed);
    for (size_t i = 0; i < batch->n; i++) {
        const struct item *item = &batch->items[i];

        /* It may lack its end. */
        snprintf(error, sizeof error, "%.*s", (int)sizeof item->error,
                 item->error);
        driver_out_number(i, "success", item->success);
        driver_out_text(i, "title", item->title);
        driver_out_text(i, "error", error);
    }
}

void driver_main(void)
{
    size_t n = driver_n();

    /* One more, so that a loop that goes on too long is told as that. */
    items = calloc(n + 1, sizeof *items);
    if (!items)
        abort();
    for (size_t i = 0; i <= n; i++)
        items[i].url = driver_text("url", i);
    struct item_batch batch = {get, items, n, 0, 0};

    driver_run(process_items, &batch, "process_items");
    tell_items(&batch);
    for (size_t i = 0; i <= n; i++)
        free(items[i].title);
    free(items);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before any other request ends. */
#define EARLY (50 * MILLISECOND)

enum { ITEMS = 5, ERROR_SIZE = 128 };

/* ---- Scenarios --------------------------------------------------------- */

static const char *const good_forms[] = {"plain", "escaped"};
static const char *const bad_forms[] = {
    "cut off",  "HTML",  "without a title",    "with a number as its title",
    "an array", "empty", "a long page of HTML"};
enum { BAD_FORMS = sizeof bad_forms / sizeof bad_forms[0] };

/* Items whose bodies have these forms, from the first on; the others are good,
   some with a title that only a parser finds. */
static struct scenario *items_with(struct exam *exam, size_t n,
                                   const char *const *forms, size_t count)
{
    struct scenario *scenario = scenario_new(exam, n);

    for (size_t i = 0; i < n; i++) {
        char url[96];

        snprintf(url, sizeof url, "https://example.com/%s",
                 scenario->answers[i].text);
        scenario_text(scenario, "url", url);
        scenario_text(scenario, "form",
                      i < count ? forms[i] : good_forms[i % 2]);
    }
    return scenario;
}

static struct scenario *good_items(struct exam *exam, size_t n)
{
    return items_with(exam, n, NULL, 0);
}

/* The request for item i fails, with a text that exists nowhere else. */
static void make_fail(struct exam *exam, struct scenario *scenario, size_t i)
{
    static const int errors[] = {-EIO, -EPROTO, -ECONNRESET, -EHOSTUNREACH};
    struct answer *answer = &scenario->answers[i];
    char secret[sizeof answer->text];

    snprintf(secret, sizeof secret, "%s", answer->text);
    snprintf(answer->text, sizeof answer->text,
             "503 Service Unavailable (%.10s)", secret);
    answer->err = errors[draw(exam, 4)];
}

/* ---- What came of each ------------------------------------------------- */

static long number_of(const struct run *run, size_t i, const char *field)
{
    const char *value = out_of(run, i, field);

    return value ? atol(value) : -1;
}

static bool right_jobs(struct exam *exam, const struct run *run)
{
    if (!run->strayed)
        return true;
    saw(exam, "get was called for a URL that no item has");
    likely(exam, "its job is a struct get of its own for each item, with the "
                 "item's url");
    return false;
}

/* Each request was made once and came to its end. */
static bool all_ended(struct exam *exam, const struct run *run)
{
    if (!right_jobs(exam, run) || !each_called_once(exam, run, "get"))
        return false;
    for (size_t i = 0; i < run->call_count; i++) {
        const struct call *call = &run->calls[i];

        if (call->ended != NEVER)
            continue;
        saw(exam, "item %zu was cancelled at %s; process_items returned %s",
            call->item, in_seconds(call->gone), error_name(run->returned));
        likely(exam, "async_gather_each() ends all at the first error that a "
                     "task returns: an item that failed is no reason to stop "
                     "the others");
        return false;
    }
    return true;
}

/* That, and 0 was returned. */
static bool went_well(struct exam *exam, const struct run *run)
{
    if (!all_ended(exam, run))
        return false;
    if (run->returned >= 0 || run->returned == -EINVAL)
        return succeeded(exam, run);
    saw(exam, "process_items returned %s", error_name(run->returned));
    likely(exam, "the error of an item is no error of the batch: it is told in "
                 "the item, and 0 is returned");
    return false;
}

/* The title that a parser finds in the body. */
static void title_of(const struct run *run, size_t i, char *title, size_t size)
{
    const char *secret = run->scenario->answers[i].text;

    snprintf(title, size, i % 2 ? "\"%s\" & more" : "%s", secret);
}

static bool has_no_error(struct exam *exam, const struct run *run, size_t i)
{
    const char *error = out_of(run, i, "error");

    if (error && !*error)
        return true;
    saw(exam, "item %zu has succeeded, and has the error %s", i, quoted(error));
    likely(exam, "error says why an item failed; it is \"\" of one that did "
                 "not");
    return false;
}

static bool is_good(struct exam *exam, const struct run *run, size_t i)
{
    const char *title = out_of(run, i, "title");
    char wanted[64];

    title_of(run, i, wanted, sizeof wanted);
    if (number_of(run, i, "success") == 1 && title &&
        strcmp(title, wanted) == 0)
        return has_no_error(exam, run, i);
    saw(exam,
        "item %zu has success %s and title %s; its body was good, and "
        "the title %s",
        i, number_of(run, i, "success") ? "true" : "false", quoted(title),
        quoted(wanted));
    if (!title)
        likely(exam, "it was not processed, or its title thrown away");
    else if (strcmp(title, "Dr.") == 0)
        likely(exam, "a title from further inside, found by searching the "
                     "text: cJSON_GetObjectItemCaseSensitive() looks into one "
                     "object");
    else if (*title == '"' && title[1] && strcmp(title, wanted) != 0 &&
             strlen(title) > strlen(wanted))
        likely(exam, "cJSON_Print() writes JSON, with quotation marks and "
                     "backslashes: the string itself is in valuestring");
    else if (strncmp(title, wanted, strlen(title)) == 0 &&
             strlen(title) < strlen(wanted))
        likely(exam, "cut: a title may be of any length; strdup() gives it as "
                     "much memory as it needs");
    else if (strcmp(title, wanted) == 0)
        likely(exam, "success is true for an item whose title is there");
    else
        likely(exam, "the title of another item, or a pointer into what "
                     "cJSON_Delete() has freed: strdup() it, and let each "
                     "request have a struct get of its own");
    return false;
}

static bool has_its_end(struct exam *exam, size_t i, const char *error)
{
    if (strlen(error) < ERROR_SIZE)
        return true;
    saw(exam, "none of the %d bytes of item %zu's error is a '\\0'", ERROR_SIZE,
        i);
    likely(exam, "longer than the array that it stands in: snprintf() cuts, "
                 "and writes a '\\0' also then");
    return false;
}

static bool is_failed(struct exam *exam, const struct run *run, size_t i,
                      const char *what)
{
    const char *title = out_of(run, i, "title");
    const char *error = out_of(run, i, "error");
    bool success = number_of(run, i, "success") != 0;

    if (!success && !title && error && *error)
        return has_its_end(exam, i, error);
    saw(exam, "item %zu has success %s, title %s and error %s; %s", i,
        success ? "true" : "false", quoted(title), quoted(error), what);
    if (title)
        likely(exam, "not everything is a title: only what is there, and for "
                     "which cJSON_IsString() is true");
    else if (success)
        likely(exam, "success says whether the title is there: it can be set "
                     "only when that is known");
    else
        likely(exam, "error says why it failed: async_errmsg(err), or what is "
                     "wrong with the body");
    return false;
}

/* The items that are to fail have failed, and no other has. */
static bool right_items(struct exam *exam, const struct run *run, size_t bad,
                        const char *what)
{
    for (size_t i = 0; i < run->scenario->n; i++)
        if (i == bad || run->scenario->answers[i].err
                ? !is_failed(exam, run, i, what)
                : !is_good(exam, run, i))
            return false;
    return true;
}

/* ---- Requests that fail ------------------------------------------------ */

static bool others_succeed(struct exam *exam)
{
    struct scenario *scenario = good_items(exam, ITEMS);
    size_t bad = 1 + draw(exam, ITEMS - 2); /* neither the first nor the last */

    make_fail(exam, scenario, bad);
    scenario->answers[bad].after = EARLY;
    asked(exam,
          "%d items, of which %zu fails first: all others succeed, with their "
          "titles",
          ITEMS, bad);
    const struct run *run = play(exam, scenario);
    if (!run || !went_well(exam, run))
        return false;
    for (size_t i = 0; i < ITEMS; i++)
        if (i != bad && !is_good(exam, run, i))
            return false;
    return true;
}

static bool right_error(struct exam *exam, const struct run *run, size_t i)
{
    const char *error = out_of(run, i, "error");
    const char *wanted = run->scenario->answers[i].text;

    if (!is_failed(exam, run, i, "its request failed"))
        return false;
    if (strcmp(error, wanted) == 0)
        return true;
    saw(exam, "item %zu has the error %s; its request failed with %s", i,
        quoted(error), quoted(wanted));
    likely(exam, "async_errmsg(err) has the text in the task that called get, "
                 "until it suspends again; afterwards the task's errmsg");
    return false;
}

/* Two, with one code and different texts: the second to fail stands first. */
static bool errors_in_place(struct exam *exam)
{
    struct scenario *scenario = good_items(exam, ITEMS);
    size_t bad = 2 + draw(exam, 2);

    make_fail(exam, scenario, 0);
    make_fail(exam, scenario, bad);
    scenario->answers[bad].after = EARLY;
    scenario->answers[bad].err = scenario->answers[0].err;
    asked(exam,
          "%d items, of which 0 and %zu fail: the text of each error is in "
          "its own item",
          ITEMS, bad);
    const struct run *run = play(exam, scenario);
    return run && all_ended(exam, run) && right_error(exam, run, 0) &&
           right_error(exam, run, bad);
}

static bool counts_add_up(struct exam *exam)
{
    struct scenario *scenario = good_items(exam, ITEMS);

    make_fail(exam, scenario, 1);
    make_fail(exam, scenario, ITEMS - 1);
    asked(exam, "%d items, of which 2 fail: successful is 3, failed 2", ITEMS);
    const struct run *run = play(exam, scenario);
    if (!run || !went_well(exam, run) || !counts_right(exam, run, 2, "item"))
        return false;

    scenario = good_items(exam, ITEMS);
    for (size_t i = 0; i < ITEMS; i++)
        make_fail(exam, scenario, i);
    asked(exam, "all of %d items fail: process_items returns 0, failed is %d",
          ITEMS, ITEMS);
    run = play(exam, scenario);
    return run && went_well(exam, run) &&
           counts_right(exam, run, ITEMS, "item");
}

static bool gated(struct exam *exam, size_t n)
{
    struct scenario *scenario = good_items(exam, n);

    scenario->gate = n;
    asked(exam, "%zu items, of which none is answered before all are asked for",
          n);
    const struct run *run = play(exam, scenario);
    return run && right_jobs(exam, run) && all_in_flight(exam, run) &&
           succeeded(exam, run);
}

/* Also more than a pool of some fixed size has workers for. */
static bool all_at_once(struct exam *exam)
{
    return gated(exam, ITEMS) && gated(exam, 100 + draw(exam, 50));
}

/* ---- Bodies that are bad ----------------------------------------------- */

static bool one_form_fails(struct exam *exam, const char *form)
{
    struct scenario *scenario = items_with(exam, ITEMS, &form, 1);
    char what[64];

    scenario->answers[0].after = EARLY;
    snprintf(what, sizeof what, "its body was %s%s",
             strncmp(form, "with", 4) == 0 ? "JSON " : "", form);
    asked(exam,
          "%d items, of which 0 has a body that is %s: it fails, and the "
          "others succeed",
          ITEMS, what + strlen("its body was "));
    const struct run *run = play(exam, scenario);
    return run && went_well(exam, run) && right_items(exam, run, 0, what) &&
           counts_right(exam, run, 1, "item");
}

static bool bad_bodies_fail(struct exam *exam)
{
    for (size_t i = 0; i < BAD_FORMS; i++)
        if (!one_form_fails(exam, bad_forms[i]))
            return false;
    return true;
}

/* ---- Memory ------------------------------------------------------------ */

/* Items of which the first have these forms, watched by AddressSanitizer and
   LeakSanitizer; NULL if they found something. */
static const struct run *watched(struct exam *exam, size_t n,
                                 const char *const *forms, size_t count)
{
    struct scenario *scenario = items_with(exam, n, forms, count);

    scenario->sanitized = true;
    if (n > 1)
        make_fail(exam, scenario, n - 1);
    return play(exam, scenario);
}

static bool none_and_one(struct exam *exam)
{
    asked(exam, "no items at all (n is 0): process_items returns 0");
    const struct run *run = play(exam, good_items(exam, 0));
    if (!run || !went_well(exam, run) || !counts_right(exam, run, 0, "item"))
        return false;
    asked(exam, "one item, with a good body: all is freed but the title");
    run = watched(exam, 1, NULL, 0);
    return run && went_well(exam, run) && is_good(exam, run, 0);
}

static bool cancelled(struct exam *exam)
{
    struct scenario *scenario =
        items_with(exam, 40, bad_forms, BAD_FORMS); /* from 0.1 s to over 1 s */

    /* Whatever the seed, a bad body and a good one are there by then. */
    scenario->answers[0].after = scenario->answers[39].after = EARLY;
    scenario->sanitized = true;
    scenario->cancel_at = 700 * MILLISECOND;
    asked(exam, "the batch itself is cancelled, when some items are done: "
                "ASYNC_ECANCELED at that instant, all is freed but the titles");
    const struct run *run = play(exam, scenario);
    if (!run || !right_jobs(exam, run))
        return false;
    /* Over before its time: the bad bodies have ended it. */
    if (run->cancelled_at == NEVER && !went_well(exam, run))
        return false;
    return stopped_at_once(exam, run);
}

/* Every way out of the function. */
static bool nothing_leaks(struct exam *exam)
{
    if (!none_and_one(exam))
        return false;
    /* Alone, so that behind its item there is nothing that could be hit. */
    asked(exam, "one item, whose body is a long page of HTML: it is longer "
                "than an item's error");
    if (!watched(exam, 1, &bad_forms[BAD_FORMS - 1], 1))
        return false;
    asked(exam, "all kinds of bad bodies, some good ones, and a request that "
                "fails: all is freed but the titles");
    return watched(exam, ITEMS + BAD_FORMS, bad_forms, BAD_FORMS) &&
           cancelled(exam);
}

static const struct check checks[] = {
    {'a', 3, "one fails, all others succeed", "", others_succeed, 0, 0},
    {'b', 2, "the error's text is in its item", "", errors_in_place, 7, 2},
    {'c', 2, "a bad body is a failed item", "", bad_bodies_fail, 0, 3},
    {'d', 1, "the counts add up", "", counts_add_up, 0, 3},
    {'e', 1, "all are asked for at once", "a", all_at_once, 3, 0},
    {'f', 1, "nothing leaks on any path", "", nothing_leaks, 7, 2},
    {0},
};

const struct grader grader_06_fix_no_error_handling = {
    .number = 6,
    .name = "06_fix_no_error_handling",
    .title = "fix missing error handling",
    .functions = "int process_items(void *item_batch);",
    .first_step = "run it: what becomes of items 4 and 5 when item 3 fails, "
                  "and in which line does it crash (SANITIZE=1 tells)?",
    .lesson = 8,
    .uses_json = true,
    .checks = checks,
};

#endif
