/*
 * test_mistakes.c - what the runtime says to a learner's mistakes, and how a
 * program ends. Each program runs in a process of its own; what it prints is
 * read.
 */
#include "trace.h"

#include "async/async_loop.h"
#include "async/checkers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[65536];

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

static int fail_in_cleanup(void *job)
{
    int err = async_sleep(1);
    (void)job;

    return err ? async_raise(-EINVAL, "the sink is blocked") : 0;
}

static int forget_a_failing_cleanup(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, fail_in_cleanup, NULL);
    return async_yield();
}

static int failing_cleanup_program(void)
{
    return async_main(forget_a_failing_cleanup, NULL);
}

static void a_failure_in_cleanup_is_told(void **state)
{
    (void)state;
    assert_exits(failing_cleanup_program, 0);
    assert_said("the task is cancelled");
    assert_said("It failed in its cleanup, and nobody looked: the sink is "
                "blocked.");
}

static int forget_many(void *job)
{
    static double seconds = 10;
    static struct async_task tasks[1000];
    (void)job;

    for (int i = 0; i < 1000; i++)
        async_spawn(&tasks[i], sleeper, &seconds);
    return 0;
}

static int many_forgotten_program(void)
{
    return async_main(forget_many, NULL);
}

static void many_never_awaited_are_counted(void **state)
{
    (void)state;
    assert_exits(many_forgotten_program, 0);
    assert_said("never awaited: task 11, sleeper");
    assert_null(strstr(output, "never awaited: task 12, sleeper"));
    assert_said(
        "async: never awaited: 990 more of those that task 1, main, has "
        "spawned.\n");
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

enum { GENERATIONS = 8000 };

static int generations;

static int last_of_them(void *job)
{
    (void)job;
    return async_sleep(1);
}

/* Each leaves one child behind, the last ends on its own small stack, and with
   it all others do. */
static int leave_a_child(void *job)
{
    static struct async_task children[GENERATIONS];

    if (generations == GENERATIONS)
        return async_shield(last_of_them, NULL);
    async_spawn(&children[generations++], leave_a_child, job);
    return 0;
}

static int deep_family_program(void)
{
    if (!freopen("/dev/null", "w", stderr)) /* 8,000 reports */
        return EXIT_FAILURE;
    return async_main(leave_a_child, NULL);
}

static void a_deep_family_ends_without_recursion(void **state)
{
    (void)state;
    assert_exits(deep_family_program, 0);
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

static int reuse_two_variables(void *job)
{
    static double seconds = 1;
    struct async_task tea, milk;
    (void)job;

    for (int i = 0; i < 2; i++) {
        async_spawn(&tea, sleeper, &seconds);
        async_spawn(&milk, sleeper, &seconds);
    }
    int err = async_await(&tea);
    int second = async_await(&milk);
    return err ? err : second;
}

static int reuse_two_program(void)
{
    return async_main(reuse_two_variables, NULL);
}

static void two_task_variables_in_a_loop(void **state)
{
    (void)state;
    assert_exits(reuse_two_program, 0);
    assert_said("It still belongs to task 2, sleeper");
    assert_said("It still belongs to task 3, sleeper");
    assert_said("never awaited: task 3, sleeper");
}

/* As is right: each is awaited before its variable is used again. */
static int use_twice_in_turn(void *job)
{
    static double seconds = 1;
    struct async_task tea, milk;
    int err = 0;
    (void)job;

    for (int i = 0; i < 2 && !err; i++) {
        async_spawn(&tea, sleeper, &seconds);
        async_spawn(&milk, sleeper, &seconds);
        int first = async_await(&milk);
        err = async_await(&tea);
        err = err ? err : first;
    }
    return err;
}

static int use_twice_program(void)
{
    return async_main(use_twice_in_turn, NULL);
}

static void a_task_variable_may_be_used_again(void **state)
{
    (void)state;
    assert_exits(use_twice_program, 0);
    assert_null(strstr(output, "async:"));
}

/* ---- Suspending where nothing can be suspended ------------------------- */

static int outside_program(void)
{
    struct async_semaphore semaphore = {.permits = 1};
    struct async_event event = {.is_set = true};
    struct async_queue queue = {0};
    struct async_task task = {.err = 1};
    double seconds = 1;
    size_t i;
    void *item;
    int errs[1];
    const int results[] = {
        async_sleep(1),
        async_sleep(0),
        async_yield(),
        async_semaphore_acquire(&semaphore),
        async_event_wait(&event),
        async_queue_put(&queue, &queue),
        async_queue_get(&queue, &item),
        async_gather(&task, 1),
        async_gather_all(&task, 1),
        async_gather_each(sleeper, &seconds, 1),
        async_gather_each_all(sleeper, &seconds, 1, errs),
        async_wait_any(&task, 1, &i),
        async_wait_for(sleeper, &seconds, 1),
        async_await(&task),
        async_wait_readable(STDIN_FILENO),
    };

    for (i = 0; i < sizeof results / sizeof results[0]; i++)
        if (results[i] != ASYNC_ENOLOOP)
            return (int)i + 2;
    async_reap(&task, 1);
    if (task.err != 1 || semaphore.permits != 1 || queue.count != 0)
        return 1;
    async_spawn(&task, sleeper, &seconds);
    async_dump();
    return task.err == ASYNC_ENOLOOP && async_await(&task) == ASYNC_ENOLOOP ? 0
                                                                            : 1;
}

static void outside_of_tasks(void **state)
{
    static const char *const names[] = {
        "sleep",           "yield",      "semaphore_acquire",
        "event_wait",      "queue_put",  "queue_get",
        "gather",          "gather_all", "gather_each",
        "gather_each_all", "wait_any",   "wait_for",
        "await",           "spawn",      "reap",
    };
    (void)state;
    assert_exits(outside_program, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[80];

        snprintf(text, sizeof text,
                 "async_%s() was called outside of any task, at ", names[i]);
        assert_said(text);
    }
    assert_said("async: no tasks: async_run() is not running.\n");
}

static int run_again(void *job)
{
    return async_run(failing, job);
}

static int nested_program(void)
{
    return async_main(run_again, NULL);
}

struct callback_that_sleeps {
    struct async_timer timer;
    int err;
};

static void sleep_in_callback(struct async_callback *due)
{
    struct callback_that_sleeps *callback = (struct callback_that_sleeps *)due;

    callback->err = async_sleep(1);
}

static int call_back(void *job)
{
    struct callback_that_sleeps callback = {
        .timer = {.due = {.run = sleep_in_callback}},
    };
    (void)job;

    int err = async_timer_set(&callback.timer, async_now_ns());
    if (!err)
        err = async_yield();
    if (!err)
        err = async_yield();
    printf("%s\n", async_strerror(callback.err));
    return err;
}

static int callback_program(void)
{
    return async_main(call_back, NULL);
}

static void a_suspending_call_in_a_callback(void **state)
{
    (void)state;
    assert_exits(callback_program, 0);
    assert_said("async: async_sleep() was called outside of any task, at ");
    assert_said("A callback (of libcurl, say) runs on the loop's own stack");
    assert_said("a suspending call outside of any task\n");
}

static void run_inside_run(void **state)
{
    (void)state;
    assert_exits(nested_program, 1);
    assert_said("async_run() was called inside async_run(), at ");
    assert_said("error: async_run inside async_run\n");
}

/* ---- Semaphores and deadlocks ------------------------------------------ */

static int release_too_often(void *job)
{
    struct async_semaphore semaphore = {.permits = 2};
    (void)job;

    int err = async_semaphore_acquire(&semaphore);
    for (int i = 0; i < 4; i++)
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
    assert_said("a semaphore was released more often than acquired, at ");
    assert_said("2 free\n");
    /* Once: in a loop over many jobs the same mistake is made many times. */
    const char *first = strstr(output, "released more often");
    assert_null(strstr(first + 1, "released more often"));
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
    assert_said("a semaphore was released more often than acquired, at ");
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

#if !defined(ASYNC_ASAN) && !defined(ASYNC_TSAN)

static int send_bad_address(void *job)
{
    (void)job;
    return raise(SIGSEGV);
}

static int bad_address_program(void)
{
    signal(SIGSEGV, SIG_DFL); /* the test framework's own goes on */
    return async_main(send_bad_address, NULL);
}

/* No instruction would fault again, and the program would never end. */
static void a_sent_sigsegv_ends_the_program(void **state)
{
    (void)state;
    int how = run(bad_address_program);

    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGSEGV);
    assert_null(strstr(output, "async:"));
}

#endif

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

static int overflow_in_to_thread(void *job)
{
    return async_run(spawn_overflow, job);
}

static int hand_over(void *job)
{
    return async_to_thread(overflow_in_to_thread, job);
}

static int overflow_in_to_thread_program(void)
{
    return async_main(hand_over, NULL);
}

static void *overflow_in_a_thread(void *job)
{
    async_run(spawn_overflow, job);
    return NULL;
}

static int overflow_in_a_thread_program(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, overflow_in_a_thread, NULL))
        return EXIT_FAILURE;
    return pthread_join(thread, NULL);
}

