/*
 * The grader of exercise 12, fix a leak on cancel.
 *
 * Several reports are fetched at once, each of them with slots of its own, and
 * each is at another place when they are all cancelled: one waits for a slot,
 * one opens, the others read. So one run shows all the ways out; a second one
 * shows those of the failures.
 */
#ifdef VERIFY_DRIVER

#include "12_fix_leak_on_cancel.h"
#include "driver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#endif

/*
 * Both halves: report i is at stage i when it is stopped. The operations of
 * report i are the items from OPS * i on: open, and three reads, of which the
 * last one finds the end.
 */
enum { AT_ACQUIRE, AT_OPEN, AT_READ, READS = 3, DONE = AT_READ + READS };
enum { REPORTS = DONE + 1, OPS = 1 + READS, SLOTS = 2 };

#ifdef VERIFY_DRIVER

/* What becomes of each report. */
static struct place {
    struct async_semaphore slots;
    struct report report;
    int opened, closed;
    int reads;
    bool open;           /* its connection, now */
    bool lost;           /* a read of it has failed */
    bool without_slot;   /* opened, read or closed without one */
    bool used_if_closed; /* read or closed without a connection */
} places[REPORTS];

static struct place *place_of(const struct connection *connection)
{
    for (size_t i = 0; i < REPORTS; i++)
        if (strcmp(places[i].report.name, connection->name) == 0)
            return &places[i];
    return NULL;
}

/* The slots that we do not hold ourselves: one, but for the report that waits.
 */
static int free_slots(const struct place *place)
{
    return place == &places[AT_ACQUIRE] ? 0 : place->slots.permits;
}

static int open_connection(void *job)
{
    struct connection *connection = job;
    struct place *place = place_of(connection);
    char *answer = NULL;

    if (!place)
        return driver_stray("open", -1);
    place->without_slot |= free_slots(place) > 0;
    int err = driver_call("open", OPS * (size_t)(place - places), &answer);
    if (err)
        return err;
    free(answer);
    place->opened++;
    place->open = true;
    return 0;
}

static int read_piece(void *job)
{
    struct connection *connection = job;
    struct place *place = place_of(connection);
    char *answer = NULL;

    if (place && place->lost) {
        driver_stray("read", 0);
        return async_sleep(INFINITY); /* or it would be called without end */
    }
    if (!place || place->reads == READS)
        return driver_stray("read", place ? READS : -1);
    place->used_if_closed |= !place->open;
    int number = ++place->reads;
    int err = driver_call(
        "read", OPS * (size_t)(place - places) + (size_t)number, &answer);
    place->lost = err != 0;
    if (err)
        return err;
    if (number == READS) {
        free(answer);
        answer = NULL;
    }
    connection->text = answer;
    return 0;
}

static void close_connection(struct connection *connection)
{
    struct place *place = place_of(connection);

    if (!place)
        return;
    place->without_slot |= free_slots(place) > 0;
    place->used_if_closed |= !place->open;
    place->closed++;
    place->open = false;
}

/* One slot is left for each report, but none for the first. */
static int fetch_all(void *job)
{
    struct async_task *tasks = job;

    for (size_t i = 0; i < REPORTS; i++)
        for (int taken = i == AT_ACQUIRE ? SLOTS : SLOTS - 1; taken > 0;
             taken--)
            if (async_semaphore_acquire(&places[i].slots) != 0)
                abort();
    for (size_t i = 0; i < REPORTS; i++)
        async_spawn(&tasks[i], fetch_report, &places[i].report);
    return async_gather_all(tasks, REPORTS);
}

static void tell(size_t i, const struct async_task *task)
{
    struct place *place = &places[i];
    const char *text = place->report.text;

    driver_out_number(i, "err", task->err);
    driver_out_text(i, "errmsg", task->errmsg);
    driver_out_number(i, "opened", place->opened);
    driver_out_number(i, "closed", place->closed);
    driver_out_number(i, "without_slot", place->without_slot);
    driver_out_number(i, "used_if_closed", place->used_if_closed);
    driver_out_number(i, "free", place->slots.permits);
    /* Of a report that failed it may point to what is freed already. */
    driver_out_text(i, "text", task->err && text ? "" : text);
}

