/*
 * gather.c - waiting for many tasks.
 *
 * A gather watches each of its tasks and counts down as they end; the last one
 * wakes whoever gathered. Whatever goes wrong meanwhile
 * (a task fails, the gathering task is cancelled) only cancels the rest: the
 * count still runs down to zero, and so nothing is left running when a gather
 * returns.
 */
#include "async/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gather {
    struct async_wait wait;
    struct async_task *tasks;
    size_t n;
    size_t left;                 /* tasks that have not ended yet */
    bool stop_on_failure;        /* async_gather, as against async_gather_all */
    bool reaping;                /* async_reap: see there */
    bool stopped;                /* the rest has been cancelled */
    bool cancelled;              /* the gathering task was */
    struct async_task *failed;   /* the earliest failure */
    struct async_task *stranger; /* belongs to another async_run */
    struct async_callback failure; /* a turn after it: stops the rest */
    struct async_callback end;     /* a turn after the last end */
};

/* Once only: a second cancellation would interrupt their cleanup. */
static void stop(struct gather *gather)
{
    bool others = false;

    if (gather->stopped)
        return;
    gather->stopped = true;
    for (size_t i = 0; i < gather->n; i++) {
        if (async_is_of_others(&gather->tasks[i]))
            others = true;
        else
            async_cancel(&gather->tasks[i]);
    }
    /* async_gather and async_gather_all return an error. */
    if (others && gather->reaping)
        async_report_cancelled_elsewhere();
}

static void stop_rest(struct async_callback *failure)
{
    stop(CONTAINER_OF(failure, struct gather, failure));
}

static void resume(struct async_callback *end)
{
    async_resume(&CONTAINER_OF(end, struct gather, end)->wait);
}

static void fail(struct gather *gather, struct async_task *task)
{
    if (gather->failed)
        return;
    gather->failed = task;
    if (gather->stop_on_failure)
        async_queue(&gather->failure);
}

static void task_ended(struct async_watcher *watcher,
                       struct async_coroutine *record)
{
    struct async_gatherer *gatherer =
        CONTAINER_OF(watcher, struct async_gatherer, watcher);
    struct gather *gather = gatherer->gather;

    if (record->result)
        fail(gather, gatherer->task);
    /* The parent will not return without its result; that it leaves the list
       now and not when it is collected is for the cache. */
    if (record->parent == gather->wait.task)
        async_leave_parent(record);
    if (gatherer == &record->gatherer)
        gatherer->gather = NULL;
    else
        free(gatherer);
    if (--gather->left == 0)
        async_queue(&gather->end);
}

/* ASYNC_ENOMEM: the task is gathered by somebody else already, and there is no
   memory for a second watcher. */
static int watch(struct gather *gather, struct async_task *task,
                 struct async_coroutine *record)
{
    struct async_gatherer *gatherer = &record->gatherer;

    if (gatherer->gather)
        gatherer = malloc(sizeof *gatherer);
    if (!gatherer)
        return ASYNC_ENOMEM;
    gatherer->gather = gather;
    gatherer->task = task;
    gatherer->watcher.ended = task_ended;
    async_watch(record, &gatherer->watcher);
    gather->left++;
    return 0;
}

/* Which one, so that it can be found in the loop that spawns. */
static void fail_never_spawned(struct gather *gather, size_t i)
{
    char text[ASYNC_ERRMSG_SIZE];

    snprintf(text, sizeof text,
             "gathering %zu tasks: tasks[%zu] was never spawned", gather->n, i);
    async_fail(&gather->tasks[i], -EINVAL, text);
}

/* Returns how many tasks it could not watch, for want of memory. */
static size_t watch_all(struct gather *gather)
{
    size_t unwatched = 0;
    bool had_ended = false;

    for (size_t i = 0; i < gather->n; i++) {
        struct async_task *task = &gather->tasks[i];
        if (!task->async_private.record && gather->reaping)
            continue;
        if (!task->async_private.record)
            fail_never_spawned(gather, i);

        struct async_coroutine *record = async_record_of(task);
        if (record && record->state != ASYNC_ENDED) {
            unwatched += watch(gather, task, record) != 0;
            continue;
        }
        had_ended = true;
        if (!record && async_is_of_others(task))
            gather->stranger = task;
        if (gather->stranger == task || (record ? record->result : task->err))
            fail(gather, task);
    }
    /* What has ended already is told a turn later, too. */
    if (had_ended && !gather->left && !gather->reaping)
        async_queue(&gather->end);
    return unwatched;
}

/* Watches one task from the waiting one's stack. */
struct last_resort {
    struct async_watcher watcher;
    struct gather *gather;
};

static void unwatched_ended(struct async_watcher *watcher,
                            struct async_coroutine *record)
{
    (void)record;
    async_resume(
        &CONTAINER_OF(watcher, struct last_resort, watcher)->gather->wait);
}

/* Stops the rest, and waits one by one for those that could not be watched. */
static int wait_for_unwatched(struct gather *gather, const char *caller)
{
    struct last_resort watch = {.watcher = {.ended = unwatched_ended},
                                .gather = gather};
    int err = 0;

    stop(gather);
    for (size_t i = 0; i < gather->n; i++) {
        struct async_task *task = &gather->tasks[i];
        struct async_coroutine *record =
            task->async_private.record ? async_record_of(task) : NULL;

        if (!record || record->state == ASYNC_ENDED)
            continue;
        async_watch(record, &watch.watcher);
        int why = async_suspend(&gather->wait, caller);
        err = why ? why : err;
    }
    return err;
}

