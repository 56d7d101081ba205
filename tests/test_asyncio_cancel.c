/*
 * test_asyncio_cancel.c - asyncio's cases: cancel and shield, as_completed and
 * wait.
 *
 * A test has the name of the case that was observed in CPython 3.11, and is the
 * same program: docs/asyncio-semantics.md lists them all. Where it says
 * "difference", the trace is the one that our own rule gives. Those behind
 * "Beside the cases" are of the same kind, and were observed there as well.
 */
#include "trace.h"

#include <errno.h>

static const char *yes_no(bool yes)
{
    return yes ? "yes" : "no";
}

/* ---- cancel ------------------------------------------------------------ */

static int body(void *job)
{
    (void)job;
    ev("body");
    ev("finally");
    return 0;
}

static int cancel_before_start_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, body, NULL);
    ev("%s", yes_no(async_cancel(&t)));
    int err = async_await(&t);
    if (err == ASYNC_ECANCELED)
        ev("%s %s", async_strerror(err), yes_no(t.err == ASYNC_ECANCELED));
    return 0;
}

static void cancel_before_start(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_before_start_main,
                 "0 yes; 0 the task was cancelled yes; 0 END returned 0");
}

static int except_and_finally(void *job)
{
    (void)job;
    ev("start");
    int err = sleep_ms(1000);
    if (err == ASYNC_ECANCELED)
        ev("except");
    ev("finally");
    return err;
}

/* A cancellation has no message. */
static int cancel_at_await_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, except_and_finally, NULL);
    int err = sleep_ms(10);
    async_cancel(&t);
    ev("cancel called %s", yes_no(t.err != ASYNC_EINPROGRESS));
    int result = async_await(&t);
    if (result == ASYNC_ECANCELED)
        ev("main %s %s", yes_no(t.err != ASYNC_EINPROGRESS),
           yes_no(t.err == ASYNC_ECANCELED));
    return err;
}

static void cancel_at_await(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_at_await_main,
                 "0 start; 10 cancel called no; 10 except; 10 finally; "
                 "10 main yes yes; 10 END returned 0");
}

struct alive {
    const char *value; /* out, also on failure: these */
    int cancelling;
};

static int swallow(void *job)
{
    struct alive *alive = job;

    if (sleep_ms(1000) == ASYNC_ECANCELED)
        alive->value = "alive";
    alive->cancelling = async_cancelling();
    return 0;
}

static int cancel_swallowed_main(void *job)
{
    struct alive alive = {0};
    struct async_task t;
    (void)job;

    async_spawn(&t, swallow, &alive);
    int err = sleep_ms(10);
    async_cancel(&t);
    int second = async_await(&t);
    ev("%s %s %d", alive.value, yes_no(t.err == ASYNC_ECANCELED),
       alive.cancelling);
    return err ? err : second;
}

static void cancel_swallowed(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_swallowed_main, "10 alive no 1; 10 END returned 0");
}

static int give_1(void *job)
{
    int *value = job;

    *value = 1;
    return 0;
}

static int cancel_done_task_main(void *job)
{
    struct async_task t;
    int value = 0;
    (void)job;

    async_spawn(&t, give_1, &value);
    int err = async_await(&t);
    bool was_running = async_cancel(&t);
    ev("%s %d %s", yes_no(was_running), value,
       yes_no(t.err == ASYNC_ECANCELED));
    return err;
}

static void cancel_done_task(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_done_task_main, "0 no 1 no; 0 END returned 0");
}

static int cancelled_once(void *job)
{
    (void)job;
    if (sleep_ms(1000) == ASYNC_ECANCELED)
        ev("1st %d", async_cancelling());
    int err = sleep_ms(20);
    ev(err ? "2nd" : "slept");
    return 0;
}

static int cancel_twice_before_delivery_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, cancelled_once, NULL);
    int err = sleep_ms(10);
    async_cancel(&t);
    async_cancel(&t);
    int second = async_await(&t);
    ev("end");
    return err ? err : second;
}

