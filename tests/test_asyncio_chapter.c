/*
 * test_asyncio_chapter.c - asyncio's cases: the chapter's own programs, in
 * numbers.
 *
 * A test has the name of the case that was observed in CPython 3.11, and is the
 * same program: docs/asyncio-semantics.md lists them all. Those behind "Beside
 * the cases" are of the same kind, and were observed there as well.
 */
#include "trace.h"

#include <errno.h>

/* ---- Retrying ---------------------------------------------------------- */

static int chat(void *job)
{
    (void)job;
    int err = sleep_ms(500);
    return err ? err : async_raise(-EAGAIN, "429");
}

struct process {
    const char *doc;
    int max_retries;
    char result[64]; /* out */
};

static int process(void *job)
{
    struct process *it = job;

    for (int attempt = 0;; attempt++) {
        ev("attempt %d", attempt + 1);
        int err = chat(NULL);
        if (!err || err == ASYNC_ECANCELED)
            return err;
        if (attempt == it->max_retries) {
            snprintf(it->result, sizeof it->result, "failed: %s",
                     async_errmsg(err));
            return 0;
        }
        ev("%s failed (attempt %d), retrying in %ds...", it->doc, attempt + 1,
           1 << attempt);
        err = sleep_ms(1000 * (1 << attempt));
        if (err)
            return err;
    }
}

static int retry_backoff_all_fail_main(void *job)
{
    struct process it = {.doc = "doc_0.pdf", .max_retries = 2};
    (void)job;

    int err = process(&it);
    ev("%s", it.result);
    return err;
}

static void retry_backoff_all_fail(void **state)
{
    (void)state;
    TRACE_TO_END(retry_backoff_all_fail_main,
                 "0 attempt 1; "
                 "500 doc_0.pdf failed (attempt 1), retrying in 1s...; "
                 "1500 attempt 2; "
                 "2000 doc_0.pdf failed (attempt 2), retrying in 2s...; "
                 "4000 attempt 3; 4500 failed: 429; 4500 END returned 0");
}

static int op(void *job)
{
    (void)job;
    int err = sleep_ms(100);
    if (err)
        return err;
    ev("fails");
    return async_raise(-EINVAL, "x");
}

struct retry {
    int max_retries;
    const char *result; /* out; NULL as long as there is none */
};

/* Waits after the last attempt, too, and then has nothing to say. */
static int retry(void *job)
{
    struct retry *it = job;

    for (int attempt = 0; attempt < it->max_retries; attempt++) {
        int err = op(NULL);
        if (!err)
            it->result = "done";
        if (!err || err == ASYNC_ECANCELED)
            return err;
        err = sleep_ms(1000 * (1 << attempt));
        if (err)
            return err;
    }
    return 0;
}

static int retry_quick_reference_bug_main(void *job)
{
    struct retry it = {.max_retries = 3};
    (void)job;

    int err = retry(&it);
    ev("%s", it.result ? it.result : "None");
    return err;
}

static void retry_quick_reference_bug(void **state)
{
    (void)state;
    TRACE_TO_END(retry_quick_reference_bug_main,
                 "100 fails; 1200 fails; 3300 fails; 7300 None; "
                 "7300 END returned 0");
}

struct fetch {
    struct async_semaphore *s;
    const char *name;
    bool ok;
};

static int try_three_times(const struct fetch *fetch)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        int err = sleep_ms(100);
        if (err)
            return err;
        if (fetch->ok) {
            ev("%s ok", fetch->name);
            return 0;
        }
        if (attempt == 2)
            break;
        ev("%s retry %d", fetch->name, attempt + 1);
        err = sleep_ms(1000 * (1 << attempt));
        if (err)
            return err;
    }
    ev("%s failed", fetch->name);
    return 0;
}

static int fetch(void *job)
{
    const struct fetch *it = job;
    int err = async_semaphore_acquire(it->s);

    if (err)
        return err;
    err = try_three_times(it);
    async_semaphore_release(it->s);
    return err;
}

static int retry_slot_held_during_backoff_main(void *job)
{
    struct async_semaphore s = {.permits = 1};
    struct fetch fetches[] = {{&s, "bad", false}, {&s, "good", true}};
    (void)job;
    return async_gather_each(fetch, fetches, 2);
}

