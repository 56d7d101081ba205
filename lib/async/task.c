/*
 * task.c - the life of a task.
 *
 * async_spawn makes a record and queues its first step; the step switches to
 * the task's stack; async_suspend switches back to the loop; async_resume
 * queues the next step. When its function has returned, whoever watches the
 * task is told, and its result is kept in the record until it is collected.
 */
#include "async/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct async_coroutine *async_current(void)
{
    return async_loop ? async_loop->current : NULL;
}

struct async_coroutine *async_current_for(const char *caller)
{
    struct async_coroutine *task = async_current();

    if (!task)
        async_report_outside(caller);
    return task;
}

bool async_in_task(const char *caller)
{
    return async_current_for(caller) != NULL;
}

/* ---- Records ----------------------------------------------------------- */

struct async_coroutine_slab {
    struct async_coroutine_slab *next;
    size_t used;
    struct async_coroutine records[];
};

enum { RECORDS_PER_SLAB = 256 };

static struct async_coroutine *take_record(struct async_loop *loop)
{
    struct async_coroutine *record = loop->free;
    struct async_coroutine_slab *slab = loop->slabs;

    if (record) {
        loop->free = record->next_sibling;
        return record;
    }
    if (!slab || slab->used == RECORDS_PER_SLAB) {
        slab = malloc(sizeof *slab +
                      RECORDS_PER_SLAB * sizeof(struct async_coroutine));
        if (!slab)
            return NULL;
        slab->used = 0;
        slab->next = loop->slabs;
        loop->slabs = slab;
    }
    return &slab->records[slab->used++];
}

static void adopt(struct async_coroutine *parent, struct async_coroutine *child)
{
    child->parent = parent;
    child->previous_sibling = parent->last_child;
    if (parent->last_child)
        parent->last_child->next_sibling = child;
    else
        parent->first_child = child;
    parent->last_child = child;
}

static void free_record(struct async_coroutine *record)
{
    record->next_sibling = async_loop->free;
    async_loop->free = record;
}

static void leave_parent(struct async_coroutine *child)
{
    struct async_coroutine *parent = child->parent;

    if (!parent)
        return;
    if (child->previous_sibling)
        child->previous_sibling->next_sibling = child->next_sibling;
    else
        parent->first_child = child->next_sibling;
    if (child->next_sibling)
        child->next_sibling->previous_sibling = child->previous_sibling;
    else
        parent->last_child = child->previous_sibling;
    child->parent = NULL;
}

/*
 * Its result has been collected. One that nobody ever collects stays until the
 * loop closes: a handle may still point to it.
 */
static void forget(struct async_coroutine *child)
{
    leave_parent(child);
    child->forgotten = true;
    if (!child->pins)
        free_record(child);
}

void async_pin(struct async_coroutine *record)
{
    record->pins++;
}

void async_unpin(struct async_coroutine *record)
{
    if (--record->pins == 0 && record->forgotten)
        free_record(record);
}

void async_coroutines_free(struct async_loop *loop)
{
    while (loop->slabs) {
        struct async_coroutine_slab *slab = loop->slabs;

        loop->slabs = slab->next;
        free(slab);
    }
}

/* ---- The end of a task ------------------------------------------------- */

static void end(struct async_coroutine *task)
{
    struct async_loop *loop = async_loop;
    struct async_coroutine *parent = task->parent;
    struct async_watcher *watcher = task->first_watcher, *next;

    /* It was cancelled, but never suspended again to be told so. */
    if (task->cancel_pending && !task->result)
        task->result = ASYNC_ECANCELED;
    task->state = ASYNC_ENDED;
    if (task->stack) {
        async_context_unmake(&task->context);
        async_stack_give_back(&loop->stacks, task->stack);
        task->stack = NULL;
    }
    async_tell(ASYNC_AT_END, task, NULL);
    for (; watcher; watcher = next) {
        next = watcher->next;
        watcher->ended(watcher);
    }
    if (parent && parent->state == ASYNC_LEAVING) {
        leave_parent(task);
        if (!parent->first_child)
            end(parent);
    }
}

/*
 * A task returned and left children that nobody has awaited. Their jobs may lie
 * on its stack, which therefore stays as it is until the last of them ended.
 */
static void reap_children(struct async_callback *step)
{
    struct async_coroutine *task =
        CONTAINER_OF(step, struct async_coroutine, step);
    struct async_coroutine *child = task->first_child, *next;

    task->state = ASYNC_LEAVING;
    for (; child; child = next) {
        next = child->next_sibling;
        if (child->state != ASYNC_ENDED) {
            async_report_never_awaited(child);
            async_cancel_coroutine(child);
            continue;
        }
        if (!child->first_watcher)
            async_report_never_awaited(child);
        leave_parent(child);
    }
    if (!task->first_child)
        end(task);
}

