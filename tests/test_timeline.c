/*
 * test_timeline.c - the picture of a run, line by line.
 */
#include "trace.h"

#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

static char picture[65536];

/* Runs program with standard output in fd. Returns what the run returned. */
static int draw_to(int fd, async_fn *program, double seconds)
{
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    async_timeline(seconds);
    int err = async_run(program, NULL);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    return err;
}

/* The same, with the picture read from a file. */
static int draw(async_fn *program, double seconds)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    int err = draw_to(fileno(file), program, seconds);
    rewind(file);
    size_t length = fread(picture, 1, sizeof picture - 1, file);
    picture[length] = '\0';
    fclose(file);
    return err;
}

/* The same, on a terminal so many columns wide. It must be a small picture:
   nobody reads until it is complete. */
static void draw_at_terminal(async_fn *program, unsigned short columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
    draw_to(slave, program, 0);
    ssize_t length = read(master, picture, sizeof picture - 1);
    assert_true(length > 0);
    picture[length] = '\0';
    close(slave);
    close(master);
}

/* In characters; all lines of the picture. */
static size_t longest_line(void)
{
    size_t longest = 0, length = 0;

    for (const char *c = picture; *c; c++) {
        if (*c == '\n')
            length = 0;
        else if ((*c & 0xc0) != 0x80 && ++length > longest)
            longest = length;
    }
    return longest;
}

#define HAS(text)     assert_non_null(strstr(picture, (text)))
#define HAS_NOT(text) assert_null(strstr(picture, (text)))

/* ---- Programs ---------------------------------------------------------- */

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

static int hold_thread(void *job)
{
    (void)job;
    async_block(1);
    int err = async_sleep(1);
    async_block(1);
    return err;
}

static int two_hold_the_thread(void *job)
{
    struct async_task tasks[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], hold_thread, NULL);
    return async_gather(tasks, 2);
}

static int nothing(void *job)
{
    (void)job;
    return 0;
}

enum { CROWD = 100 };

static int gather_crowd(async_fn *fn)
{
    struct async_task tasks[CROWD];

    for (int i = 0; i < CROWD; i++)
        async_spawn_at(&tasks[i], fn, NULL, "pool->work", ASYNC_PLACE);
    return async_gather_all(tasks, CROWD);
}

static int many(void *job)
{
    (void)job;
    return gather_crowd(slow_operation);
}

static struct async_semaphore semaphore;

static int limited(void *job)
{
    (void)job;
    int err = async_semaphore_acquire(&semaphore);
    if (err)
        return err;
    err = async_sleep(1);
    async_semaphore_release(&semaphore);
    return err;
}

static int ten_at_a_time(void *job)
{
    (void)job;
    semaphore = (struct async_semaphore){.permits = 10};
    return gather_crowd(limited);
}

/* Of a hundred, the 31st and the 72nd fail after 1 s, the latter with a child;
   half a second later the even-numbered ones from the 80th on are cancelled. */
static int some_end_badly(void *job)
{
    struct async_task tasks[CROWD];
    (void)job;

    for (int i = 0; i < CROWD; i++)
        async_spawn_at(&tasks[i],
                       i == 30   ? fails
                       : i == 71 ? one_fails
                                 : slow_operation,
                       NULL, "work", ASYNC_PLACE);
    int err = async_sleep(1.5);
    if (err)
        return err;
    for (int i = 79; i < CROWD; i += 2)
        async_cancel(&tasks[i]);
    return async_gather_all(tasks, CROWD);
}

/* ---- Rows -------------------------------------------------------------- */

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