static void cancel_twice_before_delivery(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_twice_before_delivery_main,
                 "10 1st 2; 30 slept; 30 end; 30 END returned 0");
}

static int clean_up_for_100(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    ev("cleanup");
    int second = sleep_ms(100);
    ev(second ? "cleanup broken" : "cleaned");
    return second ? second : err;
}

static int cancel_during_cleanup_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, clean_up_for_100, NULL);
    int err = sleep_ms(10);
    async_cancel(&t);
    int second = sleep_ms(30);
    async_cancel(&t);
    int result = async_await(&t);
    if (result == ASYNC_ECANCELED)
        ev("end");
    return err ? err : second;
}

static void cancel_during_cleanup(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_during_cleanup_main,
                 "10 cleanup; 40 cleanup broken; 40 end; 40 END returned 0");
}

static int leaf(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    if (err)
        ev("leaf");
    return err;
}

static int mid(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, leaf, NULL);
    int err = async_await(&t);
    if (err)
        ev("mid");
    return err;
}

static int cancel_flows_down_await_chain_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, mid, NULL);
    int err = sleep_ms(10);
    async_cancel(&t);
    if (async_await(&t) == ASYNC_ECANCELED)
        ev("main");
    return err;
}

static void cancel_flows_down_await_chain(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_flows_down_await_chain_main,
                 "10 leaf; 10 mid; 10 main; 10 END returned 0");
}

static int inner(void *job)
{
    int *value = job;
    int err = sleep_ms(100);
    if (err)
        return err;
    ev("inner done");
    *value = 1;
    return 0;
}

static int await_it(void *job)
{
    return async_await(job);
}

static int shield_it(void *job)
{
    int err = async_shield(await_it, job);

    if (err == ASYNC_ECANCELED)
        ev("waiter cancelled");
    return err;
}

static int shield_outer_cancel_main(void *job)
{
    struct async_task t, o;
    int value = 0;
    (void)job;

    async_spawn(&t, inner, &value);
    async_spawn(&o, shield_it, &t);
    int err = sleep_ms(20);
    async_cancel(&o);
    if (async_await(&o) == ASYNC_ECANCELED) {
        ev("main");
        int second = async_await(&t);
        ev("%d", value);
        return err ? err : second;
    }
    async_reap(&t, 1);
    return err;
}

/* Difference: shield only defers. The waiter is cancelled when inner is done,
   and finds nothing to clean up. */
static void shield_outer_cancel(void **state)
{
    (void)state;
    TRACE_TO_END(shield_outer_cancel_main,
                 "100 inner done; 100 main; 100 1; 100 END returned 0");
}

/* What sys.exit(3) in a task does: it cancels main, and leaves its status. */
struct exiting {
    struct async_task main;
    int status;
};

static int background(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    if (err)
        ev("bg cancelled");
    return err;
}

static int exit_at_20(void *job)
{
    struct exiting *exiting = job;
    int err = sleep_ms(20);

    exiting->status = 3;
    async_cancel(&exiting->main);
    return err;
}

static int main_with_tasks(void *job)
{
    struct async_task tasks[2];

    async_spawn(&tasks[0], background, NULL);
    async_spawn(&tasks[1], exit_at_20, job);
    int err = sleep_ms(100);
    ev(err ? "main cancelled" : "never");
    async_reap(tasks, 2);
    return err;
}

static int system_exit_in_task_main(void *job)
{
    struct exiting exiting = {.status = 0};
    (void)job;

    async_spawn(&exiting.main, main_with_tasks, &exiting);
    int err = async_await(&exiting.main);
    return exiting.status ? async_raise(-ECANCELED, "exit %d", exiting.status)
                          : err;
}

static void system_exit_in_task(void **state)
{
    (void)state;
    TRACE_TO_END(system_exit_in_task_main,
                 "20 main cancelled; 20 bg cancelled; 20 END raised exit 3");
}

/* ---- as_completed ------------------------------------------------------ */

