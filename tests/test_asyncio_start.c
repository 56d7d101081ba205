/*
 * test_asyncio_start.c - asyncio's cases: starting, running, awaiting,
 * sleeping, and the loop's own callbacks.
 *
 * A test has the name of the case that was observed in CPython 3.11, and is the
 * same program: docs/asyncio-semantics.md lists them all. Those behind "Beside
 * the cases" are of the same kind, and were observed there as well.
 */
#include "trace.h"

#include "async/async_loop.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a coroutine notes, and how long it sleeps before. */
struct note {
    const char *text;
    double ms;
};

static int note(void *job)
{
    struct note *note = job;

    ev("%s", note->text);
    return 0;
}

static int sleep_and_note(void *job)
{
    struct note *note = job;
    int err = sleep_ms(note->ms);

    if (!err)
        ev("%s", note->text);
    return err;
}

/* ---- Starting ---------------------------------------------------------- */

static int child_runs(void *job)
{
    int *value = job;

    ev("child runs");
    *value = 7;
    return 0;
}

static int coro_call_runs_nothing_main(void *job)
{
    int child = 0; /* a job is what a coroutine object is */
    (void)job;

    ev("called");
    int err = sleep_ms(50);
    if (err)
        return err;
    ev("after 50 ms");
    err = child_runs(&child);
    ev("got %d", child);
    return err;
}

static void coro_call_runs_nothing(void **state)
{
    (void)state;
    TRACE_TO_END(coro_call_runs_nothing_main,
                 "0 called; 50 after 50 ms; 50 child runs; 50 got 7; "
                 "50 END returned 0");
}

static int task_starts_at_next_tick_main(void *job)
{
    struct note child = {.text = "child"};
    struct async_task t;
    (void)job;

    ev("before");
    async_spawn(&t, note, &child);
    ev("after create");
    int err = async_yield();
    if (err)
        return err;
    ev("after sleep0");
    return async_await(&t);
}

static void task_starts_at_next_tick(void **state)
{
    (void)state;
    TRACE_TO_END(task_starts_at_next_tick_main,
                 "0 before; 0 after create; 0 child; 0 after sleep0; "
                 "0 END returned 0");
}

/* ---- Running ----------------------------------------------------------- */

static int run_returns_value_main(void *job)
{
    const char **value = job;

    ev("main");
    int err = sleep_ms(30);
    if (!err)
        *value = "value";
    return err;
}

static void run_returns_value(void **state)
{
    const char *value = NULL;
    (void)state;

    assert_string_equal(trace_to_end(run_returns_value_main, &value),
                        "0 main; 30 END returned 0");
    assert_string_equal(value, "value");
}

static int run_raises_main(void *job)
{
    (void)job;
    int err = sleep_ms(30);
    return err ? err : async_raise(-EINVAL, "boom");
}

static void run_raises(void **state)
{
    (void)state;
    TRACE_TO_END(run_raises_main, "30 END raised boom");
}

static int another_run(void *job)
{
    return note(job);
}

static int run_inside_run_is_error_main(void *job)
{
    struct note x = {.text = "never"};
    (void)job;

    int err = async_run(another_run, &x);
    if (err == ASYNC_ENESTED)
        ev("%s", async_errmsg(err));
    return 0;
}

static void run_inside_run_is_error(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(run_inside_run_is_error_main,
                       "0 LOG async_run() was called inside async_run(); "
                       "0 async_run inside async_run; 0 END returned 0");
}

static int one(void *job)
{
    const int *n = job;

    ev("%d", *n);
    return sleep_ms(20);
}

static void run_twice(void **state)
{
    int err = 0;
    (void)state;

    trace_start();
    for (int n = 1; n <= 2 && !err; n++) {
        err = async_run(one, &n);
        ev("r %d", n);
    }
    assert_int_equal(err, 0);
    assert_string_equal(trace_text, "0 1; 20 r 1; 20 2; 40 r 2");
}