static void failures_and_cancellations_have_their_marks(void **state)
{
    (void)state;
    setenv("LC_ALL", "C.UTF-8", 1);
    assert_int_equal(draw(one_fails, 0), -EIO);
    HAS("slow_operation      ├──");
    HAS("──╱\n");
    HAS("──✗\n");
    HAS("✗ fails   ╱ is cancelled\n");
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

static void who_cannot_begin_waits_for_its_turn(void **state)
{
    (void)state;
    setenv("COLUMNS", "56", 1);
    draw(two_hold_the_thread, 0);
    /* clang-format off */
    assert_string_equal(picture,
        "\n"
        "main                |.................................|\n"
        "hold_thread 1       |#########-------+########|\n"
        "hold_thread 2       _________|########--------+#######|\n"
        "                    0 s      1 s     2 s      3 s   4 s\n"
        "_ waits for its turn   # holds the thread   - sleeps\n"
        ". waits for tasks   | starts, ends   + goes on\n"
        "\n");
    /* clang-format on */
}

static int spawns(void *job)
{
    struct async_task tasks[2];
    (void)job;

    int err = async_sleep(1);
    if (err)
        return err;
    async_spawn(&tasks[0], slow_operation, NULL);
    async_spawn(&tasks[1], slow_operation, NULL);
    async_cancel(&tasks[1]);
    return async_gather_all(tasks, 2);
}

static void a_task_is_drawn_from_its_spawn_on(void **state)
{
    (void)state;
    setenv("COLUMNS", "56", 1);
    draw(spawns, 0);
    /* clang-format off */
    assert_string_equal(picture,
        "\n"
        "main                |----------+......................|\n"
        "slow_operation 1               |----------------------|\n"
        "slow_operation 2               /\n"
        "                    0 s        1 s         2 s      3 s\n"
        "- sleeps   . waits for tasks   | starts, ends\n"
        "+ goes on   / is cancelled\n"
        "\n");
    /* clang-format on */
}

static int forgets(void *job)
{
    struct async_task tasks[1];
    (void)job;

    async_spawn(&tasks[0], slow_operation, NULL);
    return async_sleep(1);
}

static int run_forgets(void *job)
{
    (void)job;
    return draw(forgets, 0);
}

static int deadlocks(void *job)
{
    (void)job;
    int err = async_sleep(1);
    semaphore = (struct async_semaphore){0};
    return err ? err : async_semaphore_acquire(&semaphore);
}

static int run_deadlocks(void *job)
{
    (void)job;
    return draw(deadlocks, 2);
}

static int is_interrupted(void *job)
{
    (void)job;
    int err = async_sleep(1);
    raise(SIGINT);
    return err ? err : async_sleep(2);
}

static int run_is_interrupted(void *job)
{
    (void)job;
    return draw(is_interrupted, 2);
}

static void a_run_that_ends_badly_is_drawn(void **state)
{
    char reported[4096];
    (void)state;

    setenv("COLUMNS", "60", 1);
    capture_stderr(run_forgets, NULL, reported, sizeof reported);
    assert_non_null(strstr(reported, "never awaited"));
    HAS("\nslow_operation      |-------------------------------------/\n");
    assert_int_equal(
        capture_stderr(run_deadlocks, NULL, reported, sizeof reported),
        ASYNC_EDEADLK);
    HAS("\nmain                |------------------X\n");
    assert_int_equal(
        capture_stderr(run_is_interrupted, NULL, reported, sizeof reported),
        ASYNC_EINTERRUPTED);
    HAS("\nmain                |------------------/\n");
}

static int ticks(void *job)
{
    (void)job;
    for (int i = 0; i < 100000; i++) {
        int err = async_sleep(0.001);
        if (err)
            return err;
    }
    return 0;
}

/* Events that could not be told apart are merged on the way. */
static void many_events_of_one_task(void **state)
{
    (void)state;
    setenv("COLUMNS", "40", 1);
    draw(ticks, 0);
    HAS("\nmain           |++++++++++++++++++++++|\n");
}

/* ---- Names ------------------------------------------------------------- */

static int named(void *job)
{
    struct async_task tasks[4];
    (void)job;

    async_spawn_at(&tasks[0], nothing, NULL,
                   "a_function_with_a_name_beyond_all_measure", NULL);
    async_spawn_at(&tasks[1], nothing, NULL,
                   "a_function_with_a_name_beyond_all_measure", NULL);
    async_spawn_at(&tasks[2], nothing, NULL, "größte", NULL);
    async_spawn_at(&tasks[3], nothing, NULL, "client->获取", NULL);
    return async_gather(tasks, 4);
}

static void long_names_are_cut_and_keep_their_number(void **state)
{
    (void)state;
    draw(named, 0);
    HAS("\na_function_with_a_nam~ 1  |\n");
    HAS("\na_function_with_a_nam~ 2  |\n");
}

static void names_take_the_columns_that_they_take(void **state)
{
    (void)state;
    draw(named, 0);
    HAS("\ngr??te                    |\n");
    HAS("\n????                      |\n");
    setenv("LC_ALL", "C.UTF-8", 1);
    draw(named, 0);
    HAS("\na_function_with_a_nam… 1  ┤\n");
    HAS("\ngrößte                    ┤\n");
    HAS("\n获取                      ┤\n");
}

/* ---- The page ---------------------------------------------------------- */

static void lines_are_as_wide_as_columns_says(void **state)
{
    static const struct {
        const char *columns;
        size_t width;
    } cases[] = {{"40", 40}, {"60", 60},    {"120", 120}, {"200", 200},
                 {"10", 40}, {"5000", 200}, {"wide", 80}, {"", 80},
                 {"-3", 80}, {NULL, 80}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].columns)
            setenv("COLUMNS", cases[i].columns, 1);
        else
            unsetenv("COLUMNS");
        draw(ten_at_a_time, 0);
        /* Its last column stays free: some terminals wrap there. */
        assert_int_equal(longest_line(), cases[i].width - 1);
        HAS("\n  - up to 10");
    }
}

