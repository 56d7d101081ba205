/*
 * test_trace_file.c - the file that ASYNC_TRACE asks for, read back.
 *
 * Each program runs in a process of its own, because a file is complete when
 * its process has ended, however it ended.
 */
#include "trace.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/test_trace_file.XXXXXX";
static char output[16384]; /* of the program, both streams */
static cJSON *events;

/* ---- Running ----------------------------------------------------------- */

/* Runs program in a child process; its wait status. */
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

/* The file as a text, with what is missing at its end; to be freed. */
static char *read_file(const char *end)
{
    FILE *file = fopen(path, "r");
    struct stat info;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    size_t size = (size_t)info.st_size;
    char *text = malloc(size + strlen(end) + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, size, file), size);
    fclose(file);
    strcpy(text + size, end);
    return text;
}

/* Fills events from the file. */
static void read_events(const char *end)
{
    char *text = read_file(end);
    const char *rest;

    cJSON_Delete(events);
    events = cJSON_ParseWithOpts(text, &rest, true);
    free(text);
    assert_true(cJSON_IsArray(events));
}

static void trace_of(int (*program)(void))
{
    int status = run(program);

    if (!WIFEXITED(status) || WEXITSTATUS(status))
        fail_msg("wait status 0x%x:\n%s", status, output);
    read_events("");
}

/* ---- Looking at events ------------------------------------------------- */

static double number(const cJSON *event, const char *key)
{
    const cJSON *value = cJSON_GetObjectItem(event, key);

    assert_true(cJSON_IsNumber(value));
    return value->valuedouble;
}

/* A string, "" if there is none. */
static const char *string(const cJSON *event, const char *key)
{
    const char *text =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, key));

    return text ? text : "";
}

static const cJSON *args(const cJSON *event)
{
    return cJSON_GetObjectItemCaseSensitive(event, "args");
}

/* What is on one track: phases and names, "B main; B runs; E; E". */
static const char *track(double tid)
{
    static char text[4096];
    const cJSON *event;
    size_t length = 0;

    text[0] = '\0';
    cJSON_ArrayForEach(event, events)
    {
        if (number(event, "tid") != tid || *string(event, "ph") == 'M')
            continue;
        length += (size_t)snprintf(
            text + length, sizeof text - length, "%s%.0f %s%s%s",
            length ? "; " : "", number(event, "ts") / 1000, string(event, "ph"),
            *string(event, "name") ? " " : "", string(event, "name"));
        assert_true(length < sizeof text);
    }
    return text;
}

/* The first event of this phase and name, from an event on or from the start.
   NULL: there is none. */
static const cJSON *find(const cJSON *event, const char *phase,
                         const char *name)
{
    for (event = event ? event : events->child; event; event = event->next)
        if (strcmp(string(event, "ph"), phase) == 0 &&
            strcmp(string(event, "name"), name) == 0)
            return event;
    return NULL;
}

static int count(const char *phase, const char *name)
{
    int n = 0;

    for (const cJSON *e = NULL; (e = find(e, phase, name)); e = e->next) {
        n++;
        if (!e->next)
            break;
    }
    return n;
}

static struct track {
    double tid, pid, ts;
    int depth;
} tracks[4096];
static size_t track_count;

static struct track *track_of(const cJSON *event)
{
    double tid = number(event, "tid");

    for (size_t i = 0; i < track_count; i++)
        if (tracks[i].tid == tid)
            return &tracks[i];
    assert_true(track_count < sizeof tracks / sizeof *tracks);
    tracks[track_count] = (struct track){
        .tid = tid, .pid = number(event, "pid"), .ts = number(event, "ts")};
    return &tracks[track_count++];
}

/*
 * What the format asks for: each event has a phase, a time and a track; on a
 * track times never go back, and slices nest; an arrow begins in a slice.
 * complete: and every slice ends.
 */