static void returned(struct async_coroutine *task)
{
    static const struct async_wait for_children = {
        .what = "the tasks that it has not awaited",
        .reason = ASYNC_FOR_TASKS,
    };

    task->state = ASYNC_RETURNED;
    if (!task->first_child) {
        end(task);
        return;
    }
    /* A turn later, so that a child spawned last takes its first step. */
    task->step.run = reap_children;
    async_call_soon(&task->step);
    async_tell(ASYNC_AT_SUSPEND, task, &for_children);
}

/* ---- Steps ------------------------------------------------------------- */

/*
 * Calls the task's function a little further down the stack. If it returns
 * without having awaited its children, their jobs lie in the frame that it
 * leaves behind; what runs up here afterwards must not write over it.
 */
__attribute__((noinline)) static int call_function(struct async_coroutine *task)
{
    volatile char gap[512];

    gap[0] = 0;
    int result = task->fn(task->job);
    return result + gap[0]; /* the gap is in use until here */
}

/* What every stack begins with. */
static void run_function(void)
{
    struct async_coroutine *task = async_loop->current;

    async_context_arrived(NULL, &async_loop->context);
    task->result = call_function(task);
    task->state = ASYNC_RETURNED;
    async_context_switch(&task->context, &async_loop->context, true);
}

/* Gives a new task its stack; false if it has ended instead. */
static bool begin(struct async_coroutine *task)
{
    struct async_stacks *stacks = &async_loop->stacks;

    if (task->cancel_pending) {
        end(task);
        return false;
    }
    task->stack = async_stack_take(stacks);
    if (!task->stack) {
        task->result = ASYNC_ENOMEM;
        end(task);
        return false;
    }
    async_context_make(&task->context, run_function,
                       async_stack_start(stacks, task->stack),
                       async_stack_size(stacks));
    return true;
}

static void take_step(struct async_callback *step)
{
    struct async_coroutine *task =
        CONTAINER_OF(step, struct async_coroutine, step);
    struct async_loop *loop = async_loop;

    if (task->state == ASYNC_NEW && !begin(task))
        return;
    task->state = ASYNC_RUNNING;
    loop->current = task;
    async_tell(ASYNC_AT_RESUME, task, NULL);
    async_context_switch(&loop->context, &task->context, false);
    loop->current = NULL;
    if (task->state == ASYNC_RETURNED)
        returned(task);
}

/*
 * Tells what the task waits for that it is cancelled, or else the task. Tasks
 * that wait for each other in a circle pass it on once around.
 */
static void deliver_cancel(struct async_coroutine *task)
{
    struct async_wait *wait = task->wait;

    if (task->passing_on)
        return;
    if (wait && wait->cancel) {
        task->passing_on = true;
        bool taken = wait->cancel(wait);
        task->passing_on = false;
        if (taken)
            return;
    }
    task->cancel_pending = true;
    if (wait)
        async_resume(wait);
}

/* What the suspending call of a task that goes on returns. */
static int why_resumed(struct async_coroutine *task)
{
    struct async_loop *loop = async_loop;

    if (loop->deadlocked && !loop->deadlock_delivered && task == loop->main) {
        loop->deadlock_delivered = true;
        task->cancel_pending = false;
        return ASYNC_EDEADLK;
    }
    if (task->cancel_pending) {
        task->cancel_pending = false;
        return ASYNC_ECANCELED;
    }
    return 0;
}

/* Never inlined: see switch.h. */
__attribute__((noinline)) int async_suspend(struct async_wait *wait,
                                            const char *whom)
{
    struct async_coroutine *task = async_current_for(whom);
    struct async_loop *loop = async_loop;

    if (!task)
        return ASYNC_ENOLOOP;
    wait->task = task;
    task->state = ASYNC_WAITING;
    /* If its step is queued already, it waits for nothing but its turn. */
    if (!task->step.next) {
        task->wait = wait;
        if (task->cancel_pending) {
            task->cancel_pending = false;
            deliver_cancel(task);
        }
    }
    async_tell(ASYNC_AT_SUSPEND, task, wait);
    async_context_switch(&task->context, &loop->context, false);
    return why_resumed(task);
}

void async_resume(struct async_wait *wait)
{
    struct async_coroutine *task = wait->task;

    if (!task || task->wait != wait)
        return;
    task->wait = NULL;
    async_call_soon(&task->step);
}

/* ---- Spawning ---------------------------------------------------------- */

struct async_coroutine *async_start(async_fn *fn, void *job, const char *name,
                                    const char *file, int line)
{
    struct async_loop *loop = async_loop;
    struct async_coroutine *task = take_record(loop);

    if (!task)
        return NULL;
    memset(task, 0, offsetof(struct async_coroutine, error.text));
    task->fn = fn;
    task->job = job;
    task->name = name;
    task->file = file;
    task->line = line;
    task->number = ++loop->spawned;
    task->last_watcher = &task->first_watcher;
    task->step.run = take_step;
    if (loop->current)
        adopt(loop->current, task);
    async_tell(ASYNC_AT_SPAWN, task, NULL);
    async_call_soon(&task->step);
    return task;
}

/* Stands in a handle for a record that is no more. */
static struct async_coroutine collected;