static void stack_overflow_in_another_thread(void **state)
{
    int (*const programs[])(void) = {overflow_in_a_thread_program,
                                     overflow_in_to_thread_program};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int how = run(programs[i]);

        assert_true(WIFSIGNALED(how));
        assert_true(WTERMSIG(how) == SIGSEGV || WTERMSIG(how) == SIGBUS);
        assert_said("stack overflow in task overflow, spawned at ");
    }
}

#endif

/* ---- A descriptor of the runtime's, closed ----------------------------- */

#ifndef ASYNC_POLL /* which has none */

static int close_all(void *job)
{
    (void)job;
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    return async_sleep(3600);
}

/* On the real clock: the virtual one waits for nothing. */
static int close_all_program(void)
{
    setenv("ASYNC_CLOCK", "real", 1);
    async_keep_time(NULL);
    return async_main(close_all, NULL);
}

static void a_loop_without_its_descriptor_aborts(void **state)
{
    (void)state;
    if (RUNNING_ON_VALGRIND) /* which has descriptors of its own */
        skip();
    int how = run(close_all_program);

    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGABRT);
    assert_said("waiting for file descriptors failed: Bad file descriptor");
    assert_said("closed a descriptor that it did not open?");
}

#endif

/* ---- A frame that is gone ---------------------------------------------- */

