/*
 * test_asyncio_beside.c - more programs of the kind that asyncio's cases are:
 * cancellations that meet something else, and the turns that each thing takes.
 *
 * Each was run in CPython 3.11, and the trace is the one that was observed
 * there. Where it says "difference", it is the one that our own rule gives.
 */
#include "trace.h"

#include "async/async_loop.h"

#include <errno.h>

/* Sleeps, then completes or fails; notes which, and how it was cancelled. */
struct d {
    const char *name;
    double ms;
    bool bad;
    double cleanup_ms;
    bool swallows; /* a cancellation */
};

static int d(void *job)
{
    const struct d *d = job;
    int err = sleep_ms(d->ms);

    if (err) {
        ev("%s cancelled", d->name);
        int second = d->cleanup_ms ? sleep_ms(d->cleanup_ms) : 0;
        if (d->cleanup_ms && !second)
            ev("%s cleaned", d->name);
        return d->swallows ? 0 : err;
    }
    ev("%s %s", d->name, d->bad ? "fails" : "completed");
    return d->bad ? async_raise(-EINVAL, "%s", d->name) : 0;
}

static void spawn_each(struct async_task *tasks, struct d *ds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        async_spawn(&tasks[i], d, &ds[i]);
}

/* Notes each turn of the loop. */
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

static int await_it(void *job)
{
    return async_await(job);
}

/* Spawns fn(job), cancels it after milliseconds, and tells how it ended. */
static int cancel_after(double milliseconds, async_fn *fn, void *job)
{
    struct async_task t;

    async_spawn(&t, fn, job);
    int err = sleep_ms(milliseconds);
    async_cancel(&t);
    int result = async_await(&t);
    ev("main: %s", async_errmsg(result));
    return err;
}

/* The same, with a ticker that begins just before the cancellation. */
static int cancel_beside_ticks(double milliseconds, async_fn *fn, void *job)
{
    struct async_task t, k;
    int n = 7;

    async_spawn(&t, fn, job);
    int err = sleep_ms(milliseconds);
    async_spawn(&k, tick, &n);
    async_cancel(&t);
    int result = async_await(&t);
    ev("main: %s", async_errmsg(result));
    int second = async_await(&k);
    return err ? err : second;
}

/* ---- Starting and awaiting --------------------------------------------- */

static int yield_and_note(void *job)
{
    int err = async_yield();

    ev("%s end", (const char *)job);
    return err;
}

static int await_beside_ticks(void *job)
{
    char q[] = "q";
    struct async_task k, t;
    int n = 5;
    (void)job;

    async_spawn(&k, tick, &n);
    async_spawn(&t, yield_and_note, q);
    int err = async_await(&t);
    ev("main resumed");
    int second = async_await(&k);
    return err ? err : second;
}

static void await_task_wakeup_ticks(void **state)
{
    (void)state;
    TRACE_TO_END(await_beside_ticks,
                 "0 tick 0; 0 tick 1; 0 q end; 0 tick 2; 0 main resumed; "
                 "0 tick 3; 0 tick 4; 0 END returned 0");
}

static int one_after_the_other(void *job)
{
    struct d ds[] = {{.name = "1", .ms = 100}, {.name = "2", .ms = 100}};
    (void)job;

    int err = d(&ds[0]);
    if (!err)
        err = d(&ds[1]);
    ev("done");
    return err;
}

static void await_of_calls_is_sequential(void **state)
{
    (void)state;
    TRACE_TO_END(one_after_the_other, "100 1 completed; 200 2 completed; "
                                      "200 done; 200 END returned 0");
}

static int note_error(void *job)
{
    int err = async_await(job);

    ev("a %s", async_errmsg(err));
    return 0;
}

static int await_and_gather_a_failure(void *job)
{
    struct d t = {.name = "t", .ms = 20, .bad = true};
    struct async_task task, a;
    (void)job;

    async_spawn(&task, d, &t);
    async_spawn(&a, note_error, &task);
    int err = async_yield();
    ev("g %s", async_errmsg(async_gather(&task, 1)));
    int second = async_await(&a);
    return err ? err : second;
}

static void a_failing_task_is_awaited_and_gathered(void **state)
{
    (void)state;
    TRACE_TO_END(await_and_gather_a_failure,
                 "20 t fails; 20 a t; 20 g t; 20 END returned 0");
}

/* ---- Cancelling before it began ---------------------------------------- */

static int gather_two(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 10}, {.name = "b", .ms = 10}};
    (void)job;

    int err = async_gather_each(d, ds, 2);
    if (!err)
        ev("never");
    return err;
}

static int await_one(void *job)
{
    struct d a = {.name = "a", .ms = 10};
    struct async_task t;
    (void)job;

    async_spawn(&t, d, &a);
    int err = async_await(&t);
    if (!err)
        ev("never");
    return err;
}

static int limit_one(void *job)
{
    struct d a = {.name = "a", .ms = 10};
    (void)job;

    int err = async_wait_for(d, &a, 1);
    if (!err)
        ev("never");
    return err;
}

static int cancel_gatherer(void *job)
{
    return cancel_after(0, gather_two, job);
}

