/*
 * history.c - notes what happens to the tasks of a run; see history.h.
 *
 * It is told of every event, and so each note costs a few additions. The order
 * of magnitude of the run's length is not known before its end: what lies too
 * close together is therefore merged as the run grows longer.
 */
#include "async/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As many events of one task as are ever kept; thinned out, half of it. */
enum { MOST_EVENTS = 4 * HISTORY_BINS };

const char *async_history_short_name(const char *name)
{
    const char *arrow = strrchr(name, '>'), *dot = strrchr(name, '.');
    const char *last = arrow > dot ? arrow : dot;

    return last ? last + 1 : name;
}

static size_t find_name(const struct history *history, const char *name)
{
    size_t i = 0;

    while (i < history->name_count && history->names[i].name != name &&
           strcmp(history->names[i].name, name) != 0)
        i++;
    return i;
}

unsigned async_history_same_name(const struct history *history,
                                 const char *name)
{
    size_t i = find_name(history, name);

    return i < history->name_count ? history->names[i].count : 0;
}

static unsigned number_name(struct history *history, const char *name)
{
    size_t i = find_name(history, name);

    if (i == HISTORY_NAMES)
        return 0;
    if (i == history->name_count)
        history->names[history->name_count++].name = name;
    return ++history->names[i].count;
}

/* ---- All tasks together ------------------------------------------------ */

static void double_bins(struct history *history)
{
    enum { HALF = HISTORY_BINS / 2 };

    for (int s = 0; s < HISTORY_STATES; s++) {
        double *bins = history->task_ns[s];

        for (int i = 0; i < HALF; i++)
            bins[i] = bins[2 * i] + bins[2 * i + 1];
        memset(bins + HALF, 0, HALF * sizeof *bins);
    }
    for (int m = 0; m < HISTORY_MARKS; m++) {
        int64_t *bins = history->marked[m];

        for (int i = 0; i < HALF; i++)
            bins[i] = bins[2 * i + 1] ? bins[2 * i + 1] : bins[2 * i];
        memset(bins + HALF, 0, HALF * sizeof *bins);
    }
    history->bin_length *= 2;
}

/* Counts what the tasks did since the last event. */
static void pass_time(struct history *history, int64_t now)
{
    int64_t since = history->now - history->begin, until = now - history->begin;

    if (until <= since)
        return; /* a clock that stands still, or was set back by its owner */
    while (until >= history->bin_length * HISTORY_BINS)
        double_bins(history);
    for (int s = HISTORY_READY; s < HISTORY_STATES; s++) {
        unsigned doing = history->doing[s];

        if (!doing)
            continue;
        if (doing > history->most[s])
            history->most[s] = doing;
        for (int64_t at = since, next; at < until; at = next) {
            int64_t bin = at / history->bin_length;

            next = (bin + 1) * history->bin_length;
            if (next > until)
                next = until;
            history->task_ns[s][bin] += (double)doing * (double)(next - at);
        }
    }
    history->now = now;
}

double async_history_average(const struct history *history,
                             enum history_state state, int64_t from, int64_t to)
{
    double sum = 0;
    int64_t length = history->bin_length;

    from -= history->begin;
    to -= history->begin;
    for (int64_t bin = from / length; bin < HISTORY_BINS && bin * length < to;
         bin++) {
        int64_t begin = bin * length, end = begin + length;
        int64_t inside = (end < to ? end : to) - (begin > from ? begin : from);

        sum += history->task_ns[state][bin] * (double)inside / (double)length;
    }
    return sum / (double)(to - from);
}

/* ---- Single tasks ------------------------------------------------------ */

/* Makes room for one more element of an array. */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;

    size_t more = *room ? 2 * *room : 8;
    void *grown = realloc(array, more * size);
    if (grown)
        *room = more;
    return grown;
}

/*
 * Of events that could not be told apart in a picture, keeps the last time that
 * the task went on and what it did last.
 */
static void thin_out(const struct history *history, struct history_row *row)
{
    int64_t cell = (history->now - history->begin) / HISTORY_BINS + 1;
    size_t kept = 0;

    for (size_t i = 0; i < row->count; i++) {
        const struct history_event *event = &row->events[i];
        size_t later = event->mark == HISTORY_NO_MARK   ? i + 1
                       : event->mark == HISTORY_GOES_ON ? i + 2
                                                        : row->count;

        if (later < row->count &&
            (row->events[later].time - history->begin) / cell ==
                (event->time - history->begin) / cell)
            continue;
        row->events[kept++] = *event;
    }
    row->count = kept;
}

/* Where the row of the i-th task is, or was: the latest share a few places. */
static size_t place_of(size_t i)
{
    return i < HISTORY_FIRST ? i : HISTORY_FIRST + i % HISTORY_LAST;
}

