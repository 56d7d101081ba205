/*
 * sync.c - tasks that wait for each other: semaphores and events.
 *
 * Whoever waits stands in a line, with a node on its own stack, and is woken
 * from the front. Queues (queue.c) have two such lines.
 */
#include "async/runtime.h"

#include <errno.h>
#include <limits.h>

/* ---- Lines ------------------------------------------------------------- */

static void enqueue(struct async_waiter *waiter)
{
    struct async_waiters *line = waiter->line;

    waiter->previous = line->last;
    if (line->last)
        line->last->next = waiter;
    else
        line->first = waiter;
    line->last = waiter;
}

static void dequeue(struct async_waiter *waiter)
{
    struct async_waiters *line = waiter->line;

    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        line->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        line->last = waiter->previous;
}

static bool leave_line(struct async_wait *wait)
{
    dequeue(CONTAINER_OF(wait, struct async_waiter, wait));
    return false;
}

int async_wait_in_line(struct async_waiters *line, const char *what,
                       const char *whom, bool *woken)
{
    struct async_waiter waiter = {
        .wait = {.what = what,
                 .reason = ASYNC_FOR_PERMIT,
                 .cancel = leave_line},
        .line = line,
    };

    enqueue(&waiter);
    int err = async_suspend(&waiter.wait, whom);
    *woken = waiter.woken;
    return err;
}

bool async_wake_first(struct async_waiters *line)
{
    struct async_waiter *first = line->first;

    if (!first)
        return false;
    if (!async_loop || !async_is_of_loop(first->wait.task, async_loop)) {
        async_report_other_thread();
        return false;
    }
    dequeue(first);
    first->woken = true;
    async_resume(&first->wait);
    return true;
}

/* ---- Semaphores -------------------------------------------------------- */

/*
 * A released permit is given to the first waiter at once, not put back for
 * whoever comes first: nobody can overtake. The waiter takes it when it runs, a
 * turn later; until then it counts as granted.
 */
static void grant(struct async_semaphore *semaphore)
{
    if (semaphore->permits <= 0 ||
        !async_wake_first(&semaphore->async_private.waiters))
        return;
    semaphore->permits--;
    semaphore->async_private.granted++;
}

static int wait_for_permit(struct async_semaphore *semaphore)
{
    bool granted;
    int err = async_wait_in_line(&semaphore->async_private.waiters,
                                 "waits for a permit of a semaphore",
                                 "async_semaphore_acquire", &granted);

    if (!granted)
        return err;
    semaphore->async_private.granted--;
    /* Woken and cancelled in the same turn: the permit that we were woken for
       must go to somebody else, or it is lost. */
    if (err)
        semaphore->permits++;
    grant(semaphore); /* newcomers queued up behind us */
    return err;
}

/* The first use: how many permits it was written down with. None at all is a
   signal, which may be given as often as can be counted. */
static void begin(struct async_semaphore *semaphore)
{
    if (semaphore->async_private.begun)
        return;
    semaphore->async_private.begun = true;
    semaphore->async_private.limit =
        semaphore->permits ? semaphore->permits : INT_MAX;
}

int async_semaphore_acquire(struct async_semaphore *semaphore)
{
    struct async_private_semaphore *line = &semaphore->async_private;

    if (!async_current_for("async_semaphore_acquire"))
        return ASYNC_ENOLOOP;
    if (semaphore->permits < 0)
        return async_raise(-EINVAL, "a semaphore with %d permits",
                           semaphore->permits);
    begin(semaphore);
    /* Behind whoever waits, and behind whoever was granted a permit but has not
       run yet: first come, first served. */
    if (semaphore->permits == 0 || line->waiters.first || line->granted)
        return wait_for_permit(semaphore);
    semaphore->permits--;
    return 0;
}

void async_semaphore_release(struct async_semaphore *semaphore)
{
    begin(semaphore);
    if (semaphore->permits >= semaphore->async_private.limit) {
        if (!semaphore->async_private.over_released)
            async_report_over_release();
        semaphore->async_private.over_released = true;
        return;
    }
    semaphore->permits++;
    grant(semaphore);
}

/* ---- Events ------------------------------------------------------------ */

int async_event_wait(struct async_event *event)
{
    bool woken;

    if (!async_current_for("async_event_wait"))
        return ASYNC_ENOLOOP;
    if (event->is_set)
        return 0;
    return async_wait_in_line(&event->async_private, "waits for an event",
                              "async_event_wait", &woken);
}

void async_event_set(struct async_event *event)
{
    event->is_set = true;
    while (async_wake_first(&event->async_private)) {
        /* All of them, in order. */
    }
}

void async_event_clear(struct async_event *event)
{
    event->is_set = false;
}