static int cancel_awaiter(void *job)
{
    return cancel_after(0, await_one, job);
}

static int cancel_limiter(void *job)
{
    return cancel_after(0, limit_one, job);
}

static void a_cancel_comes_before_the_children_began(void **state)
{
    const char *never_began = "0 main: the task was cancelled; "
                              "0 END returned 0";
    (void)state;

    TRACE_TO_END(cancel_gatherer, never_began);
    TRACE_TO_END(cancel_awaiter, never_began);
    TRACE_TO_END(cancel_limiter, "0 a cancelled; 0 main: the task was "
                                 "cancelled; 0 END returned 0");
}

/* ---- The turns that a cancellation takes ------------------------------- */

static int gather_two_long(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 1000}, {.name = "b", .ms = 1000}};
    (void)job;
    return async_gather_each(d, ds, 2);
}

static int limit_one_long(void *job)
{
    struct d a = {.name = "a", .ms = 1000};
    (void)job;
    return async_wait_for(d, &a, 10);
}

static int cancel_sleeper_turns(void *job)
{
    struct d a = {.name = "a", .ms = 10};
    (void)job;
    return cancel_beside_ticks(0, d, &a);
}

static int cancel_gather_turns(void *job)
{
    return cancel_beside_ticks(10, gather_two_long, job);
}

static int cancel_wait_for_turns(void *job)
{
    return cancel_beside_ticks(10, limit_one_long, job);
}

static void cancel_wakeup_ticks(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_sleeper_turns,
                 "0 tick 0; 0 a cancelled; 0 tick 1; "
                 "0 main: the task was cancelled; 0 tick 2; 0 tick 3; "
                 "0 tick 4; 0 tick 5; 0 tick 6; 0 END returned 0");
    TRACE_TO_END(cancel_gather_turns,
                 "10 tick 0; 10 a cancelled; 10 b cancelled; 10 tick 1; "
                 "10 tick 2; 10 tick 3; 10 main: the task was cancelled; "
                 "10 tick 4; 10 tick 5; 10 tick 6; 10 END returned 0");
    TRACE_TO_END(cancel_wait_for_turns,
                 "10 tick 0; 10 tick 1; 10 a cancelled; 10 tick 2; "
                 "10 tick 3; 10 tick 4; 10 main: the task was cancelled; "
                 "10 tick 5; 10 tick 6; 10 END returned 0");
}

static int sleep_and_tick(void *job)
{
    int err = sleep_ms(10);
    return err ? err : tick(job);
}

static int time_out_beside_ticks(void *job)
{
    struct d a = {.name = "a", .ms = 1000};
    struct async_task k;
    int n = 8;
    (void)job;

    async_spawn(&k, sleep_and_tick, &n);
    int err = async_wait_for(d, &a, 0.01);
    ev("main: %s", async_strerror(err));
    return async_await(&k);
}

static void wait_for_timeout_ticks(void **state)
{
    (void)state;
    TRACE_TO_END(time_out_beside_ticks,
                 "10 tick 0; 10 a cancelled; 10 tick 1; 10 tick 2; "
                 "10 main: the time was up; 10 tick 3; 10 tick 4; "
                 "10 tick 5; 10 tick 6; 10 tick 7; 10 END returned 0");
}

/* ---- Cancelling gathers ------------------------------------------------ */

static int gather_with_cleanup(void *job)
{
    const bool *swallow = job;
    struct d ds[] = {
        {.name = "a", .ms = 1000, .cleanup_ms = 20, .swallows = *swallow},
        {.name = "b", .ms = 1000, .cleanup_ms = 40, .swallows = *swallow},
    };
    return async_gather_each(d, ds, 2);
}

static int cancel_gather_with_cleanup(void *job)
{
    return cancel_after(10, gather_with_cleanup, job);
}

/* Difference in the first: gather cancels and waits. asyncio's wakes at the
   first child that ends cancelled, at 30. */
static void gather_cancelled_while_children_clean_up(void **state)
{
    const char *expected = "10 a cancelled; 10 b cancelled; 30 a cleaned; "
                           "50 b cleaned; 50 main: the task was cancelled; "
                           "50 END returned 0";
    bool swallow = false;
    (void)state;

    assert_string_equal(trace_to_end(cancel_gather_with_cleanup, &swallow),
                        expected);
    swallow = true;
    assert_string_equal(trace_to_end(cancel_gather_with_cleanup, &swallow),
                        expected);
}

static int gather_all_two(void *job)
{
    struct async_task *ts = job;
    int err = async_gather_all(ts, 2);

    ev("inner done %d", ts[0].err == ASYNC_ECANCELED);
    return err;
}

static int cancel_a_gathered_child(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 50}, {.name = "b", .ms = 30}};
    struct async_task ts[2], i;
    (void)job;

    spawn_each(ts, ds, 2);
    async_spawn(&i, gather_all_two, ts);
    int err = sleep_ms(10);
    async_cancel(&ts[0]);
    int second = async_await(&i);
    return err ? err : second;
}

static void a_child_of_a_gather_all_is_cancelled(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_a_gathered_child,
                 "10 a cancelled; 30 b completed; 30 inner done 1; "
                 "30 END returned 0");
}

