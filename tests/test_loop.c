/*
 * test_loop.c - what async_loop.h offers to those who extend the loop.
 */
#include "capture.h"
#include "trace.h"

#include "async/async_loop.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static int sleeper(void *job)
{
    const double *ms = job;
    int err = sleep_ms(*ms);

    ev("%.0f ms: %s", *ms, async_strerror(err));
    return err;
}

/* ---- File descriptors -------------------------------------------------- */

struct reader {
    struct async_fd fd;
    struct async_wait wait;
    int events;
};

static void readable(struct async_fd *fd, int events)
{
    struct reader *reader = (struct reader *)(void *)fd;

    reader->events = events;
    async_resume(&reader->wait);
}

static int read_byte(struct reader *reader, char *byte)
{
    int err = async_fd_watch(&reader->fd, ASYNC_READABLE);
    if (err)
        return err;
    err = async_suspend(&reader->wait, "read_byte");
    int second = async_fd_watch(&reader->fd, 0);
    if (err || second)
        return err ? err : second;
    return read(reader->fd.fd, byte, 1) == 1 ? 0 : -EIO;
}

static int write_byte(void *job)
{
    const int *fd = job;
    int err = async_yield();

    if (err)
        return err;
    ev("write");
    return write(*fd, "x", 1) == 1 ? 0 : -EIO;
}

static int pipe_between_tasks(void *job)
{
    int *ends = job;
    struct reader reader = {.fd = {.fd = ends[0], .ready = readable},
                            .wait = {.what = "waits for a pipe"}};
    struct async_task writer;
    char byte = '?';

    /* Outside of the loop's knowledge, so that it waits for the pipe. */
    async_outside_begin();
    async_spawn(&writer, write_byte, &ends[1]);
    int err = read_byte(&reader, &byte);
    async_outside_end();
    ev("read %c: %d", byte, reader.events);
    int second = async_await(&writer);
    return err ? err : second;
}

static void a_descriptor_wakes_a_task(void **state)
{
    int ends[2];
    (void)state;

    assert_int_equal(pipe(ends), 0);
    trace(pipe_between_tasks, ends);
    /* The clock flows while something is outside: the times are not exact. */
    assert_non_null(strstr(trace_text, " write; "));
    assert_non_null(strstr(trace_text, " read x: 1"));
    assert_null(strstr(trace_text, "ended with"));
    close(ends[0]);
    close(ends[1]);
}

static int cancelled_reader(void *job)
{
    struct reader reader = {.fd = {.fd = *(int *)job, .ready = readable},
                            .wait = {.what = "waits for a pipe"}};
    char byte;
    int err = read_byte(&reader, &byte);

    ev("reader: %s", async_strerror(err));
    return err;
}

static int cancel_a_reader(void *job)
{
    struct async_task task;

    async_spawn(&task, cancelled_reader, job);
    int err = sleep_ms(10);
    async_reap(&task, 1);
    return err;
}

static void a_descriptor_alone_does_not_stop_the_virtual_clock(void **state)
{
    int ends[2];
    (void)state;

    assert_int_equal(pipe(ends), 0);
    assert_string_equal(trace(cancel_a_reader, ends),
                        "10 reader: the task was cancelled");
    close(ends[0]);
    close(ends[1]);
}

/* ---- Timers and callbacks ---------------------------------------------- */

struct alarm {
    struct async_timer timer;
    const char *name;
};

static void ring(struct async_callback *due)
{
    ev("%s", ((struct alarm *)(void *)due)->name);
}

static int set_and_clear(void *job)
{
    struct alarm alarms[100];
    static char names[100][8];
    int64_t now = async_now_ns();
    (void)job;

    /* Deadlines 0, 7, 14, ... mod 100: every order of insertion. */
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "%d", i * 7 % 100);
        alarms[i] =
            (struct alarm){.timer = {.due = {.run = ring}}, .name = names[i]};
        int err = async_timer_set(&alarms[i].timer,
                                  now + (i * 7 % 100) * INT64_C(1000000));
        if (err)
            return err;
    }
    for (int i = 0; i < 100; i++)
        if (i * 7 % 100 % 10)
            async_timer_clear(&alarms[i].timer);
    async_timer_clear(&alarms[1].timer); /* once more: nothing happens */
    return sleep_ms(100);
}

