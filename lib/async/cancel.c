/*
 * cancel.c - asking a task to stop.
 *
 * A cancellation goes to whatever the task waits for. What that is decides: a
 * sleep ends with ASYNC_ECANCELED, a wait for other tasks passes the
 * cancellation on to them and goes on until they have ended. A task that does
 * not wait at this moment finds it at its next suspending call.
 */
#include "async/runtime.h"

static void deliver(struct async_coroutine *task)
{
    struct async_wait *wait = task->wait;

    /* A deadlock is the end in any case. */
    if (task->shields && !async_loop->deadlocked) {
        task->cancel_held = true;
        return;
    }
    if (wait && wait->cancel && wait->cancel(wait))
        return;
    task->cancel_pending = true;
    if (wait)
        async_resume(wait);
}

/* So deep a chain of tasks that wait for tasks is passed on as a recursion. */
enum { DEEPEST = 100 };

static void put_off(struct async_cancelling *cancelling,
                    struct async_coroutine *task)
{
    if (task->put_off)
        return;
    task->put_off = true;
    task->next_put_off = NULL;
    if (!cancelling->first_put_off)
        cancelling->last_put_off = &cancelling->first_put_off;
    *cancelling->last_put_off = task;
    cancelling->last_put_off = &task->next_put_off;
}

static void deliver_deeper(struct async_cancelling *cancelling,
                           struct async_coroutine *task)
{
    cancelling->depth++;
    task->passing_on = true;
    deliver(task);
    task->passing_on = false;
    cancelling->depth--;
}

/*
 * Passing on is recursion, as deep as tasks wait for tasks; a task's stack is
 * not. Beyond a depth that ordinary programs do not reach, the rest is put off
 * until the recursion is back at its beginning. Tasks that wait for each other
 * in a circle pass it on once around.
 */
void async_deliver_cancel(struct async_coroutine *task)
{
    struct async_cancelling *cancelling = &async_loop->cancelling;

    if (task->passing_on)
        return;
    if (cancelling->depth == DEEPEST) {
        put_off(cancelling, task);
        return;
    }
    deliver_deeper(cancelling, task);
    while (!cancelling->depth && (task = cancelling->first_put_off)) {
        cancelling->first_put_off = task->next_put_off;
        task->put_off = false;
        deliver_deeper(cancelling, task);
    }
}

bool async_cancel_coroutine(struct async_coroutine *task)
{
    if (!async_is_alive(task))
        return false;
    task->cancels++;
    async_tell(ASYNC_AT_CANCEL, task, NULL);
    async_deliver_cancel(task);
    return true;
}

bool async_cancel(struct async_task *task)
{
    if (async_is_of_others(task)) {
        async_report_cancelled_elsewhere();
        return false;
    }
    if (!async_loop || !task->async_private.record)
        return false;

    struct async_coroutine *record = async_record_of(task);
    return record && async_cancel_coroutine(record);
}

int async_cancelling(void)
{
    struct async_coroutine *task = async_current();

    return task ? task->cancels : 0;
}

int async_shield(async_fn *fn, void *job)
{
    struct async_coroutine *task = async_current_for("async_shield");

    if (!task)
        return ASYNC_ENOLOOP;
    if (task->cancel_pending)
        task->cancel_held = true;
    task->cancel_pending = false;
    task->shields++;
    int err = fn(job);
    task->shields--;
    if (!task->shields && task->cancel_held) {
        task->cancel_held = false;
        task->cancel_pending = true;
    }
    return err;
}