static void check_format(bool complete)
{
    const cJSON *event;

    track_count = 0;
    cJSON_ArrayForEach(event, events)
    {
        const char *phase = string(event, "ph");
        struct track *its = track_of(event);

        assert_int_equal(strlen(phase), 1);
        assert_non_null(strchr("MBEisf", *phase));
        /* Viewers tell threads apart by their tid alone. */
        assert_true(its->pid == number(event, "pid"));
        assert_true(its->ts <= number(event, "ts"));
        its->ts = number(event, "ts");
        if (*phase == 'B' || *phase == 'E')
            its->depth += *phase == 'B' ? 1 : -1;
        assert_true(its->depth >= 0);
        if (strchr("Bisf", *phase))
            assert_true(*string(event, "name"));
        if (strchr("si", *phase))
            assert_true(its->depth > 0);
        if (*phase == 'i')
            assert_string_equal(string(event, "s"), "t");
    }
    for (size_t i = 0; i < track_count && complete; i++)
        assert_int_equal(tracks[i].depth, 0);
}

/* ---- Programs ---------------------------------------------------------- */

static int sleep_one(void *job)
{
    (void)job;
    return async_sleep(1);
}

static int fail_at_two(void *job)
{
    (void)job;
    int err = async_sleep(2);
    return err ? err : async_raise(-EIO, "the \"disk\"\n\\ is\x01 full");
}

static int sleep_three(void *job)
{
    (void)job;
    return async_sleep(3);
}

static struct async_semaphore semaphore;

static int hold_permit(void *job)
{
    (void)job;
    int err = async_semaphore_acquire(&semaphore);
    if (err)
        return err;
    err = async_yield();
    async_semaphore_release(&semaphore);
    return err;
}

static int gather_three(void *job)
{
    struct async_task tasks[3];
    (void)job;

    async_spawn(&tasks[0], sleep_one, NULL);
    async_spawn(&tasks[1], fail_at_two, NULL);
    async_spawn(&tasks[2], sleep_three, NULL);
    return async_gather(tasks, 3);
}

static int one_fails(void)
{
    return async_run(gather_three, NULL) != -EIO;
}

static int two_permits(void *job)
{
    struct async_task tasks[2];
    (void)job;

    semaphore = (struct async_semaphore){.permits = 1};
    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], hold_permit, NULL);
    return async_gather(tasks, 2);
}

static int waits(void)
{
    return async_run(two_permits, NULL);
}

static int cancels(void *job)
{
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[0], sleep_one, NULL);
    async_spawn(&tasks[1], sleep_three, NULL);
    async_cancel(&tasks[1]);
    return async_gather_all(tasks, 2);
}

static int one_is_cancelled(void)
{
    return async_run(cancels, NULL);
}

static char long_name[1001];
static const char *const odd_names[] = {
    "run(\"a\\n\")", "tab\there",      "größte获取😀",
    "cut\xe8\x8e",   "\xff\xc0\xaf",   "\xed\xa0\x80",
    "client->get",   "bell\a del\x7f", long_name};
enum { ODD_NAMES = sizeof odd_names / sizeof *odd_names };

static int spawn_odd(void *job)
{
    struct async_task tasks[ODD_NAMES];
    (void)job;

    memset(long_name, '\x02', sizeof long_name - 1);
    for (int i = 0; i < ODD_NAMES; i++)
        async_spawn_at(&tasks[i], sleep_one, NULL, odd_names[i], odd_names[i]);
    return async_gather(tasks, ODD_NAMES);
}

static int odd(void)
{
    return async_run(spawn_odd, NULL);
}

static int three_runs(void)
{
    return async_run(gather_three, NULL) != -EIO ||
           async_run(sleep_one, NULL) || async_run(two_permits, NULL);
}

static int give_up(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, sleep_three, NULL);
    int err = async_sleep(1);
    abort();
    return err;
}

static int aborts(void)
{
    return async_run(give_up, NULL);
}