static void timers_ring_in_order_and_can_be_cleared(void **state)
{
    (void)state;
    TRACE(set_and_clear, "0 0; 10 10; 20 20; 30 30; 40 40; 50 50; 60 60; "
                         "70 70; 80 80; 90 90");
}

struct two_callbacks {
    struct async_callback first, second;
};

static void take_back_second(struct async_callback *first)
{
    ev("first");
    async_call_off(&((struct two_callbacks *)(void *)first)->second);
}

static void never_called(struct async_callback *second)
{
    (void)second;
    ev("second");
}

static int take_back(void *job)
{
    struct two_callbacks two = {{.run = take_back_second},
                                {.run = never_called}};
    (void)job;

    async_call_soon(&two.first);
    async_call_soon(&two.second);
    async_call_soon(&two.second); /* it is queued: once is enough */
    return async_yield();
}

static void a_callback_can_be_taken_back(void **state)
{
    (void)state;
    TRACE(take_back, "0 first");
}

static void say_closed(struct async_closer *closer)
{
    (void)closer;
    ev("closed");
}

static int register_closer(void *job)
{
    static struct async_closer closers[2] = {{.close = say_closed},
                                             {.close = say_closed}};
    (void)job;

    async_on_close(&closers[0]);
    async_on_close(&closers[1]);
    ev("main ends");
    return 0;
}

static void closers_are_called_after_the_last_task(void **state)
{
    (void)state;
    TRACE(register_closer, "0 main ends; 0 closed; 0 closed");
}

/* ---- A kept clock ------------------------------------------------------ */

struct keeper {
    struct async_time_keeper base;
    int64_t now;
    struct async_wait operation;
};

static int64_t keeper_idle(struct async_time_keeper *self, int64_t next)
{
    struct keeper *keeper = (struct keeper *)(void *)self;

    if (next == INT64_MAX && keeper->operation.task) {
        ev("idle, nothing due: answer");
        async_resume(&keeper->operation);
        keeper->operation.task = NULL;
        return keeper->now;
    }
    if (next == INT64_MAX)
        return -1;
    ev("idle until %.0f", (double)next / 1e6);
    return keeper->now = next;
}

static int64_t keeper_hold(struct async_time_keeper *self, int64_t until)
{
    struct keeper *keeper = (struct keeper *)(void *)self;

    ev("hold until %.0f", (double)until / 1e6);
    return keeper->now = until;
}

static int kept_program(void *job)
{
    struct keeper *keeper = job;
    struct async_task task;
    double ms = 20;

    async_spawn(&task, sleeper, &ms);
    async_block(0.005);
    int err = async_await(&task);
    if (err)
        return err;
    err = async_suspend(&keeper->operation, "operation");
    ev("answered: %d", err);
    struct async_semaphore nobody = {.permits = 0};
    ev("%s", async_strerror(async_semaphore_acquire(&nobody)));
    return 0;
}

static void a_keeper_owns_the_clock(void **state)
{
    struct keeper keeper = {
        .base = {.idle = keeper_idle, .hold = keeper_hold},
        .operation = {.what = "waits for an operation"},
    };
    (void)state;

    async_keep_time(&keeper.base);
    trace(kept_program, &keeper);
    async_keep_time(NULL);
    assert_string_equal(trace_text,
                        "0 hold until 5; 5 idle until 25; 25 20 ms: success; "
                        "25 idle, nothing due: answer; 25 answered: 0; "
                        "25 deadlock: nothing is left that could wake anybody");
}

/* ---- Threads and the real clock ---------------------------------------- */

static int count_up(void *job)
{
    int *count = job;

    for (int i = 0; i < 100; i++) {
        int err = async_yield();
        if (err)
            return err;
        ++*count;
    }
    return 0;
}

