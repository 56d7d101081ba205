/*
 * test_scarce.c - what comes of it when the system has no more to give:
 * descriptors, memory, a system call that it does not know yet. An error code
 * comes of it, and afterwards everything works again.
 */
#include "trace.h"

#include "async/async_loop.h"
#include "async/checkers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

/* ---- Descriptors ------------------------------------------------------- */

/* From now on so many descriptors more can be opened; returns the old limit. */
static struct rlimit leave_descriptors(int n)
{
    struct rlimit old, now;
    int next = dup(STDERR_FILENO);

    close(next);
    getrlimit(RLIMIT_NOFILE, &old);
    now = old;
    now.rlim_cur = (rlim_t)(next + n);
    setrlimit(RLIMIT_NOFILE, &now);
    return old;
}

static int nothing(void *job)
{
    (void)job;
    return 0;
}

/* A run raises the limit, unless that is the hard one: there is no way back
   from it, and so this is for a process of its own. */
static int run_with_descriptors(int n)
{
    struct rlimit now;

    leave_descriptors(n);
    getrlimit(RLIMIT_NOFILE, &now);
    now.rlim_max = now.rlim_cur;
    setrlimit(RLIMIT_NOFILE, &now);
    int err = async_run(nothing, NULL);
    /* Whatever had been opened is closed: the same number is the next again. */
    int next = dup(STDERR_FILENO);
    bool closed = n == 0 ? next < 0 : next == (int)now.rlim_cur - n;
    return closed ? -err : EXIT_FAILURE;
}

static int status_with_descriptors(int n)
{
    int status;

    if (RUNNING_ON_VALGRIND) /* which has descriptors of its own */
        skip();
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        status = run_with_descriptors(n);
#ifdef ASYNC_ASAN
        _exit(status); /* its look for leaks needs descriptors */
#endif
        exit(status);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A loop opens a pipe, and before it an epoll where there is one. */
static void no_descriptors_for_a_loop(void **state)
{
    (void)state;
    assert_int_equal(status_with_descriptors(0), EMFILE);
    assert_int_equal(status_with_descriptors(1), EMFILE);
    assert_int_equal(status_with_descriptors(3), 0);
}

/* The usual limit is for programs that use select(). */
static void a_run_may_open_as_many_files_as_the_system_allows(void **state)
{
    struct rlimit old = leave_descriptors(100), now;

    (void)state;
    assert_int_equal(async_run(nothing, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(now.rlim_cur == now.rlim_max);
    setrlimit(RLIMIT_NOFILE, &old);
}

static int thread_without_descriptors(void *job)
{
    struct rlimit old = leave_descriptors(0);
    (void)job;

    ev("%s", async_errmsg(async_to_thread(nothing, NULL)));
    setrlimit(RLIMIT_NOFILE, &old);
    ev("%s", async_errmsg(async_to_thread(nothing, NULL)));
    return 0;
}

static void no_descriptors_for_threads(void **state)
{
    (void)state;
    trace(thread_without_descriptors, NULL);
    assert_non_null(strstr(trace_text,
                           "no thread for a function that blocks: Too many "
                           "open files"));
    assert_non_null(strstr(trace_text, "success"));
}

/* ---- Memory ------------------------------------------------------------ */

#if !defined(ASYNC_ASAN) && !defined(ASYNC_TSAN) /* who give up without any */

static size_t mapped(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static struct rlimit old_memory;

static void leave_memory(size_t bytes)
{
    assert_int_equal(getrlimit(RLIMIT_AS, &old_memory), 0);
    struct rlimit now = {.rlim_cur = mapped() + bytes,
                         .rlim_max = old_memory.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &now), 0);
}

static void give_memory_back(void)
{
    setrlimit(RLIMIT_AS, &old_memory);
}

/* Emulators and valgrind do not keep to that limit. */
static bool memory_can_be_limited(void)
{
    enum { MUCH = 64 << 20 };

    leave_memory(1 << 20);
    void *much = malloc(MUCH);
    give_memory_back();
    free(much);
    return !much && !RUNNING_ON_VALGRIND;
}

/* Takes all that malloc has, in a list. */
static void *take_all(void)
{
    void **taken = NULL;

    for (size_t size = 1 << 20; size >= sizeof(void *); size /= 2)
        for (void **more; (more = malloc(size)); taken = more)
            *more = taken;
    return taken;
}

static void free_all(void **taken)
{
    while (taken) {
        void **next = *taken;

        free(taken);
        taken = next;
    }
}

static int gather_two(void *tasks)
{
    return async_gather(tasks, 2);
}

static int wait_there(void *event)
{
    return async_event_wait(event);
}

struct attempts {
    int sleep, put, readable, thread, limit, each, each_all, gather,
        cancelled_gather;
    int spawned, failed; /* of 1,000 tasks */
    int ends[2];
};

enum { MANY = 1000 };

/* Two gather the same tasks: the second has to allocate. */
static int gather_twice(void)
{
    struct async_event event = {0};
    struct async_task tasks[2], gatherer;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], wait_there, &event);
    async_spawn(&gatherer, gather_two, tasks);
    int err = async_yield();
    if (!err)
        err = async_gather(tasks, 2);
    async_reap(&gatherer, 1);
    return err;
}

/* The second of two who gather is cancelled while it waits nevertheless. */
static int gather_twice_and_cancel(void)
{
    struct async_event event = {0};
    struct async_task tasks[2], gatherers[2];

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], wait_there, &event);
    for (int i = 0; i < 2; i++)
        async_spawn(&gatherers[i], gather_two, tasks);
    int err = async_yield();
    async_cancel(&gatherers[1]);
    int later = async_gather_all(gatherers, 2);
    async_reap(tasks, 2);
    return err ? err : later ? later : gatherers[1].err;
}

