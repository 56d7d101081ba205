/*
 * test_outside.c - waiting for threads and for file descriptors.
 *
 * Who goes first is decided by pipes and conditions, never by time.
 */
#include "trace.h"

#include "async/async_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Threads ----------------------------------------------------------- */

/* A thread that waits until it is let go. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int begun, open;
};

#define GATE                                                                   \
    {                                                                          \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0              \
    }

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = 1;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static int wait_at_gate(void *job)
{
    struct gate *gate = job;

    pthread_mutex_lock(&gate->lock);
    gate->begun++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return 0;
}

static int in_thread(void *job)
{
    struct gate *gate = job;
    int err = async_to_thread(wait_at_gate, gate);

    ev("thread: %s", async_strerror(err));
    return err;
}

struct sum {
    int a, b; /* in */
    int sum;  /* out */
    pthread_t thread;
};

static int add(void *job)
{
    struct sum *sum = job;

    sum->thread = pthread_self();
    if (sum->a < 0)
        return async_raise(-EDOM, "%d is negative", sum->a);
    sum->sum = sum->a + sum->b;
    return 0;
}

static int add_in_thread(void *job)
{
    struct sum sums[2] = {{.a = 40, .b = 2}, {.a = -1}};
    (void)job;

    int err = async_to_thread(add, &sums[0]);
    ev("%d, %d in a thread of its own: %d", err, sums[0].sum,
       !pthread_equal(sums[0].thread, pthread_self()));
    err = async_to_thread(add, &sums[1]);
    ev("%d %s", err, async_errmsg(err));
    /* The text of the last error is not this one's. */
    sums[1].a = 1;
    err = async_to_thread(add, &sums[1]);
    ev("%d %s", err, async_errmsg(-EDOM));
    return 0;
}

static void results_and_errors_come_back_from_threads(void **state)
{
    (void)state;
    TRACE(add_in_thread, "0 0, 42 in a thread of its own: 1; "
                         "0 -33 -1 is negative; "
                         "0 0 -1 is negative");
}

/* What another program that is started there could not be stopped by. */
static int count_blocked_signals(void *count)
{
    sigset_t blocked;

    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number < 32; number++)
        *(int *)count += sigismember(&blocked, number) == 1;
    return 0;
}

static int look_at_signals(void *job)
{
    int count = 0;
    (void)job;

    int err = async_to_thread(count_blocked_signals, &count);
    ev("%d, %d blocked", err, count);
    return err;
}

static void a_thread_blocks_no_signal(void **state)
{
    (void)state;
    TRACE(look_at_signals, "0 0, 0 blocked");
}

static int run_beside(void *job)
{
    struct gate gate = GATE;
    struct async_task task;
    int err = 0;
    (void)job;

    async_spawn(&task, in_thread, &gate);
    for (int i = 0; i < 3 && !err; i++) {
        ev("others run");
        err = async_yield();
    }
    gate_open(&gate); /* also if cancelled, or the thread stays there */
    return err ? err : async_await(&task);
}

static void others_run_meanwhile(void **state)
{
    (void)state;
    TRACE(run_beside,
          "0 others run; 0 others run; 0 others run; 0 thread: success");
}

static int sleep_beside(void *job)
{
    struct gate gate = GATE;
    struct async_task task;
    double begin = async_now();
    (void)job;

    async_spawn(&task, in_thread, &gate);
    int err = async_sleep(0.02);
    if (async_now() - begin < 0.02)
        ev("woke too early");
    gate_open(&gate);
    return err ? err : async_await(&task);
}

static void a_virtual_clock_flows_beside_a_thread(void **state)
{
    (void)state;
    assert_string_equal(strchr(trace(sleep_beside, NULL), ' '),
                        " thread: success");
}

static int cancel_a_thread(void *job)
{
    struct gate gate = GATE;
    struct async_task task;
    (void)job;

    async_spawn(&task, in_thread, &gate);
    int err = async_yield();
    pthread_mutex_lock(&gate.lock);
    while (!gate.begun)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    ev("cancelled %d", async_cancel(&task));
    if (!err)
        err = async_yield();
    ev("%s", async_strerror(task.err));
    gate_open(&gate);
    return err ? err : async_await(&task);
}

static void a_cancelled_thread_is_waited_for(void **state)
{
    (void)state;
    TRACE(cancel_a_thread, "0 cancelled 1; 0 the task has not been awaited; "
                           "0 thread: the task was cancelled; "
                           "0 ended with the task was cancelled");
}