static int press_ctrl_c_twice(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, sleep_three, NULL);
    int err = async_sleep(1);
    raise(SIGINT);
    raise(SIGINT);
    return err;
}

static int stopped(void)
{
    return async_run(press_ctrl_c_twice, NULL);
}

static int waits_forever(void *job)
{
    (void)job;
    semaphore = (struct async_semaphore){0};
    return async_semaphore_acquire(&semaphore);
}

static int deadlock(void)
{
    return async_run(waits_forever, NULL) != ASYNC_EDEADLK;
}

enum { MANY = 2000 };

static int spawn_many(void *job)
{
    static struct async_task tasks[MANY];
    (void)job;

    for (int i = 0; i < MANY; i++)
        async_spawn(&tasks[i], sleep_one, NULL);
    return async_gather(tasks, MANY);
}

static int many(void)
{
    return async_run(spawn_many, NULL);
}

static int spawn_fifty(void *job)
{
    struct async_task tasks[50];
    (void)job;

    for (int i = 0; i < 50; i++)
        async_spawn(&tasks[i], sleep_one, NULL);
    return async_gather(tasks, 50);
}

static void *run_in_thread(void *result)
{
    *(int *)result = async_run(spawn_fifty, NULL);
    return NULL;
}

static int loops_in_threads(void)
{
    pthread_t threads[4];
    int results[4], failed = 0;

    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, run_in_thread, &results[i]))
            abort();
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        failed |= results[i];
    }
    return failed;
}

static int fork_beside(void *job)
{
    (void)job;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        /* LeakSanitizer would call a leak what the parent's run still holds. */
        close(STDERR_FILENO);
        exit(0);
    }
    return waitpid(pid, NULL, 0) == pid ? async_sleep(1) : -ECHILD;
}

static int forks(void)
{
    return async_run(fork_beside, NULL);
}

/* ---- Tests ------------------------------------------------------------- */

static void tracks_tell_what_tasks_did(void **state)
{
    (void)state;
    trace_of(one_fails);
    check_format(true);
    assert_string_equal(track(1),
                        "0 B main; 0 B waits for its turn; 0 E; 0 B runs; "
                        "0 s spawn; 0 s spawn; 0 s spawn; 0 E; 0 B waits for "
                        "the tasks that it gathers; "
                        "1000 f await; 2000 f await; 2000 f await; "
                        "2000 E; 2000 B runs; 2000 E; 2000 E");
    assert_string_equal(
        track(2), "0 B sleep_one; 0 B waits for its turn; 0 f spawn; 0 E; "
                  "0 B runs; 0 E; 0 B sleeps; 1000 E; 1000 B runs; "
                  "1000 s await; 1000 E; 1000 E");
    assert_string_equal(
        track(4), "0 B sleep_three; 0 B waits for its turn; 0 f spawn; 0 E; "
                  "0 B runs; 0 E; 0 B sleeps; 2000 i cancelled; 2000 E; "
                  "2000 B runs; 2000 s await; 2000 E; 2000 E");
}

static void each_wait_has_its_name(void **state)
{
    (void)state;
    trace_of(waits);
    check_format(true);
    assert_int_equal(count("B", "waits for the tasks that it gathers"), 1);
    assert_int_equal(count("B", "waits for a permit of a semaphore"), 1);
    assert_int_equal(count("B", "waits for its turn"), 3);
    assert_int_equal(count("B", "lets others run"), 2);
}

static void tracks_have_names_and_an_order(void **state)
{
    const cJSON *name, *place;
    (void)state;

    trace_of(one_fails);
    name = find(NULL, "M", "process_name");
    assert_string_equal(string(args(name), "name"), "async_run 1");
    name = place = NULL;
    for (int i = 1; i <= 4; i++) {
        static const char *const names[] = {"main", "sleep_one", "fail_at_two",
                                            "sleep_three"};

        name = find(name ? name->next : NULL, "M", "thread_name");
        place = find(place ? place->next : NULL, "M", "thread_sort_index");
        assert_non_null(name);
        assert_non_null(place);
        assert_int_equal(number(name, "tid"), i);
        assert_string_equal(string(args(name), "name"), names[i - 1]);
        assert_int_equal(number(args(place), "sort_index"), i);
    }
}

