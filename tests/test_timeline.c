/*
 * test_timeline.c - the picture of a run, line by line.
 */
#include "trace.h"

#include <errno.h>
#include <unistd.h>

static char picture[65536];

/* Runs program with standard output in a file, and fills picture from it. */
static void draw(async_fn *program, double seconds)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    async_timeline(seconds);
    int err = async_run(program, NULL);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    size_t length = fread(picture, 1, sizeof picture - 1, file);
    picture[length] = '\0';
    fclose(file);
    assert_true(err == 0 || err == -EIO);
}

static int slow_operation(void *job)
{
    (void)job;
    return async_sleep(2);
}

static int one_by_one(void *job)
{
    (void)job;
    for (int i = 0; i < 3; i++) {
        int err = slow_operation(NULL);
        if (err)
            return err;
    }
    return 0;
}

static int together(void *job)
{
    struct async_task tasks[3];
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&tasks[i], slow_operation, NULL);
    return async_gather(tasks, 3);
}

static void three_awaits_in_one_task_can_be_counted(void **state)
{
    (void)state;
    draw(one_by_one, 6);
    /* clang-format off */
    assert_string_equal(picture,
        "\n"
        "main                |------------------+-------------------+------------------|\n"
        "                    0 s       1 s      2 s       3 s       4 s      5 s     6 s\n"
        "- sleeps   | starts, ends   + goes on\n"
        "\n");
    /* clang-format on */
}

static void three_tasks_on_the_same_scale(void **state)
{
    (void)state;
    draw(together, 6);
    /* clang-format off */
    assert_string_equal(picture,
        "\n"
        "main                |..................|\n"
        "slow_operation 1    |------------------|\n"
        "slow_operation 2    |------------------|\n"
        "slow_operation 3    |------------------|\n"
        "                    0 s       1 s      2 s       3 s       4 s      5 s     6 s\n"
        "- sleeps   . waits for tasks   | starts, ends\n"
        "\n");
    /* clang-format on */
}

static int fails(void *job)
{
    (void)job;
    int err = async_sleep(1);
    return err ? err : -EIO;
}

static int one_fails(void *job)
{
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[0], slow_operation, NULL);
    async_spawn(&tasks[1], fails, NULL);
    return async_gather(tasks, 2);
}

static void failures_and_cancellations_have_their_marks(void **state)
{
    (void)state;
    setenv("LC_ALL", "C.UTF-8", 1);
    draw(one_fails, 0);
    setenv("LC_ALL", "C", 1);
    assert_non_null(strstr(picture, "slow_operation      ├──"));
    assert_non_null(strstr(picture, "──╱\n"));
    assert_non_null(strstr(picture, "──✗\n"));
    assert_non_null(strstr(picture, "✗ fails   ╱ is cancelled\n"));
}

static int hold_thread(void *job)
{
    (void)job;
    async_block(1);
    int err = async_sleep(1);
    async_block(1);
    return err;
}

static void holding_the_thread_is_seen(void **state)
{
    (void)state;
    draw(hold_thread, 0);
    /* clang-format off */
    assert_string_equal(picture,
        "\n"
        "main                |###################-------------------+##################|\n"
        "                    0 s       0.5 s    1 s       1.5 s     2 s      2.5 s   3 s\n"
        "# holds the thread   - sleeps   | starts, ends   + goes on\n"
        "\n");
    /* clang-format on */
}

static int nothing(void *job)
{
    (void)job;
    return 0;
}

static void a_run_of_no_time_has_an_axis(void **state)
{
    (void)state;
    draw(nothing, 0);
    /* clang-format off */
    assert_string_equal(picture,
        "\n"
        "main                |\n"
        "                    0 us        0.2 us     0.4 us      0.6 us     0.8 us   1 us\n"
        "| starts, ends\n"
        "\n");
    /* clang-format on */
}

static int many(void *job)
{
    struct async_task tasks[100];
    (void)job;

    for (int i = 0; i < 100; i++)
        async_spawn(&tasks[i], slow_operation, NULL);
    return async_gather(tasks, 100);
}

static void many_tasks_are_folded(void **state)
{
    (void)state;
    draw(many, 0);
    assert_non_null(strstr(picture, "\nslow_operation 19   |--"));
    assert_non_null(strstr(picture, "\n                    (77 more tasks)\n"));
    assert_null(strstr(picture, "\nslow_operation 20 "));
    assert_null(strstr(picture, "\nslow_operation 96 "));
    assert_non_null(strstr(picture, "\nslow_operation 97   |--"));
    assert_non_null(strstr(picture, "\nslow_operation 100  |--"));
}

static void nobody_asked(void **state)
{
    (void)state;
    setenv("ASYNC_TIMELINE", "0", 1);
    draw(together, 0);
    assert_string_equal(picture, "");
    unsetenv("ASYNC_TIMELINE");
}

static int plain(void **state)
{
    unsetenv("ASYNC_TIMELINE");
    setenv("LC_ALL", "C", 1);
    return use_virtual_clock(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_awaits_in_one_task_can_be_counted),
        cmocka_unit_test(three_tasks_on_the_same_scale),
        cmocka_unit_test(failures_and_cancellations_have_their_marks),
        cmocka_unit_test(holding_the_thread_is_seen),
        cmocka_unit_test(a_run_of_no_time_has_an_axis),
        cmocka_unit_test(many_tasks_are_folded),
        cmocka_unit_test(nobody_asked),
    };

    return cmocka_run_group_tests(tests, plain, NULL);
}