#ifndef ASYNC_ASAN /* which may keep locals elsewhere than on the stack */

static int lost_line;

/* Spawns into its own frame, and returns before the tasks have ended. */
__attribute__((noinline)) static int fails_early(void)
{
    struct async_task tasks[2];
    double seconds[2] = {10, 20};

    for (int i = 0; i < 2; i++) {
        lost_line = __LINE__ + 1;
        async_spawn(&tasks[i], sleeper, &seconds[i]);
    }
    int err = async_yield();
    return err ? err : -EIO;
}

static int lose_a_frame(void *job)
{
    (void)job;
    int err = fails_early();
    printf("line %d, %s\n", lost_line, async_strerror(err));
    return async_yield();
}

static int lost_frame_program(void)
{
    return async_main(lose_a_frame, NULL);
}

static void a_lost_frame_aborts(void **state)
{
    (void)state;
    int how = run(lost_frame_program);

    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGABRT);
    lost_line = atoi(strstr(output, "line ") + 5);
    assert_said("a task has lost its memory: task 3, sleeper, spawned at ");
    assert_said(here(lost_line));
}

#endif

#ifndef ASYNC_ASAN
/* Only the job is lost, and the next call is the await. */
__attribute__((noinline)) static void spawn_and_return(struct async_task *task)
{
    double seconds = 0;

    async_spawn(task, sleeper, &seconds);
}

static int lose_a_job(void *job)
{
    struct async_task task;
    (void)job;

    spawn_and_return(&task);
    return async_await(&task);
}

static int lost_job_program(void)
{
    return async_main(lose_a_job, NULL);
}

static void a_lost_job_aborts(void **state)
{
    (void)state;
    int how = run(lost_job_program);

    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGABRT);
    assert_said("a task has lost its memory: task 2, sleeper, spawned at ");
}
#endif

/* Its handle and its job are elsewhere, and nothing is lost. */
__attribute__((noinline)) static void spawn_elsewhere(struct async_task *task)
{
    static double seconds = 0;

    async_spawn(task, sleeper, &seconds);
}

static int helped_by_a_function(void *job)
{
    struct async_task tasks[2];
    (void)job;

    spawn_elsewhere(&tasks[0]);
    spawn_elsewhere(&tasks[1]);
    return async_gather(tasks, 2);
}

