/*
 * test_asyncio_sync.c - asyncio's cases: semaphores, locks, queues, events, and
 * functions in threads.
 *
 * A test has the name of the case that was observed in CPython 3.11, and is the
 * same program: docs/asyncio-semantics.md lists them all. Where it says
 * "difference", the trace is the one that our own rule gives. Those behind
 * "Beside the cases" are of the same kind, and were observed there as well.
 */
#include "trace.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

/* ---- Semaphores -------------------------------------------------------- */

/* async with semaphore: note, sleep, note. */
struct holder {
    struct async_semaphore *s;
    int i;
    double ms;
    const char *in, *out; /* what is noted before i, or NULL */
};

static int hold(void *job)
{
    const struct holder *holder = job;
    int err = async_semaphore_acquire(holder->s);

    if (err) {
        ev("cancelled %d", holder->i);
        return 0;
    }
    if (holder->in)
        ev("%s %d", holder->in, holder->i);
    err = sleep_ms(holder->ms);
    if (err)
        ev("cancelled %d", holder->i);
    else if (holder->out)
        ev("%s %d", holder->out, holder->i);
    async_semaphore_release(holder->s);
    return 0;
}

enum { MOST_HOLDERS = 10 };

/* Holders that ask for the semaphore one after the other. */
struct crowd {
    struct async_semaphore s;
    struct holder holders[MOST_HOLDERS];
    struct async_task ts[MOST_HOLDERS];
};

static void spawn_holders(struct crowd *crowd, int n, struct holder like)
{
    for (int i = 0; i < n; i++) {
        crowd->holders[i] = like;
        crowd->holders[i].s = &crowd->s;
        crowd->holders[i].i = i;
        async_spawn(&crowd->ts[i], hold, &crowd->holders[i]);
    }
}

static int gather_holders(struct crowd *crowd, size_t n)
{
    int err = async_gather(crowd->ts, n);

    ev("end %d", crowd->s.permits);
    return err;
}

static int semaphore_fifo_main(void *job)
{
    struct crowd crowd = {.s.permits = 2};
    (void)job;

    spawn_holders(&crowd, 5,
                  (struct holder){.ms = 50, .in = "in", .out = "out"});
    int err = async_gather(crowd.ts, 5);
    ev("end");
    return err;
}

static void semaphore_fifo(void **state)
{
    (void)state;
    TRACE_TO_END(semaphore_fifo_main,
                 "0 in 0; 0 in 1; 50 out 0; 50 out 1; 50 in 2; 50 in 3; "
                 "100 out 2; 100 out 3; 100 in 4; 150 out 4; 150 end; "
                 "150 END returned 0");
}

static int semaphore_rounds_10_by_3_main(void *job)
{
    struct crowd crowd = {.s.permits = 3};
    (void)job;

    spawn_holders(&crowd, 10, (struct holder){.ms = 5000, .out = "done"});
    int err = async_gather(crowd.ts, 10);
    ev("end");
    return err;
}

static void semaphore_rounds_10_by_3(void **state)
{
    (void)state;
    TRACE_TO_END(semaphore_rounds_10_by_3_main,
                 "5000 done 0; 5000 done 1; 5000 done 2; 10000 done 3; "
                 "10000 done 4; 10000 done 5; 15000 done 6; 15000 done 7; "
                 "15000 done 8; 20000 done 9; 20000 end; "
                 "20000 END returned 0");
}

static int note(void *job)
{
    ev("%s", (const char *)job);
    return 0;
}

static int semaphore_fast_path_no_yield_main(void *job)
{
    struct async_semaphore s = {.permits = 2};
    char other[] = "other";
    struct async_task t;
    (void)job;

    async_spawn(&t, note, other);
    int err = async_semaphore_acquire(&s);
    int second = async_semaphore_acquire(&s);
    ev("2 acquired %d", s.permits == 0);
    int third = async_yield();
    ev("end");
    async_reap(&t, 1);
    return err ? err : second ? second : third;
}

static void semaphore_fast_path_no_yield(void **state)
{
    (void)state;
    TRACE_TO_END(semaphore_fast_path_no_yield_main,
                 "0 2 acquired 1; 0 other; 0 end; 0 END returned 0");
}