static void retry_slot_held_during_backoff(void **state)
{
    (void)state;
    TRACE_TO_END(retry_slot_held_during_backoff_main,
                 "100 bad retry 1; 1200 bad retry 2; 3300 bad failed; "
                 "3400 good ok; 3400 END returned 0");
}

/* ---- The chapter's verification tests ---------------------------------- */

struct call {
    int i;
    double ms;
    bool fails;
    char result[32]; /* out */
};

static int call(void *job)
{
    struct call *call = job;
    int err = sleep_ms(call->ms);

    if (err)
        return err;
    if (call->fails)
        return async_raise(-EINVAL, "Task %d failed!", call->i);
    snprintf(call->result, sizeof call->result, "Result from task %d", call->i);
    return 0;
}

static int verification_test2_main(void *job)
{
    struct call a[5], b[5];
    bool same = true;
    int err = 0;
    (void)job;

    for (int i = 0; i < 5; i++)
        a[i] = b[i] = (struct call){.i = i, .ms = 200};
    double t = async_now();
    for (int i = 0; i < 5 && !err; i++)
        err = call(&a[i]);
    double t1 = async_now();
    int second = async_gather_each(call, b, 5);
    double t2 = async_now();
    for (int i = 0; i < 5; i++)
        same = same && !strcmp(a[i].result, b[i].result);
    ev("%d %.0f %.0f", same, (t1 - t) * 1000, (t2 - t1) * 1000);
    return err ? err : second;
}

static void verification_test2(void **state)
{
    (void)state;
    TRACE_TO_END(verification_test2_main,
                 "1200 1 1000 200; 1200 END returned 0");
}

static int verification_test3_main(void *job)
{
    struct call calls[5];
    struct async_task tasks[5];
    (void)job;

    for (int i = 0; i < 5; i++) {
        calls[i] = (struct call){.i = i, .ms = 100, .fails = i % 2};
        async_spawn(&tasks[i], call, &calls[i]);
    }
    int err = async_gather_all(tasks, 5);
    for (int i = 0; i < 5; i++)
        if (tasks[i].err)
            ev("%s %s", async_strerror(tasks[i].err), tasks[i].errmsg);
        else
            ev("%s", calls[i].result);
    return err;
}

static void verification_test3(void **state)
{
    (void)state;
    TRACE_TO_END(verification_test3_main,
                 "100 Result from task 0; "
                 "100 Invalid argument Task 1 failed!; "
                 "100 Result from task 2; "
                 "100 Invalid argument Task 3 failed!; "
                 "100 Result from task 4; 100 END returned 0");
}

/* ---- Batches and counters ---------------------------------------------- */

struct bounded {
    struct async_semaphore *s;
    int i;
    double ms;
    bool fails, notes_end;
    int result; /* out */
};

static int bounded(void *job)
{
    struct bounded *it = job;
    int err = async_semaphore_acquire(it->s);

    if (err)
        return err;
    ev("start %d", it->i);
    err = sleep_ms(it->ms);
    if (!err && it->notes_end)
        ev("end %d", it->i);
    async_semaphore_release(it->s);
    if (err)
        return err;
    if (it->fails)
        return async_raise(-EINVAL, "job %d", it->i);
    it->result = it->i * 10;
    return 0;
}

static int bounded_mixed_batch_main(void *job)
{
    static const double ms[] = {100, 30, 40, 20, 60};
    struct async_semaphore s = {.permits = 2};
    struct bounded jobs[5];
    (void)job;

    for (int i = 0; i < 5; i++)
        jobs[i] = (struct bounded){
            .s = &s, .i = i, .ms = ms[i], .notes_end = true, .result = -1};
    int err = async_gather_each(bounded, jobs, 5);
    ev("%d %d %d %d %d", jobs[0].result, jobs[1].result, jobs[2].result,
       jobs[3].result, jobs[4].result);
    return err;
}

static void bounded_mixed_batch(void **state)
{
    (void)state;
    TRACE_TO_END(bounded_mixed_batch_main,
                 "0 start 0; 0 start 1; 30 end 1; 30 start 2; 70 end 2; "
                 "70 start 3; 90 end 3; 90 start 4; 100 end 0; 150 end 4; "
                 "150 0 10 20 30 40; 150 END returned 0");
}