static int helped_program(void)
{
    return async_main(helped_by_a_function, NULL);
}

static void a_helper_may_spawn_for_its_caller(void **state)
{
    (void)state;
    assert_exits(helped_program, 0);
    assert_string_equal(output, "sleeper: success\nsleeper: success\n");
}

/* ---- Deadlocks of other kinds ------------------------------------------ */

static int wait_twice(void *job)
{
    struct async_semaphore *never = job;
    int err = async_event_wait(&(struct async_event){0});

    printf("cleanup: %s\n", async_strerror(async_semaphore_acquire(never)));
    return err;
}

/* The gather has cancelled its tasks already when nothing goes on. */
static int stuck_in_cleanup(void *job)
{
    struct async_semaphore never = {.permits = 0};
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[0], wait_twice, &never);
    async_spawn(&tasks[1], failing, NULL);
    int err = async_gather(tasks, 2);
    printf("gather: %s\n", async_strerror(err));
    return err;
}

static int stuck_in_cleanup_program(void)
{
    return async_main(stuck_in_cleanup, NULL);
}

static void deadlock_of_tasks_that_were_cancelled(void **state)
{
    (void)state;
    assert_exits(stuck_in_cleanup_program, 1);
    assert_said("deadlock: every task waits");
    assert_said("cleanup: the task was cancelled\ngather: deadlock");
}

/* Cancelling main moves nothing in either of its tasks: all have to be told. */
static int stuck_tree(void *job)
{
    struct async_task tasks[2];

    async_spawn(&tasks[0], stuck_in_cleanup, job);
    async_spawn(&tasks[1], stuck_in_cleanup, job);
    int err = async_gather_all(tasks, 2);
    printf("tree: %s\n", async_strerror(err));
    return err;
}

static int stuck_tree_program(void)
{
    return async_main(stuck_tree, NULL);
}

static void deadlock_in_several_places(void **state)
{
    (void)state;
    assert_exits(stuck_tree_program, 1);
    assert_said("cleanup: the task was cancelled\ncleanup: the task was "
                "cancelled\n");
    assert_said("tree: deadlock");
    assert_said("error: deadlock");
}

/* async_reap has no result: the next call tells, or the end. */
static int reap_what_never_ends(void *again)
{
    struct async_semaphore never = {.permits = 0};
    struct async_task task;

    async_spawn(&task, wait_twice, &never);
    int err = async_yield();
    async_reap(&task, 1);
    if (again)
        printf("next: %s\n", async_strerror(async_yield()));
    return err;
}

static int reap_program(void)
{
    return async_main(reap_what_never_ends, NULL);
}

static int reap_and_go_on_program(void)
{
    static bool again;

    return async_main(reap_what_never_ends, &again);
}

static void deadlock_in_a_reap_is_told_afterwards(void **state)
{
    (void)state;
    assert_exits(reap_program, 1);
    assert_said("deadlock: every task waits");
    assert_said("error: deadlock");
    assert_exits(reap_and_go_on_program, 0);
    assert_said("next: deadlock");
}

static int wait_for_no_event(void *job)
{
    struct async_event event = {0};
    (void)job;
    return async_event_wait(&event);
}

static int shielded_for_ever(void *job)
{
    return async_shield(wait_for_no_event, job);
}

static int shield_program(void)
{
    return async_main(shielded_for_ever, NULL);
}

static void deadlock_in_a_shield(void **state)
{
    (void)state;
    assert_exits(shield_program, 1);
    assert_said("main                  waits for an event\n");
    assert_said("error: deadlock");
}

static int gather_oneself(void *job)
{
    struct async_task *tasks = job;
    int err = async_gather(tasks, 1);

    printf("%s\n", async_errmsg(err));
    async_reap(tasks, 1);
    return 0;
}

static int gathers_itself(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, gather_oneself, &task);
    return async_await(&task);
}

static int gathers_itself_program(void)
{
    return async_main(gathers_itself, NULL);
}

static void a_task_that_gathers_itself(void **state)
{
    (void)state;
    assert_exits(gathers_itself_program, 0);
    assert_string_equal(output, "gather_oneself waits for itself\n");
}

static int set_in_thread(void *job)
{
    async_event_set(job);
    return 0;
}

static int set_by_thread(void *job)
{
    return async_to_thread(set_in_thread, job);
}