struct d {
    const char *name;
    double ms;
    const char *error; /* what it fails with */
    const char *noted; /* before its name when it is done, or NULL */
};

static int d(void *job)
{
    const struct d *d = job;
    int err = sleep_ms(d->ms);

    if (err)
        return err;
    if (d->noted)
        ev("%s %s", d->noted, d->name);
    return d->error ? async_raise(-EINVAL, "%s", d->error) : 0;
}

static void spawn_each(struct async_task *tasks, struct d *ds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        async_spawn(&tasks[i], d, &ds[i]);
}

/* for f in asyncio.as_completed(tasks): ev(await f) */
static int take_each(struct async_task *tasks, struct d *ds, size_t n)
{
    int err = 0;

    for (size_t taken = 0, i; taken < n && !err; taken++) {
        err = async_wait_any(tasks, n, &i);
        if (err)
            break;
        if (tasks[i].err)
            ev("error %s", tasks[i].errmsg);
        else
            ev("%s", ds[i].name);
    }
    return err;
}

static int as_completed_order_main(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 30},
                     {.name = "b", .ms = 10},
                     {.name = "c", .ms = 20}};
    struct async_task tasks[3];
    (void)job;

    spawn_each(tasks, ds, 3);
    return take_each(tasks, ds, 3);
}

static void as_completed_order(void **state)
{
    (void)state;
    TRACE_TO_END(as_completed_order_main,
                 "10 b; 20 c; 30 a; 30 END returned 0");
}

static int as_completed_error_main(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 30},
                     {.name = "b", .ms = 10, .error = "b"},
                     {.name = "c", .ms = 20}};
    struct async_task tasks[3];
    (void)job;

    spawn_each(tasks, ds, 3);
    return take_each(tasks, ds, 3);
}

static void as_completed_error(void **state)
{
    (void)state;
    TRACE_TO_END(as_completed_error_main,
                 "10 error b; 20 c; 30 a; 30 END returned 0");
}

static int start(void *job)
{
    const struct d *d = job;

    ev("start %s", d->name);
    return sleep_ms(d->ms);
}

static int as_completed_start_order_main(void *job)
{
    struct d ds[] = {{.name = "1", .ms = 10},
                     {.name = "2", .ms = 20},
                     {.name = "3", .ms = 30},
                     {.name = "4", .ms = 40}};
    struct async_task tasks[4];
    (void)job;

    for (int i = 0; i < 4; i++)
        async_spawn(&tasks[i], start, &ds[i]);
    return take_each(tasks, ds, 4);
}

static void as_completed_start_order(void **state)
{
    (void)state;
    TRACE_TO_END(as_completed_start_order_main,
                 "0 start 1; 0 start 2; 0 start 3; 0 start 4; 10 1; 20 2; "
                 "30 3; 40 4; 40 END returned 0");
}

/* ---- wait -------------------------------------------------------------- */

static void count(const struct async_task *tasks, size_t n)
{
    size_t done = 0;

    for (size_t i = 0; i < n; i++)
        done += tasks[i].err != ASYNC_EINPROGRESS;
    ev("%zu %zu", done, n - done);
}

static int wait_first_completed_main(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 30, .noted = "ran"},
                     {.name = "b", .ms = 10, .noted = "ran"}};
    struct async_task ts[2];
    size_t i;
    (void)job;

    spawn_each(ts, ds, 2);
    int err = async_wait_any(ts, 2, &i);
    count(ts, 2);
    int second = sleep_ms(50);
    async_reap(ts, 2);
    return err ? err : second;
}

static void wait_first_completed(void **state)
{
    (void)state;
    TRACE_TO_END(wait_first_completed_main,
                 "10 ran b; 10 1 1; 30 ran a; 60 END returned 0");
}

static int wait_first_exception_main(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 10},
                     {.name = "b", .ms = 20, .error = "b"},
                     {.name = "c", .ms = 50}};
    struct async_task ts[3];
    size_t i;
    (void)job;

    spawn_each(ts, ds, 3);
    int err;
    do
        err = async_wait_any(ts, 3, &i);
    while (!err && !ts[i].err);
    count(ts, 3);
    int second = sleep_ms(50);
    async_reap(ts, 3);
    return err ? err : second;
}