static int never(void *job)
{
    (void)job;
    ev("it has begun");
    return 0;
}

static int never_in_thread(void *job)
{
    return async_to_thread(never, job);
}

/* More jobs than threads, whatever the machine: the rest wait in line. */
enum { MANY = 100 };

static int cancel_in_line(void *job)
{
    struct gate gate = GATE;
    struct async_task tasks[MANY], last[2];
    int err;
    (void)job;

    for (int i = 0; i < MANY; i++)
        async_spawn(&tasks[i], wait_at_gate, &gate);
    async_reap(tasks, MANY); /* before their first steps */
    if (gate.begun)
        ev("%d have begun", gate.begun);
    for (int i = 0; i < MANY; i++)
        async_spawn(&tasks[i], in_thread, &gate);
    for (int i = 0; i < 2; i++)
        async_spawn(&last[i], never_in_thread, NULL);
    if ((err = async_yield())) {
        gate_open(&gate);
        return err;
    }
    for (int i = 0; i < 2; i++)
        async_cancel(&last[i]);
    err = async_gather_all(last, 2);
    ev("%s, %d", async_strerror(last[1].err), err);
    gate_open(&gate);
    if (!err)
        err = async_gather(tasks, MANY);
    trace_length = 0; /* a hundred times success */
    ev("%d of %d", gate.begun, MANY);
    return err;
}

static void what_has_not_begun_never_does(void **state)
{
    (void)state;
    TRACE(cancel_in_line, "0 100 of 100");
}

static int cancelled_before(void *job)
{
    (void)job;
    /* From here on a cancellation is pending. */
    async_cancel(job);
    int err = async_to_thread(never, NULL);
    ev("%s", async_strerror(err));
    return err;
}

static int cancel_itself(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, cancelled_before, &task);
    return async_await(&task);
}

static void a_pending_cancel_starts_no_thread(void **state)
{
    (void)state;
    TRACE(cancel_itself, "0 the task was cancelled; "
                         "0 ended with the task was cancelled");
}

static int count_turns(void *job)
{
    int *turns = job;

    while (++*turns < 10) {
        int err = async_sleep(0.001);
        if (err)
            return err;
    }
    return 0;
}

/* In the thread. */
static int run_a_loop(void *job)
{
    return async_run(count_turns, job);
}

static int loop_in_thread(void *job)
{
    int turns = 0;
    int err = async_to_thread(run_a_loop, &turns);
    (void)job;

    ev("%d turns", turns);
    return err;
}

static void a_thread_may_run_a_loop_of_its_own(void **state)
{
    (void)state;
    TRACE(loop_in_thread, "0 10 turns");
}

static int add_by_thread(void *job)
{
    return async_to_thread(add, job);
}

static int add_many(void *job)
{
    static struct sum sums[500];
    static struct async_task tasks[500];
    int total = 0;
    (void)job;

    for (int i = 0; i < 500; i++) {
        sums[i] = (struct sum){.a = i, .b = 1};
        async_spawn(&tasks[i], add_by_thread, &sums[i]);
    }
    int err = async_gather(tasks, 500);
    for (int i = 0; i < 500; i++)
        total += sums[i].sum;
    ev("%d", total);
    return err;
}

static void more_jobs_than_threads(void **state)
{
    (void)state;
    TRACE(add_many, "0 125250");
}

static void no_thread_outside_of_tasks(void **state)
{
    (void)state;
    assert_int_equal(async_to_thread(never, NULL), ASYNC_ENOLOOP);
}

/* ---- File descriptors -------------------------------------------------- */

/* The clock flows meanwhile: what was noted, without the times. */
static const char *events(async_fn *program)
{
    static char text[sizeof trace_text];
    char *end = text;

    for (const char *c = trace(program, NULL); *c;) {
        c += strspn(c, "0123456789") + 1;
        size_t length = strcspn(c, ";");
        end += sprintf(end, "%s%.*s", end == text ? "" : "; ", (int)length, c);
        c += length + (c[length] ? 2 : 0);
    }
    return text;
}

#define EVENTS(program, expected)                                              \
    assert_string_equal(events(program), (expected))

static int pair[2];

static int open_pair(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static int close_pair(void **state)
{
    (void)state;
    return close(pair[0]) | close(pair[1]);
}

static int read_one(void *job)
{
    int *fd = job;
    char byte;
    int err = async_wait_readable(*fd);

    if (err) {
        ev("no read: %s", async_errmsg(err));
        return err;
    }
    ev("%zd read", read(*fd, &byte, 1));
    return 0;
}

static int write_later(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, read_one, &pair[0]);
    int err = async_yield();
    ev("writes");
    if (!err && write(pair[1], "x", 1) != 1)
        err = -errno;
    return err ? err : async_await(&task);
}