void async_fail(struct async_task *task, int err, const char *text)
{
    task->err = err;
    snprintf(task->errmsg, sizeof task->errmsg, "%s", text);
    task->async_private = &collected;
}

void async_spawn_at(struct async_task *task, async_fn *fn, void *job,
                    const char *name, const char *file, int line)
{
    struct async_coroutine *parent = async_current_for("async_spawn");
    struct async_coroutine *previous = parent ? parent->last_child : NULL;

    if (!parent) {
        async_fail(task, ASYNC_ENOLOOP, async_strerror(ASYNC_ENOLOOP));
        return;
    }
    /* A loop that spawns all its tasks in one variable: the handle of the task
       spawned before is the one that is about to be overwritten. */
    if (previous && previous->handle == task)
        async_report_reused(previous, file, line);

    struct async_coroutine *child = async_start(fn, job, name, file, line);
    if (!child) {
        async_fail(task, ASYNC_ENOMEM, async_strerror(ASYNC_ENOMEM));
        return;
    }
    child->handle = task;
    task->err = ASYNC_EINPROGRESS;
    task->errmsg[0] = '\0';
    task->async_private = child;
}

/* ---- Waiting for one task, and cancelling it --------------------------- */

void async_watch(struct async_coroutine *task, struct async_watcher *watcher)
{
    watcher->next = NULL;
    *task->last_watcher = watcher;
    task->last_watcher = &watcher->next;
}

static void queue_late(struct async_watcher *watcher)
{
    async_call_soon(
        &CONTAINER_OF(watcher, struct async_late_watcher, watcher)->callback);
}

void async_watch_late(struct async_coroutine *task,
                      struct async_late_watcher *late)
{
    late->watcher.ended = queue_late;
    async_watch(task, &late->watcher);
}

struct async_coroutine *async_record_of(struct async_task *task)
{
    if (!task->async_private)
        async_fail(task, -EINVAL, "the task was never spawned");
    return task->async_private == &collected ? NULL : task->async_private;
}

int async_collect(struct async_task *task)
{
    struct async_coroutine *record = async_record_of(task);

    /* If it runs, the handle was spawned into again under a waiter's eyes. */
    if (record && record->state == ASYNC_ENDED) {
        task->err = record->result;
        if (!task->err)
            task->errmsg[0] = '\0';
        else if (record->error.err == task->err)
            memcpy(task->errmsg, record->error.text, sizeof task->errmsg);
        else
            snprintf(task->errmsg, sizeof task->errmsg, "%s",
                     async_strerror(task->err));
        task->async_private = &collected;
        forget(record);
    }
    if (task->err)
        async_record_error(task->err, task->errmsg);
    return task->err;
}

struct awaiting {
    struct async_wait wait;
    struct async_watcher watcher;
    struct async_coroutine *awaited;
};

static void awaited_ended(struct async_watcher *watcher)
{
    async_resume(&CONTAINER_OF(watcher, struct awaiting, watcher)->wait);
}

/* The awaiting task was cancelled: that is passed on, and the wait goes on. */
static bool cancel_awaited(struct async_wait *wait)
{
    return async_cancel_coroutine(
        CONTAINER_OF(wait, struct awaiting, wait)->awaited);
}

/* Whether task awaits whom, or a task that does. */
static bool awaits(const struct async_coroutine *task,
                   const struct async_coroutine *whom)
{
    while (task != whom && task->wait && task->wait->cancel == cancel_awaited)
        task = CONTAINER_OF(task->wait, struct awaiting, wait)->awaited;
    return task == whom;
}

int async_await(struct async_task *task)
{
    struct awaiting awaiting = {
        .wait = {.what = "a task", .reason = ASYNC_FOR_TASKS},
        .watcher = {.ended = awaited_ended},
    };

    if (!async_current_for("async_await"))
        return ASYNC_ENOLOOP;

    awaiting.awaited = async_record_of(task);
    if (!awaiting.awaited || awaiting.awaited->state == ASYNC_ENDED)
        return async_collect(task);

    if (awaits(awaiting.awaited, async_current()))
        return async_raise(ASYNC_EDEADLK, "%s awaits the task that awaits it",
                           async_current()->name);
    awaiting.wait.cancel = cancel_awaited;
    async_watch(awaiting.awaited, &awaiting.watcher);
    int err = async_suspend(&awaiting.wait, "async_await");
    int result = async_collect(task);
    return err ? err : result;
}

bool async_cancel_coroutine(struct async_coroutine *task)
{
    if (task->state == ASYNC_ENDED)
        return false;
    task->cancels++;
    async_tell(ASYNC_AT_CANCEL, task, NULL);
    deliver_cancel(task);
    return true;
}

bool async_cancel(struct async_task *task)
{
    if (!async_loop || !task->async_private)
        return false;

    struct async_coroutine *record = async_record_of(task);
    return record && async_cancel_coroutine(record);
}

int async_cancelling(void)
{
    struct async_coroutine *task = async_current();

    return task ? task->cancels : 0;
}
