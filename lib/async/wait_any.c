/*
 * wait_any.c - which task ends next?
 *
 * Each task of the set is watched from the first call on that sees it. A turn
 * after its end it is noticed, and whoever waits for it then looks again. Of
 * those that have been noticed, the one that ended first is given next.
 */
#include "async/runtime.h"

#include <errno.h>

/* Somebody who waits for one of these tasks; on its stack. */
struct async_any {
    struct async_wait wait;
    struct async_task *tasks;
    size_t n;
    unsigned long number;              /* counts the waits */
    struct async_any *next, *previous; /* of all in this loop */
};

static void enter(struct async_any *any)
{
    any->number = ++async_loop->any_waits;
    any->next = NULL;
    any->previous = async_loop->last_any;
    if (any->previous)
        any->previous->next = any;
    else
        async_loop->first_any = any;
    async_loop->last_any = any;
}

static void leave(struct async_any *any)
{
    if (any->previous)
        any->previous->next = any->next;
    else
        async_loop->first_any = any->next;
    if (any->next)
        any->next->previous = any->previous;
    else
        async_loop->last_any = any->previous;
}

/*
 * Whether the task is one of those. If its result was collected by somebody
 * else, then since the wait began: it may have been the last that was waited
 * for, or another task may have been spawned in its place.
 */
static bool concerns(const struct async_any *any,
                     const struct async_coroutine *record)
{
    const struct async_task *handle = record->handle;

    return handle >= any->tasks && handle < any->tasks + any->n &&
           !(!record->serial &&
             async_seldom(record)->collected_after < any->number);
}

static void notice(struct async_callback *callback)
{
    struct async_coroutine *record =
        CONTAINER_OF(callback, struct async_seldom, any.callback)->any_of;
    struct async_any *any = async_loop->first_any;

    record->noticed = true;
    /* O(waiting tasks): usually there is one, or none. */
    for (; any; any = any->next)
        if (concerns(any, record))
            async_resume(&any->wait);
    async_unpin(record);
}

static void watch(struct async_task *task, struct async_coroutine *record)
{
    struct async_seldom *seldom = async_seldom(record);

    record->handle = task;
    if (record->watched)
        return;
    record->watched = true;
    seldom->any = (struct async_late_watcher){.callback = {.run = notice}};
    seldom->any_of = record;
    async_pin(record);
    if (record->state == ASYNC_ENDED)
        async_queue(&seldom->any.callback);
    else
        async_watch_late(record, &seldom->any);
}

/*
 * The task to be given next: true, and its index is *next. If there is none
 * yet, *left tells whether there may be one later.
 */
static bool find_next(struct async_any *any, size_t *next, bool *left)
{
    uint64_t earliest = UINT64_MAX;

    *left = false;
    for (size_t i = 0; i < any->n; i++) {
        struct async_task *task = &any->tasks[i];

        if (async_is_collected(task))
            continue;

        struct async_coroutine *record = async_record_of(task);
        /* One that could not be spawned ended before all others. */
        uint64_t ended_as = record ? record->ended_as : 0;
        *left = true;
        if (record && !record->noticed) {
            watch(task, record);
        } else if (ended_as < earliest) {
            earliest = ended_as;
            *next = i;
        }
    }
    return earliest != UINT64_MAX;
}

int async_wait_any(struct async_task *tasks, size_t n, size_t *i)
{
    struct async_any any = {
        .wait = {.what = "waits for the next task to end",
                 .reason = ASYNC_FOR_TASKS},
        .tasks = tasks,
        .n = n,
    };
    size_t next = 0;
    bool left;

    if (!async_current_for("async_wait_any"))
        return ASYNC_ENOLOOP;
    while (!find_next(&any, &next, &left)) {
        if (!left)
            return async_raise(-EINVAL, "of %zu tasks none is left to wait for",
                               n);
        enter(&any);
        int err = async_suspend(&any.wait, "async_wait_any");
        leave(&any);
        if (err) {
            async_reap(tasks, n);
            return err;
        }
    }
    if (async_is_of_others(&tasks[next])) {
        async_reap(tasks, n);
        return async_raise(-EINVAL, "tasks[%zu] belongs to another async_run",
                           next);
    }
    async_collect(&tasks[next]);
    *i = next;
    return 0;
}
