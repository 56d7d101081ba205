/*
 * test_mistakes.c - what the runtime says to a learner's mistakes, and how a
 * program ends. Each program runs in a process of its own; what it prints is
 * read.
 */
#include "trace.h"

#include "async/checkers.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[16384];

/* Runs program in a child process, fills output, returns its wait status. */
static int run(int (*program)(void))
{
    int ends[2], status;
    size_t length = 0;
    ssize_t n;

    fflush(NULL);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        exit(program());
    }
    close(ends[1]);
    while ((n = read(ends[0], output + length, sizeof output - 1 - length)) > 0)
        length += (size_t)n;
    output[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void assert_said(const char *text)
{
    if (!strstr(output, text))
        fail_msg("the output has no \"%s\":\n%s", text, output);
}

static void assert_exits(int (*program)(void), int status)
{
    int how = run(program);

    if (!WIFEXITED(how) || WEXITSTATUS(how) != status)
        fail_msg("wait status 0x%x, expected exit %d:\n%s", how, status,
                 output);
}

/* Where line of this file stands in a report. */
static const char *here(int line)
{
    static char text[64];

    snprintf(text, sizeof text, "test_mistakes.c:%d", line);
    return text;
}

static int sleeper(void *job)
{
    const double *seconds = job;
    int err = async_sleep(*seconds);

    printf("sleeper: %s\n", async_strerror(err));
    return err;
}

static int failing(void *job)
{
    (void)job;
    return async_raise(-EIO, "the disk is on fire");
}

/* ---- Tasks that nobody awaits ------------------------------------------ */

static int spawn_line;

static int forget_await(void *job)
{
    static double seconds = 10;
    struct async_task tasks[2];
    (void)job;

    spawn_line = __LINE__ + 1;
    async_spawn(&tasks[0], sleeper, &seconds);
    async_spawn(&tasks[1], failing, NULL);
    return async_yield();
}

static int never_awaited_program(void)
{
    int status = async_main(forget_await, NULL);

    printf("line %d\n", spawn_line);
    return status;
}

static void never_awaited(void **state)
{
    (void)state;
    assert_exits(never_awaited_program, 0);
    spawn_line = atoi(strstr(output, "line ") + 5);
    assert_said("never awaited: task 2, sleeper, spawned at ");
    assert_said(here(spawn_line));
    assert_said("the task is cancelled");
    assert_said("sleeper: the task was cancelled\n");
    assert_said(here(spawn_line + 1));
    assert_said("It failed, and nobody looked: the disk is on fire.");
}

struct order {
    double seconds;
    const char *drink;
};

static int serve(void *job)
{
    struct order *order = job;
    int err = async_sleep(order->seconds);

    printf("%s: %s\n", order->drink, async_strerror(err));
    return err;
}

static int leave_jobs_behind(void *job)
{
    struct order orders[3] = {{10, "tea"}, {11, "coffee"}, {12, "milk"}};
    struct async_task tasks[3];
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&tasks[i], serve, &orders[i]);
    return async_yield();
}

static int jobs_program(void)
{
    return async_main(leave_jobs_behind, NULL);
}

static void jobs_in_the_frame_that_was_left_stay_readable(void **state)
{
    (void)state;
    /* valgrind rightly complains of what this program does. */
    if (RUNNING_ON_VALGRIND)
        skip();
    assert_exits(jobs_program, 0);
    assert_said("tea: the task was cancelled\ncoffee: the task was "
                "cancelled\nmilk: the task was cancelled\n");
}

static int reuse_variable(void *job)
{
    static double seconds = 1;
    struct async_task task;
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&task, sleeper, &seconds);
    return async_await(&task);
}

static int reuse_program(void)
{
    return async_main(reuse_variable, NULL);
}

static void one_task_variable_in_a_loop(void **state)
{
    (void)state;
    assert_exits(reuse_program, 0);
    assert_said("one struct async_task for two tasks, at ");
    assert_said("Use an array with an element for each task");
    assert_said("never awaited: task 2, sleeper");
}

/* ---- Suspending where nothing can be suspended ------------------------- */