static int twice(void *job)
{
    struct async_semaphore *s = job;
    int err = 0;

    for (int i = 0; i < 2 && !err; i++) {
        err = async_semaphore_acquire(s);
        if (err)
            break;
        ev("a in %d", i);
        err = sleep_ms(20);
        ev("a out %d", i);
        async_semaphore_release(s);
    }
    return err;
}

static int once(void *job)
{
    struct async_semaphore *s = job;
    int err = async_semaphore_acquire(s);

    if (err)
        return err;
    ev("b in");
    err = sleep_ms(20);
    ev("b out");
    async_semaphore_release(s);
    return err;
}

static int semaphore_no_barging_main(void *job)
{
    struct async_semaphore s = {.permits = 1};
    struct async_task ts[2];
    (void)job;

    async_spawn(&ts[0], twice, &s);
    async_spawn(&ts[1], once, &s);
    return async_gather(ts, 2);
}

static void semaphore_no_barging(void **state)
{
    (void)state;
    TRACE_TO_END(semaphore_no_barging_main,
                 "0 a in 0; 20 a out 0; 20 b in; 40 b out; 40 a in 1; "
                 "60 a out 1; 60 END returned 0");
}

static int semaphore_cancel_waiter_main(void *job)
{
    struct crowd crowd = {.s.permits = 1};
    (void)job;

    spawn_holders(&crowd, 4, (struct holder){.ms = 20, .in = "in"});
    int err = sleep_ms(10);
    async_cancel(&crowd.ts[1]);
    int second = gather_holders(&crowd, 4);
    return err ? err : second;
}

static void semaphore_cancel_waiter(void **state)
{
    (void)state;
    TRACE_TO_END(semaphore_cancel_waiter_main,
                 "0 in 0; 10 cancelled 1; 20 in 2; 40 in 3; 60 end 1; "
                 "60 END returned 0");
}

/*
 * Takes all permits, lets n ask for one, gives so many back, and cancels those
 * whose bit is set.
 */
static int release_and_cancel(int permits, int n, int releases, unsigned cancel)
{
    struct crowd crowd = {.s.permits = permits};
    int err = 0;

    for (int i = 0; i < permits && !err; i++)
        err = async_semaphore_acquire(&crowd.s);
    spawn_holders(&crowd, n, (struct holder){.ms = 20, .in = "in"});
    if (!err)
        err = sleep_ms(10);
    while (releases-- > 0)
        async_semaphore_release(&crowd.s);
    for (int i = 0; i < n; i++)
        if (cancel & 1U << i)
            async_cancel(&crowd.ts[i]);
    int second = gather_holders(&crowd, (size_t)n);
    return err ? err : second;
}

static int semaphore_cancel_just_woken_main(void *job)
{
    (void)job;
    return release_and_cancel(1, 3, 1, 1);
}

static void semaphore_cancel_just_woken(void **state)
{
    (void)state;
    TRACE_TO_END(semaphore_cancel_just_woken_main,
                 "10 cancelled 0; 10 in 1; 30 in 2; 50 end 1; "
                 "50 END returned 0");
}

static int semaphore_over_release_main(void *job)
{
    struct async_semaphore s = {.permits = 1};
    (void)job;

    async_semaphore_release(&s);
    ev("%d", s.permits);
    return 0;
}

/* Difference: every semaphore is a bounded one. */
static void semaphore_over_release(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(semaphore_over_release_main,
                       "0 LOG a semaphore was released more often than "
                       "acquired; 0 1; 0 END returned 0");
}

static int signals(void *job)
{
    struct async_semaphore s = {.permits = 0};
    (void)job;

    async_semaphore_release(&s);
    async_semaphore_release(&s);
    ev("%d", s.permits);
    return 0;
}

/* asyncio's Semaphore(0) gives the same. */
static void semaphore_of_none_counts_releases(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(signals, "0 2; 0 END returned 0");
}

static int bounded_semaphore_over_release_main(void *job)
{
    struct async_semaphore s = {.permits = 1};
    (void)job;

    async_semaphore_release(&s);
    return 0;
}

static void bounded_semaphore_over_release(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(bounded_semaphore_over_release_main,
                       "0 LOG a semaphore was released more often than "
                       "acquired; 0 END returned 0");
}

struct asker {
    struct async_semaphore *s;
    int i;
};