static void *run_in_thread(void *job)
{
    return async_run(count_up, job) ? job : NULL;
}

static void every_thread_may_have_a_loop(void **state)
{
    pthread_t threads[4];
    int counts[4] = {0};
    (void)state;

    for (int i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, run_in_thread, &counts[i]), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
        assert_int_equal(counts[i], 100);
    }
}

static int sleep_really(void *job)
{
    double *slept = job;
    double begin = async_now();
    int err = async_sleep(0.002);

    *slept = async_now() - begin;
    return err;
}

/* In a thread of its own, whose clock has not been set yet. */
static void *real_clock(void *job)
{
    unsetenv("ASYNC_CLOCK");
    return async_run(sleep_really, job) ? job : NULL;
}

static void the_real_clock_never_wakes_early(void **state)
{
    pthread_t thread;
    double slept = 0;
    void *failed;
    (void)state;

    assert_int_equal(pthread_create(&thread, NULL, real_clock, &slept), 0);
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_true(slept >= 0.002);

    setenv("ASYNC_SPEED", "1000", 1);
    assert_int_equal(pthread_create(&thread, NULL, real_clock, &slept), 0);
    pthread_join(thread, &failed);
    unsetenv("ASYNC_SPEED");
    assert_null(failed);
    assert_true(slept >= 0.002);
}

/* In threads, whose clocks are set when they are first used. */
static void *convert(void *converted)
{
    *(int64_t *)converted = async_from_real_ns(1500);
    return NULL;
}

/* What the runtime waits with; nobody sees it from outside. */
int64_t async_real_ns(int64_t ns);

static void *convert_what_never_comes(void *converted)
{
    int64_t *ns = converted;

    ns[0] = async_from_real_ns(INT64_MAX / 2);
    ns[1] = async_real_ns(INT64_MAX / 2);
    return NULL;
}