static bool gathers_itself(const struct gather *gather)
{
    const struct async_coroutine *current = async_current();
    const struct async_task *handle = current->handle;

    return handle >= gather->tasks && handle < gather->tasks + gather->n &&
           handle->async_private.record == current;
}

static bool cancel_gather(struct async_wait *wait)
{
    struct gather *gather = CONTAINER_OF(wait, struct gather, wait);

    gather->cancelled = true;
    stop(gather);
    return true;
}

/*
 * Waits until all of them have ended, and collects their results. Returns 0,
 * ASYNC_ECANCELED if the caller was cancelled, or what kept it from waiting.
 */
static int wait_for_all(struct gather *gather, const char *caller)
{
    int err = 0;

    if (gathers_itself(gather))
        return async_raise(ASYNC_EDEADLK, "%s waits for itself",
                           async_current()->name);
    gather->wait.reason = ASYNC_FOR_TASKS;
    gather->wait.what = gather->reaping
                            ? "waits for tasks that it has cancelled"
                            : "waits for the tasks that it gathers";
    gather->wait.cancel = cancel_gather;
    gather->failure.run = stop_rest;
    gather->end.run = resume;
    size_t unwatched = watch_all(gather);
    if (gather->left || gather->end.next)
        err = async_suspend(&gather->wait, caller);
    if (unwatched) {
        int later = wait_for_unwatched(gather, caller);
        err = err ? err : later;
    }
    for (size_t i = 0; i < gather->n; i++) {
        struct async_task *task = &gather->tasks[i];

        /* One that was awaited meanwhile, through a copy, fails only now. */
        if (task->async_private.record && async_collect(task) &&
            !gather->failed)
            gather->failed = task;
    }
    if (err || gather->cancelled)
        return err ? err : ASYNC_ECANCELED;
    if (gather->stranger)
        return async_raise(-EINVAL, "tasks[%zu] belongs to another async_run",
                           (size_t)(gather->stranger - gather->tasks));
    return unwatched ? ASYNC_ENOMEM : 0;
}

int async_gather(struct async_task *tasks, size_t n)
{
    struct gather gather = {.tasks = tasks, .n = n, .stop_on_failure = true};

    if (!async_current_for("async_gather"))
        return ASYNC_ENOLOOP;
    int err = wait_for_all(&gather, "async_gather");
    if (err)
        return err;
    /* Collected once more, so that its text is the one that is remembered. */
    return gather.failed ? async_collect(gather.failed) : 0;
}

int async_gather_all(struct async_task *tasks, size_t n)
{
    struct gather gather = {.tasks = tasks, .n = n};

    if (!async_current_for("async_gather_all"))
        return ASYNC_ENOLOOP;
    return wait_for_all(&gather, "async_gather_all");
}

__attribute__((noinline)) void async_reap(struct async_task *tasks, size_t n)
{
    struct gather gather = {.tasks = tasks, .n = n, .reaping = true};
    struct async_coroutine *task = async_current_for("async_reap");

    if (!task)
        return;
    /* A cancellation is not ours to report, before, during or after. */
    bool cancelled = task->cancel_pending;
    task->cancel_pending = false;
    /* Its latest error is about to be returned, maybe. */
    int latest = task->error.err;
    char text[ASYNC_ERRMSG_SIZE];
    memcpy(text, task->error.text, sizeof text);
    stop(&gather);
    int err = wait_for_all(&gather, "async_reap");
    task->error.err = latest;
    memcpy(task->error.text, text, sizeof text);
    task->cancel_pending = cancelled || err == ASYNC_ECANCELED;
    if (err == ASYNC_EDEADLK)
        async_loop->deadlock_delivered = false;
}

/* ---- An array of jobs -------------------------------------------------- */

/* The tasks are the caller's to free. NULL, and the error is raised, without
   memory. */
static struct async_task *spawn_each(async_fn *fn, void *jobs, size_t job_size,
                                     size_t n, const char *name,
                                     const char *place)
{
    struct async_task *tasks = calloc(n + !n, sizeof *tasks);

    if (!tasks) {
        async_raise(ASYNC_ENOMEM, "no memory for %zu tasks of %s", n, name);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        async_spawn_at(&tasks[i], fn, (char *)jobs + i * job_size, name, place);
    return tasks;
}

int async_gather_each_at(async_fn *fn, void *jobs, size_t job_size, size_t n,
                         const char *name, const char *place)
{
    async_place = place;
    if (!async_current_for("async_gather_each"))
        return ASYNC_ENOLOOP;

    struct async_task *tasks = spawn_each(fn, jobs, job_size, n, name, place);
    if (!tasks)
        return ASYNC_ENOMEM;
    int err = async_gather(tasks, n);
    free(tasks);
    return err;
}

int async_gather_each_all_at(async_fn *fn, void *jobs, size_t job_size,
                             size_t n, int *errs, const char *name,
                             const char *place)
{
    async_place = place;
    if (!async_current_for("async_gather_each_all"))
        return ASYNC_ENOLOOP;

    struct async_task *tasks = spawn_each(fn, jobs, job_size, n, name, place);
    if (!tasks)
        return ASYNC_ENOMEM;
    int err = async_gather_all(tasks, n);
    for (size_t i = 0; i < n; i++)
        errs[i] = tasks[i].err;
    free(tasks);
    return err;
}