static int acquire(void *job)
{
    const struct asker *asker = job;
    int err = async_semaphore_acquire(asker->s);

    if (!err)
        ev("in %d", asker->i);
    return err;
}

static int semaphore_release_wakes_one_main(void *job)
{
    struct async_semaphore s = {.permits = 0};
    struct asker askers[] = {{&s, 0}, {&s, 1}, {&s, 2}};
    struct async_task ts[3];
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&ts[i], acquire, &askers[i]);
    int err = sleep_ms(10);
    async_semaphore_release(&s);
    int second = sleep_ms(10);
    ev("--");
    async_semaphore_release(&s);
    async_semaphore_release(&s);
    int third = async_gather(ts, 3);
    return err ? err : second ? second : third;
}

static void semaphore_release_wakes_one(void **state)
{
    (void)state;
    TRACE_TO_END(semaphore_release_wakes_one_main,
                 "10 in 0; 20 --; 20 in 1; 20 in 2; 20 END returned 0");
}

static int two_holders(void *job)
{
    struct async_semaphore *s = job;
    struct holder holders[] = {{.s = s, .ms = 10}, {.s = s, .ms = 10}};

    int err = async_gather_each(hold, holders, 2);
    ev("run ok");
    return err;
}

/* Difference: no semaphore is bound to a loop. Nobody waits there between two
   runs. */
static void semaphore_other_loop(void **state)
{
    struct async_semaphore s = {.permits = 1};
    int err = 0;
    (void)state;

    trace_start();
    for (int i = 0; i < 2 && !err; i++)
        err = async_run(two_holders, &s);
    assert_int_equal(err, 0);
    assert_string_equal(trace_text, "20 run ok; 40 run ok");
}

/* ---- Locks and queues -------------------------------------------------- */

static int lock_fifo_main(void *job)
{
    struct crowd crowd = {.s.permits = 1};
    (void)job;

    spawn_holders(&crowd, 3, (struct holder){.ms = 10, .in = "in"});
    return async_gather(crowd.ts, 3);
}

static void lock_fifo(void **state)
{
    (void)state;
    TRACE_TO_END(lock_fifo_main, "0 in 0; 10 in 1; 20 in 2; 30 END returned 0");
}

/* queue.join() is a count and an event. */
struct work {
    struct async_queue q;
    int unfinished;
    struct async_event joined;
};

struct worker {
    const char *name;
    struct work *work;
};

static int worker(void *job)
{
    const struct worker *worker = job;
    struct work *work = worker->work;
    void *item;

    for (;;) {
        int err = async_queue_get(&work->q, &item);
        if (!err)
            err = sleep_ms(50);
        if (err)
            return err;
        ev("%s %d", worker->name, *(int *)item);
        if (--work->unfinished == 0)
            async_event_set(&work->joined);
    }
}

static int queue_workers_main(void *job)
{
    struct work work = {.unfinished = 5};
    struct worker workers[] = {{"A", &work}, {"B", &work}};
    int jobs[] = {0, 1, 2, 3, 4}, err = 0;
    struct async_task ws[2];
    (void)job;

    for (int i = 0; i < 5 && !err; i++)
        err = async_queue_put(&work.q, &jobs[i]);
    for (int i = 0; i < 2; i++)
        async_spawn(&ws[i], worker, &workers[i]);
    if (!err)
        err = async_event_wait(&work.joined);
    ev("joined");
    for (int i = 0; i < 2; i++)
        async_cancel(&ws[i]);
    int second = async_gather_all(ws, 2);
    ev("%s, %s", ws[0].errmsg, ws[1].errmsg);
    return err ? err : second;
}

static void queue_workers(void **state)
{
    (void)state;
    TRACE_TO_END(queue_workers_main,
                 "50 A 0; 50 B 1; 100 A 2; 100 B 3; 150 A 4; 150 joined; "
                 "150 the task was cancelled, the task was cancelled; "
                 "150 END returned 0");
}

static int numbers[] = {0, 1, 2, 3};

static int produce(void *job)
{
    int err = 0;

    for (int i = 0; i < 4 && !err; i++) {
        err = async_queue_put(job, &numbers[i]);
        if (!err)
            ev("put %d", i);
    }
    return err;
}