static int outside_program(void)
{
    struct async_semaphore semaphore = {.permits = 1};
    struct async_task task;
    double seconds = 1;

    if (async_sleep(1) != ASYNC_ENOLOOP || async_yield() != ASYNC_ENOLOOP ||
        async_semaphore_acquire(&semaphore) != ASYNC_ENOLOOP ||
        async_gather(NULL, 0) != ASYNC_ENOLOOP ||
        async_gather_each(sleeper, &seconds, 1) != ASYNC_ENOLOOP ||
        async_wait_for(sleeper, &seconds, 1) != ASYNC_ENOLOOP)
        return 1;
    async_spawn(&task, sleeper, &seconds);
    return task.err == ASYNC_ENOLOOP && async_await(&task) == ASYNC_ENOLOOP ? 0
                                                                            : 1;
}

static void outside_of_tasks(void **state)
{
    (void)state;
    assert_exits(outside_program, 0);
    assert_said("async_sleep() was called outside of any task");
    assert_said("async_yield() was called outside");
    assert_said("async_semaphore_acquire() was called outside");
    assert_said("async_gather() was called outside");
    assert_said("async_gather_each() was called outside");
    assert_said("async_wait_for() was called outside");
    assert_said("async_spawn() was called outside");
    assert_said("async_await() was called outside");
}

static int run_again(void *job)
{
    return async_run(failing, job);
}

static int nested_program(void)
{
    return async_main(run_again, NULL);
}

static void run_inside_run(void **state)
{
    (void)state;
    assert_exits(nested_program, 1);
    assert_said("async_run() was called inside async_run()");
    assert_said("error: async_run inside async_run\n");
}

/* ---- Semaphores and deadlocks ------------------------------------------ */

static int release_too_often(void *job)
{
    struct async_semaphore semaphore = {.permits = 2};
    (void)job;

    int err = async_semaphore_acquire(&semaphore);
    async_semaphore_release(&semaphore);
    async_semaphore_release(&semaphore);
    printf("%d free\n", semaphore.permits);
    return err;
}

static int over_release_program(void)
{
    return async_main(release_too_often, NULL);
}

static void semaphore_over_release(void **state)
{
    (void)state;
    assert_exits(over_release_program, 0);
    assert_said("a semaphore was released more often than acquired");
    assert_said("2 free\n");
}

static int release_unacquired(void *job)
{
    struct async_semaphore semaphore = {.permits = 2};
    (void)job;

    async_semaphore_release(&semaphore);
    printf("%d free\n", semaphore.permits);
    return 0;
}

static int release_unacquired_program(void)
{
    return async_main(release_unacquired, NULL);
}

static void semaphore_released_before_any_acquire(void **state)
{
    (void)state;
    assert_exits(release_unacquired_program, 0);
    assert_said("a semaphore was released more often than acquired");
    assert_said("2 free\n");
}

static int acquire(void *job)
{
    int err = async_semaphore_acquire(job);

    printf("acquire: %s\n", async_strerror(err));
    return err;
}

static int wait_for_nobody(void *job)
{
    struct async_semaphore semaphore = {.permits = 0};
    struct async_task tasks[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], acquire, &semaphore);
    int err = async_gather(tasks, 2);
    printf("gather: %s\n", async_strerror(err));
    return err;
}

static int deadlock_program(void)
{
    return async_main(wait_for_nobody, NULL);
}

static void deadlock(void **state)
{
    (void)state;
    assert_exits(deadlock_program, 1);
    assert_said("async: deadlock: every task waits");
    assert_said("main                  waits for the tasks that it gathers");
    assert_said("acquire               waits for a permit of a semaphore\n"
                "         at ");
    assert_said("acquire: the task was cancelled\nacquire: the task was "
                "cancelled\ngather: deadlock");
    assert_said("error: deadlock");
}

static int stubborn(void *job)
{
    struct async_semaphore semaphore = {.permits = 0};
    int err = 0;
    (void)job;

    while (err != -EINVAL)
        err = async_semaphore_acquire(&semaphore);
    return err;
}

static int stubborn_program(void)
{
    signal(SIGABRT, SIG_DFL);
    return async_main(stubborn, NULL);
}