static int event_from_a_thread(void *job)
{
    struct async_event event = {0};
    struct async_task task;
    (void)job;

    async_spawn(&task, set_by_thread, &event);
    return async_event_wait(&event);
}

static int event_from_a_thread_program(void)
{
    return async_main(event_from_a_thread, NULL);
}

static void an_event_set_in_another_thread(void **state)
{
    (void)state;
    assert_exits(event_from_a_thread_program, 1);
    assert_said("async: tasks cannot be woken from another thread.\n");
}

static int cancel_line;

static int cancel_here(void *task)
{
    cancel_line = __LINE__ + 1;
    bool running = async_cancel(task);
    printf("cancelled %d\n", running);
    return 0;
}

static int reap_here(void *task)
{
    async_reap(task, 1);
    return 0;
}

static int reap_in_a_loop_of_its_own(void *task)
{
    return async_run(reap_here, task);
}

static int cancel_in_a_loop_of_its_own(void *task)
{
    return async_run(cancel_here, task);
}

/* The handle stays what it was: its owner awaits the task, not an error. */
static int cancelled_elsewhere(void *job)
{
    static double seconds = 1;
    struct async_task task;
    (void)job;

    async_spawn(&task, sleeper, &seconds);
    int err = async_to_thread(cancel_here, &task);
    if (!err)
        err = async_to_thread(cancel_in_a_loop_of_its_own, &task);
    if (!err)
        err = async_to_thread(reap_in_a_loop_of_its_own, &task);
    int result = async_await(&task);
    printf("awaited: %d\n", result);
    return err;
}

static int cancelled_elsewhere_program(void)
{
    return async_main(cancelled_elsewhere, NULL);
}

static void a_task_cancelled_in_another_thread(void **state)
{
    (void)state;
    assert_exits(cancelled_elsewhere_program, 0);
    const char *report = output;
    for (int i = 0; i < 3; i++) {
        report = strstr(report + 1, "cannot be cancelled from another");
        assert_non_null(report);
    }
    assert_said("async_run, at ");
    assert_said("cancelled 0\n");
    assert_null(strstr(output, "cancelled 1"));
    assert_said("sleeper: success\n");
    assert_said("awaited: 0\n");
}

/* ---- Who leaves without a word ---------------------------------------- */

static int owns_memory(void *job)
{
    double *seconds = malloc(sizeof *seconds);
    (void)job;

    if (!seconds)
        return -ENOMEM;
    *seconds = 1;
    int err = async_sleep(*seconds);
    free(seconds);
    return err;
}

static int leaves(void *job)
{
    int err = async_yield();
    (void)job;

    if (!err)
        exit(7);
    return err;
}

static int exit_in_a_task(void *job)
{
    struct async_task *tasks = calloc(20, sizeof *tasks);
    (void)job;

    if (!tasks)
        return -ENOMEM;
    for (int i = 0; i < 20; i++)
        async_spawn(&tasks[i], i < 19 ? owns_memory : leaves, NULL);
    int err = async_gather(tasks, 20);
    free(tasks);
    return err;
}

static int exit_in_a_task_program(void)
{
    return async_main(exit_in_a_task, NULL);
}

/* What the tasks hold at that moment is not lost: LeakSanitizer says nothing.
 */
static void a_program_that_ends_in_a_task(void **state)
{
    (void)state;
    assert_exits(exit_in_a_task_program, 7);
    assert_string_equal(output, "");
}

/* ---- Who keeps the thread ---------------------------------------------- */

static int held_line;

static int hold(void *job)
{
    (void)job;
    async_block(0.25); /* from its beginning */
    held_line = __LINE__ + 1;
    int err = async_sleep(0.01);
    async_block(0.0999); /* not long enough */
    if (!err)
        err = async_sleep(0.01);
    async_block(0.1);
    return err;
}

static int hold_program(void)
{
    setenv("ASYNC_DEBUG", "1", 1);
    int status = async_main(hold, NULL);
    setenv("ASYNC_DEBUG", "0", 1);
    printf("line %d\n", held_line);
    return status || async_main(hold, NULL);
}

