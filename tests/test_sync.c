/*
 * test_sync.c - events, queues and semaphores, on the virtual clock.
 */
#include "trace.h"

#include <errno.h>
#include <limits.h>

static void *name(const char *text)
{
    return (void *)(uintptr_t)text;
}

/* ---- Events ------------------------------------------------------------ */

struct waiting {
    const char *name;
    struct async_event *event;
};

static int wait_for_event(void *job)
{
    struct waiting *waiting = job;
    int err = async_event_wait(waiting->event);

    ev("%s %s", waiting->name, async_strerror(err));
    return err;
}

static int set_wakes_all(void *job)
{
    struct async_event event = {0};
    struct waiting waiting[3] = {{"a", &event}, {"b", &event}, {"c", &event}};
    struct async_task tasks[3];
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&tasks[i], wait_for_event, &waiting[i]);
    int err = sleep_ms(10);
    if (!err)
        ev("set %d", event.is_set);
    async_event_set(&event);
    async_event_clear(&event); /* those that waited are woken all the same */
    if (!err)
        err = async_gather(tasks, 3);
    ev("cleared %d", event.is_set);
    async_event_set(&event);
    if (!err)
        err = async_event_wait(&event);
    ev("did not suspend");
    return err;
}

static void event_wakes_all_in_order(void **state)
{
    (void)state;
    TRACE(set_wakes_all, "10 set 0; 10 a success; 10 b success; 10 c success; "
                         "10 cleared 0; 10 did not suspend");
}

static int cancel_a_waiter(void *job)
{
    struct async_event event = {0};
    struct waiting waiting[2] = {{"a", &event}, {"b", &event}};
    struct async_task tasks[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], wait_for_event, &waiting[i]);
    int err = sleep_ms(10);
    async_cancel(&tasks[0]);
    if (!err)
        err = sleep_ms(10);
    async_event_set(&event);
    async_cancel(&tasks[1]); /* woken and cancelled in the same turn */
    return err ? err : async_gather_all(tasks, 2);
}

static void cancelled_waiters_leave_an_event(void **state)
{
    (void)state;
    TRACE(cancel_a_waiter,
          "10 a the task was cancelled; 20 b the task was cancelled");
}

/* ---- Queues ------------------------------------------------------------ */

struct taking {
    const char *name;
    struct async_queue *queue;
    double ms; /* for each item */
};

static int take_all(void *job)
{
    struct taking *taking = job;
    void *item = name("nothing");
    int err;

    while ((err = async_queue_get(taking->queue, &item)) == 0) {
        ev("%s takes %s", taking->name, (const char *)item);
        err = sleep_ms(taking->ms);
        if (err)
            break;
    }
    ev("%s: %s", taking->name, async_errmsg(err));
    return err == ASYNC_ECLOSED ? 0 : err;
}

static const char *const letters[] = {"a", "b", "c", "d", "e"};

static int put_letters(struct async_queue *queue, int n)
{
    for (int i = 0; i < n; i++) {
        int err = async_queue_put(queue, name(letters[i]));
        if (err)
            return err;
        ev("put %s", letters[i]);
    }
    return 0;
}

static int two_workers(void *job)
{
    struct async_queue queue = {.capacity = 1};
    struct taking taking[2] = {{"w1", &queue, 50}, {"w2", &queue, 50}};
    struct async_task tasks[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], take_all, &taking[i]);
    int err = put_letters(&queue, 5);
    async_queue_close(&queue);
    async_queue_close(&queue);
    ev("closed with %zu", queue.count);
    return err ? err : async_gather(tasks, 2);
}

static void workers_end_when_the_queue_is_closed(void **state)
{
    (void)state;
    TRACE(two_workers,
          "0 put a; 0 w1 takes a; 0 put b; 0 w2 takes b; 0 put c; "
          "50 w1 takes c; 50 put d; 50 w2 takes d; 50 put e; 50 closed with 1; "
          "100 w1 takes e; 100 w2: the queue is closed and empty; "
          "150 w1: the queue is closed and empty");
}

static int put_one(void *job)
{
    struct taking *taking = job;
    int err = async_queue_put(taking->queue, name(taking->name));

    ev("%s put: %s", taking->name, async_errmsg(err));
    return err;
}

static int close_on_a_putter(void *job)
{
    struct async_queue queue = {.capacity = 1};
    struct taking taking[2] = {{"x", &queue, 0}, {"y", &queue, 0}};
    struct async_task tasks[2];
    void *item;
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], put_one, &taking[i]);
    int err = sleep_ms(10);
    async_queue_close(&queue);
    if (!err)
        err = async_gather_all(tasks, 2);
    if (!err)
        err = async_queue_get(&queue, &item);
    if (!err)
        ev("left: %s", (const char *)item);
    return err ? err : async_queue_put(&queue, NULL);
}