static int limited(void *job)
{
    return async_wait_for(d, job, 0.05);
}

static int a_limit_for_each(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 20},
                     {.name = "b", .ms = 100},
                     {.name = "c", .ms = 40}};
    int errs[3];
    (void)job;

    int err = async_gather_each_all(limited, ds, 3, errs);
    ev("%s, %s, %s", async_strerror(errs[0]), async_strerror(errs[1]),
       async_strerror(errs[2]));
    return err;
}

static void each_of_a_gather_has_a_limit(void **state)
{
    (void)state;
    TRACE_TO_END(a_limit_for_each,
                 "20 a completed; 40 c completed; 50 b cancelled; "
                 "50 success, the time was up, success; 50 END returned 0");
}

static int wait_for_all(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 30},
                     {.name = "b", .ms = 10, .bad = true},
                     {.name = "c", .ms = 20}};
    struct async_task ts[3];
    (void)job;

    spawn_each(ts, ds, 3);
    int err = async_gather_all(ts, 3);
    ev("%s", ts[1].errmsg);
    return err;
}

static void wait_all_completed(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_all, "10 b fails; 20 c completed; "
                               "30 a completed; 30 b; 30 END returned 0");
}

static int sleep_for(void *job)
{
    return async_sleep(*(double *)job);
}

/* The limit is one more task of the set. */
static int take_until_a_limit(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 10},
                     {.name = "b", .ms = 80},
                     {.name = "c", .ms = 20}};
    double limit = 0.05;
    struct async_task ts[4];
    size_t i;
    (void)job;

    spawn_each(ts, ds, 3);
    async_spawn(&ts[3], sleep_for, &limit);
    int err;
    while (!(err = async_wait_any(ts, 4, &i)) && i != 3)
        ev("%s", ds[i].name);
    ev("the time was up");
    int second = sleep_ms(50);
    async_reap(ts, 4);
    return err ? err : second;
}

static void as_completed_timeout(void **state)
{
    (void)state;
    TRACE_TO_END(take_until_a_limit,
                 "10 a completed; 10 a; 20 c completed; 20 c; "
                 "50 the time was up; 80 b completed; 100 END returned 0");
}

/* ---- Cancelling what cleans up ----------------------------------------- */

static int two_cleanups(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    ev("f1");
    int second = sleep_ms(100);
    if (!second)
        return err;
    ev("f2");
    int third = sleep_ms(10);
    ev("f2 cleaned");
    return third ? third : second;
}

static int cancel_twice(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, two_cleanups, NULL);
    int err = sleep_ms(10);
    async_cancel(&t);
    int second = sleep_ms(20);
    async_cancel(&t);
    ev("main: %s", async_strerror(async_await(&t)));
    return err ? err : second;
}

static void a_cleanup_within_a_cleanup(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_twice, "10 f1; 30 f2; 40 f2 cleaned; "
                               "40 main: the task was cancelled; "
                               "40 END returned 0");
}

/* Each level awaits the one below, and cleans up when it is cancelled. */
static int level(void *job)
{
    const int *k = job;
    int below = *k - 1, err;
    struct async_task t;

    if (*k) {
        async_spawn(&t, level, &below);
        err = async_await(&t);
    } else {
        err = sleep_ms(1000);
    }
    ev("level %d", *k);
    int second = sleep_ms(10);
    ev("%s %d", second ? "broken" : "cleaned", *k);
    return second ? second : err;
}

/* Cancels the top of three levels, and once more if `again` is not 0. */
static int cancel_levels(void *job)
{
    const double *again = job;
    struct async_task t;
    int top = 2, second = 0;

    async_spawn(&t, level, &top);
    int err = sleep_ms(10);
    async_cancel(&t);
    if (*again) {
        second = sleep_ms(*again);
        async_cancel(&t);
    }
    ev("main: %s", async_strerror(async_await(&t)));
    return err ? err : second;
}

static void each_level_of_a_chain_cleans_up(void **state)
{
    double again = 0;
    (void)state;

    assert_string_equal(trace_to_end(cancel_levels, &again),
                        "10 level 0; 20 cleaned 0; 20 level 1; "
                        "30 cleaned 1; 30 level 2; 40 cleaned 2; "
                        "40 main: the task was cancelled; "
                        "40 END returned 0");
    again = 15;
    assert_string_equal(trace_to_end(cancel_levels, &again),
                        "10 level 0; 20 cleaned 0; 20 level 1; "
                        "25 broken 1; 25 level 2; 35 cleaned 2; "
                        "35 main: the task was cancelled; "
                        "35 END returned 0");
}

static int cancel_my_parent(void *job)
{
    int err = sleep_ms(10);

    ev("child cancels parent");
    async_cancel(job);
    if (!err)
        err = sleep_ms(10);
    if (!err)
        ev("child goes on");
    return err;
}

static int await_my_killer(void *job)
{
    struct async_task t;

    async_spawn(&t, cancel_my_parent, job);
    int err = async_await(&t);
    if (err)
        ev("parent cancelled %d", t.err == ASYNC_ECANCELED);
    return err;
}