static int consume(void *job)
{
    int err = 0;
    void *item;

    for (int i = 0; i < 4 && !err; i++) {
        err = sleep_ms(20);
        if (!err)
            err = async_queue_get(job, &item);
        if (!err)
            ev("get %d", *(int *)item);
    }
    return err;
}

static int queue_backpressure_main(void *job)
{
    struct async_queue q = {.capacity = 1};
    struct async_task ts[2];
    (void)job;

    async_spawn(&ts[0], produce, &q);
    async_spawn(&ts[1], consume, &q);
    return async_gather(ts, 2);
}

static void queue_backpressure(void **state)
{
    (void)state;
    TRACE_TO_END(queue_backpressure_main,
                 "0 put 0; 20 get 0; 20 put 1; 40 get 1; 40 put 2; "
                 "60 get 2; 60 put 3; 80 get 3; 80 END returned 0");
}

/* ---- Threads ----------------------------------------------------------- */

static pthread_t main_thread;

struct in_thread {
    int x;
    int result; /* out: these two */
    bool main_thread;
};

static int f(void *job)
{
    struct in_thread *it = job;

    it->result = it->x + 1;
    it->main_thread = pthread_equal(pthread_self(), main_thread);
    return 0;
}

static int to_thread_result_main(void *job)
{
    struct in_thread it = {.x = 41, .main_thread = true};
    (void)job;

    main_thread = pthread_self();
    int err = async_to_thread(f, &it);
    ev("%d %d", it.result, it.main_thread);
    return err;
}

static void to_thread_result(void **state)
{
    (void)state;
    TRACE_TO_END(to_thread_result_main, "0 42 0; 0 END returned 0");
}

static int fail_in_thread(void *job)
{
    (void)job;
    return async_raise(-EINVAL, "in thread");
}

static int to_thread_exception_main(void *job)
{
    int err = async_to_thread(fail_in_thread, job);

    if (err == -EINVAL)
        ev("%s", async_errmsg(err));
    return err == -EINVAL ? 0 : err;
}

static void to_thread_exception(void **state)
{
    (void)state;
    TRACE_TO_END(to_thread_exception_main, "0 in thread; 0 END returned 0");
}

static int post(void *job)
{
    ev("setter runs");
    sem_post(job);
    return 0;
}

static int block_until_posted(void *job)
{
    while (sem_wait(job) && errno == EINTR) {
        /* a signal: once more */
    }
    return 0;
}

static int to_thread_lets_loop_run_main(void *job)
{
    struct async_task t;

    async_spawn(&t, post, job);
    int err = async_to_thread(block_until_posted, job);
    ev("%d", !err);
    async_reap(&t, 1);
    return err;
}

static void to_thread_lets_loop_run(void **state)
{
    sem_t e;
    (void)state;

    sem_init(&e, 0, 0);
    assert_string_equal(trace_to_end(to_thread_lets_loop_run_main, &e),
                        "0 setter runs; 0 1; 0 END returned 0");
    sem_destroy(&e);
}

/* ---- Beside the cases: semaphores -------------------------------------- */

static int cancel_two_of_three(void *job)
{
    (void)job;
    return release_and_cancel(1, 3, 1, 3);
}

static int cancel_one_of_two_released(void *job)
{
    (void)job;
    return release_and_cancel(2, 3, 2, 1);
}

static int release_two(void *job)
{
    (void)job;
    return release_and_cancel(2, 3, 2, 0);
}

static void semaphore_passes_on_what_the_cancelled_do_not_take(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_two_of_three,
                 "10 cancelled 0; 10 cancelled 1; 10 in 2; 30 end 1; "
                 "30 END returned 0");
    TRACE_TO_END(cancel_one_of_two_released,
                 "10 cancelled 0; 10 in 1; 10 in 2; 30 end 2; "
                 "30 END returned 0");
    TRACE_TO_END(release_two, "10 in 0; 10 in 1; 30 in 2; 50 end 2; "
                              "50 END returned 0");
}