void driver_main(void)
{
    struct async_task tasks[REPORTS] = {0};

    for (size_t i = 0; i < REPORTS; i++) {
        places[i].slots.permits = SLOTS;
        places[i].report = (struct report){
            &places[i].slots, open_connection,        read_piece,
            close_connection, driver_text("name", i), NULL};
    }
    driver_run(fetch_all, tasks, "fetch_all");
    for (size_t i = 0; i < REPORTS; i++) {
        tell(i, &tasks[i]);
        if (*driver_text("owner_frees", 0))
            free(places[i].report.text);
    }
}

#else

/* A long time, in which nothing else happens; and the middle of it. */
enum { LONG = 30, MIDDLE = 15 };

/* ---- Scenarios --------------------------------------------------------- */

static struct scenario *reports(struct exam *exam)
{
    struct scenario *scenario = scenario_new(exam, REPORTS * OPS);

    for (size_t i = 0; i < REPORTS; i++)
        scenario_text(scenario, "name", scenario->answers[OPS * i].text);
    return scenario;
}

/* The operation that report i is in when it is stopped; NULL if it is none. */
static struct answer *last_of(struct scenario *scenario, size_t i)
{
    return i == AT_ACQUIRE || i == DONE
               ? NULL
               : &scenario->answers[OPS * i + i - AT_OPEN];
}

/* All are cancelled, each at its stage. */
static struct scenario *cancelled(struct exam *exam)
{
    struct scenario *scenario = reports(exam);

    for (size_t i = 0; i < REPORTS; i++)
        if (last_of(scenario, i))
            last_of(scenario, i)->after = LONG * SECOND;
    scenario->cancel_at = MIDDLE * SECOND;
    return scenario;
}

/* Each fails at its stage. The first, for which there is no slot, is cancelled
   in the end, since nothing else can fail there. */
static struct scenario *failing(struct exam *exam)
{
    static const int errors[] = {-EIO, -EPROTO, -ECONNRESET, -EHOSTUNREACH};
    struct scenario *scenario = reports(exam);

    for (size_t i = 0; i < REPORTS; i++) {
        struct answer *answer = last_of(scenario, i);

        if (!answer)
            continue;
        answer->err = errors[draw(exam, 4)];
        snprintf(answer->text, sizeof answer->text, "line %zu is dead",
                 100 + draw(exam, 900));
    }
    scenario->cancel_at = MIDDLE * SECOND;
    return scenario;
}

/* ---- What was told ----------------------------------------------------- */

static long number(const struct run *run, size_t i, const char *field)
{
    const char *value = out_of(run, i, field);

    return value ? atol(value) : 0;
}

/* How report i ended, in words: "the report that failed in read 2". */
static const char *which(const struct run *run, size_t i)
{
    static char text[64];
    const struct answer *answers = run->scenario->answers;
    bool failed =
        i != AT_ACQUIRE && i != DONE && answers[OPS * i + i - AT_OPEN].err;
    const char *how = failed ? "failed" : "was cancelled";

    if (i == AT_ACQUIRE)
        snprintf(text, sizeof text,
                 "the report that was cancelled while it waited for a slot");
    else if (i == DONE)
        snprintf(text, sizeof text, "the report that succeeded");
    else if (i == AT_OPEN)
        snprintf(text, sizeof text, "the report that %s in open", how);
    else
        snprintf(text, sizeof text, "the report that %s in read %zu", how,
                 i - AT_READ + 1);
    return text;
}

/* The operations were called with a connection, and not too often. */
static bool right_calls(struct exam *exam, const struct run *run)
{
    if (!run->strayed)
        return true;
    saw(exam, run->stray < 0
                  ? "open or read got a job that is no connection of a report"
              : run->stray == 0 ? "read was called again after it had failed"
                                : "read was called again after the last piece");
    likely(exam, run->stray < 0
                     ? "their job is &connection, whose name is the report's"
                 : run->stray == 0
                     ? "an error ends the report, be it a cancellation or not: "
                       "leave the loop"
                     : "a text of NULL says that there are no more");
    return false;
}

/* Each report came to where it was to be stopped: whoever does nothing loses
   nothing. */
static bool all_came_there(struct exam *exam, const struct run *run)
{
    if (!right_calls(exam, run))
        return false;
    for (size_t i = AT_OPEN; i < REPORTS; i++) {
        size_t last = i == DONE ? READS : i - AT_OPEN;

        if (calls_of(run, last ? "read" : "open", OPS * i + last) > 0)
            continue;
        saw(exam, "%s never came there", which(run, i));
        likely(exam, "open, and then read until its text is NULL; it left "
                     "before that");
        return false;
    }
    return true;
}

