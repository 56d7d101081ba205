/*
 * grader.h - what a grader is written with: the half that judges.
 *
 * A grader is a table of checks. A check is a function that plays one or more
 * scenarios, each in a fresh process, looks at what happened, and returns
 * whether that is right. If it is not, it has said what was asked, what was
 * seen, and which mistake that looks like. verify/README.md shows one.
 */
#ifndef VERIFY_GRADER_H
#define VERIFY_GRADER_H

#include "async/async.h"
#include "backoff.h"
#include "ledger.h"

struct exam;

struct check {
    char letter;
    int points;
    const char *title;
    const char *needs; /* letters of checks without which it is not reached */
    bool (*passes)(struct exam *exam);
    int lesson; /* where to read it up; 0: where the grader says */
    int hint;   /* the one for this check; 0: the next */
};

struct grader {
    int number;
    const char *name;           /* of the exercise's files: "02_gather" */
    const char *title;          /* for the report */
    const char *functions;      /* that the file must define, in one line */
    const char *first_step;     /* for whom has not started */
    int lesson;                 /* where to read it up */
    bool uses_json;             /* the file may use cJSON */
    bool uses_llm;              /* the file may use llm.h, libcurl and cJSON */
    const struct check *checks; /* ended by an empty one */
};

/* All graders, in the exercises' order; ended by NULL. */
extern const struct grader *const graders[];

/* ---- Scenarios --------------------------------------------------------- */

/*
 * A scenario of n items, freed with the exam. The operation for item i succeeds
 * after answers[i].after, with a text that exists nowhere else. The durations
 * are all different, and they do not end in the order of the items (nor, if
 * there are more than two, in its reverse).
 */
struct scenario *scenario_new(struct exam *exam, size_t n);

/*
 * Gives each item as many answers, to its first, second ... call; further calls
 * get the last one again. They are as new as the first ones: answer_to() is
 * where to change them. Without this, all calls of an item get the same answer.
 */
void scenario_tries(struct exam *exam, struct scenario *scenario, size_t tries);

/* One more value of a parameter, which driver_text() and driver_seconds() give
   to the driver: the first is item 0's. */
void scenario_text(struct scenario *scenario, const char *name,
                   const char *text);
void scenario_number(struct scenario *scenario, const char *name, long number);
void scenario_seconds(struct scenario *scenario, const char *name, int64_t ns);

/* The longest of the answers' durations, and the sum of all. */
int64_t slowest(const struct scenario *scenario);
int64_t sum_of(const struct scenario *scenario);

/* Below n, different for each seed. */
size_t draw(struct exam *exam, size_t n);

/*
 * Runs the student's program through the scenario. The result is freed with the
 * exam. NULL if the program did not come to its end (it crashed, hung, leaked
 * ...): the check has then been told why, and has nothing to do but to fail.
 */
const struct run *play(struct exam *exam, struct scenario *scenario);

/* ---- What a check asks of a run ---------------------------------------- */

/*
 * Each of these returns whether it is so; if not, the check has been told what
 * was seen, and which mistake that looks like.
 */

/* Every task that was started was awaited. */
bool all_awaited(struct exam *exam, const struct run *run);

/* No function but an operation blocked the thread. */
bool never_blocked(struct exam *exam, const struct run *run);

/* The student's function returned 0, and all tasks were awaited. */
bool succeeded(struct exam *exam, const struct run *run);

/* The same, of a function to which the failure of one item is no error. */
bool went_on(struct exam *exam, const struct run *run);

/* It was cancelled, and returned ASYNC_ECANCELED at that instant with nothing
   left in flight. */
bool stopped_at_once(struct exam *exam, const struct run *run);

/* The operation was called once for each item. */
bool each_called_once(struct exam *exam, const struct run *run, const char *op);

/* The operation was called so often for this item. */
bool called(struct exam *exam, const struct run *run, const char *op,
            size_t item, size_t times);

/*
 * It was called retries + 1 times for each item, and the waits between double,
 * from base on; none is longer than limit (INT64_MAX: any length). The scenario
 * has at least BACKOFF_JOBS items, all of whose calls fail; backoff.h has the
 * rule.
 */
bool backs_off(struct exam *exam, const struct run *run, const char *op,
               size_t retries, int64_t base, int64_t limit);

/* The first call began at 0.0 s. */
bool begins_at_once(struct exam *exam, const struct run *run);

/* It returned when the last call had ended, and not later. */
bool no_wait_at_the_end(struct exam *exam, const struct run *run);

/* The scenario's gate filled up. */
bool all_in_flight(struct exam *exam, const struct run *run);

/* It returned after exactly that time. */
bool took(struct exam *exam, const struct run *run, int64_t wanted);

/* Each item's out field is the text of its answer. */
bool answers_in_place(struct exam *exam, const struct run *run,
                      const char *field);

/*
 * The out fields "successful" and "failed" of item 0 say how many of the items
 * failed. What is counted is called noun.
 */
bool counts_right(struct exam *exam, const struct run *run, size_t failed,
                  const char *noun);

/*
 * Of a limit: how many calls may be in flight at once. The scenario has a call
 * for each of its items.
 */

/* There were never more. */
bool never_over(struct exam *exam, const struct run *run, size_t limit);

/* There were as many: the scenario's gate, which is the limit, filled up. */
bool limit_reached(struct exam *exam, const struct run *run);

/* No semaphore was released by somebody who had no permit. */
bool released_rightly(struct exam *exam, const struct run *run);

/* Whenever time went by there were as many, as long as calls had not begun: a
   slot that gets free is used at once. */
bool slots_kept_busy(struct exam *exam, const struct run *run, size_t limit);

/* Once the student's function was cancelled, nothing began. It is not for
   scenarios in which a call ends at that very moment. */
bool begins_no_more(struct exam *exam, const struct run *run);

/* ---- Why a check fails ------------------------------------------------- */

/* Each keeps one sentence for the report; the latest counts. */
void asked(struct exam *exam, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void saw(struct exam *exam, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void likely(struct exam *exam, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "0", "ASYNC_ECANCELED", "EIO": what a program would write. */
const char *error_name(int err);

/* A text as a person would quote it: in quotation marks, or NULL. One of a few
   static buffers, cut to what fits into a line. */
const char *quoted(const char *text);

/* "1 call", "5 calls". One of a few static buffers. */
const char *counted(size_t n, const char *noun);

/* Whether two moments are the same, to a microsecond: seconds are doubles. */
bool same_time(int64_t a, int64_t b);

/* Whether milliseconds were taken for seconds. */
bool thousandfold(int64_t seen, int64_t wanted);

#endif
