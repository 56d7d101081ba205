/*
 * timeout.c - waiting for a task, but not for ever.
 *
 * Whichever comes first wakes the waiting task: the end of the child or the end
 * of the time. If the child still runs then, it is cancelled, and waited for in
 * any case, however long its cleanup takes: its job is the caller's.
 */
#include "async/runtime.h"

#include <errno.h>
#include <math.h>

struct time_limit {
    struct async_wait wait;
    struct async_timer timer;
    struct async_coroutine *child;
    struct async_late_watcher end; /* the child's */
};

static void time_is_up(struct async_callback *due)
{
    async_resume(&CONTAINER_OF(due, struct time_limit, timer.due)->wait);
}

static void child_ended(struct async_callback *callback)
{
    async_resume(
        &CONTAINER_OF(callback, struct time_limit, end.callback)->wait);
}

/*
 * Waits for the child: with the time limit and then, if it still runs, until
 * its cleanup has ended. Returns 0 if it ended in time; ASYNC_ETIMEDOUT if it
 * was cancelled for the time; or what kept us from waiting.
 */
static int wait_with_limit(struct time_limit *limit, double seconds)
{
    int err = 0;

    if (seconds > 0) {
        err = async_timer_set(&limit->timer, async_deadline_after(seconds));
        if (!err)
            err = async_suspend(&limit->wait, "async_wait_for");
        async_timer_clear(&limit->timer);
    }
    if (!err && limit->child->state != ASYNC_ENDED)
        err = ASYNC_ETIMEDOUT;
    /* Whoever cancels us meanwhile cancels the child once more. */
    while (limit->child->state != ASYNC_ENDED) {
        async_cancel_coroutine(limit->child);
        int cancelled = async_suspend(&limit->wait, "async_wait_for");
        if (cancelled)
            err = cancelled;
    }
    return err;
}

int async_wait_for_at(async_fn *fn, void *job, double seconds, const char *name,
                      const char *place)
{
    struct async_task task;
    struct time_limit limit = {
        .wait = {.what = "waits, with a time limit, for",
                 .reason = ASYNC_FOR_TASKS},
        .timer = {.due = {.run = time_is_up}},
        .end = {.callback = {.run = child_ended}},
    };

    async_place = place;
    if (!async_current_for("async_wait_for"))
        return ASYNC_ENOLOOP;
    if (isnan(seconds))
        return async_raise(-EINVAL, "async_wait_for: seconds is not a number");
    if (isinf(seconds) && seconds > 0)
        return fn(job);

    async_spawn_at(&task, fn, job, name, place);
    limit.child = async_record_of(&task);
    if (!limit.child)
        return async_collect(&task);
    limit.wait.awaited = limit.child;
    async_watch_late(limit.child, &limit.end);
    int err = wait_with_limit(&limit, seconds);
    /* The child may have ended a moment ago, and be about to tell us. */
    async_unqueue(&limit.end.callback);

    int result = async_collect(&task);
    if (err == ASYNC_ETIMEDOUT && result == ASYNC_ECANCELED)
        return async_raise(ASYNC_ETIMEDOUT, "%s took longer than %g s", name,
                           seconds);
    return err && err != ASYNC_ETIMEDOUT ? err : result;
}