static void debug_names_who_keeps_the_thread(void **state)
{
    char expected[200];
    (void)state;

    assert_exits(hold_program, 0);
    held_line = atoi(strstr(output, "line ") + 5);
    assert_said(
        "async: task 1, main,\n  kept the thread for 0.250 s, and nobody "
        "else could run:\n  from its beginning and up to ");
    snprintf(expected, sizeof expected, "%s, async_sleep().", here(held_line));
    assert_said(expected);
    assert_said("kept the thread for 0.100 s");
    snprintf(expected, sizeof expected, "%s to its end.", here(held_line + 3));
    assert_said(expected);
    /* Two reports, and none in the second run. */
    const char *first = strstr(output, "kept the thread");
    const char *second = strstr(first + 1, "kept the thread");
    assert_non_null(second);
    assert_null(strstr(second + 1, "kept the thread"));
}

/* ---- The table of tasks ------------------------------------------------ */

static int wait_at_event(void *job)
{
    return async_event_wait(job);
}

static int many_waiters(void *job)
{
    enum { N = 1000 };
    static struct async_task tasks[N + 1];
    static double seconds = 3600;
    struct async_event event = {0};
    (void)job;

    async_spawn(&tasks[0], sleeper, &seconds);
    for (int i = 1; i <= N; i++)
        async_spawn(&tasks[i], wait_at_event, &event);
    int err = async_yield();
    async_dump();
    async_reap(tasks, N + 1);
    return err;
}

static int many_waiters_program(void)
{
    return async_main(many_waiters, NULL);
}

static void a_long_table_is_cut(void **state)
{
    int lines = 0;
    (void)state;

    assert_exits(many_waiters_program, 0);
    assert_said("  1      main                  runs\n");
    assert_said("  2      sleeper               sleeps\n         at ");
    assert_said("  and 982 more                 waits for an event\n");
    for (const char *c = output; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 1 + 1 + 19 * 2 + 1 + 1);
}

static volatile sig_atomic_t dumped;

/* As one in an endless loop: it never suspends. */
static int never_suspends(void *job)
{
    (void)job;
    raise(SIGQUIT);
    dumped = 1;
    return 0;
}

static int quit_program(void)
{
    struct sigaction action;
    int status = async_main(never_suspends, NULL);

    sigaction(SIGQUIT, NULL, &action);
    return status || !dumped || action.sa_handler != SIG_DFL;
}

static void ctrl_backslash_prints_the_table(void **state)
{
    (void)state;
    assert_exits(quit_program, 0);
    assert_string_equal(output, "  task   function              what it does\n"
                                "  1      main                  runs\n");
}

/* A signal comes to any thread; the tasks are the main one's. */
static void *quit_there(void *job)
{
    raise(SIGQUIT);
    return job;
}

static int quit_in_a_thread(void *job)
{
    pthread_t thread;
    int err = -pthread_create(&thread, NULL, quit_there, job);

    return err ? err : -pthread_join(thread, NULL);
}

static int quit_in_a_thread_program(void)
{
    return async_main(quit_in_a_thread, NULL);
}

static void ctrl_backslash_may_come_to_another_thread(void **state)
{
    (void)state;
#ifdef ASYNC_TSAN /* hands a signal on later, maybe after the end */
    skip();
#endif
    assert_exits(quit_in_a_thread_program, 0);
    assert_said("  1      main                  runs\n");
}

static int cleans_up(void *job)
{
    int err = async_sleep(1);
    (void)job;

    if (err)
        err = async_sleep(1);
    return err;
}

static int leaves_a_child(void *job)
{
    struct async_task child;

    async_spawn(&child, cleans_up, job);
    return async_yield();
}

static int await_first(void *tasks)
{
    return async_await(tasks);
}

/* At once, then after their first steps. */
static int all_states(void *job)
{
    static struct async_task tasks[3];
    static double seconds = 10;

    async_spawn(&tasks[0], sleeper, &seconds);
    async_spawn(&tasks[1], await_first, tasks);
    async_spawn(&tasks[2], leaves_a_child, job);
    async_dump();
    int err = async_sleep(0.5);
    printf("later:\n");
    async_dump();
    async_reap(tasks, 3);
    return err;
}

static int all_states_program(void)
{
    return async_main(all_states, NULL);
}