/* Plays it, and asks the same of each report. */
static bool each_report(struct exam *exam, struct scenario *scenario,
                        bool is_right(struct exam *exam, const struct run *run,
                                      size_t i))
{
    const struct run *run = play(exam, scenario);

    if (!run || !all_came_there(exam, run))
        return false;
    for (size_t i = 0; i < REPORTS; i++)
        if (!is_right(exam, run, i))
            return false;
    return true;
}

/* ---- Connections ------------------------------------------------------- */

static bool connection_closed(struct exam *exam, const struct run *run,
                              size_t i)
{
    long opened = number(run, i, "opened"), closed = number(run, i, "closed");

    if (opened == closed && !number(run, i, "used_if_closed"))
        return true;
    saw(exam, "%s opened %s and closed %s", which(run, i),
        counted((size_t)opened, "connection"),
        counted((size_t)closed, "connection"));
    if (opened > closed)
        likely(exam, "a path from open to the end that leaves out close: what "
                     "is open has to be closed there, too");
    else if (opened == 0)
        likely(exam, "closed although open did not succeed: then there is no "
                     "connection");
    else
        likely(exam, "closed twice, or read after it was closed");
    return false;
}

static bool closed_once(struct exam *exam)
{
    asked(exam,
          "%d reports, cancelled while they wait for a slot, open, and "
          "read: what was opened is closed, once",
          REPORTS - 1);
    if (!each_report(exam, cancelled(exam), connection_closed))
        return false;
    asked(exam,
          "%d reports that fail in open and in each read: what was "
          "opened is closed, once",
          REPORTS - 2);
    return each_report(exam, failing(exam), connection_closed);
}

/* ---- Slots ------------------------------------------------------------- */

static bool slot_returned(struct exam *exam, const struct run *run, size_t i)
{
    long held = i == AT_ACQUIRE ? 0 : 1, left = number(run, i, "free");

    if (left == held && !number(run, i, "without_slot"))
        return true;
    if (left < held) {
        saw(exam, "%s has not given its slot back", which(run, i));
        likely(exam, "a return between acquire and release: the slot has to be "
                     "given back on that path, too");
    } else if (left > held) {
        saw(exam, "%s gave back a slot more than it took", which(run, i));
        likely(exam, i == AT_ACQUIRE
                         ? "when async_semaphore_acquire() fails there is no "
                           "slot: nothing to release"
                         : "released twice on that path");
    } else {
        saw(exam, "%s had a connection, and no slot for it", which(run, i));
        likely(exam, "a slot is for an open connection: acquire before open, "
                     "close before release");
    }
    return false;
}

static bool slots_back(struct exam *exam)
{
    asked(exam,
          "%d reports, cancelled while they wait for a slot, open, and "
          "read: each gives back the slot that it took, no other",
          REPORTS - 1);
    if (!each_report(exam, cancelled(exam), slot_returned))
        return false;
    asked(exam,
          "%d reports that fail in open and in each read: each gives "
          "back its slot",
          REPORTS - 2);
    return each_report(exam, failing(exam), slot_returned);
}

/* ---- Memory ------------------------------------------------------------ */

static bool is_fine(struct exam *exam, const struct run *run, size_t i)
{
    (void)exam, (void)run, (void)i;
    return true;
}

static bool no_leak(struct exam *exam)
{
    struct scenario *scenario = cancelled(exam);

    scenario->sanitized = true;
    scenario_text(scenario, "owner_frees", "yes");
    asked(exam,
          "%d reports, cancelled while they wait for a slot, open, and "
          "read, watched by AddressSanitizer and LeakSanitizer",
          REPORTS - 1);
    if (!each_report(exam, scenario, is_fine))
        return false;
    scenario = failing(exam);
    scenario->sanitized = true;
    scenario_text(scenario, "owner_frees", "yes");
    asked(exam,
          "%d reports that fail in open and in each read, watched by "
          "AddressSanitizer and LeakSanitizer",
          REPORTS - 2);
    return each_report(exam, scenario, is_fine);
}

/* ---- What it returns --------------------------------------------------- */

