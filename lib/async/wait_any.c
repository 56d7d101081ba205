/*
 * wait_any.c - which task ends next?
 *
 * Each task of the set is watched from the first call on that sees it. A turn
 * after its end it is noticed. Of those that have been, the one that ended
 * first is given next.
 */
#include "async/runtime.h"

#include <errno.h>
#include <stdio.h>

/* Cancelled, the waiting task goes on, and sees to the set itself. It is also
   what tells an async_wait_any's wait from others. */
static bool cancel_wait(struct async_wait *wait)
{
    (void)wait;
    return false;
}

/* Wakes who waits at this moment. Between two calls that is nobody. */
static void notice(struct async_callback *callback)
{
    struct async_late_watcher *late =
        CONTAINER_OF(callback, struct async_late_watcher, callback);
    struct async_coroutine *waiter = late->owner;

    late->record->noticed = true;
    if (waiter->wait && waiter->wait->cancel == cancel_wait)
        async_resume(waiter->wait);
    async_unpin(late->record);
}

static void watch(struct async_coroutine *record,
                  struct async_coroutine *waiter)
{
    struct async_late_watcher *any = &record->any;
    bool first = !any->owner;

    if (!first) {
        any->owner = waiter;
        return;
    }
    *any = (struct async_late_watcher){
        .callback = {.run = notice},
        .owner = waiter,
        .record = record,
    };
    async_pin(record);
    if (record->state == ASYNC_ENDED)
        async_call_soon(&any->callback);
    else
        async_watch_late(record, any);
}

/*
 * The task to be given next: true, and its index is *next. If there is none
 * yet, *left tells whether there may be one later.
 */
static bool find_next(struct async_task *tasks, size_t n, size_t *next,
                      bool *left)
{
    struct async_coroutine *current = async_current();
    uint64_t earliest = UINT64_MAX;

    *left = false;
    for (size_t i = 0; i < n; i++) {
        if (async_is_collected(&tasks[i]))
            continue;

        struct async_coroutine *record = async_record_of(&tasks[i]);
        /* One that could not be spawned ended before all others. */
        uint64_t ended_as = record ? record->ended_as : 0;
        *left = true;
        if (record && !record->noticed) {
            watch(record, current);
        } else if (ended_as < earliest) {
            earliest = ended_as;
            *next = i;
        }
    }
    return earliest != UINT64_MAX;
}

int async_wait_any(struct async_task *tasks, size_t n, size_t *i)
{
    struct async_wait wait = {.what = "waits for the next task to end",
                              .reason = ASYNC_FOR_TASKS,
                              .cancel = cancel_wait};
    size_t next = 0;
    bool left;

    if (!async_current_for("async_wait_any"))
        return ASYNC_ENOLOOP;
    while (!find_next(tasks, n, &next, &left)) {
        if (!left)
            return async_raise(-EINVAL, "of %zu tasks none is left to wait for",
                               n);
        int err = async_suspend(&wait, "async_wait_any");
        if (err) {
            async_reap(tasks, n);
            return err;
        }
    }
    async_collect(&tasks[next]);
    *i = next;
    return 0;
}