/* A task that notes its name, and what is done with it when it is cancelled. */
struct background {
    const char *name;
    double cleanup_ms;
};

static int bg(void *job)
{
    const struct background *bg = job;

    ev("%s start", bg->name);
    int err = sleep_ms(1000);
    if (!err)
        ev("%s end", bg->name);
    ev("%s finally", bg->name);
    int second = sleep_ms(bg->cleanup_ms);
    ev("%s cleaned", bg->name);
    return err ? err : second;
}

static int run_cancels_leftovers_main(void *job)
{
    /* static: the frame is gone when they clean up */
    static struct background a = {"a", 50}, b = {"b", 20};
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[0], bg, &a);
    async_spawn(&tasks[1], bg, &b);
    int err = sleep_ms(100);
    ev("main returns");
    return err;
}

static void run_cancels_leftovers(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(run_cancels_leftovers_main,
                       "0 a start; 0 b start; 100 main returns; "
                       "100 LOG never awaited: task 2, bg; "
                       "100 LOG never awaited: task 3, bg; "
                       "100 a finally; 100 b finally; 120 b cleaned; "
                       "150 a cleaned; 150 END returned 0");
}

static int fails_in_cleanup(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    return err ? async_raise(-EINVAL, "in cleanup") : 0;
}

static int run_leftover_fails_in_cleanup_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, fails_in_cleanup, NULL);
    return sleep_ms(10);
}

static void run_leftover_fails_in_cleanup(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(run_leftover_fails_in_cleanup_main,
                       "10 LOG never awaited: task 2, fails_in_cleanup; "
                       "10 LOG never awaited: task 2, fails_in_cleanup | "
                       "in cleanup; 10 END returned 0");
}

/* ---- Awaiting ---------------------------------------------------------- */

static int op(void *job)
{
    const int *n = job;

    ev("start %d", *n);
    int err = sleep_ms(100);
    ev("end %d", *n);
    return err;
}

static int await_tasks_is_concurrent_main(void *job)
{
    int numbers[] = {1, 2, 3};
    struct async_task ts[3];
    int err = 0;
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&ts[i], op, &numbers[i]);
    for (int i = 0; i < 3 && !err; i++)
        err = async_await(&ts[i]);
    ev("done");
    async_reap(ts, 3);
    return err;
}

static void await_tasks_is_concurrent(void **state)
{
    (void)state;
    TRACE_TO_END(await_tasks_is_concurrent_main,
                 "0 start 1; 0 start 2; 0 start 3; 100 end 1; 100 end 2; "
                 "100 end 3; 100 done; 100 END returned 0");
}

static int quick(void *job)
{
    int *value = job;

    *value = 1;
    return 0;
}

static int await_coroutine_does_not_yield_main(void *job)
{
    struct note other = {.text = "other"};
    struct async_task t;
    int err = 0, value;
    (void)job;

    async_spawn(&t, note, &other);
    for (int i = 0; i < 3 && !err; i++)
        err = quick(&value);
    ev("3 awaits done");
    if (!err)
        err = async_yield();
    ev("after sleep0");
    /* It has ended: as everywhere here, that takes no turn. */
    int second = async_await(&t);
    return err ? err : second;
}

static void await_coroutine_does_not_yield(void **state)
{
    (void)state;
    TRACE_TO_END(await_coroutine_does_not_yield_main,
                 "0 3 awaits done; 0 other; 0 after sleep0; "
                 "0 END returned 0");
}

static int await_done_task_does_not_yield_main(void *job)
{
    struct note other = {.text = "other"};
    struct async_task ts[2];
    int value = 0;
    (void)job;

    async_spawn(&ts[0], quick, &value);
    int err = async_yield();
    if (err)
        goto out;
    async_spawn(&ts[1], note, &other);
    err = async_await(&ts[0]);
    ev("r %d", value);
    if (!err)
        err = async_yield();
    ev("end");
out:
    async_reap(ts, 2);
    return err;
}