static int spawn_many(struct attempts *attempts)
{
    static struct async_task tasks[MANY];
    struct async_event event = {0};

    for (int i = 0; i < MANY; i++)
        async_spawn(&tasks[i], wait_there, &event);
    int err = async_yield();
    async_event_set(&event);
    if (!err)
        err = async_gather_all(tasks, MANY);
    for (int i = 0; i < MANY; i++) {
        attempts->spawned += tasks[i].err == 0;
        attempts->failed += tasks[i].err == ASYNC_ENOMEM;
    }
    return err;
}

static int attempt_all(void *job)
{
    struct attempts *attempts = job;
    struct async_queue queue = {0};
    static int jobs[3], errs[3];
    static void *taken;

    leave_memory(0);
    taken = take_all();
    attempts->sleep = async_sleep(1);
    attempts->put = async_queue_put(&queue, &queue);
    attempts->readable = async_wait_readable(attempts->ends[0]);
    attempts->thread = async_to_thread(nothing, NULL);
    attempts->limit = async_wait_for(nothing, NULL, 1);
    attempts->each = async_gather_each(nothing, jobs, 3);
    attempts->each_all = async_gather_each_all(nothing, jobs, 3, errs);
    attempts->gather = gather_twice();
    attempts->cancelled_gather = gather_twice_and_cancel();
    int err = spawn_many(attempts);
    free_all(taken);
    give_memory_back();
    return err;
}

static int do_all(void *job)
{
    struct attempts *attempts = job;
    struct async_queue queue = {0};
    int jobs[3], errs[3];
    void *item;

    attempts->sleep = async_sleep(1);
    attempts->put = async_queue_put(&queue, &queue);
    int err = async_queue_get(&queue, &item);
    attempts->readable = async_wait_readable(attempts->ends[0]);
    attempts->thread = async_to_thread(nothing, NULL);
    attempts->limit = async_wait_for(nothing, NULL, 1);
    attempts->each = async_gather_each(nothing, jobs, 3);
    attempts->each_all = async_gather_each_all(nothing, jobs, 3, errs);
    int second = spawn_many(attempts);
    return err ? err : second;
}

static int scarce_then_plenty(void *job)
{
    struct attempts *attempts = job;
    int ends[2] = {attempts->ends[0], attempts->ends[1]};

    int err = attempt_all(&attempts[0]);
    memcpy(attempts[1].ends, ends, sizeof ends);
    return err ? err : do_all(&attempts[1]);
}