static int killed_by_a_child(void *job)
{
    struct async_task p;
    (void)job;

    async_spawn(&p, await_my_killer, &p);
    ev("main: %s", async_strerror(async_await(&p)));
    return 0;
}

static void a_task_is_cancelled_by_its_child(void **state)
{
    (void)state;
    TRACE_TO_END(killed_by_a_child,
                 "10 child cancels parent; 10 parent cancelled 1; "
                 "10 main: the task was cancelled; 10 END returned 0");
}

/* ---- shield ------------------------------------------------------------ */

/* call_later(delay, task.cancel) */
struct cancel_later {
    struct async_timer timer;
    struct async_task *task;
};

static void cancel_now(struct async_callback *due)
{
    async_cancel(((struct cancel_later *)(void *)due)->task);
}

static int shield_three(void *job)
{
    struct d a = {.name = "a", .ms = 10};
    struct d b = {.name = "b", .ms = 10, .bad = true};
    struct d c = {.name = "c", .ms = 50};
    struct async_task t;
    struct cancel_later later = {.timer.due.run = cancel_now, .task = &t};
    (void)job;

    ev("%s", async_strerror(async_shield(d, &a)));
    ev("%s", async_errmsg(async_shield(d, &b)));
    async_spawn(&t, d, &c);
    int err = async_timer_set(&later.timer, async_now_ns() + 10000000);
    ev("%s", async_strerror(async_shield(await_it, &t)));
    ev("%d", async_cancelling());
    return err;
}

static void shield_of_what_nobody_cancels_from_outside(void **state)
{
    (void)state;
    TRACE_TO_END(shield_three,
                 "10 a completed; 10 success; 20 b fails; 20 b; "
                 "30 c cancelled; 30 the task was cancelled; 30 0; "
                 "30 END returned 0");
}

/* ---- Limits ------------------------------------------------------------ */

static int sleep_10_noted(void *job)
{
    (void)job;
    ev("body");
    int err = sleep_ms(10);
    if (!err)
        ev("never");
    return err;
}

static int the_smallest_limit(void *job)
{
    int err = async_wait_for(sleep_10_noted, job, 1e-9);
    ev("%s", async_strerror(err));
    return 0;
}

/* timeout(0) lets its body run up to the first call that suspends;
   async_wait_for and asyncio.wait_for with 0 do not start it. */
static void timeout_of_nothing(void **state)
{
    (void)state;
    TRACE_TO_END(the_smallest_limit,
                 "0 body; 0 the time was up; 0 END returned 0");
}

struct holder {
    struct async_semaphore *s;
    int i;
};

static int hold_for_30(void *job)
{
    const struct holder *holder = job;
    int err = async_semaphore_acquire(holder->s);

    if (err)
        return err;
    ev("in %d", holder->i);
    err = sleep_ms(30);
    async_semaphore_release(holder->s);
    if (!err)
        ev("out %d", holder->i);
    return err;
}

static int limit_a_holder(void *job)
{
    const struct holder *holder = job;
    int err = async_wait_for(hold_for_30, job, 0.05);

    ev("%d %s", holder->i, async_strerror(err));
    return 0;
}

static int limit_three_holders(void *job)
{
    struct async_semaphore s = {.permits = 1};
    struct holder holders[] = {{&s, 0}, {&s, 1}, {&s, 2}};
    (void)job;

    int err = async_gather_each(limit_a_holder, holders, 3);
    ev("%d", s.permits);
    return err;
}

static void holders_with_limits_give_their_permits_back(void **state)
{
    (void)state;
    TRACE_TO_END(limit_three_holders,
                 "0 in 0; 30 out 0; 30 in 1; 30 0 success; "
                 "50 1 the time was up; 50 2 the time was up; 50 1; "
                 "50 END returned 0");
}

static int wait_for_it(void *job)
{
    return async_event_wait(job);
}

static int limit_an_event(void *job)
{
    const struct async_event *e = job;
    int err = async_wait_for(wait_for_it, job, 0.05);

    ev("%s, %d", async_strerror(err), e->is_set);
    return 0;
}

static int set_at_the_limit(void *job)
{
    struct async_event e = {0};
    struct async_task t;
    (void)job;

    async_spawn(&t, limit_an_event, &e);
    int err = sleep_ms(50);
    async_event_set(&e);
    int second = async_await(&t);
    return err ? err : second;
}

static void an_event_is_set_in_the_turn_of_the_limit(void **state)
{
    (void)state;
    TRACE_TO_END(set_at_the_limit, "50 the time was up, 1; 50 END returned 0");
}

/* ---- Semaphores, events, queues ---------------------------------------- */

struct named_holder {
    const char *name;
    struct async_semaphore *s;
};

static int hold_long(void *job)
{
    const struct named_holder *it = job;
    int err = async_semaphore_acquire(it->s);

    if (!err) {
        ev("%s in", it->name);
        err = sleep_ms(1000);
        async_semaphore_release(it->s);
    }
    ev("%s cancelled %d", it->name, it->s->permits);
    return err;
}