static void await_done_task_does_not_yield(void **state)
{
    (void)state;
    TRACE_TO_END(await_done_task_does_not_yield_main,
                 "0 r 1; 0 other; 0 end; 0 END returned 0");
}

struct list {
    int *first; /* out */
    int items[1];
};

static int q(void *job)
{
    struct list *list = job;
    int err = sleep_ms(10);

    list->items[0]++;
    list->first = list->items;
    return err;
}

static int await_task_twice_main(void *job)
{
    struct list list = {NULL, {0}};
    struct async_task t;
    (void)job;

    async_spawn(&t, q, &list);
    int a = async_await(&t);
    const int *first = list.first;
    int b = async_await(&t);
    ev("same %d", a == b && first == list.first && *first == 1);
    return a;
}

static void await_task_twice(void **state)
{
    (void)state;
    TRACE_TO_END(await_task_twice_main, "10 same 1; 10 END returned 0");
}

static int fail_at_10(void *job)
{
    (void)job;
    int err = sleep_ms(10);
    return err ? err : async_raise(-EINVAL, "x");
}

static int await_failed_task_twice_main(void *job)
{
    char texts[2][ASYNC_ERRMSG_SIZE];
    struct async_task t;
    int errs[2];
    (void)job;

    async_spawn(&t, fail_at_10, NULL);
    for (int i = 0; i < 2; i++) {
        errs[i] = async_await(&t);
        snprintf(texts[i], sizeof texts[i], "%s", async_errmsg(errs[i]));
    }
    ev("same %d", errs[0] == -EINVAL && errs[1] == -EINVAL &&
                      !strcmp(texts[0], "x") && !strcmp(texts[1], "x"));
    return 0;
}

static void await_failed_task_twice(void **state)
{
    (void)state;
    TRACE_TO_END(await_failed_task_twice_main, "10 same 1; 10 END returned 0");
}

static int sleep_50_give_5(void *job)
{
    int *value = job;
    int err = sleep_ms(50);

    *value = 5;
    return err;
}

struct waiter {
    const char *name;
    struct async_task *task;
    const int *value; /* the task's */
};

static int w(void *job)
{
    const struct waiter *waiter = job;
    int err = async_await(waiter->task);

    ev("%s got %d", waiter->name, *waiter->value);
    return err;
}

static int two_waiters_one_task_main(void *job)
{
    int value = 0;
    struct async_task t;
    struct waiter waiters[] = {{"a", &t, &value}, {"b", &t, &value}};
    (void)job;

    async_spawn(&t, sleep_50_give_5, &value);
    return async_gather_each(w, waiters, 2);
}

static void two_waiters_one_task(void **state)
{
    (void)state;
    TRACE_TO_END(two_waiters_one_task_main,
                 "50 a got 5; 50 b got 5; 50 END returned 0");
}

/* ---- Sleeping ---------------------------------------------------------- */

static int sleep_result_main(void *job)
{
    struct note x = {.text = "x", .ms = 20};
    (void)job;
    return sleep_and_note(&x);
}

static void sleep_result(void **state)
{
    (void)state;
    TRACE_TO_END(sleep_result_main, "20 x; 20 END returned 0");
}

static int sleep_order_main(void *job)
{
    struct note notes[] = {{.text = "30", .ms = 30},
                           {.text = "10", .ms = 10},
                           {.text = "20", .ms = 20}};
    (void)job;
    return async_gather_each(sleep_and_note, notes, 3);
}

static void sleep_order(void **state)
{
    (void)state;
    TRACE_TO_END(sleep_order_main, "10 10; 20 20; 30 30; 30 END returned 0");
}

static int sleep_equal_deadline_fifo_main(void *job)
{
    struct note notes[] = {{.text = "0", .ms = 50}, {.text = "1", .ms = 50},
                           {.text = "2", .ms = 50}, {.text = "3", .ms = 50},
                           {.text = "4", .ms = 50}, {.text = "5", .ms = 50},
                           {.text = "6", .ms = 50}, {.text = "7", .ms = 50}};
    (void)job;
    return async_gather_each(sleep_and_note, notes, 8);
}

