/*
 * driver.c - the student's process, as seen from inside.
 *
 * It does not know what is right. It passes on what the student's code does, a
 * line for each event, and asks the judge at the other end of the channel for
 * everything else: the results of operations, and what time it is.
 * verify/README.md has the lines.
 */
#include "driver.h"
#include "async/async_loop.h"
#include "words.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Without the judge there is nothing to be done. */
enum { NO_JUDGE = 70 };

/* So often may a program yield at one instant of the clock: waiting for
   something in this way would never end, as time stands still meanwhile. */
enum { BUSY_YIELDS = 1000000 };

/* What a student can have written into an out field has no bound; this has. */
enum { TEXT_MAX = 1000, LINE_MAX_BYTES = 4 * TEXT_MAX };

/* ---- The channel ------------------------------------------------------- */

static FILE *from_judge;
static char secret[SECRET_LENGTH + 2]; /* each line begins with it */

static void send_bytes(const char *bytes, size_t length)
{
    for (size_t sent = 0; sent < length;) {
        ssize_t n = write(CHANNEL, bytes + sent, length - sent);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            _exit(NO_JUDGE);
        sent += (size_t)n;
    }
}

static size_t make_line(char *line, const char *format, va_list arguments)
{
    size_t length = (size_t)snprintf(line, LINE_MAX_BYTES, "%s ", secret);

    return length + (size_t)vsnprintf(line + length, LINE_MAX_BYTES - length,
                                      format, arguments);
}

/* Lines to be sent before the next one. */
static char later[16 * LINE_MAX_BYTES];
static size_t later_length;