static void closing_sends_putters_away_and_keeps_the_items(void **state)
{
    (void)state;
    TRACE(close_on_a_putter,
          "0 x put: success; 10 y put: the queue was closed; 10 left: x; "
          "10 ended with the queue was closed");
}

static int cancel_a_getter(void *job)
{
    struct async_queue queue = {0};
    struct taking taking[2] = {{"a", &queue, 10}, {"b", &queue, 10}};
    struct async_task tasks[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], take_all, &taking[i]);
    int err = sleep_ms(10);
    if (!err)
        err = async_queue_put(&queue, name("item"));
    async_cancel(&tasks[0]); /* woken for the item, and cancelled */
    async_queue_close(&queue);
    return err ? err : async_gather_all(tasks, 2);
}

static void a_cancelled_getter_holds_no_item(void **state)
{
    (void)state;
    TRACE(cancel_a_getter, "10 a: the task was cancelled; 10 b takes item; "
                           "20 b: the queue is closed and empty");
}

static int cancel_a_putter(void *job)
{
    struct async_queue queue = {.capacity = 1};
    struct taking taking[3] = {
        {"x", &queue, 0}, {"y", &queue, 0}, {"z", &queue, 0}};
    struct async_task tasks[3];
    void *item;
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&tasks[i], put_one, &taking[i]);
    int err = sleep_ms(10);
    if (!err)
        err = async_queue_get(&queue, &item);
    async_cancel(&tasks[1]); /* woken for the room, and cancelled */
    if (!err)
        err = async_gather_all(tasks, 3);
    while (!err && queue.count)
        err = async_queue_get(&queue, &item);
    ev("last: %s", (const char *)item);
    return err;
}

static void a_cancelled_putter_passes_its_room_on(void **state)
{
    (void)state;
    TRACE(cancel_a_putter, "0 x put: success; 10 y put: the task was "
                           "cancelled; 10 z put: success; 10 last: z");
}

static int many_items(void *job)
{
    struct async_queue queue = {0};
    size_t next = 0;
    int err = 0;
    (void)job;

    /* The ring grows while its first item stands in the middle. */
    for (size_t i = 0; !err && i < 1000; i++) {
        err = async_queue_put(&queue, (void *)(uintptr_t)(i + 1));
        if (!err && i % 3 == 0) {
            void *item;
            err = async_queue_get(&queue, &item);
            if ((uintptr_t)item != ++next)
                ev("%zu at %zu", (size_t)(uintptr_t)item, next);
        }
    }
    while (!err && queue.count) {
        void *item;
        err = async_queue_get(&queue, &item);
        if ((uintptr_t)item != ++next)
            ev("%zu at %zu", (size_t)(uintptr_t)item, next);
    }
    ev("%zu, memory %p", next, (void *)queue.async_private.items);
    return err;
}

static void a_queue_keeps_order_and_no_memory(void **state)
{
    char expected[64];
    (void)state;

    snprintf(expected, sizeof expected, "0 1000, memory %p", (void *)NULL);
    TRACE(many_items, expected);
}

/* ---- Semaphores -------------------------------------------------------- */

static int signal_often(void *job)
{
    struct async_semaphore semaphore = {0};
    (void)job;

    async_semaphore_release(&semaphore);
    ev("%d", semaphore.permits);
    semaphore.permits = INT_MAX; /* as if it had been released so often */
    async_semaphore_release(&semaphore);
    ev("%d left", INT_MAX - semaphore.permits);
    return async_semaphore_acquire(&semaphore);
}

static void a_signal_is_given_as_often_as_can_be_counted(void **state)
{
    (void)state;
    TRACE(signal_often, "0 1; 0 0 left");
}

/* ---- Outside ----------------------------------------------------------- */

static void set_and_close_work_outside(void **state)
{
    struct async_event event = {0};
    struct async_queue queue = {.capacity = 1};
    (void)state;

    async_event_set(&event);
    assert_true(event.is_set);
    async_event_clear(&event);
    assert_false(event.is_set);
    async_queue_close(&queue);
    assert_true(queue.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_wakes_all_in_order),
        cmocka_unit_test(cancelled_waiters_leave_an_event),
        cmocka_unit_test(workers_end_when_the_queue_is_closed),
        cmocka_unit_test(closing_sends_putters_away_and_keeps_the_items),
        cmocka_unit_test(a_cancelled_getter_holds_no_item),
        cmocka_unit_test(a_cancelled_putter_passes_its_room_on),
        cmocka_unit_test(a_queue_keeps_order_and_no_memory),
        cmocka_unit_test(a_signal_is_given_as_often_as_can_be_counted),
        cmocka_unit_test(set_and_close_work_outside),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
