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

/*
 * Passing on would be recursion, as deep as tasks wait for tasks; a task's
 * stack is not. So those that are yet to be told stand in a list: what a task
 * passes on comes before the rest, as it would in a recursion. Within one round
 * each is told once, also if tasks wait for each other in a circle.
 */
void async_deliver_cancel(struct async_coroutine *task)
{
    struct async_cancelling *cancelling = &async_loop->cancelling;

    if (!cancelling->going_on)
        cancelling->round++;
    if (task->cancel_round == cancelling->round)
        return;
    task->cancel_round = cancelling->round;
    task->next_to_cancel = NULL;
    *cancelling->last = task;
    cancelling->last = &task->next_to_cancel;
    if (cancelling->going_on)
        return;

    cancelling->going_on = true;
    while ((task = cancelling->first)) {
        struct async_coroutine *rest = task->next_to_cancel;
        struct async_coroutine **end_of_rest = cancelling->last;

        cancelling->first = NULL;
        cancelling->last = &cancelling->first;
        deliver(task);
        *cancelling->last = rest;
        if (rest)
            cancelling->last = end_of_rest;
    }
    cancelling->going_on = false;
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