static void sleep_equal_deadline_fifo(void **state)
{
    (void)state;
    TRACE_TO_END(sleep_equal_deadline_fifo_main,
                 "50 0; 50 1; 50 2; 50 3; 50 4; 50 5; 50 6; 50 7; "
                 "50 END returned 0");
}

static int spin(void *job)
{
    int err = 0;
    (void)job;

    for (int i = 0; i < 5 && !err; i++) {
        burn(10);
        ev("spin %d", i);
        err = async_yield();
    }
    return err;
}

static int sleep0_does_not_starve_timers_main(void *job)
{
    struct note timer = {.text = "timer", .ms = 25};
    struct async_task ts[2];
    (void)job;

    async_spawn(&ts[0], sleep_and_note, &timer);
    async_spawn(&ts[1], spin, NULL);
    return async_gather(ts, 2);
}

static void sleep0_does_not_starve_timers(void **state)
{
    (void)state;
    TRACE_TO_END(sleep0_does_not_starve_timers_main,
                 "10 spin 0; 20 spin 1; 30 spin 2; 40 spin 3; 50 spin 4; "
                 "50 timer; 50 END returned 0");
}

static int late_timers_by_deadline_main(void *job)
{
    struct note notes[] = {{.text = "woke 30", .ms = 30},
                           {.text = "woke 10", .ms = 10},
                           {.text = "woke 20", .ms = 20}};
    struct async_task ts[3];
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&ts[i], sleep_and_note, &notes[i]);
    int err = async_yield();
    burn(100);
    ev("burned");
    int second = async_gather(ts, 3);
    return err ? err : second;
}

static void late_timers_by_deadline(void **state)
{
    (void)state;
    TRACE_TO_END(late_timers_by_deadline_main,
                 "100 burned; 100 woke 10; 100 woke 20; 100 woke 30; "
                 "100 END returned 0");
}

static int deadline_from_now_not_from_turn_start_main(void *job)
{
    struct note woke = {.text = "woke", .ms = 10};
    (void)job;

    burn(50);
    return sleep_and_note(&woke);
}

static void deadline_from_now_not_from_turn_start(void **state)
{
    (void)state;
    TRACE_TO_END(deadline_from_now_not_from_turn_start_main,
                 "60 woke; 60 END returned 0");
}

/* ---- The loop's callbacks ---------------------------------------------- */

/* A callback that notes its text, keeps the thread, and queues another one. */
struct call {
    struct async_callback callback;
    const char *text;
    double burn_ms;
    struct call *next;
};

static void call(struct async_callback *callback)
{
    struct call *call = (struct call *)(void *)callback;

    ev("%s", call->text);
    burn(call->burn_ms);
    if (call->next)
        async_call_soon(&call->next->callback);
}

struct alarm {
    struct async_timer timer;
    const char *text;
    struct alarm *cleared; /* another one that it takes back */
};

static void ring(struct async_callback *due)
{
    struct alarm *alarm = (struct alarm *)(void *)due;

    ev("%s", alarm->text);
    if (alarm->cleared)
        async_timer_clear(&alarm->cleared->timer);
}

static int call_later(struct alarm *alarm, double milliseconds)
{
    return async_timer_set(&alarm->timer,
                           async_now_ns() + (int64_t)(milliseconds * 1e6));
}

static int ready_before_due_timer_main(void *job)
{
    struct call b = {.callback.run = call, .text = "b (call_soon from a)"};
    struct call a = {
        .callback.run = call, .text = "a", .burn_ms = 20, .next = &b};
    struct alarm timer = {.timer.due.run = ring, .text = "timer"};
    (void)job;

    int err = call_later(&timer, 10);
    if (err)
        return err;
    async_call_soon(&a.callback);
    return sleep_ms(50);
}