static int safe(void *job)
{
    int *a = job;
    int err = sleep_ms(10);

    *a += 1;
    return err;
}

static int unsafe(void *job)
{
    int *b = job;
    int x = *b;
    int err = sleep_ms(10);

    *b = x + 1;
    return err;
}

static int shared_counter_is_safe_without_await_main(void *job)
{
    struct async_task tasks[10];
    int a = 0, b = 0;
    (void)job;

    for (int i = 0; i < 5; i++)
        async_spawn(&tasks[i], safe, &a);
    for (int i = 5; i < 10; i++)
        async_spawn(&tasks[i], unsafe, &b);
    int err = async_gather(tasks, 10);
    ev("safe %d unsafe %d", a, b);
    return err;
}

static void shared_counter_is_safe_without_await(void **state)
{
    (void)state;
    TRACE_TO_END(shared_counter_is_safe_without_await_main,
                 "10 safe 5 unsafe 1; 10 END returned 0");
}

/* ---- Beside the cases -------------------------------------------------- */

static int retry_for_ever(void *job)
{
    (void)job;
    for (int attempt = 0;; attempt++) {
        int err = op(NULL);
        if (!err || err == ASYNC_ECANCELED)
            return err;
        ev("backs off %d", attempt);
        err = sleep_ms(1000);
        if (err)
            return err;
    }
}

static int cancel_the_retries(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, retry_for_ever, NULL);
    int err = sleep_ms(150);
    async_cancel(&t);
    ev("main: %s", async_strerror(async_await(&t)));
    return err;
}

static void retry_cancelled_while_it_backs_off(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_the_retries,
                 "100 fails; 100 backs off 0; "
                 "150 main: the task was cancelled; 150 END returned 0");
}

static int faster_each_time(void *job)
{
    int *calls = job;
    return sleep_ms(++*calls < 3 ? 500 : 100);
}

static int limit_each_try(void *job)
{
    int calls = 0, err = 0;
    (void)job;

    for (int attempt = 0; attempt < 4; attempt++) {
        err = async_wait_for(faster_each_time, &calls, 0.2);
        if (err != ASYNC_ETIMEDOUT)
            break;
        ev("try %d timed out", attempt);
        err = sleep_ms(100 * (1 << attempt));
        if (err)
            break;
    }
    ev("%d", calls);
    return err;
}

static void retry_with_a_limit_for_each_try(void **state)
{
    (void)state;
    TRACE_TO_END(limit_each_try,
                 "200 try 0 timed out; 500 try 1 timed out; 800 3; "
                 "800 END returned 0");
}

static int bounded_with_failures(void *job)
{
    static const double ms[] = {100, 30, 40, 20};
    struct async_semaphore s = {.permits = 2};
    struct bounded jobs[4];
    int errs[4];
    (void)job;

    for (int i = 0; i < 4; i++)
        jobs[i] = (struct bounded){
            .s = &s, .i = i, .ms = ms[i], .fails = i % 2, .result = -1};
    int err = async_gather_each_all(bounded, jobs, 4, errs);
    ev("%d %s %d %s, %d", jobs[0].result, async_strerror(errs[1]),
       jobs[2].result, async_strerror(errs[3]), s.permits);
    return err;
}

static void bounded_batch_with_failures(void **state)
{
    (void)state;
    TRACE_TO_END(bounded_with_failures,
                 "0 start 0; 0 start 1; 30 start 2; 70 start 3; "
                 "100 0 Invalid argument 20 Invalid argument, 2; "
                 "100 END returned 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_backoff_all_fail),
        cmocka_unit_test(retry_quick_reference_bug),
        cmocka_unit_test(retry_slot_held_during_backoff),
        cmocka_unit_test(verification_test2),
        cmocka_unit_test(verification_test3),
        cmocka_unit_test(bounded_mixed_batch),
        cmocka_unit_test(shared_counter_is_safe_without_await),
        cmocka_unit_test(retry_cancelled_while_it_backs_off),
        cmocka_unit_test(retry_with_a_limit_for_each_try),
        cmocka_unit_test(bounded_batch_with_failures),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