static void colours_are_for_terminals(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    draw(one_fails, 0);
    HAS_NOT("\033");
    draw_at_terminal(one_fails, 48);
    HAS("\033[0;36m-");            /* sleeps */
    HAS("\033[0;1;31mX\033[0m");   /* fails */
    HAS("\033[0;33m/\033[0m\r\n"); /* is cancelled */
    setenv("NO_COLOR", "1", 1);
    draw_at_terminal(one_fails, 48);
    HAS_NOT("\033");
    HAS("-X\r\n");
    setenv("NO_COLOR", "", 1);
    draw_at_terminal(one_fails, 48);
    HAS("\033[0;36m-");
    setenv("TERM", "dumb", 1);
    draw_at_terminal(one_fails, 48);
    HAS_NOT("\033");
}

static void a_terminal_is_filled(void **state)
{
    (void)state;
    setenv("NO_COLOR", "1", 1);
    setenv("COLUMNS", "100", 1);
    draw_at_terminal(one_by_one, 48);
    HAS("\r\nmain              |--------+---------+--------|\r\n"
        "                  0 s      2 s       4 s    6 s\r\n");
}

static double length_of_run;

static int sleeps(void *job)
{
    (void)job;
    return async_sleep(length_of_run);
}

static void the_axis_has_the_unit_that_fits(void **state)
{
    static const struct {
        double seconds;
        const char *axis;
    } cases[] = {
        {20e-6, "\n               0 us        10 us  20 us\n"},
        {0.02, "\n               0 ms        10 ms  20 ms\n"},
        {1, "\n               0 s         0.5 s    1 s\n"},
        {100, "\n               0 s         50 s   100 s\n"},
        {600, "\n               0 min       5 min 10 min\n"},
        {4 * 3600, "\n               0 h         2 h      4 h\n"},
        {10 * 86400.0, "\n               0 d         5 d     10 d\n"},
    };
    (void)state;

    setenv("COLUMNS", "40", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        length_of_run = cases[i].seconds;
        draw(sleeps, 0);
        HAS(cases[i].axis);
    }
}