static void readable_wakes_the_reader(void **state)
{
    (void)state;
    EVENTS(write_later, "writes; 1 read");
}

static int fill(int fd)
{
    static const char bytes[4096];

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (write(fd, bytes, sizeof bytes) > 0) {
        /* Until it would block. */
    }
    return fd;
}

static int drain(int fd)
{
    char bytes[4096];
    int total = 0;
    ssize_t n;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        total += (int)n;
    return total;
}

static int write_one(void *job)
{
    int *fd = job;
    int err = async_wait_writable(*fd);

    ev("writable: %s", async_strerror(err));
    return err;
}

/* One task waits to read, another to write, the same descriptor. */
static int both_ways(void *job)
{
    struct async_task tasks[2];
    (void)job;

    fill(pair[0]);
    async_spawn(&tasks[0], read_one, &pair[0]);
    async_spawn(&tasks[1], write_one, &pair[0]);
    int err = async_yield();
    ev("drains %d", drain(pair[1]) > 0);
    if (!err)
        err = async_await(&tasks[1]);
    ev("writes");
    if (!err && write(pair[1], "x", 1) != 1)
        err = -errno;
    return err ? err : async_await(&tasks[0]);
}

static void reader_and_writer_share_a_descriptor(void **state)
{
    (void)state;
    EVENTS(both_ways, "drains 1; writable: success; writes; 1 read");
}

static int two_readers(void *job)
{
    struct async_task tasks[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], read_one, &pair[0]);
    int err = async_await(&tasks[1]);
    if (err == -EBUSY)
        ev("busy");
    async_cancel(&tasks[0]);
    err = async_gather_all(tasks, 2);
    /* Nobody waits any more: it can be waited for again. */
    if (!err && write(pair[1], "x", 1) != 1)
        err = -errno;
    return err ? err : read_one(&pair[0]);
}

static void one_reader_at_a_time(void **state)
{
    char expected[160];
    (void)state;

    snprintf(expected, sizeof expected,
             "no read: another task waits for descriptor %d; busy; "
             "no read: the task was cancelled; 1 read",
             pair[0]);
    EVENTS(two_readers, expected);
}

static int peer_closes(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, read_one, &pair[0]);
    int err = async_yield();
    shutdown(pair[1], SHUT_WR);
    return err ? err : async_await(&task);
}

static void end_of_file_is_readable(void **state)
{
    (void)state;
    EVENTS(peer_closes, "0 read");
}

static int bad_descriptors(void *job)
{
    int unused = dup(0);
    FILE *file = tmpfile();
    (void)job;

    close(unused);
    ev("%d %d", async_wait_readable(-1) == -EBADF,
       async_wait_writable(unused) == -EBADF);
    ev("%d", async_wait_readable(2000000000) == -EBADF);
    ev("a file: %d", async_wait_readable(fileno(file)));
    fclose(file);
    return 0;
}

static void bad_descriptors_and_files(void **state)
{
    (void)state;
    EVENTS(bad_descriptors, "1 1; 1; a file: 0");
}

static void no_descriptor_outside_of_tasks(void **state)
{
    (void)state;
    assert_int_equal(async_wait_readable(0), ASYNC_ENOLOOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_and_errors_come_back_from_threads),
        cmocka_unit_test(a_thread_blocks_no_signal),
        cmocka_unit_test(others_run_meanwhile),
        cmocka_unit_test(a_virtual_clock_flows_beside_a_thread),
        cmocka_unit_test(a_cancelled_thread_is_waited_for),
        cmocka_unit_test(what_has_not_begun_never_does),
        cmocka_unit_test(a_pending_cancel_starts_no_thread),
        cmocka_unit_test(a_thread_may_run_a_loop_of_its_own),
        cmocka_unit_test(more_jobs_than_threads),
        cmocka_unit_test(no_thread_outside_of_tasks),
        cmocka_unit_test_setup_teardown(readable_wakes_the_reader, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(reader_and_writer_share_a_descriptor,
                                        open_pair, close_pair),
        cmocka_unit_test_setup_teardown(one_reader_at_a_time, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(end_of_file_is_readable, open_pair,
                                        close_pair),
        cmocka_unit_test(bad_descriptors_and_files),
        cmocka_unit_test(no_descriptor_outside_of_tasks),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