static int two_hold_long(void *job)
{
    struct named_holder holders[] = {{"a", job}, {"b", job}};

    return async_gather_each(hold_long, holders, 2);
}

static int cancel_holder_and_waiter(void *job)
{
    struct async_semaphore s = {.permits = 1};
    (void)job;

    int err = cancel_after(20, two_hold_long, &s);
    ev("%d", s.permits);
    return err;
}

static void holder_and_waiter_are_cancelled_at_once(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_holder_and_waiter,
                 "0 a in; 20 a cancelled 1; 20 b cancelled 1; "
                 "20 main: the task was cancelled; 20 1; "
                 "20 END returned 0");
}

static int acquire_release_acquire(void *job)
{
    struct async_semaphore *s = job;
    int err = async_semaphore_acquire(s);

    ev("a in");
    int second = async_yield();
    async_semaphore_release(s);
    ev("a released");
    int third = async_semaphore_acquire(s);
    ev("a in again");
    async_semaphore_release(s);
    return err ? err : second ? second : third;
}

static int acquire_release(void *job)
{
    struct async_semaphore *s = job;
    int err = async_semaphore_acquire(s);

    ev("b in");
    int second = async_yield();
    async_semaphore_release(s);
    ev("b released");
    return err ? err : second;
}

static int hand_over_in_turns(void *job)
{
    struct async_semaphore s = {.permits = 1};
    struct async_task ts[2];
    (void)job;

    async_spawn(&ts[0], acquire_release_acquire, &s);
    async_spawn(&ts[1], acquire_release, &s);
    int err = async_gather(ts, 2);
    ev("%d", s.permits);
    return err;
}

static void semaphore_is_handed_over_turn_by_turn(void **state)
{
    (void)state;
    TRACE_TO_END(hand_over_in_turns,
                 "0 a in; 0 a released; 0 b in; 0 b released; "
                 "0 a in again; 0 1; 0 END returned 0");
}

static int event_that_is_set(void *job)
{
    struct async_event e = {0};
    struct async_task k;
    int n = 1;
    (void)job;

    async_spawn(&k, tick, &n);
    async_event_set(&e);
    int err = async_event_wait(&e);
    ev("no turn");
    int second = async_await(&k);
    return err ? err : second;
}

static void event_that_is_set_takes_no_turn(void **state)
{
    (void)state;
    TRACE_TO_END(event_that_is_set, "0 no turn; 0 tick 0; 0 END returned 0");
}

struct end {
    struct async_queue *q;
    const char *name;
};

static int put(void *job)
{
    const struct end *end = job;
    int err = async_queue_put(end->q, job);

    if (err)
        ev("%s cancelled %zu", end->name, end->q->count);
    else
        ev("put %s", end->name);
    return err;
}

static int get(void *job)
{
    const struct end *end = job;
    void *item;
    int err = async_queue_get(end->q, &item);

    if (!err)
        ev("%s %s", end->name, ((struct end *)item)->name);
    return err;
}

static int through_a_narrow_queue(void *job)
{
    struct async_queue q = {.capacity = 1};
    struct end getters[] = {{&q, "a"}, {&q, "b"}, {&q, "c"},
                            {&q, "x"}, {&q, "y"}, {&q, "z"}};
    struct end putters[] = {{&q, "0"}, {&q, "1"}, {&q, "2"},
                            {&q, "3"}, {&q, "4"}, {&q, "5"}};
    struct async_task ts[6];
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&ts[i], get, &getters[i]);
    int err = sleep_ms(10);
    for (int i = 0; i < 3; i++)
        async_spawn(&ts[3 + i], put, &putters[i]);
    int second = async_gather(ts, 6);
    for (int i = 0; i < 3; i++)
        async_spawn(&ts[i], put, &putters[3 + i]);
    int third = sleep_ms(10);
    ev("full");
    for (int i = 0; i < 3; i++)
        async_spawn(&ts[3 + i], get, &getters[3 + i]);
    int fourth = async_gather(ts, 6);
    return err ? err : second ? second : third ? third : fourth;
}

static void queue_is_fifo_on_both_sides(void **state)
{
    (void)state;
    TRACE_TO_END(through_a_narrow_queue,
                 "10 put 0; 10 a 0; 10 put 1; 10 b 1; 10 put 2; 10 c 2; "
                 "10 put 3; 20 full; 20 x 3; 20 put 4; 20 y 4; 20 put 5; "
                 "20 z 5; 20 END returned 0");
}

static int cancel_putters(void *job)
{
    struct async_queue q = {.capacity = 1};
    struct end putters[] = {{&q, "0"}, {&q, "1"}, {&q, "2"}, {&q, "3"}};
    struct async_task ts[4];
    void *item = NULL;
    (void)job;

    for (int i = 0; i < 4; i++)
        async_spawn(&ts[i], put, &putters[i]);
    int err = sleep_ms(10);
    async_cancel(&ts[1]);
    int second = async_queue_get(&q, &item);
    async_cancel(&ts[2]);
    int third = async_gather_all(ts, 4);
    ev("%zu", q.count);
    int fourth = async_queue_get(&q, &item);
    ev("%s", ((struct end *)item)->name);
    return err ? err : second ? second : third ? third : fourth;
}

