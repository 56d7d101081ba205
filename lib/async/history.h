/*
 * history.h - what happened in a run, kept for the picture of it.
 *
 * A picture has room for a few tasks and a few hundred moments. So, however
 * long the run and however many its tasks, no more is kept than that: the
 * events of the first and of the last tasks, thinned out where they lie closer
 * together than could be drawn, and for all tasks together how many did what at
 * which time. Of each task that is neither first nor last, eight bytes are
 * left.
 */
#ifndef ASYNC_HISTORY_H
#define ASYNC_HISTORY_H

#include "async/runtime.h"

enum {
    HISTORY_FIRST = 20, /* so many tasks are kept in full, */
    HISTORY_LAST = 4,   /* and the latest so many; */
    HISTORY_ROWS = HISTORY_FIRST + HISTORY_LAST,
    HISTORY_UNFOLDED = 14, /* if there are more, only so many first ones are
                              shown: the others make room for the fold */
    HISTORY_BINS = 1024,
    HISTORY_NAMES = 64, /* more different names than that are not numbered */
    HISTORY_FAILED = 8
};

/* What a task does from one event to the next. */
enum history_state {
    HISTORY_NOTHING, /* has ended */
    HISTORY_READY,   /* has not begun, or lets others run */
    HISTORY_RUNS,
    HISTORY_WAITS, /* and an enum async_reason on top */
    HISTORY_STATES = HISTORY_WAITS + ASYNC_FOR_NETWORK + 1
};

/* What is seen at the moment of an event itself. */
enum history_mark {
    HISTORY_NO_MARK, /* it was spawned, or begins to wait */
    HISTORY_STARTS,
    HISTORY_GOES_ON,
    HISTORY_DONE,
    HISTORY_FAILS,
    HISTORY_IS_CANCELLED,
    HISTORY_MARKS
};

struct history_event {
    int64_t time;
    enum history_mark mark : 8;
    enum history_state then : 8;
};

/* One task. Tasks of one name are numbered, in the order of their spawns. */
struct history_row {
    const char *name;
    unsigned ordinal; /* from 1; 0: the name is not numbered */
    unsigned number;  /* the task's */
    struct history_event *events;
    size_t count, room;
};

/* What is kept of every task. */
struct history_brief {
    uint32_t ordinal;
    uint8_t state;
    bool begun;
};

struct history {
    int64_t begin, now;
    struct history_row rows[HISTORY_ROWS];
    struct history_brief *briefs; /* by the tasks' numbers */
    size_t count, room;
    bool incomplete;  /* memory ran out on the way */
    char granted[48]; /* what it is that tasks wait for as for a permit */

    struct {
        const char *name;
        unsigned count;
    } names[HISTORY_NAMES];
    size_t name_count;
    struct {
        const char *name;
        unsigned ordinal;
    } failed[HISTORY_FAILED]; /* the earliest of those that may be folded */
    unsigned failed_count;    /* all of those */

    /* All tasks together. Time is cut into bins; when the run has filled them,
       each two become one, and all are twice as long. */
    int64_t bin_length;
    unsigned doing[HISTORY_STATES]; /* how many do so now */
    unsigned most[HISTORY_STATES];  /* and did at most */
    unsigned marks[HISTORY_MARKS];
    double task_ns[HISTORY_STATES][HISTORY_BINS];
    /* When the latest mark of the bin was made, in ns since the beginning,
       plus 1; 0: none. */
    int64_t marked[HISTORY_MARKS][HISTORY_BINS];
};

/* The history is the caller's memory, zeroed. */
void async_history_begin(struct history *history);
void async_history_note(struct history *history, enum async_moment moment,
                        const struct async_coroutine *task,
                        const struct async_wait *wait);
void async_history_end(struct history *history);
void async_history_free(struct history *history);

/* The row of the i-th task, counted from 0; NULL if it is folded. */
const struct history_row *async_history_row(const struct history *history,
                                            size_t i);

/* How many tasks have this name. */
unsigned async_history_same_name(const struct history *history,
                                 const char *name);

/* How many tasks were in a state between two moments, on average. */
double async_history_average(const struct history *history,
                             enum history_state state, int64_t from,
                             int64_t to);

/* client->get and job.fn are called get and fn. */
const char *async_history_short_name(const char *name);

#endif