static int ask_after_releasing(void *job)
{
    struct crowd crowd = {.s.permits = 1};
    (void)job;

    int err = async_semaphore_acquire(&crowd.s);
    spawn_holders(&crowd, 2, (struct holder){.ms = 20, .in = "in"});
    if (!err)
        err = sleep_ms(10);
    async_semaphore_release(&crowd.s);
    int second = async_semaphore_acquire(&crowd.s);
    ev("main in");
    async_semaphore_release(&crowd.s);
    int third = gather_holders(&crowd, 2);
    return err ? err : second ? second : third;
}

static void semaphore_newcomer_queues_behind_the_granted(void **state)
{
    (void)state;
    TRACE_TO_END(ask_after_releasing, "10 in 0; 30 in 1; 50 main in; 50 end 1; "
                                      "50 END returned 0");
}

static int cancel_the_holder(void *job)
{
    struct crowd crowd = {.s.permits = 1};
    (void)job;

    spawn_holders(&crowd, 2, (struct holder){.ms = 20, .in = "in"});
    int err = sleep_ms(10);
    async_cancel(&crowd.ts[0]);
    int second = gather_holders(&crowd, 2);
    return err ? err : second;
}

static void semaphore_holder_cancelled(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_the_holder, "0 in 0; 10 cancelled 0; 10 in 1; "
                                    "30 end 1; 30 END returned 0");
}

/* ---- Beside the cases: events ------------------------------------------ */

struct listener {
    const char *name;
    struct async_event *e;
};

static int listen_for(void *job)
{
    const struct listener *listener = job;
    int err = async_event_wait(listener->e);

    if (err)
        ev("%s cancelled", listener->name);
    else
        ev("%s %d", listener->name, listener->e->is_set);
    return 0;
}

static int set_and_clear(void *job)
{
    struct async_event e = {0};
    struct listener listeners[] = {{"a", &e}, {"b", &e}, {"c", &e}};
    struct async_task ts[3];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&ts[i], listen_for, &listeners[i]);
    int err = sleep_ms(10);
    async_event_set(&e);
    async_event_clear(&e);
    int second = async_gather(ts, 2);
    async_spawn(&ts[2], listen_for, &listeners[2]);
    int third = sleep_ms(10);
    ev("still waits");
    async_event_set(&e);
    int fourth = async_await(&ts[2]);
    return err ? err : second ? second : third ? third : fourth;
}

static void event_set_and_cleared_in_one_turn(void **state)
{
    (void)state;
    TRACE_TO_END(set_and_clear, "10 a 0; 10 b 0; 20 still waits; 20 c 1; "
                                "20 END returned 0");
}

static int cancel_one_of_three(void *job)
{
    struct async_event e = {0};
    struct listener listeners[] = {{"a", &e}, {"b", &e}, {"c", &e}};
    struct async_task ts[3];
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&ts[i], listen_for, &listeners[i]);
    int err = sleep_ms(10);
    async_cancel(&ts[1]);
    async_event_set(&e);
    int second = async_gather(ts, 3);
    return err ? err : second;
}

static void event_with_one_listener_cancelled(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_one_of_three, "10 b cancelled; 10 a 1; 10 c 1; "
                                      "10 END returned 0");
}

/* ---- Beside the cases: queues ------------------------------------------ */

struct taker {
    const char *name;
    struct async_queue *q;
};

static int take_one(void *job)
{
    const struct taker *taker = job;
    void *item;
    int err = async_queue_get(taker->q, &item);

    if (err)
        ev("%s cancelled", taker->name);
    else
        ev("%s %d", taker->name, *(int *)item);
    return 0;
}

static int cancel_getter(void *job)
{
    const bool *before_put = job;
    struct async_queue q = {.capacity = 0};
    struct taker takers[] = {{"a", &q}, {"b", &q}};
    struct async_task ts[2];

    for (int i = 0; i < 2; i++)
        async_spawn(&ts[i], take_one, &takers[i]);
    int err = sleep_ms(10);
    if (*before_put)
        async_cancel(&ts[0]);
    int second = async_queue_put(&q, &numbers[1]);
    if (!*before_put)
        async_cancel(&ts[0]);
    int third = async_gather(ts, 2);
    ev("%zu", q.count);
    return err ? err : second ? second : third;
}

static void queue_with_a_cancelled_getter(void **state)
{
    bool before_put = false;
    (void)state;

    assert_string_equal(trace_to_end(cancel_getter, &before_put),
                        "10 a cancelled; 10 b 1; 10 0; 10 END returned 0");
    before_put = true;
    assert_string_equal(trace_to_end(cancel_getter, &before_put),
                        "10 a cancelled; 10 b 1; 10 0; 10 END returned 0");
}