static void ready_before_due_timer(void **state)
{
    (void)state;
    TRACE_TO_END(ready_before_due_timer_main,
                 "0 a; 20 b (call_soon from a); 20 timer; "
                 "50 END returned 0");
}

static int call_soon_fifo_next_turn_main(void *job)
{
    struct call a2 = {.callback.run = call, .text = "a2"};
    struct call a = {.callback.run = call, .text = "a", .next = &a2};
    struct call b = {.callback.run = call, .text = "b"};
    (void)job;

    async_call_soon(&a.callback);
    async_call_soon(&b.callback);
    return sleep_ms(10);
}

static void call_soon_fifo_next_turn(void **state)
{
    (void)state;
    TRACE_TO_END(call_soon_fifo_next_turn_main,
                 "0 a; 0 b; 0 a2; 10 END returned 0");
}

/* A callback returns nothing: the mistake that it can make is to suspend. */
static void bad(struct async_callback *callback)
{
    (void)callback;
    if (async_sleep(1) != ASYNC_ENOLOOP)
        ev("a callback slept");
    async_raise(-EINVAL, "cb");
}

static int callback_exception_is_logged_main(void *job)
{
    struct async_callback callback = {.run = bad};
    struct call reader = {.callback.run = call, .text = "(the report is read)"};
    (void)job;

    async_call_soon(&callback);
    async_call_soon(&reader.callback);
    int err = sleep_ms(20);
    ev("loop goes on");
    return err;
}

static void callback_exception_is_logged(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(callback_exception_is_logged_main,
                       "0 LOG async_sleep() was called outside of any task; "
                       "0 (the report is read); 20 loop goes on; "
                       "20 END returned 0");
}

static void readable(struct async_fd *fd, int events)
{
    char byte = '?';

    (void)events;
    async_fd_unwatch(fd);
    if (read(fd->fd, &byte, 1) == 1)
        ev("readable %c", byte);
}

static int io_before_due_timers_main(void *job)
{
    const int *sockets = job;
    struct async_fd fd = {.fd = sockets[0], .ready = readable};
    struct alarm timer = {.timer.due.run = ring, .text = "timer"};

    int err = async_fd_watch(&fd, ASYNC_READABLE);
    if (!err)
        err = call_later(&timer, 10);
    if (err)
        return err;
    if (write(sockets[1], "x", 1) != 1)
        return -errno;
    burn(20);
    return sleep_ms(20);
}

static void io_before_due_timers(void **state)
{
    int sockets[2];
    (void)state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    assert_string_equal(trace_to_end(io_before_due_timers_main, sockets),
                        "20 readable x; 20 timer; 40 END returned 0");
    close(sockets[0]);
    close(sockets[1]);
}

/* ---- Beside the cases: tasks ------------------------------------------- */

static int parent_of_one(void *job)
{
    const char *name = job;
    struct note child = {.text = name};
    struct async_task t;

    ev("%s", name);
    async_spawn(&t, note, &child);
    int err = async_await(&t);
    ev("%s end", name);
    return err;
}

static int spawn_in_spawned(void *job)
{
    char names[3][2] = {"a", "b", "c"};
    (void)job;
    return async_gather_each(parent_of_one, names, 3);
}

static void grandchildren_start_behind_children(void **state)
{
    (void)state;
    TRACE_TO_END(spawn_in_spawned, "0 a; 0 b; 0 c; 0 a; 0 b; 0 c; 0 a end; "
                                   "0 b end; 0 c end; 0 END returned 0");
}

static int note_and_sleep(void *job)
{
    (void)job;
    ev("first step");
    int err = sleep_ms(100);
    if (err)
        ev("cancelled");
    return err;
}

static int spawn_and_return(void *job)
{
    static struct async_task t; /* no frame holds it */
    (void)job;

    async_spawn(&t, note_and_sleep, NULL);
    ev("main returns");
    return 0;
}

static void a_task_of_the_last_turn_takes_its_first_step(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(spawn_and_return,
                       "0 main returns; 0 first step; "
                       "0 LOG never awaited: task 2, note_and_sleep; "
                       "0 cancelled; 0 END returned 0");
}