static void wait_first_exception(void **state)
{
    (void)state;
    TRACE_TO_END(wait_first_exception_main, "20 2 1; 70 END returned 0");
}

/* The limit is one more task of the set: a limit around the wait would cancel
   the set, and here nobody is cancelled. */
static int wait_timeout_main(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 10, .noted = "ran"},
                     {.name = "b", .ms = 80, .noted = "ran"},
                     {.name = "limit", .ms = 50}};
    struct async_task ts[3];
    size_t i;
    (void)job;

    spawn_each(ts, ds, 3);
    int err;
    do
        err = async_wait_any(ts, 3, &i);
    while (!err && i != 2);
    count(ts, 2);
    int second = sleep_ms(50);
    async_reap(ts, 3);
    return err ? err : second;
}

static void wait_timeout(void **state)
{
    (void)state;
    TRACE_TO_END(wait_timeout_main,
                 "10 ran a; 50 1 1; 80 ran b; 100 END returned 0");
}

/* ---- Beside the cases: cancel ------------------------------------------ */

static int wait_for_event(void *job)
{
    const struct async_event *event = job;
    int err = async_event_wait(job);

    ev("%s, %s", err ? "cancelled" : "got event", yes_no(event->is_set));
    return err;
}

static int set_and_cancel(void *job)
{
    struct async_event e = {0};
    struct async_task t;
    (void)job;

    async_spawn(&t, wait_for_event, &e);
    int err = sleep_ms(10);
    async_event_set(&e);
    async_cancel(&t);
    ev("main: %s", async_strerror(async_await(&t)));
    return err;
}

static void a_cancel_beats_an_event(void **state)
{
    (void)state;
    TRACE_TO_END(set_and_cancel,
                 "10 cancelled, yes; 10 main: the task was cancelled; "
                 "10 END returned 0");
}

static int sleep_twice(void *job)
{
    (void)job;
    int err = sleep_ms(10);
    if (!err)
        ev("slept");
    if (!err)
        err = sleep_ms(10);
    if (!err)
        ev("slept again");
    return err;
}

/* Cancels it in the turn in which its first sleep ends, after it or before. */
static int cancel_when_due(void *job)
{
    const bool *after = job;
    struct async_task t;

    async_spawn(&t, sleep_twice, NULL);
    int err = *after ? async_yield() : 0;
    int second = sleep_ms(10);
    ev("%s", yes_no(async_cancel(&t)));
    ev("main: %s", async_strerror(async_await(&t)));
    return err ? err : second;
}

static void a_cancel_in_the_turn_in_which_a_sleep_ends(void **state)
{
    bool after = true;
    (void)state;

    assert_string_equal(trace_to_end(cancel_when_due, &after),
                        "10 slept; 10 yes; 10 main: the task was cancelled; "
                        "10 END returned 0");
    after = false;
    assert_string_equal(trace_to_end(cancel_when_due, &after),
                        "10 yes; 10 main: the task was cancelled; "
                        "10 END returned 0");
}

static int child_ends(void *job)
{
    (void)job;
    int err = sleep_ms(10);
    ev("child ends");
    return err;
}

static int await_child(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, child_ends, NULL);
    int err = async_await(&t);
    ev(err ? "o cancelled" : "o got it");
    return err;
}

static int gather_child(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, child_ends, NULL);
    int err = async_gather(&t, 1);
    ev(err ? "o cancelled" : "o got it");
    return err;
}

/* Cancels who waits for a child so many turns after that has ended. */
static int cancel_waiter(async_fn *waiter, int turns)
{
    struct async_task t;

    async_spawn(&t, waiter, NULL);
    int err = async_yield();
    int second = async_yield();
    int third = sleep_ms(10);
    while (turns-- > 0 && !third)
        third = async_yield();
    ev("%s", yes_no(async_cancel(&t)));
    ev("main: %s", async_strerror(async_await(&t)));
    return err ? err : second ? second : third;
}

