/*
 * inject.h - calls that fail when a test wants them to.
 *
 * The libraries under test are linked in copies whose calls of the system and
 * of other libraries have been renamed: malloc is fault_call_malloc, and so
 * on (see the Makefile). Such a call does what it always does, except that a
 * plan says which one fails, or is where a signal arrives. What the test itself
 * calls, and what libraries do inside, is as ever.
 */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What fails together, and with the same kinds of right answers. */
enum fault_kind {
    FAULT_MEMORY,      /* malloc and its like */
    FAULT_STACKS,      /* mmap */
    FAULT_GUARDS,      /* madvise, mprotect */
    FAULT_DESCRIPTORS, /* whatever opens one */
    FAULT_WATCHING,    /* epoll_ctl */
    FAULT_NEW_CALLS,   /* epoll_pwait2, which not all systems have */
    FAULT_WAITING,     /* epoll_wait */
    FAULT_POLL,        /* poll */
    FAULT_THREADS,     /* pthread_create */
    FAULT_SETTINGS,    /* limits, timer slack, signal handlers ... */
    FAULT_FILES,       /* writing and reading */
    FAULT_RANDOM,      /* getrandom */
    FAULT_CURL,        /* libcurl's functions */
    FAULT_INSIDE_CURL, /* memory that libcurl asks for */
    FAULT_INSIDE_JSON, /* memory that cJSON asks for */
    FAULT_PATTERNS,    /* PCRE2's functions */

    FAULT_SIGNAL_BEFORE, /* a signal comes just before any of these calls */
    FAULT_SIGNAL_WITHIN, /* or in the middle: EINTR */
    FAULT_SIGNAL_MOMENT, /* or when something happens to a task */
    FAULT_KINDS
};

/* Calls of one kind for which the same functions of the libraries are on the
   stack, at the same instructions. */
struct fault_place {
    enum fault_kind kind;
    uint64_t stack;
    unsigned long calls;
};

struct fault_plan {
    enum fault_kind kind;
    uint64_t stack;      /* only calls of that place count; 0: all do */
    unsigned long first; /* the call that fails, from 1 on; 0: none */
    bool on;             /* and all of that kind which come after it */
    int number;          /* the errno value, or the signal; 0: the usual */
    bool survey;         /* notes where calls are made */
};

enum { MOST_PLACES = 4096 };

/* What came of a plan. */
struct fault_outcome {
    unsigned long calls[FAULT_KINDS];
    unsigned long met;    /* calls of the plan's place */
    unsigned long failed; /* so many of the plan's kind */
    unsigned long first;  /* the first that did: of its kind, the how-manieth */
    size_t n_places;
    struct fault_place places[MOST_PLACES]; /* of the survey */
};

/*
 * From now on this thread's calls follow the plan, and what comes of it stands
 * in outcome, zeroed, which child processes may share.
 */
void fault_begin(const struct fault_plan *plan, struct fault_outcome *outcome);
void fault_end(void);

/* Each call that fails says where it was made. */
void fault_show_places(void);

/* Counts a call of that kind; whether it is to fail. Sets errno if it is. */
bool fault_due(enum fault_kind kind, int usual);

/* How much the libraries have mapped and not unmapped. */
size_t fault_mapped(void);

#endif