static int put_one(void *job)
{
    const struct taker *putter = job;
    int err = async_queue_put(putter->q, (void *)(uintptr_t)putter->name);

    if (err)
        ev("%s cancelled", putter->name);
    else
        ev("put %s", putter->name);
    return 0;
}

static int cancel_putter(void *job)
{
    const bool *before_get = job;
    struct async_queue q = {.capacity = 1};
    struct taker putters[] = {{"a", &q}, {"b", &q}, {"c", &q}};
    struct async_task ts[3];
    void *item = NULL, *last = NULL;

    for (int i = 0; i < 3; i++)
        async_spawn(&ts[i], put_one, &putters[i]);
    int err = sleep_ms(10);
    if (*before_get)
        async_cancel(&ts[1]);
    int second = async_queue_get(&q, &item);
    ev("get %s", (char *)item);
    if (!*before_get)
        async_cancel(&ts[1]);
    int third = async_gather(ts, 3);
    ev("%zu", q.count);
    int fourth = second ? second : async_queue_get(&q, &last);
    ev("%s", (char *)last);
    return err ? err : third ? third : fourth;
}

static void queue_with_a_cancelled_putter(void **state)
{
    const char *expected = "0 put a; 10 get a; 10 b cancelled; 10 put c; "
                           "10 1; 10 c; 10 END returned 0";
    bool before_get = true;
    (void)state;

    assert_string_equal(trace_to_end(cancel_putter, &before_get), expected);
    before_get = false;
    assert_string_equal(trace_to_end(cancel_putter, &before_get), expected);
}

static int take_before_the_woken(void *job)
{
    struct async_queue q = {.capacity = 0};
    struct taker a = {"a", &q}, main_taker = {"main", &q};
    struct async_task t;
    (void)job;

    async_spawn(&t, take_one, &a);
    int err = sleep_ms(10);
    int second = async_queue_put(&q, &numbers[1]);
    take_one(&main_taker);
    int third = async_queue_put(&q, &numbers[2]);
    int fourth = async_await(&t);
    return err ? err : second ? second : third ? third : fourth;
}

static void queue_getter_that_need_not_wait_comes_first(void **state)
{
    (void)state;
    TRACE_TO_END(take_before_the_woken, "10 main 1; 10 a 2; "
                                        "10 END returned 0");
}

static int put_and_get_at_once(void *job)
{
    struct async_queue q = {.capacity = 2};
    struct taker main_taker = {"main", &q};
    char other[] = "other";
    struct async_task t;
    (void)job;

    async_spawn(&t, note, other);
    int err = async_queue_put(&q, &numbers[1]);
    int second = async_queue_put(&q, &numbers[2]);
    take_one(&main_taker);
    take_one(&main_taker);
    int third = async_await(&t);
    return err ? err : second ? second : third;
}

static void queue_fast_paths_do_not_yield(void **state)
{
    (void)state;
    TRACE_TO_END(put_and_get_at_once,
                 "0 main 1; 0 main 2; 0 other; 0 END returned 0");
}

/* ---- Beside the cases: threads ----------------------------------------- */

struct blocked {
    sem_t begun, go_on;
    bool ended; /* out */
};

static int block(void *job)
{
    struct blocked *blocked = job;

    sem_post(&blocked->begun);
    block_until_posted(&blocked->go_on);
    blocked->ended = true;
    return 0;
}

static int in_a_thread(void *job)
{
    return async_to_thread(block, job);
}

static int cancel_a_thread(void *job)
{
    struct blocked *blocked = job;
    struct async_task t;

    async_spawn(&t, in_a_thread, blocked);
    int err = async_yield();
    block_until_posted(&blocked->begun);
    async_cancel(&t);
    int second = async_yield();
    ev("still runs %d", t.err == ASYNC_EINPROGRESS && !blocked->ended);
    sem_post(&blocked->go_on);
    int result = async_await(&t);
    ev("main: %s %d", async_strerror(result), blocked->ended);
    return err ? err : second;
}

/* Difference: to_thread waits. In asyncio the task is cancelled at once, and
   only the end of the run waits for the thread. */