static int cancel_awaiting(void *job)
{
    (void)job;
    return cancel_waiter(await_child, 0);
}

static int cancel_gathering(void *job)
{
    return cancel_waiter(gather_child, *(int *)job);
}

static void a_cancel_in_the_turn_of_completion(void **state)
{
    const char *expected = "10 child ends; 10 yes; 10 o cancelled; "
                           "10 main: the task was cancelled; "
                           "10 END returned 0";
    int turns = 0;
    (void)state;

    TRACE_TO_END(cancel_awaiting, expected);
    assert_string_equal(trace_to_end(cancel_gathering, &turns), expected);
    turns = 1;
    assert_string_equal(trace_to_end(cancel_gathering, &turns), expected);
}

static int cancel_myself(void *job)
{
    async_cancel(job);
    ev("still here %d", async_cancelling());
    if (sleep_ms(10))
        ev("now");
    int err = sleep_ms(10);
    ev("and on");
    return err;
}

static int run_cancel_myself(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, cancel_myself, &t);
    ev("main: %s", async_strerror(async_await(&t)));
    return 0;
}

static void a_task_cancels_itself(void **state)
{
    (void)state;
    TRACE_TO_END(run_cancel_myself,
                 "0 still here 1; 0 now; 10 and on; 10 main: success; "
                 "10 END returned 0");
}

static int swallow_and_sleep_again(void *job)
{
    (void)job;
    for (int i = 0; i < 3; i++) {
        if (!sleep_ms(100)) {
            ev("slept");
            return 0;
        }
        ev("swallowed %d", async_cancelling());
    }
    return 0;
}

static int cancel_at_10_and_20(void *job)
{
    struct async_task t;
    int err = 0;
    (void)job;

    async_spawn(&t, swallow_and_sleep_again, NULL);
    for (int i = 0; i < 2 && !err; i++) {
        err = sleep_ms(10);
        async_cancel(&t);
    }
    int second = async_await(&t);
    return err ? err : second;
}

static void each_cancel_is_swallowed(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_at_10_and_20, "10 swallowed 1; 20 swallowed 2; "
                                      "120 slept; 120 END returned 0");
}

struct calls {
    struct async_task self, done;
};

static int calls_that_do_not_suspend(void *job)
{
    struct calls *calls = job;
    struct async_semaphore semaphore = {.permits = 1};

    async_cancel(&calls->self);
    if (!async_await(&calls->done))
        ev("a done task does not tell");
    if (!async_semaphore_acquire(&semaphore))
        ev("nor a free permit");
    async_semaphore_release(&semaphore);
    int err = async_yield();
    if (err)
        ev("a turn does");
    return err;
}

static int nothing(void *job)
{
    (void)job;
    return 0;
}

static int run_calls_that_do_not_suspend(void *job)
{
    struct calls calls;
    (void)job;

    async_spawn(&calls.done, nothing, NULL);
    int err = async_yield();
    async_spawn(&calls.self, calls_that_do_not_suspend, &calls);
    ev("main: %s", async_strerror(async_await(&calls.self)));
    return err;
}

static void a_cancel_is_told_by_a_call_that_suspends(void **state)
{
    (void)state;
    TRACE_TO_END(run_calls_that_do_not_suspend,
                 "0 a done task does not tell; 0 nor a free permit; "
                 "0 a turn does; 0 main: the task was cancelled; "
                 "0 END returned 0");
}

static int leaf_swallows(void *job)
{
    int *value = job;

    if (sleep_ms(100))
        ev("leaf swallows");
    int err = sleep_ms(5);
    *value = 7;
    return err;
}

static int go_on_after_leaf(void *job)
{
    struct async_task t;
    int value = 0;
    (void)job;

    async_spawn(&t, leaf_swallows, &value);
    int err = async_await(&t);
    ev("mid got %d", value);
    if (!err)
        err = sleep_ms(5);
    ev("mid slept %d", async_cancelling());
    return err;
}