static void queue_room_passes_over_cancelled_putters(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_putters,
                 "0 put 0; 10 1 cancelled 0; 10 2 cancelled 0; 10 put 3; "
                 "10 1; 10 3; 10 END returned 0");
}

static int listen_for(void *job)
{
    int err = async_event_wait(job);

    ev(err ? "cancelled" : "got");
    return 0;
}

static int set_clear_cancel(void *job)
{
    struct async_event e = {0};
    struct async_task ts[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&ts[i], listen_for, &e);
    int err = sleep_ms(10);
    async_event_set(&e);
    async_event_clear(&e);
    async_cancel(&ts[1]);
    int second = async_gather(ts, 2);
    return err ? err : second;
}

static void event_set_cleared_and_one_listener_cancelled(void **state)
{
    (void)state;
    TRACE_TO_END(set_clear_cancel, "10 got; 10 cancelled; 10 END returned 0");
}

/* ---- Several of these at once ------------------------------------------ */

static int fail_beside_a_leftover(void *job)
{
    /* static: the frame is gone when it cleans up */
    static struct d a = {.name = "a", .ms = 1000, .cleanup_ms = 20};
    struct async_task t;
    (void)job;

    async_spawn(&t, d, &a);
    int err = sleep_ms(10);
    return err ? err : async_raise(-EINVAL, "boom");
}

static void run_fails_and_leaves_a_task_behind(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(fail_beside_a_leftover,
                       "10 LOG never awaited: task 2, d; 10 a cancelled; "
                       "30 a cleaned; 30 END raised boom");
}

static int ask_again_when_cancelled(void *job)
{
    int err = async_semaphore_acquire(job);

    if (err)
        ev("cancelled");
    err = async_semaphore_acquire(job);
    if (err)
        return err;
    ev("in after all");
    async_semaphore_release(job);
    return 0;
}

static int cancel_who_asks_again(void *job)
{
    struct async_semaphore s = {.permits = 1};
    struct async_task t;
    (void)job;

    int err = async_semaphore_acquire(&s);
    async_spawn(&t, ask_again_when_cancelled, &s);
    int second = sleep_ms(10);
    async_cancel(&t);
    int third = sleep_ms(10);
    async_semaphore_release(&s);
    ev("main: %s", async_strerror(async_await(&t)));
    return err ? err : second ? second : third;
}

static void a_cancelled_waiter_asks_again(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_who_asks_again,
                 "10 cancelled; 20 in after all; 20 main: success; "
                 "20 END returned 0");
}

static int swallow_one_limit(void *job)
{
    (void)job;
    if (sleep_ms(1000))
        ev("swallowed");
    int err = sleep_ms(1000);
    if (!err)
        ev("never");
    return err;
}

static int inner_limit(void *job)
{
    return async_wait_for(swallow_one_limit, job, 0.05);
}

static int outer_limit(void *job)
{
    int err = async_wait_for(inner_limit, job, 0.1);

    ev("main: %s", async_strerror(err));
    return 0;
}

static void who_swallows_one_limit_meets_the_next(void **state)
{
    (void)state;
    TRACE_TO_END(outer_limit, "50 swallowed; 100 main: the time was up; "
                              "100 END returned 0");
}

static int inner_group(void *job)
{
    struct d ds[] = {{.name = "x", .ms = 50, .cleanup_ms = 10},
                     {.name = "y", .ms = 20, .bad = true}};
    (void)job;
    return async_gather_each(d, ds, 2);
}

static int outer_group(void *job)
{
    struct d z = {.name = "z", .ms = 100, .cleanup_ms = 5};
    struct async_task ts[2];
    (void)job;

    async_spawn(&ts[0], inner_group, NULL);
    async_spawn(&ts[1], d, &z);
    int err = async_gather(ts, 2);
    ev("caught %s", async_errmsg(err));
    return err == -EINVAL ? 0 : err;
}

static void a_failure_climbs_through_two_gathers(void **state)
{
    (void)state;
    TRACE_TO_END(outer_group, "20 y fails; 20 x cancelled; 30 x cleaned; "
                              "30 z cancelled; 35 z cleaned; 35 caught y; "
                              "35 END returned 0");
}

struct with_limit {
    struct d d;
    double seconds;
};

static int run_with_limit(void *job)
{
    struct with_limit *it = job;

    return async_wait_for(d, &it->d, it->seconds);
}

static int limits_in_a_group(void *job)
{
    struct with_limit a = {{.name = "a", .ms = 100, .cleanup_ms = 10}, 0.02};
    struct with_limit b = {{.name = "b", .ms = 100, .cleanup_ms = 10}, 0.2};
    struct d c = {.name = "c", .ms = 60};
    struct async_task ts[3];
    (void)job;

    async_spawn(&ts[0], run_with_limit, &a);
    async_spawn(&ts[1], run_with_limit, &b);
    async_spawn(&ts[2], d, &c);
    int err = async_gather(ts, 3);
    ev("caught %s", async_strerror(err));
    return err == ASYNC_ETIMEDOUT ? 0 : err;
}