static void to_thread_cancelled(void **state)
{
    struct blocked blocked = {.ended = false};
    (void)state;

    sem_init(&blocked.begun, 0, 0);
    sem_init(&blocked.go_on, 0, 0);
    assert_string_equal(trace_to_end(cancel_a_thread, &blocked),
                        "0 still runs 1; 0 main: the task was cancelled 1; "
                        "0 END returned 0");
    sem_destroy(&blocked.begun);
    sem_destroy(&blocked.go_on);
}

enum { MORE_THAN_THREADS = 33 };

static int cancel_the_last_in_line(void *job)
{
    struct blocked blocked[MORE_THAN_THREADS] = {{.ended = false}};
    struct async_task ts[MORE_THAN_THREADS];
    enum { LAST = MORE_THAN_THREADS - 1 };
    (void)job;

    for (int i = 0; i < MORE_THAN_THREADS; i++) {
        sem_init(&blocked[i].begun, 0, 0);
        sem_init(&blocked[i].go_on, 0, 0);
        async_spawn(&ts[i], in_a_thread, &blocked[i]);
    }
    int err = async_yield();
    async_cancel(&ts[LAST]);
    ev("last: %s", async_strerror(async_await(&ts[LAST])));
    for (int i = 0; i < LAST; i++)
        sem_post(&blocked[i].go_on);
    int second = async_gather(ts, LAST);
    ev("ended %d, %d", blocked[0].ended, blocked[LAST].ended);
    for (int i = 0; i < MORE_THAN_THREADS; i++) {
        sem_destroy(&blocked[i].begun);
        sem_destroy(&blocked[i].go_on);
    }
    return err ? err : second;
}

static void to_thread_cancelled_before_it_began(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_the_last_in_line,
                 "0 last: the task was cancelled; 0 ended 1, 0; "
                 "0 END returned 0");
}

static int f_in_a_thread(void *job)
{
    return async_to_thread(f, job);
}

static int gather_threads(void *job)
{
    struct in_thread its[] = {{.x = 1}, {.x = 2}, {.x = 3}};
    (void)job;

    main_thread = pthread_self();
    int err = async_gather_each(f_in_a_thread, its, 3);
    ev("%d %d %d", its[0].result, its[1].result, its[2].result);
    return err;
}

static void to_thread_gathered(void **state)
{
    (void)state;
    TRACE_TO_END(gather_threads, "0 2 3 4; 0 END returned 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(semaphore_fifo),
        cmocka_unit_test(semaphore_rounds_10_by_3),
        cmocka_unit_test(semaphore_fast_path_no_yield),
        cmocka_unit_test(semaphore_no_barging),
        cmocka_unit_test(semaphore_cancel_waiter),
        cmocka_unit_test(semaphore_cancel_just_woken),
        cmocka_unit_test(semaphore_over_release),
        cmocka_unit_test(semaphore_of_none_counts_releases),
        cmocka_unit_test(bounded_semaphore_over_release),
        cmocka_unit_test(semaphore_release_wakes_one),
        cmocka_unit_test(semaphore_other_loop),
        cmocka_unit_test(lock_fifo),
        cmocka_unit_test(queue_workers),
        cmocka_unit_test(queue_backpressure),
        cmocka_unit_test(to_thread_result),
        cmocka_unit_test(to_thread_exception),
        cmocka_unit_test(to_thread_lets_loop_run),
        cmocka_unit_test(semaphore_passes_on_what_the_cancelled_do_not_take),
        cmocka_unit_test(semaphore_newcomer_queues_behind_the_granted),
        cmocka_unit_test(semaphore_holder_cancelled),
        cmocka_unit_test(event_set_and_cleared_in_one_turn),
        cmocka_unit_test(event_with_one_listener_cancelled),
        cmocka_unit_test(queue_with_a_cancelled_getter),
        cmocka_unit_test(queue_with_a_cancelled_putter),
        cmocka_unit_test(queue_getter_that_need_not_wait_comes_first),
        cmocka_unit_test(queue_fast_paths_do_not_yield),
        cmocka_unit_test(to_thread_cancelled),
        cmocka_unit_test(to_thread_cancelled_before_it_began),
        cmocka_unit_test(to_thread_gathered),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