static int cancel_above_a_swallower(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, go_on_after_leaf, NULL);
    int err = sleep_ms(10);
    async_cancel(&t);
    ev("main: %s", async_strerror(async_await(&t)));
    return err;
}

static void an_awaited_task_swallows_it_for_its_waiter(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_above_a_swallower,
                 "10 leaf swallows; 15 mid got 7; 20 mid slept 1; "
                 "20 main: success; 20 END returned 0");
}

static int gather_two(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 50, .noted = "done"},
                     {.name = "b", .ms = 50, .noted = "done"}};
    (void)job;
    return async_gather_each(d, ds, 2);
}

static int shield_a_gather(void *job)
{
    int err = async_shield(gather_two, job);

    ev("shield: %s", async_strerror(err));
    err = async_yield();
    if (err)
        ev("o cancelled");
    return err;
}

static int cancel_a_shielded_gather(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, shield_a_gather, NULL);
    int err = sleep_ms(10);
    async_cancel(&t);
    ev("main: %s", async_strerror(async_await(&t)));
    int second = sleep_ms(100);
    return err ? err : second;
}

/* Difference: shield only defers. In asyncio o is cancelled at 10, and a and b
   run on alone. */
static void shield_around_a_gather(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_a_shielded_gather,
                 "50 done a; 50 done b; 50 shield: success; "
                 "50 o cancelled; 50 main: the task was cancelled; "
                 "150 END returned 0");
}

/* ---- Beside the cases: as_completed and wait --------------------------- */

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

static int all_end_in_one_turn(void *job)
{
    struct d ds[] = {{.name = "c", .ms = 10},
                     {.name = "a", .ms = 10},
                     {.name = "b", .ms = 10}};
    struct async_task tasks[3];
    (void)job;

    spawn_each(tasks, ds, 3);
    return take_each(tasks, ds, 3);
}

static void as_completed_in_one_turn(void **state)
{
    (void)state;
    TRACE_TO_END(all_end_in_one_turn, "10 c; 10 a; 10 b; 10 END returned 0");
}

static int some_have_ended(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 30}, {.name = "b", .ms = 0}};
    struct async_task tasks[2], k;
    int n = 4;
    (void)job;

    spawn_each(tasks, ds, 2);
    int err = sleep_ms(10);
    async_spawn(&k, tick, &n);
    int second = take_each(tasks, ds, 2);
    async_reap(&k, 1);
    return err ? err : second;
}

static void as_completed_over_a_finished_task(void **state)
{
    (void)state;
    TRACE_TO_END(some_have_ended,
                 "10 tick 0; 10 tick 1; 10 b; 10 tick 2; 10 tick 3; 30 a; "
                 "30 END returned 0");
}

static int count_turns(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 0}, {.name = "b", .ms = 0}};
    struct async_task tasks[2], k;
    int n = 6;
    (void)job;

    async_spawn(&k, tick, &n);
    spawn_each(tasks, ds, 2);
    int err = take_each(tasks, ds, 2);
    int second = async_await(&k);
    return err ? err : second;
}

static void as_completed_wakeup_ticks(void **state)
{
    (void)state;
    TRACE_TO_END(count_turns,
                 "0 tick 0; 0 tick 1; 0 tick 2; 0 tick 3; 0 a; 0 b; "
                 "0 tick 4; 0 tick 5; 0 END returned 0");
}

static int take_slowly(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 30, .noted = "end"},
                     {.name = "b", .ms = 10, .noted = "end"},
                     {.name = "c", .ms = 20, .noted = "end"}};
    struct async_task tasks[3];
    int err = 0;
    (void)job;

    spawn_each(tasks, ds, 3);
    for (size_t taken = 0, i; taken < 3 && !err; taken++) {
        err = async_wait_any(tasks, 3, &i);
        if (err)
            break;
        ev("%s", ds[i].name);
        err = sleep_ms(15);
    }
    async_reap(tasks, 3);
    return err;
}

