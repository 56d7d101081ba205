/*
 * ledger.h - what the judge asks of a program, and what it saw it do.
 */
#ifndef VERIFY_LEDGER_H
#define VERIFY_LEDGER_H

#include "process.h"
#include "web.h"
#include "words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Asked ------------------------------------------------------------- */

/* All times are nanoseconds on the judge's clock, which begins at 0. */

/* How an operation ends. */
struct answer {
    int64_t after; /* it was called, or the gate opened */
    int err;
    char text[48]; /* the result, or the error's text */
};

struct scenario {
    size_t n;               /* items */
    size_t tries;           /* the first calls of each have their own answers */
    struct answer *answers; /* n for the first try, then n for the second ... */
    size_t gate;       /* nobody is answered before so many are in flight */
    const char *gated; /* it is for this operation only; NULL: for all */
    int64_t cancel_at; /* when the student's function is cancelled; 0: never */
    bool sanitized;    /* under AddressSanitizer and LeakSanitizer */
    int64_t speed;     /* the clock goes on in real time, so much faster; 0:
                          it is the judge's */
    struct text parameters; /* lines for the driver */
    struct web web;         /* a server; then the clock is the real one */
};

/* ---- Seen -------------------------------------------------------------- */

enum { NEVER = -1 };

/* One call of an operation. Moments that did not come are NEVER. */
struct call {
    char op[32];
    size_t item;
    size_t nth;                 /* of the calls of op for this item, from 0 */
    int64_t begun, ended, gone; /* called; answered; cancelled */
    int64_t due;                /* INT64_MAX while the gate is closed */
};

/* A line that the program printed, and when. */
struct print {
    int64_t at;
    char *line;
};

/* A value that an out field was left with. */
struct out {
    size_t item;
    char field[32];
    char *value; /* NULL: the field was NULL */
};

/* What only the protocol can tell about a program's end. */
enum trouble {
    NO_TROUBLE,
    BUSY,        /* yielded for ever at one instant */
    POLLING,     /* woke up again and again, and nothing came of it */
    DEADLOCK,    /* waited for what nobody would ever do */
    ENDLESS,     /* called operations, or printed lines, without end */
    GARBAGE,     /* wrote to the judge's channel itself */
    DEAF,        /* closed that channel */
    SPOILT,      /* changed its own program */
    SERVER_LOST, /* its web server ended, or was never there */
};

struct run {
    const struct scenario *scenario;
    int64_t now; /* the clock; after the end: when the program was done */

    struct call *calls; /* in the order of their beginning */
    size_t call_count, in_flight, most_in_flight;
    bool gate_open;    /* it filled up, or there was none */
    size_t gate_found; /* if not: how many were in flight */
    int64_t gate_found_at;

    int64_t *instants; /* at which the clock stood, 0 included */
    size_t instant_count;
    int64_t blocked;  /* how long the thread was blocked, in all */
    char blocker[32]; /* the first function but an operation that did, or "" */
    bool strayed;     /* an operation was called for no item: */
    long stray;       /* for this number, or -1 */

    struct traffic traffic; /* what a web server saw */

    struct print *prints;
    size_t print_count;

    int64_t cancelled_at; /* when the function was cancelled, NEVER if not */
    int64_t returned_at;  /* when it returned, NEVER if it did not */
    int returned;         /* what it returned */
    char *errmsg;
    size_t open_at_return; /* calls in flight then */

    struct out *outs;
    size_t out_count;
    bool complete; /* the driver reached its end */
    bool leaks;

    const char *server;   /* the program that is the web server */
    double began, lasted; /* real time: of the first word, until it returned */
    char secret[SECRET_LENGTH + 1];
    long lines; /* that the program said on the channel */
    enum trouble trouble;
    int64_t stuck_at;       /* of DEADLOCK: when */
    struct process process; /* its ending and its outputs */
};

/*
 * Runs the command's program through the scenario: fills run, which is all
 * zeroes. 0, or a negative errno value if it could not be started.
 */
int ledger_run(struct run *run, const struct scenario *scenario,
               const struct command *command);
void ledger_free(struct run *run);

/* ---- Looking things up ------------------------------------------------- */

/* The value that an item's out field was left with, or NULL. */
const char *out_of(const struct run *run, size_t item, const char *field);

/* The same as a number, -1 if it was not told. */
long out_number(const struct run *run, size_t item, const char *field);

/* When that line was first printed, or NEVER. */
int64_t printed_at(const struct run *run, const char *line);

/* How often an operation was called, for one item. */
size_t calls_of(const struct run *run, const char *op, size_t item);

/* How many calls of an operation were in flight at most. */
size_t most_of(const struct run *run, const char *op);

/* The answer to an item's nth call; after the last try's, that one again. */
struct answer *answer_to(const struct scenario *scenario, size_t item,
                         size_t nth);

/* The item's first call of an operation, or NULL. */
const struct call *call_of(const struct run *run, const char *op, size_t item);

#endif