static void results_and_errors_are_arguments(void **state)
{
    const cJSON *event;
    int ends = 0;
    (void)state;

    trace_of(one_fails);
    event = find(NULL, "B", "fail_at_two");
    const char *place = string(args(event), "spawned at");
    assert_memory_equal(place, __FILE__ ":", strlen(__FILE__) + 1);
    assert_true(atoi(place + strlen(__FILE__) + 1) > 0);
    assert_int_equal(number(args(event), "task"), 3);
    cJSON_ArrayForEach(event, events)
    {
        static const int results[] = {0, -EIO, -EIO, ASYNC_ECANCELED};
        static const char *const texts[] = {"", "the \"disk\"\n\\ is\x01 full",
                                            "the \"disk\"\n\\ is\x01 full",
                                            "the task was cancelled"};
        /* By their tids: main is the last to end. */
        static const int order[] = {0, 2, 0, 1, 3};

        if (*string(event, "ph") != 'E' || !args(event))
            continue;
        int which = order[(int)number(event, "tid")];
        ends++;
        assert_int_equal((int)number(args(event), "result"), results[which]);
        assert_string_equal(string(args(event), "error"), texts[which]);
    }
    assert_int_equal(ends, 4);
}

static void a_cancellation_tells_by_whom(void **state)
{
    const cJSON *event;
    (void)state;

    trace_of(one_is_cancelled);
    check_format(true);
    event = find(NULL, "i", "cancelled");
    assert_int_equal(number(event, "tid"), 3);
    assert_string_equal(string(args(event), "by"), "main");
    /* It never began. */
    assert_string_equal(track(3),
                        "0 B sleep_three; 0 B waits for its turn; 0 f spawn; "
                        "0 i cancelled; 0 s await; 0 E; 0 E");
}

static void any_name_is_escaped(void **state)
{
    static const char *const expected[ODD_NAMES - 1] = {
        "run(\"a\\n\")", "tab\there", "größte获取😀", "cut��",
        "���",           "���",       "client->get", "bell\a del\x7f"};
    const cJSON *event;
    (void)state;

    trace_of(odd);
    check_format(true);
    for (int i = 0; i < ODD_NAMES - 1; i++)
        assert_non_null(find(NULL, "B", expected[i]));
    cJSON_ArrayForEach(event, events)
    {
        if (number(event, "tid") == 1 + ODD_NAMES &&
            *string(event, "ph") == 'B')
            break;
    }
    assert_non_null(event);
    assert_int_equal(strspn(string(event, "name"), "\x02"), 200);
    assert_string_equal(string(event, "name") + 200, "...");
}

static void each_run_is_a_process(void **state)
{
    const cJSON *event = NULL;
    double pids[3];
    (void)state;

    trace_of(three_runs);
    check_format(true);
    assert_int_equal(count("M", "process_name"), 3);
    for (int i = 0; i < 3; i++) {
        char name[] = "async_run 0";

        name[sizeof name - 2] += (char)(i + 1);
        event = find(event ? event->next : NULL, "M", "process_name");
        assert_string_equal(string(args(event), "name"), name);
        pids[i] = number(event, "pid");
    }
    assert_true(pids[0] < pids[1] && pids[1] < pids[2]);
}

static void a_program_that_aborts_leaves_all_before(void **state)
{
    (void)state;
    assert_true(WIFSIGNALED(run(aborts)));
    read_events("]");
    check_format(false);
    assert_string_equal(track(1),
                        "0 B main; 0 B waits for its turn; 0 E; 0 B runs; "
                        "0 s spawn; 0 E; 0 B sleeps; 1000 E; 1000 B runs");
}