/* A cancellation takes a turn more to reach b, behind its limit. */
static void a_limit_that_is_up_cancels_its_siblings(void **state)
{
    (void)state;
    TRACE_TO_END(limits_in_a_group,
                 "20 a cancelled; 30 a cleaned; 30 c cancelled; "
                 "30 b cancelled; 40 b cleaned; 40 caught the time was up; "
                 "40 END returned 0");
}

static int call_itself(void *job)
{
    int k = *(int *)job, below = k - 1;
    int err = k ? call_itself(&below) : 0;

    if (!err)
        err = sleep_ms(10);
    ev("%d", k);
    return err;
}

static int two_call_themselves(void *job)
{
    int depths[] = {2, 1};
    (void)job;
    return async_gather_each(call_itself, depths, 2);
}

static void calls_within_calls_sleep_in_turn(void **state)
{
    (void)state;
    TRACE_TO_END(two_call_themselves,
                 "10 0; 10 0; 20 1; 20 1; 30 2; 30 END returned 0");
}

static struct end items[] = {{.name = "0"}, {.name = "1"}, {.name = "2"},
                             {.name = "3"}, {.name = "4"}, {.name = "5"}};

static int produce(void *job)
{
    int err = 0;

    for (size_t i = 0; i < sizeof items / sizeof *items && !err; i++) {
        err = async_queue_put(job, &items[i]);
        if (!err)
            ev("put %s", items[i].name);
    }
    if (err)
        ev("producer cancelled");
    return err;
}

static int consume_and_fail(void *job)
{
    struct end *item;
    int err = 0;

    for (int i = 0; i < 3 && !err; i++) {
        void *got = NULL;
        err = async_queue_get(job, &got);
        if (err)
            return err;
        item = got;
        ev("got %s", item->name);
        err = sleep_ms(10);
    }
    return err ? err : async_raise(-EINVAL, "consumer");
}

static int produce_and_consume(void *job)
{
    struct async_queue q = {.capacity = 2};
    struct async_task ts[2];
    void *rest;
    (void)job;

    async_spawn(&ts[0], produce, &q);
    async_spawn(&ts[1], consume_and_fail, &q);
    int err = async_gather(ts, 2);
    ev("caught %s, %zu", async_errmsg(err), q.count);
    while (q.count)
        if (async_queue_get(&q, &rest)) /* to free the queue's memory */
            break;
    return err == -EINVAL ? 0 : err;
}

static void a_consumer_fails_and_its_producer_is_cancelled(void **state)
{
    (void)state;
    TRACE_TO_END(produce_and_consume,
                 "0 put 0; 0 put 1; 0 got 0; 0 put 2; 10 got 1; 10 put 3; "
                 "20 got 2; 20 put 4; 30 producer cancelled; "
                 "30 caught consumer, 2; 30 END returned 0");
}

/* ---- Two who wait for one ---------------------------------------------- */

struct awaiter {
    const char *name;
    struct async_task *t;
};

static int await_and_tell(void *job)
{
    const struct awaiter *it = job;
    int err = async_await(it->t);

    if (err == ASYNC_ECANCELED) {
        ev("%s cancelled %d", it->name, async_cancelling());
        return err;
    }
    ev("%s got %s", it->name, async_errmsg(err));
    return 0;
}

/* Two await t; one is cancelled at 10, and then perhaps the other. */
struct two_awaiters {
    struct d t;
    bool both;
};

static int cancel_awaiters(void *job)
{
    struct two_awaiters *two = job;
    struct async_task t, ws[2];
    struct awaiter awaiters[] = {{"a", &t}, {"b", &t}};
    int second = 0;

    async_spawn(&t, d, &two->t);
    for (int i = 0; i < 2; i++)
        async_spawn(&ws[i], await_and_tell, &awaiters[i]);
    int err = sleep_ms(10);
    async_cancel(&ws[0]);
    if (two->both) {
        second = sleep_ms(5);
        async_cancel(&ws[1]);
    }
    int third = async_gather_all(ws, 2);
    ev("end");
    async_reap(&t, 1);
    return err ? err : second ? second : third;
}

static void who_awaits_a_task_is_cancelled_and_another_awaits_it(void **state)
{
    struct two_awaiters obeys = {.t = {.name = "t", .ms = 50}};
    struct two_awaiters swallows = {
        .t = {.name = "t", .ms = 50, .cleanup_ms = 10, .swallows = true}};
    struct two_awaiters both = {.t = {.name = "t", .ms = 50, .cleanup_ms = 20},
                                .both = true};
    (void)state;

    assert_string_equal(trace_to_end(cancel_awaiters, &obeys),
                        "10 t cancelled; 10 a cancelled 1; "
                        "10 b cancelled 0; 10 end; 10 END returned 0");
    assert_string_equal(trace_to_end(cancel_awaiters, &swallows),
                        "10 t cancelled; 20 t cleaned; 20 a got success; "
                        "20 b got success; 20 end; 20 END returned 0");
    assert_string_equal(trace_to_end(cancel_awaiters, &both),
                        "10 t cancelled; 15 a cancelled 1; "
                        "15 b cancelled 1; 15 end; 15 END returned 0");
}