static void without_memory_everything_says_so(void **state)
{
    struct attempts attempts[2] = {{0}};
    struct attempts *without = &attempts[0], *with = &attempts[1];

    (void)state;
    if (!memory_can_be_limited())
        skip();
    assert_int_equal(pipe(without->ends), 0);
    assert_int_equal(write(without->ends[1], "x", 1), 1);
    assert_int_equal(async_run(scarce_then_plenty, attempts), 0);
    close(without->ends[0]);
    close(without->ends[1]);

    assert_int_equal(without->sleep, ASYNC_ENOMEM);
    assert_int_equal(without->put, ASYNC_ENOMEM);
    assert_int_equal(without->readable, ASYNC_ENOMEM);
    assert_int_equal(without->thread, ASYNC_ENOMEM);
    assert_int_equal(without->limit, ASYNC_ENOMEM);
    assert_int_equal(without->each, ASYNC_ENOMEM);
    assert_int_equal(without->each_all, ASYNC_ENOMEM);
    assert_int_equal(without->gather, ASYNC_ENOMEM);
    assert_int_equal(without->cancelled_gather, ASYNC_ECANCELED);
    assert_true(without->failed > 0);
    assert_int_equal(without->spawned + without->failed, MANY);

    assert_int_equal(with->sleep | with->put | with->readable | with->thread |
                         with->limit | with->each | with->each_all,
                     0);
    assert_int_equal(with->spawned, MANY);
}

/* Room for small things, not for the stack of a thread or for more tasks'. */
static int without_stacks(void *job)
{
    struct attempts *attempts = job;

    leave_memory(2 << 20);
    attempts->thread = async_to_thread(nothing, NULL);
    ev("%s", async_errmsg(attempts->thread));
    int err = spawn_many(attempts);
    give_memory_back();
    return err;
}

static void tasks_without_a_stack_have_failed(void **state)
{
    struct attempts attempts = {0};

    (void)state;
    if (!memory_can_be_limited())
        skip();
    trace(without_stacks, &attempts);
    assert_int_equal(attempts.thread, -EAGAIN);
    assert_string_equal(trace_text,
                        "0 no thread for a function that blocks: Resource "
                        "temporarily unavailable");
    assert_true(attempts.spawned > 0);
    assert_true(attempts.failed > 0);
    assert_int_equal(attempts.spawned + attempts.failed, MANY);
}

#endif

/* ---- System calls ------------------------------------------------------ */

#ifdef SYS_epoll_pwait2

enum { NO_FILTERS = 77 };

/* From now on that call fails, as in an older kernel, or in a container. */
static bool forbid_epoll_pwait2(unsigned error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* A wait with a limit, and one without. */
static int wait_twice(void *job)
{
    double *slept = job, begin = async_now();
    int err = async_sleep(0.0015);

    *slept = async_now() - begin;
    return err ? err : async_to_thread(nothing, NULL);
}

static int wait_without_epoll_pwait2(unsigned error)
{
    double slept = 0;

    setenv("ASYNC_CLOCK", "real", 1);
    async_keep_time(NULL);
    if (!forbid_epoll_pwait2(error))
        return NO_FILTERS;
    if (async_run(wait_twice, &slept))
        return EXIT_FAILURE;
    return slept >= 0.0015 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void without_epoll_pwait2_nobody_wakes_early(void **state)
{
    const unsigned errors[] = {ENOSYS, EPERM};
    int status;

    (void)state;
    for (int i = 0; i < 2; i++) {
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            exit(wait_without_epoll_pwait2(errors[i]));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == NO_FILTERS)
            skip();
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#if !defined(ASYNC_ASAN) && !defined(ASYNC_TSAN)
        /* First, because a thread's stack is kept for the next one. */
        cmocka_unit_test(tasks_without_a_stack_have_failed),
        cmocka_unit_test(without_memory_everything_says_so),
#endif
        cmocka_unit_test(no_descriptors_for_a_loop),
        cmocka_unit_test(a_run_may_open_as_many_files_as_the_system_allows),
        cmocka_unit_test(no_descriptors_for_threads),
#ifdef SYS_epoll_pwait2
        cmocka_unit_test(without_epoll_pwait2_nobody_wakes_early),
#endif
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