static int swallow_and_go_on(void *job)
{
    (void)job;
    if (sleep_ms(100))
        ev("swallowed");
    int err = sleep_ms(50);
    ev("goes on");
    return err;
}

static int await_in_cleanup(void *job)
{
    struct note x = {.text = "x done", .ms = 30};
    struct async_task t;
    (void)job;

    int err = sleep_ms(100);
    ev("cleanup");
    async_spawn(&t, sleep_and_note, &x);
    int second = async_await(&t);
    ev("cleaned");
    return err ? err : second;
}

static int leave_behind(async_fn *fn)
{
    struct async_task t;

    async_spawn(&t, fn, NULL);
    int err = sleep_ms(10);
    ev("main returns");
    return err;
}

static int leave_a_swallower(void *job)
{
    (void)job;
    return leave_behind(swallow_and_go_on);
}

static int leave_one_with_cleanup(void *job)
{
    (void)job;
    return leave_behind(await_in_cleanup);
}

static void run_waits_for_leftovers_however_long(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(leave_a_swallower,
                       "10 main returns; 10 LOG never awaited: task 2, fn; "
                       "10 swallowed; 60 goes on; 60 END returned 0");
    TRACE_WITH_REPORTS(leave_one_with_cleanup,
                       "10 main returns; 10 LOG never awaited: task 2, fn; "
                       "10 cleanup; 40 x done; 40 cleaned; "
                       "40 END returned 0");
}

static int tick(void *job)
{
    const int *n = job;
    int err = 0;

    for (int i = 0; i < *n && !err; i++) {
        ev("tick %d", i);
        err = async_yield();
    }
    return err;
}

/* Awaits a task that awaits a task, so many levels deep. */
static int level(void *job)
{
    const int *levels = job;
    int below = *levels - 1, err = 0;
    struct async_task t;

    if (*levels > 0) {
        async_spawn(&t, level, &below);
        err = async_await(&t);
    }
    ev("level %d", *levels);
    return err;
}

static int count_turns_of_a_chain(void *job)
{
    struct async_task k;
    int n = 8, top = 3;
    (void)job;

    async_spawn(&k, tick, &n);
    int err = level(&top);
    int second = async_await(&k);
    return err ? err : second;
}

static void a_chain_of_awaits_takes_a_turn_for_each(void **state)
{
    (void)state;
    TRACE_TO_END(count_turns_of_a_chain,
                 "0 tick 0; 0 tick 1; 0 tick 2; 0 level 0; 0 tick 3; "
                 "0 level 1; 0 tick 4; 0 level 2; 0 tick 5; 0 level 3; "
                 "0 tick 6; 0 tick 7; 0 END returned 0");
}

static int sleep_100(void *job)
{
    (void)job;
    return sleep_ms(100);
}

static int see_it_cancelled(void *job)
{
    const struct waiter *waiter = job;

    if (async_await(waiter->task) == ASYNC_ECANCELED)
        ev("%s %d", waiter->name, async_cancelling());
    return 0;
}

static int cancel_what_two_await(void *job)
{
    struct async_task t, ws[2];
    struct waiter waiters[] = {{"a", &t, NULL}, {"b", &t, NULL}};
    (void)job;

    async_spawn(&t, sleep_100, NULL);
    for (int i = 0; i < 2; i++)
        async_spawn(&ws[i], see_it_cancelled, &waiters[i]);
    int err = sleep_ms(10);
    async_cancel(&t);
    int second = async_gather(ws, 2);
    ev("end");
    async_reap(&t, 1);
    return err ? err : second;
}

static void who_awaits_a_cancelled_task_is_not_cancelled(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_what_two_await,
                 "10 a 0; 10 b 0; 10 end; 10 END returned 0");
}

/* ---- Beside the cases: sleeps and callbacks ---------------------------- */