static int cancel_both_ends(void *job)
{
    struct d t = {.name = "t", .ms = 50, .cleanup_ms = 20, .swallows = true};
    struct async_task task, w;
    struct awaiter a = {"a", &task};
    (void)job;

    async_spawn(&task, d, &t);
    async_spawn(&w, await_and_tell, &a);
    int err = sleep_ms(10);
    async_cancel(&task);
    async_cancel(&w);
    ev("main: %s", async_strerror(async_await(&w)));
    async_reap(&task, 1);
    return err;
}

static void a_task_and_who_awaits_it_are_cancelled(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_both_ends,
                 "10 t cancelled; 30 t cleaned; 30 a got success; "
                 "30 main: success; 30 END returned 0");
}

/* ---- What comes in the turn of a limit --------------------------------- */

static struct end seven = {.name = "7"};

static int put_after_50(void *job)
{
    int err = sleep_ms(50);
    return err ? err : async_queue_put(job, &seven);
}

static int take_it(void *job)
{
    void *item;
    return async_queue_get(job, &item);
}

static int limit_a_get(void *job)
{
    struct async_queue q = {.capacity = 0};
    struct async_task k;
    (void)job;

    async_spawn(&k, put_after_50, &q);
    int err = async_yield();
    ev("main: %s", async_strerror(async_wait_for(take_it, &q, 0.05)));
    int second = async_await(&k);
    ev("%zu", q.count);
    int third = take_it(&q);
    return err ? err : second ? second : third;
}

/* The item was put, the getter woken; and then its time was up. */
static void an_item_comes_at_the_limit_and_stays(void **state)
{
    (void)state;
    TRACE_TO_END(limit_a_get,
                 "50 main: the time was up; 50 1; 50 END returned 0");
}

struct bell {
    struct async_timer timer;
    struct async_event e;
};

static void set_and_clear(struct async_callback *due)
{
    struct bell *bell = (struct bell *)(void *)due;

    async_event_set(&bell->e);
    async_event_clear(&bell->e);
}

static int limit_a_short_event(void *job)
{
    struct bell bell = {.timer.due.run = set_and_clear};
    (void)job;

    int err = async_timer_set(&bell.timer, async_now_ns() + 50000000);
    if (err)
        return err;
    err = async_wait_for(wait_for_it, &bell.e, 0.05);
    ev("main: %s, %d", async_strerror(err), bell.e.is_set);
    return err;
}

static void an_event_is_set_and_cleared_at_the_limit(void **state)
{
    (void)state;
    TRACE_TO_END(limit_a_short_event, "50 main: success, 0; 50 END returned 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(await_task_wakeup_ticks),
        cmocka_unit_test(await_of_calls_is_sequential),
        cmocka_unit_test(a_failing_task_is_awaited_and_gathered),
        cmocka_unit_test(a_cancel_comes_before_the_children_began),
        cmocka_unit_test(cancel_wakeup_ticks),
        cmocka_unit_test(wait_for_timeout_ticks),
        cmocka_unit_test(gather_cancelled_while_children_clean_up),
        cmocka_unit_test(a_child_of_a_gather_all_is_cancelled),
        cmocka_unit_test(each_of_a_gather_has_a_limit),
        cmocka_unit_test(wait_all_completed),
        cmocka_unit_test(as_completed_timeout),
        cmocka_unit_test(a_cleanup_within_a_cleanup),
        cmocka_unit_test(each_level_of_a_chain_cleans_up),
        cmocka_unit_test(a_task_is_cancelled_by_its_child),
        cmocka_unit_test(shield_of_what_nobody_cancels_from_outside),
        cmocka_unit_test(timeout_of_nothing),
        cmocka_unit_test(holders_with_limits_give_their_permits_back),
        cmocka_unit_test(an_event_is_set_in_the_turn_of_the_limit),
        cmocka_unit_test(holder_and_waiter_are_cancelled_at_once),
        cmocka_unit_test(semaphore_is_handed_over_turn_by_turn),
        cmocka_unit_test(event_that_is_set_takes_no_turn),
        cmocka_unit_test(queue_is_fifo_on_both_sides),
        cmocka_unit_test(queue_room_passes_over_cancelled_putters),
        cmocka_unit_test(event_set_cleared_and_one_listener_cancelled),
        cmocka_unit_test(run_fails_and_leaves_a_task_behind),
        cmocka_unit_test(a_cancelled_waiter_asks_again),
        cmocka_unit_test(who_swallows_one_limit_meets_the_next),
        cmocka_unit_test(a_failure_climbs_through_two_gathers),
        cmocka_unit_test(a_limit_that_is_up_cancels_its_siblings),
        cmocka_unit_test(calls_within_calls_sleep_in_turn),
        cmocka_unit_test(a_consumer_fails_and_its_producer_is_cancelled),
        cmocka_unit_test(who_awaits_a_task_is_cancelled_and_another_awaits_it),
        cmocka_unit_test(a_task_and_who_awaits_it_are_cancelled),
        cmocka_unit_test(an_item_comes_at_the_limit_and_stays),
        cmocka_unit_test(an_event_is_set_and_cleared_at_the_limit),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