static void the_table_tells_what_each_task_does(void **state)
{
    (void)state;
    assert_exits(all_states_program, 0);
    assert_said("  2      sleeper               has not begun\n");
    assert_said("later:\n");
    assert_said("  2      sleeper               sleeps\n");
    assert_said("  3      await_first           waits for task 2\n");
    assert_said(
        "  4      leaves_a_child        has returned, its children have not\n");
    assert_said("  5      cleans_up             sleeps\n");
}

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

/* Started with nohup, say, or in the background. */
static int interrupt_ignored_program(void)
{
    signal(SIGINT, SIG_IGN);
    return async_main(interrupt_myself, NULL);
}

static void ctrl_c_that_was_ignored_before_is_ignored(void **state)
{
    (void)state;
    assert_exits(interrupt_ignored_program, 0);
    assert_string_equal(output, "sleeper: success\nmain cleans up\n");
}

static int interrupt_process(void *job)
{
    (void)job;
    return kill(getpid(), SIGINT);
}

/* The loop waits for the thread, and nothing else. */
static int interrupted_by_a_thread(void *job)
{
    int err = async_to_thread(interrupt_process, job);

    printf("thread: %s\n", async_strerror(err));
    return err;
}

static int interrupted_by_a_thread_program(void)
{
    return async_main(interrupted_by_a_thread, NULL);
}

static void ctrl_c_wakes_a_loop_that_waits(void **state)
{
    (void)state;
    assert_exits(interrupted_by_a_thread_program, 130);
    assert_said("thread: the task was cancelled\nerror: interrupted\n");
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
        cmocka_unit_test(a_failure_in_cleanup_is_told),
        cmocka_unit_test(many_never_awaited_are_counted),
        cmocka_unit_test(a_deep_family_ends_without_recursion),
        cmocka_unit_test(jobs_in_the_frame_that_was_left_stay_readable),
        cmocka_unit_test(one_task_variable_in_a_loop),
        cmocka_unit_test(two_task_variables_in_a_loop),
        cmocka_unit_test(a_task_variable_may_be_used_again),
        cmocka_unit_test(outside_of_tasks),
        cmocka_unit_test(a_suspending_call_in_a_callback),
        cmocka_unit_test(run_inside_run),
        cmocka_unit_test(semaphore_over_release),
        cmocka_unit_test(semaphore_released_before_any_acquire),
        cmocka_unit_test(deadlock),
        cmocka_unit_test(deadlock_a_second_time_aborts),
        cmocka_unit_test(main_prints_an_unhandled_error),
#if !defined(ASYNC_ASAN) &&                                                    \
    !defined(ASYNC_TSAN) /* whose own handlers say more */
        cmocka_unit_test(stack_overflow),
        cmocka_unit_test(stack_overflow_in_another_thread),
        cmocka_unit_test(a_sent_sigsegv_ends_the_program),
#endif
        cmocka_unit_test(deadlock_of_tasks_that_were_cancelled),
        cmocka_unit_test(deadlock_in_several_places),
        cmocka_unit_test(deadlock_in_a_reap_is_told_afterwards),
        cmocka_unit_test(deadlock_in_a_shield),
        cmocka_unit_test(a_task_that_gathers_itself),
        cmocka_unit_test(an_event_set_in_another_thread),
        cmocka_unit_test(a_task_cancelled_in_another_thread),
        cmocka_unit_test(a_program_that_ends_in_a_task),
#ifndef ASYNC_ASAN
        cmocka_unit_test(a_lost_frame_aborts),
        cmocka_unit_test(a_lost_job_aborts),
#endif
#ifndef ASYNC_POLL
        cmocka_unit_test(a_loop_without_its_descriptor_aborts),
#endif
        cmocka_unit_test(a_helper_may_spawn_for_its_caller),
        cmocka_unit_test(debug_names_who_keeps_the_thread),
        cmocka_unit_test(a_long_table_is_cut),
        cmocka_unit_test(ctrl_backslash_prints_the_table),
        cmocka_unit_test(ctrl_backslash_may_come_to_another_thread),
        cmocka_unit_test(the_table_tells_what_each_task_does),
        cmocka_unit_test(ctrl_c_cancels_main),
        cmocka_unit_test(ctrl_c_that_was_ignored_before_is_ignored),
        cmocka_unit_test(ctrl_c_wakes_a_loop_that_waits),
        cmocka_unit_test(second_ctrl_c_stops_at_once),
        cmocka_unit_test(unknown_settings_are_named),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