static int sleep_10_and_20(void *job)
{
    int err = sleep_ms(10);
    return err ? err : sleep_and_note(job);
}

static int burn_5_and_sleep(void *job)
{
    burn(5);
    return sleep_and_note(job);
}

static int one_deadline_from_three_sides(void *job)
{
    struct note a = {.text = "a", .ms = 30}, b = {.text = "b", .ms = 20};
    struct note c = {.text = "c", .ms = 25};
    struct async_task ts[3];
    (void)job;

    async_spawn(&ts[0], sleep_10_and_20, &b);
    async_spawn(&ts[1], burn_5_and_sleep, &c);
    async_spawn(&ts[2], sleep_and_note, &a);
    return async_gather(ts, 3);
}

static void equal_deadlines_ring_as_they_were_set(void **state)
{
    (void)state;
    TRACE_TO_END(one_deadline_from_three_sides,
                 "30 c; 30 b; 35 a; 35 END returned 0");
}

static int sleep_less_than_nothing(void *job)
{
    (void)job;
    ev("n");
    int err = sleep_ms(-1000);
    ev("n2");
    if (!err)
        err = async_yield();
    ev("n3");
    return err;
}

static int negative_sleep_beside_ticks(void *job)
{
    struct async_task ts[2];
    int n = 3;
    (void)job;

    async_spawn(&ts[0], tick, &n);
    async_spawn(&ts[1], sleep_less_than_nothing, NULL);
    return async_gather(ts, 2);
}

static void a_negative_sleep_is_a_turn(void **state)
{
    (void)state;
    TRACE_TO_END(negative_sleep_beside_ticks,
                 "0 tick 0; 0 n; 0 tick 1; 0 n2; 0 tick 2; 0 n3; "
                 "0 END returned 0");
}

static int burn_to_the_deadline(void *job)
{
    struct note slept = {.text = "slept", .ms = 10};
    struct async_task t;
    int n = 4;
    (void)job;

    async_spawn(&t, sleep_and_note, &slept);
    int err = async_yield();
    burn(10);
    int second = tick(&n);
    async_reap(&t, 1);
    return err ? err : second;
}

static void a_due_sleeper_resumes_two_turns_later(void **state)
{
    (void)state;
    TRACE_TO_END(burn_to_the_deadline,
                 "10 tick 0; 10 tick 1; 10 tick 2; 10 slept; 10 tick 3; "
                 "10 END returned 0");
}

static int callbacks_and_tasks(void *job)
{
    struct call one = {.callback.run = call, .text = "one"};
    struct call three = {.callback.run = call, .text = "three"};
    struct note two = {.text = "task 2"};
    struct async_task t;
    (void)job;

    async_call_soon(&one.callback);
    async_spawn(&t, note, &two);
    async_call_soon(&three.callback);
    int err = async_yield();
    ev("main");
    int second = async_await(&t);
    return err ? err : second;
}

static void callbacks_and_tasks_stand_in_one_line(void **state)
{
    (void)state;
    TRACE_TO_END(callbacks_and_tasks,
                 "0 one; 0 task 2; 0 three; 0 main; 0 END returned 0");
}

static int due_at_once(void *job)
{
    struct alarm later = {.timer.due.run = ring, .text = "later"};
    struct call soon = {.callback.run = call, .text = "soon"};
    (void)job;

    int err = call_later(&later, 0);
    async_call_soon(&soon.callback);
    int second = async_yield();
    ev("main");
    int third = async_yield();
    ev("main again");
    return err ? err : second ? second : third;
}

static void a_timer_due_at_once_stands_behind_what_is_ready(void **state)
{
    (void)state;
    TRACE_TO_END(due_at_once, "0 soon; 0 main; 0 later; 0 main again; "
                              "0 END returned 0");
}