static void as_completed_while_who_takes_is_busy(void **state)
{
    (void)state;
    TRACE_TO_END(take_slowly, "10 end b; 10 b; 20 end c; 25 c; 30 end a; "
                              "40 a; 55 END returned 0");
}

/* wait() gives the two at once; async_wait_any gives them one by one, and the
   second takes no turn. */
static int two_of_three(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 10},
                     {.name = "b", .ms = 10},
                     {.name = "c", .ms = 30}};
    struct async_task ts[3];
    size_t i;
    (void)job;

    spawn_each(ts, ds, 3);
    int err = async_wait_any(ts, 3, &i);
    if (!err)
        err = async_wait_any(ts, 3, &i);
    count(ts, 3);
    if (!err)
        err = async_wait_any(ts, 3, &i);
    count(ts, 3);
    return err;
}

static void wait_for_two_that_end_in_one_turn(void **state)
{
    (void)state;
    TRACE_TO_END(two_of_three, "10 2 1; 30 3 0; 30 END returned 0");
}

static int notes_how(void *job)
{
    const struct d *d = job;
    int err = sleep_ms(d->ms);

    ev("%s%s", d->name, err ? " cancelled" : "");
    return err;
}

static int wait_any_of_two(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 30}, {.name = "b", .ms = 40}};
    struct async_task ts[2];
    size_t i;
    (void)job;

    for (int n = 0; n < 2; n++)
        async_spawn(&ts[n], notes_how, &ds[n]);
    int err = async_wait_any(ts, 2, &i);
    if (err)
        ev("o cancelled");
    return err;
}

static int cancel_a_wait(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, wait_any_of_two, NULL);
    int err = sleep_ms(10);
    async_cancel(&t);
    ev("main: %s", async_strerror(async_await(&t)));
    int second = sleep_ms(50);
    return err ? err : second;
}

/* Difference: wait_any's set is reaped on cancel. In asyncio a and b go on, and
   end at 30 and 40. */
static void wait_cancelled(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_a_wait,
                 "10 a cancelled; 10 b cancelled; 10 o cancelled; "
                 "10 main: the task was cancelled; 60 END returned 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancel_before_start),
        cmocka_unit_test(cancel_at_await),
        cmocka_unit_test(cancel_swallowed),
        cmocka_unit_test(cancel_done_task),
        cmocka_unit_test(cancel_twice_before_delivery),
        cmocka_unit_test(cancel_during_cleanup),
        cmocka_unit_test(cancel_flows_down_await_chain),
        cmocka_unit_test(shield_outer_cancel),
        cmocka_unit_test(system_exit_in_task),
        cmocka_unit_test(as_completed_order),
        cmocka_unit_test(as_completed_error),
        cmocka_unit_test(as_completed_start_order),
        cmocka_unit_test(wait_first_completed),
        cmocka_unit_test(wait_first_exception),
        cmocka_unit_test(wait_timeout),
        cmocka_unit_test(a_cancel_beats_an_event),
        cmocka_unit_test(a_cancel_in_the_turn_in_which_a_sleep_ends),
        cmocka_unit_test(a_cancel_in_the_turn_of_completion),
        cmocka_unit_test(a_task_cancels_itself),
        cmocka_unit_test(each_cancel_is_swallowed),
        cmocka_unit_test(a_cancel_is_told_by_a_call_that_suspends),
        cmocka_unit_test(an_awaited_task_swallows_it_for_its_waiter),
        cmocka_unit_test(shield_around_a_gather),
        cmocka_unit_test(as_completed_in_one_turn),
        cmocka_unit_test(as_completed_over_a_finished_task),
        cmocka_unit_test(as_completed_wakeup_ticks),
        cmocka_unit_test(as_completed_while_who_takes_is_busy),
        cmocka_unit_test(wait_for_two_that_end_in_one_turn),
        cmocka_unit_test(wait_cancelled),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
