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

static void unlist(struct async_to_cancel *task)
{
    task->previous->next = task->next;
    task->next->previous = task->previous;
    task->next = NULL;
}

/* Behind those that this delivery has listed, before the rest. */
static void list(struct async_cancelling *cancelling,
                 struct async_to_cancel *task)
{
    if (task->told_in == cancelling->round ||
        (task->next && task->listed_by == cancelling->delivery))
        return;
    if (task == cancelling->rest)
        cancelling->rest = task->next;
    if (task->next)
        unlist(task);
    task->next = cancelling->rest;
    task->previous = task->next->previous;
    task->previous->next = task->next->previous = task;
    task->listed_by = cancelling->delivery;
}

/*
 * Passing on would be recursion, as deep as tasks wait for tasks; a task's
 * stack is not. So those that are yet to be told stand in a list, in the order
 * in which a recursion would come to them: what a task passes on comes before
 * the rest, also what stands in the rest already. Within one round each is told
 * once, even if tasks wait for each other in a circle.
 */
void async_deliver_cancel(struct async_coroutine *task)
{
    struct async_cancelling *cancelling = &async_loop->cancelling;
    struct async_to_cancel *head = &cancelling->head;

    if (cancelling->going_on) {
        list(cancelling, &task->to_cancel);
        return;
    }
    cancelling->going_on = true;
    cancelling->round++;
    cancelling->delivery++;
    head->next = head->previous = cancelling->rest = head;
    list(cancelling, &task->to_cancel);
    while (head->next != head) {
        struct async_to_cancel *first = head->next;

        unlist(first);
        first->told_in = cancelling->round;
        cancelling->delivery++;
        cancelling->rest = head->next;
        deliver(CONTAINER_OF(first, struct async_coroutine, to_cancel));
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