/* Of a report that ended badly. */
static bool returned(struct exam *exam, const struct run *run, size_t i,
                     int wanted)
{
    int err = (int)number(run, i, "err");

    if (err != wanted) {
        saw(exam, "%s returned %s", which(run, i), error_name(err));
        likely(exam,
               err == 0 && i == AT_ACQUIRE
                   ? "it went on without a slot: async_semaphore_acquire() "
                     "waits for one, and its error is returned"
               : err == 0 && i == AT_OPEN
                   ? "err is lost on its way out: whatever is given back "
                     "there, the error has to be returned"
               : err == 0 ? "the loop is left, and what was read so far taken "
                            "for all: the error has to be returned"
                          : "another error than that of the call that failed: "
                            "keep err until the return");
        return false;
    }
    if (!out_of(run, i, "text"))
        return true;
    saw(exam, "%s returned %s, and its text is not NULL", which(run, i),
        error_name(err));
    likely(exam, "text is written at the end, when all has gone well: what was "
                 "read so far is freed");
    return false;
}

static bool says_cancelled(struct exam *exam, const struct run *run, size_t i)
{
    return i == DONE || returned(exam, run, i, ASYNC_ECANCELED);
}

static bool stops_when_cancelled(struct exam *exam)
{
    struct scenario *scenario = cancelled(exam);

    asked(exam,
          "%d reports, cancelled while they wait for a slot, open, and "
          "read: ASYNC_ECANCELED at that instant, text is NULL",
          REPORTS - 1);
    const struct run *run = play(exam, scenario);
    if (!run || !all_came_there(exam, run) || !stopped_at_once(exam, run))
        return false;
    for (size_t i = 0; i < REPORTS; i++)
        if (!says_cancelled(exam, run, i))
            return false;
    return true;
}

static bool says_why(struct exam *exam, const struct run *run, size_t i)
{
    const char *errmsg = out_of(run, i, "errmsg");

    if (i == AT_ACQUIRE || i == DONE)
        return true;
    const struct answer *answer =
        &run->scenario->answers[OPS * i + i - AT_OPEN];
    if (!returned(exam, run, i, answer->err))
        return false;
    if (errmsg && strcmp(errmsg, answer->text) == 0)
        return true;
    saw(exam, "%s with %s: the text of its error is %s", which(run, i),
        quoted(answer->text), quoted(errmsg));
    likely(exam, "the error was returned, but its text got lost: something was "
                 "raised or suspended after it");
    return false;
}

static bool failure_is_returned(struct exam *exam)
{
    asked(exam,
          "%d reports that fail in open and in each read: that error "
          "with its text, and text is NULL",
          REPORTS - 2);
    return each_report(exam, failing(exam), says_why);
}

static bool succeeds(struct exam *exam)
{
    struct scenario *scenario = failing(exam);
    const struct answer *pieces = &scenario->answers[OPS * DONE + 1];
    char wanted[128];

    asked(exam, "a report that succeeds: 0, and its pieces in text");
    snprintf(wanted, sizeof wanted, "%s%s", pieces[0].text, pieces[1].text);
    const struct run *run = play(exam, scenario);
    if (!run || !right_calls(exam, run))
        return false;

    const char *text = out_of(run, DONE, "text");
    int err = (int)number(run, DONE, "err");
    if (err == 0 && text && strcmp(text, wanted) == 0 &&
        number(run, DONE, "closed") == 1)
        return true;
    saw(exam, "it returned %s, text is %s; the pieces were %s and %s",
        error_name(err), quoted(text), quoted(pieces[0].text),
        quoted(pieces[1].text));
    likely(exam, err == 0 && !text
                     ? "report->text is to be set when all went well; text is "
                       "freed on an error only"
                     : "what worked before does not any more: the pieces are "
                       "joined, in their order, until there is none");
    return false;
}

static const struct check checks[] = {
    {'a', 2, "what was opened is closed, once", "", closed_once, 0, 0},
    {'b', 2, "the slot is given back, if there is one", "", slots_back, 0, 0},
    {'c', 2, "no memory is lost", "", no_leak, 0, 0},
    {'d', 1, "cancelled: says so, and has no text", "a", stops_when_cancelled,
     0, 0},
    {'e', 2, "failed: says why, and has no text", "b", failure_is_returned, 0,
     0},
    {'f', 1, "it still succeeds", "abc", succeeds, 0, 0},
    {0},
};

const struct grader grader_12_fix_leak_on_cancel = {
    .number = 12,
    .name = "12_fix_leak_on_cancel",
    .title = "fix a leak on cancel",
    .functions = "int fetch_report(void *report);",
    .first_step = "for each return in fetch_report(), write down what it holds "
                  "at that moment: a slot? a connection? memory?",
    .lesson = 11,
    .checks = checks,
};

#endif
