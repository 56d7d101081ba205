/*
 * semaphore.c - at most so many at a time.
 *
 * A released permit is given to the first waiter at once, not put back for
 * whoever comes first: nobody can overtake. The waiter takes it when it runs, a
 * turn later; until then it counts as granted.
 */
#include "async/runtime.h"

#include <errno.h>

/* On the stack of the task that waits. */
struct async_semaphore_waiter {
    struct async_wait wait;
    struct async_semaphore *semaphore;
    struct async_semaphore_waiter *next, *previous;
    bool granted;
};

static void enqueue(struct async_semaphore_waiter *waiter)
{
    struct async_private_semaphore *queue = &waiter->semaphore->async_private;

    waiter->previous = queue->last;
    if (queue->last)
        queue->last->next = waiter;
    else
        queue->first = waiter;
    queue->last = waiter;
}

static void dequeue(struct async_semaphore_waiter *waiter)
{
    struct async_private_semaphore *queue = &waiter->semaphore->async_private;

    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        queue->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        queue->last = waiter->previous;
}

static bool leave_queue(struct async_wait *wait)
{
    dequeue(CONTAINER_OF(wait, struct async_semaphore_waiter, wait));
    return false;
}

/* Gives a free permit, if there is one, to the first waiter, if there is one.
 */
static void grant(struct async_semaphore *semaphore)
{
    struct async_semaphore_waiter *first = semaphore->async_private.first;

    if (!first || semaphore->permits <= 0)
        return;
    dequeue(first);
    semaphore->permits--;
    semaphore->async_private.granted++;
    first->granted = true;
    async_resume(&first->wait);
}

static int wait_for_permit(struct async_semaphore *semaphore)
{
    struct async_semaphore_waiter waiter = {
        .wait = {.what = "a semaphore",
                 .reason = ASYNC_FOR_PERMIT,
                 .cancel = leave_queue},
        .semaphore = semaphore,
    };

    enqueue(&waiter);
    int err = async_suspend(&waiter.wait, "async_semaphore_acquire");
    if (waiter.granted)
        semaphore->async_private.granted--;
    /* Woken and cancelled in the same turn: the permit that we were woken for
       must go to somebody else, or it is lost. */
    if (err && waiter.granted)
        semaphore->permits++;
    grant(semaphore);
    return err;
}

/* The first use: how many permits it was written down with. None at all is a
   signal, which may be given any number of times. */
static void begin(struct async_semaphore *semaphore)
{
    if (semaphore->async_private.begun)
        return;
    semaphore->async_private.begun = true;
    semaphore->async_private.limit = semaphore->permits;
}

int async_semaphore_acquire(struct async_semaphore *semaphore)
{
    struct async_private_semaphore *queue = &semaphore->async_private;

    if (!async_current_for("async_semaphore_acquire"))
        return ASYNC_ENOLOOP;
    if (semaphore->permits < 0)
        return async_raise(-EINVAL, "a semaphore with %d permits",
                           semaphore->permits);
    begin(semaphore);
    /* Behind whoever waits, and behind whoever was granted a permit but has not
       run yet: first come, first served. */
    if (semaphore->permits == 0 || queue->first || queue->granted)
        return wait_for_permit(semaphore);
    semaphore->permits--;
    return 0;
}

void async_semaphore_release(struct async_semaphore *semaphore)
{
    begin(semaphore);
    int limit = semaphore->async_private.limit;
    if (limit && semaphore->permits >= limit) {
        async_report_over_release();
        return;
    }
    semaphore->permits++;
    if (async_loop)
        grant(semaphore);
}
