/*
 * traffic.h - what graders with a web server ask of the requests that it saw.
 *
 * In such a scenario an item is known by its answer's text: a path, or a word
 * of the prompt, which stands in the item's requests and in no others. What an
 * exercise calls its items, and by which mistakes they go wrong, is a struct
 * items of its grader.
 */
#ifndef VERIFY_TRAFFIC_H
#define VERIFY_TRAFFIC_H

#include "grader.h"

/* What the items of an exercise are. Hints are for the report. */
struct items {
    const char *noun;   /* "document": item 3 is called "document 3" */
    bool named_by_text; /* the text alone says which one it is */
    const char *field;  /* the out field that has what came, NULL if it failed;
                           the item's text stands in there */
    const char *unset, *swapped, *lost; /* hints: success is false, though it
                           was answered; the field has another item's; NULL */
    const char *unseen;  /* hint: it has failed, and has success true */
    const char *silent;  /* hint: its error is empty */
    const char *no_use;  /* hint: it was sent again, and it was of no use */
    const char *ignored; /* hint: it was not sent again */
};

/* ---- Scenarios --------------------------------------------------------- */

/* How a processor is to work. Its base_delay is short, where nothing else
   matters: all that is waited for is waited for in real time. */
struct settings {
    int max_concurrent, max_retries;
    int64_t timeout, base_delay;
};
static const int64_t SHORT_DELAY = 5 * MILLISECOND / 2;

/* A scenario of n such items, with a web server. */
struct scenario *web_scenario(struct exam *exam, size_t n,
                              const struct items *items);

/* Parameters: of the same names; "batch", the next batch's items; "api_key",
   another for each seed. */
void give_settings(struct scenario *scenario, const struct settings *settings);
void give_batch(struct scenario *scenario, size_t n);
void give_key(struct exam *exam, struct scenario *scenario);

/* Something that the server does to item i, such as "503 attempts=1". */
void fault(struct scenario *scenario, size_t i, const char *what);

/* It answers in another order than it was asked in. */
void answer_in_disorder(struct exam *exam, struct scenario *scenario);

/* ---- The limit --------------------------------------------------------- */

/*
 * Of a scenario with a hold: as many were in flight at some time; never more;
 * and as many again, whenever one had been answered, until none was left.
 * held() is all three.
 */
bool hold_reached(struct exam *exam, const struct run *run);
bool hold_not_exceeded(struct exam *exam, const struct run *run);
bool hold_refilled(struct exam *exam, const struct run *run);
bool held(struct exam *exam, const struct run *run);

/* ---- An item ----------------------------------------------------------- */

/* The k-th request for item i, counted from 0, or NULL; how many there were. */
const struct request *request_for(const struct run *run, size_t i, size_t k);
size_t requests_for(const struct run *run, size_t i);

/* Its name for the report. One of a few static buffers. */
const char *item_name(const struct run *run, size_t i);

/* It succeeded, and has what came for it; so have all from `first` on. */
bool item_succeeded(struct exam *exam, const struct run *run, size_t i);
bool rest_succeeded(struct exam *exam, const struct run *run, size_t first);

/* It failed, and says why. It did so because of `why`, such as "401". */
bool item_failed(struct exam *exam, const struct run *run, size_t i,
                 const char *why);

/* So many requests were made for it, and its attempts say so. */
bool item_tried(struct exam *exam, const struct run *run, size_t i,
                size_t wanted, const char *why);

/* The first n of its requests, of which `wanted` are due, were closed before
   they were answered. */
bool item_closed(struct exam *exam, const struct run *run, size_t i, size_t n,
                 size_t wanted);

/* ---- Retries ----------------------------------------------------------- */

/* How many items a scenario on backoff has. */
enum { WEB_JOBS = 36 };

/*
 * Some of WEB_JOBS items are asked to wait (Retry-After), and do; all others
 * fail several times, and their waits double. The function gives a scenario
 * with these settings. It is played again if chance may have had a hand in it,
 * or a busy machine.
 */
bool waits_double(struct exam *exam,
                  struct scenario *scenario(struct exam *exam,
                                            const struct settings *settings));

/* With one slot, each item failing once: another was sent while one waited for
   its retry. */
bool slot_was_free(struct exam *exam, const struct run *run);

/*
 * Whether it passes with some unit of time, each four times the one before: for
 * time limits that are short, of which a busy machine may need more. What is
 * wrong is so with each.
 */
bool patiently(struct exam *exam,
               bool (*passes)(struct exam *exam, int64_t unit));

/* With one slot, which item 0 has for as long as the time limit is: the others
   succeeded, for whom it had not begun. */
bool waiting_was_free(struct exam *exam, const struct run *run);

/* ---- Sums -------------------------------------------------------------- */

/* Tokens and cost, of each item and of all, are those that the server has. */
bool sums_right(struct exam *exam, const struct run *run);

/* The out field elapsed_time of that number is no shorter than from the first
   request for n items, from `first` on, to the last answer. */
bool elapsed_right(struct exam *exam, const struct run *run, size_t number,
                   size_t first, size_t n);

/* The scenario's key stands in nothing that the program printed or left. */
bool key_unseen(struct exam *exam, const struct run *run);

#endif