static int clear_in_the_same_turn(void *job)
{
    struct alarm b = {.timer.due.run = ring, .text = "b"};
    struct alarm a = {.timer.due.run = ring, .text = "a", .cleared = &b};
    struct alarm c = {.timer.due.run = ring, .text = "c"};
    (void)job;

    int err = call_later(&a, 10);
    int second = call_later(&b, 10);
    int third = call_later(&c, 10);
    int fourth = sleep_ms(20);
    return err ? err : second ? second : third ? third : fourth;
}

static void a_timer_clears_one_that_is_due(void **state)
{
    (void)state;
    TRACE_TO_END(clear_in_the_same_turn, "10 a; 10 c; 20 END returned 0");
}

/* Reads its byte only when it is called the third time. */
struct late_reader {
    struct async_fd fd;
    int calls;
};

static void read_at_third_call(struct async_fd *fd, int events)
{
    struct late_reader *reader = (struct late_reader *)(void *)fd;
    (void)events;

    ev("readable");
    if (++reader->calls == 3)
        readable(fd, events);
}

static int level_triggered(void *job)
{
    const int *sockets = job;
    struct late_reader reader = {
        .fd = {.fd = sockets[0], .ready = read_at_third_call}};
    int n = 4;

    int err = async_fd_watch(&reader.fd, ASYNC_READABLE);
    if (err)
        return err;
    if (write(sockets[1], "x", 1) != 1)
        return -errno;
    return tick(&n);
}

static void a_readable_descriptor_calls_back_each_turn(void **state)
{
    int sockets[2];
    (void)state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    assert_string_equal(trace_to_end(level_triggered, sockets),
                        "0 tick 0; 0 tick 1; 0 readable; 0 tick 2; "
                        "0 readable; 0 tick 3; 0 readable; 0 readable x; "
                        "0 END returned 0");
    close(sockets[0]);
    close(sockets[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coro_call_runs_nothing),
        cmocka_unit_test(task_starts_at_next_tick),
        cmocka_unit_test(run_returns_value),
        cmocka_unit_test(run_raises),
        cmocka_unit_test(run_inside_run_is_error),
        cmocka_unit_test(run_twice),
        cmocka_unit_test(run_cancels_leftovers),
        cmocka_unit_test(run_leftover_fails_in_cleanup),
        cmocka_unit_test(await_tasks_is_concurrent),
        cmocka_unit_test(await_coroutine_does_not_yield),
        cmocka_unit_test(await_done_task_does_not_yield),
        cmocka_unit_test(await_task_twice),
        cmocka_unit_test(await_failed_task_twice),
        cmocka_unit_test(two_waiters_one_task),
        cmocka_unit_test(sleep_result),
        cmocka_unit_test(sleep_order),
        cmocka_unit_test(sleep_equal_deadline_fifo),
        cmocka_unit_test(sleep0_does_not_starve_timers),
        cmocka_unit_test(late_timers_by_deadline),
        cmocka_unit_test(deadline_from_now_not_from_turn_start),
        cmocka_unit_test(ready_before_due_timer),
        cmocka_unit_test(call_soon_fifo_next_turn),
        cmocka_unit_test(callback_exception_is_logged),
        cmocka_unit_test(io_before_due_timers),
        cmocka_unit_test(grandchildren_start_behind_children),
        cmocka_unit_test(a_task_of_the_last_turn_takes_its_first_step),
        cmocka_unit_test(run_waits_for_leftovers_however_long),
        cmocka_unit_test(a_chain_of_awaits_takes_a_turn_for_each),
        cmocka_unit_test(who_awaits_a_cancelled_task_is_not_cancelled),
        cmocka_unit_test(equal_deadlines_ring_as_they_were_set),
        cmocka_unit_test(a_negative_sleep_is_a_turn),
        cmocka_unit_test(a_due_sleeper_resumes_two_turns_later),
        cmocka_unit_test(callbacks_and_tasks_stand_in_one_line),
        cmocka_unit_test(a_timer_due_at_once_stands_behind_what_is_ready),
        cmocka_unit_test(a_timer_clears_one_that_is_due),
        cmocka_unit_test(a_readable_descriptor_calls_back_each_turn),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