static void a_second_ctrl_c_leaves_all_before(void **state)
{
    int status = run(stopped);
    (void)state;

    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    read_events("]");
    check_format(false);
    assert_int_equal(count("B", "runs"), 3);
}

static void a_deadlock_is_a_complete_trace(void **state)
{
    (void)state;
    trace_of(deadlock);
    check_format(true);
    assert_int_equal(count("B", "waits for a permit of a semaphore"), 1);
    assert_int_equal(count("i", "cancelled"), 1);
}

static void many_tasks(void **state)
{
    (void)state;
    trace_of(many);
    check_format(true);
    assert_int_equal(count("M", "thread_name"), MANY + 1);
    assert_int_equal(count("s", "spawn"), MANY);
    assert_int_equal(count("f", "spawn"), MANY);
    assert_int_equal(count("f", "await"), MANY);
}

static void loops_in_threads_share_the_file(void **state)
{
    (void)state;
    trace_of(loops_in_threads);
    check_format(true);
    assert_int_equal(count("M", "process_name"), 4);
    assert_int_equal(count("M", "thread_name"), 4 * 51);
}

static void a_forked_child_does_not_end_the_file(void **state)
{
    (void)state;
    trace_of(forks);
    check_format(true);
}

static void a_file_that_cannot_be_opened(void **state)
{
    (void)state;
    setenv("ASYNC_TRACE", "/nonexistent/trace.json", 1);
    assert_int_equal(run(three_runs), 0);
    assert_string_equal(output,
                        "async: ASYNC_TRACE=/nonexistent/trace.json: No such "
                        "file or directory; no trace is written.\n");
}

static void a_disk_that_is_full(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    setenv("ASYNC_TRACE", "/dev/full", 1);
    assert_int_equal(run(three_runs), 0);
    assert_string_equal(output,
                        "async: ASYNC_TRACE=/dev/full: No space left on "
                        "device; the trace ends here.\n");
}

static void nobody_asked(void **state)
{
    struct stat info;
    (void)state;

    unsetenv("ASYNC_TRACE");
    assert_int_equal(run(three_runs), 0);
    setenv("ASYNC_TRACE", "", 1);
    assert_int_equal(run(three_runs), 0);
    assert_string_equal(output, "");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 0);
}

static void a_timeline_beside_it(void **state)
{
    (void)state;
    setenv("ASYNC_TIMELINE", "1", 1);
    trace_of(one_fails);
    check_format(true);
    assert_int_equal(count("B", "runs"), 2 * 4);
    assert_non_null(strstr(output, "\nsleep_one           |------"));
    assert_non_null(strstr(output, "\nfail_at_two         |------"));
}

static int begin(void **state)
{
    unsetenv("ASYNC_TIMELINE");
    unsetenv("COLUMNS");
    setenv("LC_ALL", "C", 1);
    setenv("ASYNC_TRACE", path, 1);
    if (truncate(path, 0))
        return -1;
    return use_virtual_clock(state);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    cJSON_Delete(events);
    return unlink(path);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tracks_tell_what_tasks_did),
        TEST(each_wait_has_its_name),
        TEST(tracks_have_names_and_an_order),
        TEST(results_and_errors_are_arguments),
        TEST(a_cancellation_tells_by_whom),
        TEST(any_name_is_escaped),
        TEST(each_run_is_a_process),
        TEST(a_program_that_aborts_leaves_all_before),
        TEST(a_second_ctrl_c_leaves_all_before),
        TEST(a_deadlock_is_a_complete_trace),
        TEST(many_tasks),
        TEST(loops_in_threads_share_the_file),
        TEST(a_forked_child_does_not_end_the_file),
        TEST(a_file_that_cannot_be_opened),
        TEST(a_disk_that_is_full),
        TEST(nobody_asked),
        TEST(a_timeline_beside_it),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