const struct history_row *async_history_row(const struct history *history,
                                            size_t i)
{
    const struct history_row *row = &history->rows[place_of(i)];

    return row->number == i + 1 ? row : NULL;
}

static void add_task(struct history *history,
                     const struct async_coroutine *task)
{
    size_t i = history->count;
    struct history_brief *briefs =
        grow(history->briefs, i, &history->room, sizeof *briefs);
    const char *name = async_history_short_name(task->name);

    if (!briefs) {
        history->incomplete = true;
        return;
    }
    history->briefs = briefs;
    history->briefs[i] =
        (struct history_brief){.ordinal = number_name(history, name)};
    history->count++;

    /* Whose row it was is folded from now on. */
    struct history_row *row = &history->rows[place_of(i)];
    row->name = name;
    row->ordinal = history->briefs[i].ordinal;
    row->number = task->number;
    row->count = 0;
}

static void add_event(struct history *history,
                      const struct async_coroutine *task,
                      struct history_event event)
{
    struct history_brief *brief = &history->briefs[task->number - 1];
    struct history_row *row = &history->rows[place_of(task->number - 1)];

    int64_t since = history->now - history->begin;

    event.time = history->now;
    history->doing[brief->state]--;
    history->doing[event.then]++;
    brief->state = event.then;
    brief->begun = brief->begun || event.mark == HISTORY_STARTS;
    history->marks[event.mark]++;
    history->marked[event.mark][since / history->bin_length] = since + 1;
    if (row->number != task->number)
        return;
    if (row->count == MOST_EVENTS)
        thin_out(history, row);
    struct history_event *events =
        grow(row->events, row->count, &row->room, sizeof *events);
    if (!events) {
        history->incomplete = true;
        return;
    }
    row->events = events;
    row->events[row->count++] = event;
}

static enum history_mark mark_of_end(struct history *history,
                                     const struct async_coroutine *task)
{
    if (!task->result)
        return HISTORY_DONE;
    if (task->result == ASYNC_ECANCELED)
        return HISTORY_IS_CANCELLED;
    if (task->number <= HISTORY_UNFOLDED)
        return HISTORY_FAILS;

    unsigned i = history->failed_count++;
    if (i < HISTORY_FAILED) {
        history->failed[i].name = async_history_short_name(task->name);
        history->failed[i].ordinal = history->briefs[task->number - 1].ordinal;
    }
    return HISTORY_FAILS;
}

/* Permits, items and events share a sign; often a run has only one of them. */
static void note_granted(struct history *history, const char *what)
{
    if (history->granted[0] && strcmp(history->granted, what) != 0)
        what = "waits for what other tasks give";
    snprintf(history->granted, sizeof history->granted, "%s", what);
}

static enum history_state state_of_wait(const struct async_wait *wait)
{
    if (wait->reason == ASYNC_FOR_TURN)
        return HISTORY_READY;
    /* A reason that is newer than the picture's signs. */
    if (wait->reason > ASYNC_FOR_NETWORK)
        return HISTORY_WAITS + ASYNC_FOR_ANYTHING;
    return HISTORY_WAITS + (enum history_state)wait->reason;
}

void async_history_note(struct history *history, enum async_moment moment,
                        const struct async_coroutine *task,
                        const struct async_wait *wait)
{
    struct history_event event = {0};

    if (moment == ASYNC_AT_SPAWN)
        add_task(history, task);
    if (history->incomplete || moment == ASYNC_AT_CANCEL)
        return;

    pass_time(history, async_now_ns());
    const struct history_brief *brief = &history->briefs[task->number - 1];
    switch (moment) {
    case ASYNC_AT_SPAWN:
        event.then = HISTORY_READY;
        break;
    case ASYNC_AT_RESUME:
        event.mark = brief->begun ? HISTORY_GOES_ON : HISTORY_STARTS;
        event.then = HISTORY_RUNS;
        break;
    case ASYNC_AT_SUSPEND:
        event.then = state_of_wait(wait);
        if (wait->reason == ASYNC_FOR_PERMIT)
            note_granted(history, wait->what);
        break;
    case ASYNC_AT_CANCEL:
        return;
    case ASYNC_AT_END:
        event.mark = mark_of_end(history, task);
        event.then = HISTORY_NOTHING;
        break;
    }
    add_event(history, task, event);
}

/* ---- From run to run --------------------------------------------------- */

void async_history_begin(struct history *history)
{
    history->begin = history->now = async_now_ns();
    history->bin_length = 1;
}

void async_history_end(struct history *history)
{
    pass_time(history, async_now_ns());
}

void async_history_free(struct history *history)
{
    for (int i = 0; i < HISTORY_ROWS; i++)
        free(history->rows[i].events);
    free(history->briefs);
}