static void deadlock_a_second_time_aborts(void **state)
{
    (void)state;
    int how = run(stubborn_program);

    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGABRT);
}

/* ---- The end of a program ---------------------------------------------- */

static int failing_program(void)
{
    return async_main(failing, NULL);
}

static void main_prints_an_unhandled_error(void **state)
{
    (void)state;
    assert_exits(failing_program, 1);
    assert_string_equal(output, "error: the disk is on fire\n");
}

#if !defined(ASYNC_ASAN) &&                                                    \
    !defined(ASYNC_TSAN) /* whose own handlers say more */

static int recurse(int depth)
{
    volatile char frame[1000];

    frame[0] = (char)depth;
    /* Never that deep; but an endless recursion is warned of. */
    return depth < 1000000 ? recurse(depth + 1) + frame[0] : 0;
}

static int overflow(void *job)
{
    (void)job;
    return recurse(0);
}

static int spawn_overflow(void *job)
{
    struct async_task task;

    async_spawn(&task, overflow, job);
    return async_await(&task);
}

static int overflow_program(void)
{
    return async_main(spawn_overflow, NULL);
}

static void stack_overflow(void **state)
{
    (void)state;
    int how = run(overflow_program);

    assert_true(WIFSIGNALED(how));
    assert_true(WTERMSIG(how) == SIGSEGV || WTERMSIG(how) == SIGBUS);
    assert_said("stack overflow in task overflow, spawned at ");
}

#endif

/* ---- Ctrl-C ------------------------------------------------------------ */

static int interrupt_myself(void *job)
{
    struct async_task task;
    double seconds = 3600;
    (void)job;

    async_spawn(&task, sleeper, &seconds);
    int err = async_yield();
    if (err)
        return err;
    raise(SIGINT);
    err = async_await(&task);
    printf("main cleans up\n");
    return err;
}

static int interrupt_program(void)
{
    unsetenv("ASYNC_CLOCK");
    return async_main(interrupt_myself, NULL);
}

static void ctrl_c_cancels_main(void **state)
{
    (void)state;
    assert_exits(interrupt_program, 130);
    assert_string_equal(output,
                        "async: interrupted; Ctrl-C once more stops at once.\n"
                        "sleeper: the task was cancelled\n"
                        "main cleans up\nerror: interrupted\n");
}

static int interrupt_twice(void *job)
{
    (void)job;
    raise(SIGINT);
    raise(SIGINT);
    printf("not reached\n");
    return 0;
}

static int interrupt_twice_program(void)
{
    return async_main(interrupt_twice, NULL);
}

static void second_ctrl_c_stops_at_once(void **state)
{
    (void)state;
    int how = run(interrupt_twice_program);

    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGINT);
    assert_null(strstr(output, "not reached"));
}

/* ---- Settings ---------------------------------------------------------- */

static int settings_program(void)
{
    setenv("ASYNC_CLOCK", "sundial", 1);
    setenv("ASYNC_SPEED", "fast", 1);
    async_now();
    return 0;
}

static void unknown_settings_are_named(void **state)
{
    (void)state;
    assert_exits(settings_program, 0);
    assert_said("ASYNC_CLOCK=sundial is unknown (real, virtual)");
    assert_said("ASYNC_SPEED=fast is not a number from");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_awaited),
        cmocka_unit_test(jobs_in_the_frame_that_was_left_stay_readable),
        cmocka_unit_test(one_task_variable_in_a_loop),
        cmocka_unit_test(outside_of_tasks),
        cmocka_unit_test(run_inside_run),
        cmocka_unit_test(semaphore_over_release),
        cmocka_unit_test(semaphore_released_before_any_acquire),
        cmocka_unit_test(deadlock),
        cmocka_unit_test(deadlock_a_second_time_aborts),
        cmocka_unit_test(main_prints_an_unhandled_error),
#if !defined(ASYNC_ASAN) &&                                                    \
    !defined(ASYNC_TSAN) /* whose own handlers say more */
        cmocka_unit_test(stack_overflow),
#endif
        cmocka_unit_test(ctrl_c_cancels_main),
        cmocka_unit_test(second_ctrl_c_stops_at_once),
        cmocka_unit_test(unknown_settings_are_named),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