static void *block(void *passed)
{
    struct timespec before, after;

    clock_gettime(CLOCK_MONOTONIC, &before);
    double from = async_now();
    async_block(0.02);
    double to = async_now();
    clock_gettime(CLOCK_MONOTONIC, &after);
    if (to - from >= 0.02)
        *(double *)passed = (double)(after.tv_sec - before.tv_sec) +
                            (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    return NULL;
}

static void in_a_thread(const char *speed, void *(*function)(void *), void *job)
{
    pthread_t thread;

    unsetenv("ASYNC_CLOCK");
    setenv("ASYNC_SPEED", speed, 1);
    assert_int_equal(pthread_create(&thread, NULL, function, job), 0);
    pthread_join(thread, NULL);
    unsetenv("ASYNC_SPEED");
    setenv("ASYNC_CLOCK", "virtual", 1);
}

static void real_times_are_turned_into_the_clocks(void **state)
{
    int64_t converted = 0;
    double passed = 0;
    (void)state;

    in_a_thread("1", convert, &converted);
    assert_int_equal(converted, 1500);
    in_a_thread("4", convert, &converted);
    assert_int_equal(converted, 6000);

    /* Longer than a number can say is as long as one can. */
    int64_t never[2] = {0};
    in_a_thread("1000000", convert_what_never_comes, never);
    assert_true(never[0] == INT64_MAX);
    in_a_thread("0.000001", convert_what_never_comes, never);
    assert_true(never[1] == INT64_MAX);

    in_a_thread("10", block, &passed);
    assert_true(passed >= 0.002);
}

/* ---- Errors of one's own ----------------------------------------------- */

static const char *name_error(int err)
{
    return err == -7001 ? "the kettle is empty" : "another trouble with tea";
}

static void errors_of_a_module_have_names(void **state)
{
    static struct async_error_names names = {
        .first = -7000, .last = -7099, .name = name_error};
    (void)state;

    assert_string_equal(async_strerror(-7001), "error -7001");
    async_name_errors(&names);
    async_name_errors(&names);
    assert_string_equal(async_strerror(-7001), "the kettle is empty");
    assert_string_equal(async_strerror(-7099), "another trouble with tea");
    assert_string_equal(async_strerror(-7100), "error -7100");
    assert_string_equal(async_strerror(-6999), "error -6999");
    assert_string_equal(async_errmsg(-7001), "the kettle is empty");
}

/* ---- Who may suspend --------------------------------------------------- */

static int look_whether_in_task(void *job)
{
    bool *in_task = job;

    *in_task = async_in_task("look");
    return 0;
}

static int look_outside(void *job)
{
    struct async_wait wait = {.what = "waits"};
    (void)job;

    return async_in_task("look") ? 0 : async_suspend(&wait, "look");
}

static void only_tasks_can_be_suspended(void **state)
{
    bool in_task = false;
    char reports[2048];

    (void)state;
    assert_int_equal(async_run(look_whether_in_task, &in_task), 0);
    assert_true(in_task);
    int err = capture_stderr(look_outside, NULL, reports, sizeof reports);
    assert_int_equal(err, ASYNC_ENOLOOP);
    assert_non_null(strstr(reports, "look() was called outside of any task"));
}

/* ---- Ctrl-C ------------------------------------------------------------ */

static void interrupt(struct async_closer *closer)
{
    (void)closer;
    raise(SIGINT);
}

static int interrupted_when_it_closes(void *job)
{
    async_on_close(job);
    return 0;
}

static void ctrl_c_while_the_loop_closes_is_not_lost(void **state)
{
    struct async_closer closer = {.close = interrupt};

    (void)state;
    assert_int_equal(async_run(interrupted_when_it_closes, &closer),
                     ASYNC_EINTERRUPTED);
}

/* Ctrl-C in the moment between the look for it and the deadlock. */
static int64_t interrupted_and_idle(struct async_time_keeper *self,
                                    int64_t next)
{
    static bool once;

    (void)self, (void)next;
    if (!once)
        raise(SIGINT);
    once = true;
    return -1;
}

static int wait_for_ever(void *job)
{
    (void)job;
    return async_sleep(INFINITY);
}

static int interrupted_at_a_deadlock(void *job)
{
    (void)job;
    return async_run(wait_for_ever, NULL);
}

static void ctrl_c_at_a_deadlock_is_not_lost(void **state)
{
    struct async_time_keeper keeper = {.idle = interrupted_and_idle};
    char reports[2048];

    (void)state;
    async_keep_time(&keeper);
    int err = capture_stderr(interrupted_at_a_deadlock, NULL, reports,
                             sizeof reports);
    async_keep_time(NULL);
    assert_int_equal(err, ASYNC_EINTERRUPTED);
    assert_string_equal(reports, "");
}

static void the_runtimes_errors_have_names_of_their_own(void **state)
{
    (void)state;

    for (int err = ASYNC_ECLOSED; err <= ASYNC_ECANCELED; err++) {
        const char *text = async_strerror(err);
        assert_null(strstr(text, "error -"));
        for (int other = ASYNC_ECLOSED; other < err; other++)
            assert_string_not_equal(text, async_strerror(other));
    }
    assert_string_equal(async_strerror(ASYNC_ECLOSED - 1), "error -1010");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_wakes_a_task),
        cmocka_unit_test(a_descriptor_alone_does_not_stop_the_virtual_clock),
        cmocka_unit_test(timers_ring_in_order_and_can_be_cleared),
        cmocka_unit_test(a_callback_can_be_taken_back),
        cmocka_unit_test(closers_are_called_after_the_last_task),
        cmocka_unit_test(a_keeper_owns_the_clock),
        cmocka_unit_test(every_thread_may_have_a_loop),
        cmocka_unit_test(the_real_clock_never_wakes_early),
        cmocka_unit_test(real_times_are_turned_into_the_clocks),
        cmocka_unit_test(errors_of_a_module_have_names),
        cmocka_unit_test(only_tasks_can_be_suspended),
        cmocka_unit_test(ctrl_c_while_the_loop_closes_is_not_lost),
        cmocka_unit_test(ctrl_c_at_a_deadlock_is_not_lost),
        cmocka_unit_test(the_runtimes_errors_have_names_of_their_own),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