static void send_later_lines(void)
{
    send_bytes(later, later_length);
    later_length = 0;
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell_later(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* At once: what was told is told, however the process ends. */
static void tell(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;

    va_start(arguments, format);
    size_t length = make_line(line, format, arguments);
    va_end(arguments);
    send_later_lines();
    send_bytes(line, length);
}

/* With the next one: thousands of results are told faster together. */
static void tell_later(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    later_length += make_line(later + later_length, format, arguments);
    va_end(arguments);
    if (later_length > sizeof later - LINE_MAX_BYTES)
        send_later_lines();
}

/* The text's word, cut to what fits into a line; never freed by the caller. */
static const char *as_word(const char *text)
{
    static char *latest;
    char cut[TEXT_MAX + 1];

    free(latest);
    if (text)
        snprintf(cut, sizeof cut, "%.*s", TEXT_MAX, text);
    latest = word_of(text ? cut : NULL);
    return latest ? latest : "-";
}

/* The judge's next line, without its end; valid until the next one. */
static char *hear(void)
{
    static char *line;
    static size_t room;
    ssize_t length = getline(&line, &room, from_judge);

    if (length <= 0)
        _exit(NO_JUDGE);
    line[length - 1] = '\0';
    return line;
}

/* Not through from_judge, whose buffer would keep it. */
static void hear_secret(void)
{
    size_t n = 0;

    while (n < SECRET_LENGTH + 1) {
        ssize_t got = read(CHANNEL, secret + n, SECRET_LENGTH + 1 - n);

        if (got == 0 || (got < 0 && errno != EINTR))
            _exit(NO_JUDGE);
        n += got > 0 ? (size_t)got : 0;
    }
    secret[SECRET_LENGTH] = '\0';
}

/* Room for one element more; the array doubles at each power of two. */
static void *grow(void *array, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return array;
    void *larger = realloc(array, (2 * count + 2) * size);
    if (!larger)
        _exit(NO_JUDGE);
    return larger;
}

/* ---- The scenario ------------------------------------------------------ */

struct parameter {
    char name[32], *value;
};

static struct parameter *parameters;
static size_t parameter_count;

static void add_parameter(const char *line)
{
    struct parameter parameter;
    char value[TEXT_MAX], *text;

    if (sscanf(line, "param %31s %999s", parameter.name, value) != 2 ||
        !text_of(value, &text) || !text)
        _exit(NO_JUDGE);
    parameters = grow(parameters, parameter_count, sizeof parameter);
    parameter.value = strdup(text);
    if (!parameter.value)
        _exit(NO_JUDGE);
    parameters[parameter_count++] = parameter;
}

static void hear_scenario(void)
{
    char *line;

    while (strcmp(line = hear(), "go") != 0)
        add_parameter(line);
}

/* The parameters of one name stand in the order of their items. */
const char *driver_text(const char *name, size_t i)
{
    for (size_t p = 0; p < parameter_count; p++)
        if (strcmp(parameters[p].name, name) == 0 && i-- == 0)
            return parameters[p].value;
    return "";
}

double driver_seconds(const char *name, size_t i)
{
    return (double)atoll(driver_text(name, i)) / 1e9;
}

size_t driver_n(void)
{
    return (size_t)atoll(driver_text("n", 0));
}

/* ---- Operations -------------------------------------------------------- */

/* One call of an operation, from its begin line to its end line. */
struct operation {
    struct async_wait wait;
    bool suspended, answered;
    int err;
    char *text;
};

/* By number, counted from 1. An operation's entry is NULL once it is over. */
static struct operation **operations;
static size_t operation_count;

/* The operation that the thread is blocked by, 0 if there is none. */
static size_t blocking;

static size_t begin_operation(struct operation *operation, const char *op,
                              size_t i)
{
    operations = grow(operations, operation_count, sizeof operation);
    operations[++operation_count] = operation;
    tell("begin %zu %s %zu\n", operation_count, op, i);
    return operation_count;
}

static int end_operation(struct operation *operation, size_t number,
                         char **answer)
{
    operations[number] = NULL;
    if (operation->err == 0) {
        *answer = operation->text;
        return 0;
    }
    /* An error may be without a text. */
    int err = operation->text && *operation->text
                  ? async_raise(operation->err, "%s", operation->text)
                  : operation->err;
    free(operation->text);
    return err;
}

int driver_call(const char *op, size_t i, char **answer)
{
    struct operation operation = {
        .wait = {.what = op, .reason = ASYNC_FOR_NETWORK}, .suspended = true};
    size_t number = begin_operation(&operation, op, i);

    int err = async_suspend(&operation.wait, op);
    if (err) {
        /* Cancelled; the answer may have come in the same turn. */
        operations[number] = NULL;
        free(operation.text);
        tell("gone %zu\n", number);
        return err;
    }
    return end_operation(&operation, number, answer);
}

int driver_call_blocking(const char *op, size_t i, char **answer)
{
    struct operation operation = {0};

    blocking = begin_operation(&operation, op, i);
    async_block(1); /* keeper_hold() asks for the operation's end instead */
    size_t number = blocking;
    blocking = 0;
    return end_operation(&operation, number, answer);
}

int driver_stray(const char *op, long i)
{
    tell("stray %ld\n", i);
    return async_raise(-EINVAL, "%s got a job that is not its own", op);
}

static void answer_operation(char *line)
{
    char word[TEXT_MAX], *text;
    size_t number;
    int err;

    if (sscanf(line, "end %zu %d %999s", &number, &err, word) != 3 ||
        !text_of(word, &text) || number > operation_count)
        _exit(NO_JUDGE);
    struct operation *operation = operations[number];
    if (!operation || operation->answered)
        return;
    operation->answered = true;
    operation->err = err;
    operation->text = text ? strdup(text) : NULL;
    if (operation->suspended)
        async_resume(&operation->wait);
}

/* ---- The clock --------------------------------------------------------- */

static struct async_task *student; /* NULL while it does not run */
static long yields;                /* since the clock last moved */

/* What happens, until the judge says what time it is; -1: nothing, ever. */
static int64_t hear_time(void)
{
    yields = 0;
    for (;;) {
        char *line = hear();
        long long now;

        if (sscanf(line, "time %lld", &now) == 1)
            return now;
        if (strcmp(line, "never") == 0)
            return -1;
        if (strcmp(line, "cancel") == 0 && student)
            async_cancel(student);
        else
            answer_operation(line);
    }
}

static int64_t keeper_idle(struct async_time_keeper *self, int64_t next)
{
    (void)self;
    fflush(stdout);
    if (next == INT64_MAX)
        tell("idle none\n");
    else
        tell("idle %lld\n", (long long)next);
    return hear_time();
}

/* Which function holds the clock, unless it is an operation that blocks. */
static const char *holder = "async_block";

static int64_t keeper_hold(struct async_time_keeper *self, int64_t until)
{
    (void)self;
    fflush(stdout);
    if (blocking)
        tell("block %zu\n", blocking);
    else
        tell("hold %lld %s\n", (long long)until, holder);
    return hear_time();
}

static struct async_time_keeper keeper = {.idle = keeper_idle,
                                          .hold = keeper_hold};

/*
 * The student's calls of these two come here first (the linker's --wrap), to be
 * counted: yielding in a loop keeps the program from ever being idle, and so
 * the judge would not see it.
 */
int __real_async_yield(void);
int __real_async_sleep(double seconds);
int __wrap_async_yield(void);
int __wrap_async_sleep(double seconds);

int __wrap_async_yield(void)
{
    if (++yields == BUSY_YIELDS)
        tell("busy\n");
    return __real_async_yield();
}

int __wrap_async_sleep(double seconds)
{
    return seconds > 0 ? __real_async_sleep(seconds) : __wrap_async_yield();
}

/* ---- Sleeping ---------------------------------------------------------- */

/*
 * The C library's ways to sleep come here, too: they hold the judge's clock as
 * async_block() does. Elsewhere, before async_run or in a thread of the
 * student's own, there is no such clock, and they are what they always are.
 */
static _Thread_local bool clock_is_kept;

static void hold(const char *function, double seconds)
{
    holder = function;
    async_block(seconds);
    holder = "async_block";
}

static double seconds_of(const struct timespec *time)
{
    return (double)time->tv_sec + (double)time->tv_nsec / 1e9;
}

/* Whether a call with that time-out is one that we take over: the C library
   refuses others. */
static bool is_ours(const struct timespec *time)
{
    return clock_is_kept && time && time->tv_sec >= 0 && time->tv_nsec >= 0 &&
           time->tv_nsec < 1000000000;
}

int __real_nanosleep(const struct timespec *time, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest);

int __wrap_nanosleep(const struct timespec *time, struct timespec *rest)
{
    if (!is_ours(time))
        return __real_nanosleep(time, rest);
    hold("nanosleep", seconds_of(time));
    return 0;
}

int __real_clock_nanosleep(clockid_t id, int flags, const struct timespec *time,
                           struct timespec *rest);
int __wrap_clock_nanosleep(clockid_t id, int flags, const struct timespec *time,
                           struct timespec *rest);

int __wrap_clock_nanosleep(clockid_t id, int flags, const struct timespec *time,
                           struct timespec *rest)
{
    struct timespec now = {0};

    if (!is_ours(time) ||
        ((flags & TIMER_ABSTIME) && clock_gettime(id, &now) != 0))
        return __real_clock_nanosleep(id, flags, time, rest);
    hold("clock_nanosleep", seconds_of(time) - seconds_of(&now));
    return 0;
}

unsigned __real_sleep(unsigned seconds);
unsigned __wrap_sleep(unsigned seconds);

unsigned __wrap_sleep(unsigned seconds)
{
    if (!clock_is_kept)
        return __real_sleep(seconds);
    hold("sleep", seconds);
    return 0;
}

int __real_usleep(useconds_t microseconds);
int __wrap_usleep(useconds_t microseconds);

int __wrap_usleep(useconds_t microseconds)
{
    if (!clock_is_kept)
        return __real_usleep(microseconds);
    hold("usleep", microseconds / 1e6);
    return 0;
}

/* These four sleep if there is nothing else that they could wait for. */

int __real_poll(struct pollfd *files, nfds_t n, int milliseconds);
int __wrap_poll(struct pollfd *files, nfds_t n, int milliseconds);

int __wrap_poll(struct pollfd *files, nfds_t n, int milliseconds)
{
    if (!clock_is_kept || n > 0 || milliseconds < 0)
        return __real_poll(files, n, milliseconds);
    hold("poll", milliseconds / 1e3);
    return 0;
}

int __real_ppoll(struct pollfd *files, nfds_t n, const struct timespec *time,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *files, nfds_t n, const struct timespec *time,
                 const sigset_t *mask);

int __wrap_ppoll(struct pollfd *files, nfds_t n, const struct timespec *time,
                 const sigset_t *mask)
{
    if (n > 0 || !is_ours(time))
        return __real_ppoll(files, n, time, mask);
    hold("ppoll", seconds_of(time));
    return 0;
}

int __real_select(int n, fd_set *in, fd_set *out, fd_set *odd,
                  struct timeval *time);
int __wrap_select(int n, fd_set *in, fd_set *out, fd_set *odd,
                  struct timeval *time);

int __wrap_select(int n, fd_set *in, fd_set *out, fd_set *odd,
                  struct timeval *time)
{
    if (!clock_is_kept || in || out || odd || !time || time->tv_sec < 0)
        return __real_select(n, in, out, odd, time);
    hold("select", (double)time->tv_sec + (double)time->tv_usec / 1e6);
    return 0;
}

int __real_pselect(int n, fd_set *in, fd_set *out, fd_set *odd,
                   const struct timespec *time, const sigset_t *mask);
int __wrap_pselect(int n, fd_set *in, fd_set *out, fd_set *odd,
                   const struct timespec *time, const sigset_t *mask);

int __wrap_pselect(int n, fd_set *in, fd_set *out, fd_set *odd,
                   const struct timespec *time, const sigset_t *mask)
{
    if (in || out || odd || !is_ours(time))
        return __real_pselect(n, in, out, odd, time, mask);
    hold("pselect", seconds_of(time));
    return 0;
}

/* ---- A web server ------------------------------------------------------ */

/* The clock is the real one, and the judge speaks while tasks run. */
static bool served;

/* The socket goes to the judge with a line. */
static void send_listener(int fd)
{
    char line[SECRET_LENGTH + 16];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof fd),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {
        line, (size_t)snprintf(line, sizeof line, "%s listening\n", secret)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    if (sendmsg(CHANNEL, &message, 0) != (ssize_t)part.iov_len)
        _exit(NO_JUDGE);
}

/* Made here, because nobody else may be in the network that this program is
   in. Who accepts connections from it is somewhere else. */
int driver_serve(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) ||
        listen(fd, SOMAXCONN) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        _exit(NO_JUDGE);
    send_listener(fd);
    close(fd);
    while (strcmp(hear(), "serving") != 0)
        continue;
    served = true;
    return ntohs(address.sin_port);
}

static void on_channel(struct async_fd *self, int events)
{
    (void)self;
    (void)events;
    if (strcmp(hear(), "cancel") == 0 && student)
        async_cancel(student);
}

static struct async_fd channel_fd = {.fd = CHANNEL, .ready = on_channel};

/* ---- The student's function -------------------------------------------- */

struct student_run {
    async_fn *fn;
    void *job;
    const char *name;
};

static int run_student(void *job)
{
    const struct student_run *run = job;
    int err = run->fn(run->job);

    fflush(stdout);
    tell("returned %d %s\n", err, as_word(err ? async_errmsg(err) : ""));
    if (served)
        hear_time(); /* it looks who is left in flight */
    return err;
}

/* A task of its own, so that it can be cancelled. */
static int run_as_task(void *job)
{
    const struct student_run *run = job;
    struct async_task task;

    if (served && async_fd_watch(&channel_fd, ASYNC_READABLE))
        _exit(NO_JUDGE);
    async_spawn_at(&task, run_student, job, run->name, "the judge");
    student = &task;
    int err = async_await(&task);
    student = NULL;
    if (served)
        async_fd_unwatch(&channel_fd);
    return err;
}

void driver_run(async_fn *fn, void *job, const char *name)
{
    struct student_run run = {fn, job, name};

    async_keep_time(served ? NULL : &keeper);
    clock_is_kept = !served;
    int err = async_run(run_as_task, &run);
    /* Whether the student's function succeeded was told when it returned. */
    (void)err;
    clock_is_kept = false;
    fflush(stdout);
    tell("closed\n");
}

void driver_out_text(size_t i, const char *field, const char *value)
{
    tell_later("out %zu %s %s\n", i, field, as_word(value));
}

void driver_out_number(size_t i, const char *field, long value)
{
    tell_later("out %zu %s =%ld\n", i, field, value);
}

void driver_out_billionths(size_t i, const char *field, double value)
{
    driver_out_number(i, field, fabs(value) < 1e9 ? lround(value * 1e9) : -1);
}

/* ---- main -------------------------------------------------------------- */

/* The CPU limit: says what everybody was doing. The process is lost anyway, so
   that async_dump() may print from a handler. */
static void on_cpu_limit(int number)
{
    async_dump();
    signal(number, SIG_DFL);
    raise(number);
}

/* There in a sanitized build only. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

int main(void)
{
    from_judge = fdopen(CHANNEL, "r");
    if (!from_judge)
        return NO_JUDGE;
    signal(SIGXCPU, on_cpu_limit);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash loses no line */
    hear_secret();
    hear_scenario();
    driver_main();
    fflush(stdout);

    bool leaks =
        __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check();
    tell("leaks %d\n", leaks);
    return 0;
}