static void a_picture_wider_than_time_has_an_axis(void **state)
{
    (void)state;
    setenv("COLUMNS", "40", 1);
    draw(nothing, 1e300);
    HAS("\n               0 d      20000 d 40000 d\n");
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

/* ---- The fold ---------------------------------------------------------- */

static void many_tasks_are_folded(void **state)
{
    (void)state;
    draw(many, 0);
    HAS("\nwork 13             |--");
    HAS_NOT("\nwork 14 ");
    HAS("\n(83 more tasks; all 101 together:)\n"
        "  - up to 100       99999999");
    HAS_NOT("\nwork 96 ");
    HAS("\nwork 97             |--");
    HAS("\nwork 100            |--");
    HAS("\n1 few of all tasks   9 all of them\n");
}

static void a_few_more_tasks_are_not(void **state)
{
    (void)state;
    draw(together, 0);
    HAS_NOT("more tasks");
}

static void the_fold_tells_how_many_did_what(void **state)
{
    (void)state;
    setenv("COLUMNS", "52", 1);
    draw(ten_at_a_time, 0);
    HAS("\n  - up to 10       11111111111111111111111111111111\n");
    HAS("\n  : up to 90       99988877776665554443332222111\n");
    setenv("LC_ALL", "C.UTF-8", 1);
    draw(ten_at_a_time, 0);
    HAS("\n  ─ up to 10       ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁\n");
    HAS("\n  ░ up to 90       ███▇▇▇▇▆▆▆▅▅▅▄▄▄▄▄▄▃▃▃▂▂▂▂▁▁▁\n");
    HAS("\n▁ few of all tasks   █ all of them\n");
}

static void who_ended_badly_is_not_hidden(void **state)
{
    (void)state;
    setenv("COLUMNS", "61", 1);
    draw(some_end_badly, 0);
    HAS("\n  / 12                                  /        /\n");
    HAS("\n  X 3                                   X\n");
    HAS("\n  failed: work 31, fails, work 72\n");
    HAS("\nwork 100            |----------------------------/\n"
        "slow_operation      |-------------------/\n"
        "fails               |-------------------X\n");
}

static int holds_thread(void *job)
{
    (void)job;
    async_block(0.01);
    return 0;
}

static int many_hold_the_thread(void *job)
{
    (void)job;
    return gather_crowd(holds_thread);
}

static void the_fold_tells_how_busy_the_thread_was(void **state)
{
    (void)state;
    draw(many_hold_the_thread, 2);
    HAS("\n  # thread in use   99999999999999999999999999999");
}

/* ---- When -------------------------------------------------------------- */

static void nobody_asked(void **state)
{
    (void)state;
    setenv("ASYNC_TIMELINE", "0", 1);
    draw(together, 0);
    assert_string_equal(picture, "");
    unsetenv("ASYNC_TIMELINE");
    fflush(stdout);
    assert_int_equal(async_run(together, NULL), 0);
}

static void every_run_is_drawn_if_the_environment_says_so(void **state)
{
    (void)state;
    setenv("ASYNC_TIMELINE", "1", 1);
    draw(together, -1);
    HAS("slow_operation 3");
}

static int plain(void **state)
{
    unsetenv("ASYNC_TIMELINE");
    unsetenv("ASYNC_TRACE");
    unsetenv("COLUMNS");
    unsetenv("NO_COLOR");
    setenv("LC_ALL", "C", 1);
    return use_virtual_clock(state);
}

#define TEST(name) cmocka_unit_test_setup(name, plain)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(three_awaits_in_one_task_can_be_counted),
        TEST(three_tasks_on_the_same_scale),
        TEST(failures_and_cancellations_have_their_marks),
        TEST(holding_the_thread_is_seen),
        TEST(who_cannot_begin_waits_for_its_turn),
        TEST(a_task_is_drawn_from_its_spawn_on),
        TEST(a_run_that_ends_badly_is_drawn),
        TEST(many_events_of_one_task),
        TEST(long_names_are_cut_and_keep_their_number),
        TEST(names_take_the_columns_that_they_take),
        TEST(lines_are_as_wide_as_columns_says),
        TEST(colours_are_for_terminals),
        TEST(a_terminal_is_filled),
        TEST(the_axis_has_the_unit_that_fits),
        TEST(a_picture_wider_than_time_has_an_axis),
        TEST(a_run_of_no_time_has_an_axis),
        TEST(many_tasks_are_folded),
        TEST(a_few_more_tasks_are_not),
        TEST(the_fold_tells_how_many_did_what),
        TEST(who_ended_badly_is_not_hidden),
        TEST(the_fold_tells_how_busy_the_thread_was),
        TEST(nobody_asked),
        TEST(every_run_is_drawn_if_the_environment_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
