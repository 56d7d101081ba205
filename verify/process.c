/*
 * process.c - starting, watching and ending a child.
 *
 * Wall time decides nothing about a program, since a busy machine may stop it
 * for any time. So the limits count what the program itself uses, and only a
 * program that sleeps in a system call, where it would have to be woken, counts
 * as blocked. Memory is watched, not limited by RLIMIT_AS: the runtime reserves
 * many stacks, and a sanitizer terabytes, that are never touched.
 */
#include "process.h"
#include "bubblewrap.h"
#include "sandbox.h"
#include "words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 20,       /* how often limits are looked after */
    ANSWER_LOOKS = 100, /* how long a program may tell what it does */
    GONE_SECONDS = 10,  /* what takes longer to die cannot be killed */
    KEPT_BYTES = 64 * 1024,
    STACK_BYTES = 8 * 1024 * 1024
};

static volatile sig_atomic_t interrupted;

/* Whether another process, the judge, says what there is to say. */
static bool speechless;

static void on_signal(int number)
{
    interrupted = number;
}

/* What whoever started us left open, a submission shall not have. */
static void close_inherited(void)
{
    DIR *open_fds = opendir("/dev/fd");
    struct dirent *entry;

    while (open_fds && (entry = readdir(open_fds)))
        if (atoi(entry->d_name) >= CHANNEL)
            fcntl(atoi(entry->d_name), F_SETFD, FD_CLOEXEC);
    if (open_fds)
        closedir(open_fds);
}

void process_prepare(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};

    close_inherited(); /* before, because /dev/fd is closed to the undumpable */
    sandbox_judge();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a report that does not fit is an error */
    signal(SIGCHLD, SIG_DFL); /* whoever ignores it cannot wait */
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction old;

        /* Ignored by whoever started us (nohup), it stays so. */
        sigaction(numbers[i], NULL, &old);
        if (old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

void process_deputy(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    speechless = true;
    /* The judge's way to stop it, also where the judge itself ignores it. */
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
}

char *path_variable(void)
{
    static char path[4096];

    snprintf(path, sizeof path, "PATH=%s",
             getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
    return path;
}

static int64_t real_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

/* ---- In the child, before exec ----------------------------------------- */

static void limit(int resource, rlim_t soft, rlim_t hard)
{
    struct rlimit old, new = {soft, hard};

    /* A limit that is lower already stays. */
    if (getrlimit(resource, &old) == 0 && old.rlim_max < new.rlim_max)
        new.rlim_max = old.rlim_max;
    if (new.rlim_cur > new.rlim_max)
        new.rlim_cur = new.rlim_max;
    setrlimit(resource, &new);
}

static void set_limits(const struct limits *limits)
{
    rlim_t cpu = (rlim_t)limits->cpu_seconds;

    /* The soft limit lets the driver say what the program was doing. */
    limit(RLIMIT_CPU, cpu, cpu + 1);
    limit(RLIMIT_FSIZE, limits->file, limits->file);
    limit(RLIMIT_CORE, 0, 0);
    /* The same for all, also as the size of each thread's. */
    limit(RLIMIT_STACK, STACK_BYTES, RLIM_INFINITY);
    /* Files that are mapped nowhere count as nobody's memory. */
    rlim_t files = 256 + 4 * (rlim_t)limits->processes;
    limit(RLIMIT_NOFILE, files, files);
#ifdef RLIMIT_NPROC
    size_t processes = sandbox_process_limit(limits->processes);
    if (processes)
        limit(RLIMIT_NPROC, processes, processes);
#endif
}

/* 0, 1, 2, and the channel. All others are close-on-exec. */
static int set_descriptors(int out, int err, int channel)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        return -errno;
    if (channel >= 0 && dup2(channel, CHANNEL) < 0)
        return -errno;
    return 0;
}

/* Whatever those who started us ignore or block. */
static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Returns only if it failed: a negative errno value. */
static int become(const struct command *command, char *const *arguments,
                  int out, int err, int channel)
{
    reset_signals();
    if (setsid() < 0 || chdir(command->folder))
        return -errno;
    int error = set_descriptors(out, err, channel);
    if (error)
        return error;
    error = sandbox_child();
    if (error)
        return error;
    set_limits(command->limits);
    execve(arguments[0], arguments, command->environment);
    return -errno;
}

/* ---- Starting ---------------------------------------------------------- */

/* Both ends close-on-exec, and above the child's descriptors, so that setting
   those overwrites none of them. */
static int open_pair(int pair[2], bool socket)
{
    if (socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, pair) : pipe(pair))
        return -errno;
    for (int i = 0; i < 2; i++) {
        int high = fcntl(pair[i], F_DUPFD_CLOEXEC, CHANNEL + 1);

        close(pair[i]);
        pair[i] = high;
    }
    return pair[0] < 0 || pair[1] < 0 ? -EMFILE : 0;
}

/* The pairs of a process's connections: ours first, the child's second. */
struct connections {
    int out[2], err[2], channel[2], failure[2], sandbox[2];
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int open_connections(struct connections *c, bool channel)
{
    int err = open_pair(c->out, false);

    if (!err)
        err = open_pair(c->err, false);
    if (!err)
        err = open_pair(c->failure, false);
    if (!err && channel)
        err = open_pair(c->channel, true);
    if (!err && bubblewrap_works())
        err = open_pair(c->sandbox, false);
    return err;
}

/* Runs in the child and never returns: what failed goes to the judge. */
static void run_child(const struct command *command, struct connections *c)
{
    char *const *arguments = command->arguments;

    if (bubblewrap_works()) {
        arguments = bubblewrap_arguments(command, c->sandbox[1]);
        fcntl(c->sandbox[1], F_SETFD, 0);
    }
    int err = become(command, arguments, c->out[1], c->err[1], c->channel[1]);

    while (write(c->failure[1], &err, sizeof err) < 0 && errno == EINTR)
        continue;
    _exit(127);
}

/* The child's end closes when exec succeeds; before that, it says why not. */
static int exec_result(int fd)
{
    int err = 0;
    ssize_t n;

    do
        n = read(fd, &err, sizeof err);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof err ? err : 0;
}

int process_start(struct process *process, const struct command *command)
{
    struct connections c = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    int err = open_connections(&c, command->channel);

    if (!err) {
        process->pid = fork();
        if (process->pid == 0)
            run_child(command, &c);
        if (process->pid < 0)
            err = -errno;
    }
    close_fd(&c.out[1]);
    close_fd(&c.err[1]);
    close_fd(&c.channel[1]);
    close_fd(&c.failure[1]);
    close_fd(&c.sandbox[1]);
    process->out = (struct stream){.fd = c.out[0]};
    process->err = (struct stream){.fd = c.err[0]};
    process->channel = c.channel[0];
    process->sandbox = c.sandbox[0];
    process->server = -1;
    process->server_pid = 0;
    process->limits = command->limits;
    process->ending = process->gone = RUNNING;
    process->hung_up = false;
    process->last_look = 0;
    process->looks = process->asleep = process->starved = process->deaf = 0;
    process->quiet = 0;
    process->latest = (struct look){0};
    if (!err)
        err = exec_result(c.failure[0]);
    close_fd(&c.failure[0]);
    fcntl(process->out.fd, F_SETFL, O_NONBLOCK);
    fcntl(process->err.fd, F_SETFL, O_NONBLOCK);
    if (process->channel >= 0)
        fcntl(process->channel, F_SETFL, O_NONBLOCK);
    if (process->sandbox >= 0)
        fcntl(process->sandbox, F_SETFL, O_NONBLOCK);
    if (err)
        process_end(process, ENDED);
    return err;
}

/* In the child that becomes the server: never returns. */
static void run_server(char *const *arguments, int ours, int listener)
{
    char *const environment[] = {NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    /* Above those that they are to be, so that none overwrites another. */
    int socket = fcntl(ours, F_DUPFD_CLOEXEC, CHANNEL + 2);
    int listens = fcntl(listener, F_DUPFD_CLOEXEC, CHANNEL + 2);

    if (dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2 &&
        dup2(socket, CHANNEL) == CHANNEL &&
        dup2(listens, CHANNEL + 1) == CHANNEL + 1)
        execve(arguments[0], arguments, environment);
    _exit(127);
}

int process_serve(struct process *process, char *const *arguments, int listener)
{
    int pair[2] = {-1, -1}, err = open_pair(pair, true);

    if (!err) {
        process->server_pid = fork();
        if (process->server_pid == 0)
            run_server(arguments, pair[1], listener);
        if (process->server_pid < 0)
            err = -errno;
    }
    close_fd(&pair[1]);
    close_fd(&listener);
    process->server = pair[0];
    return err;
}

/* ---- Ending ------------------------------------------------------------ */

/*
 * How the program itself ended. bwrap passes a signal on as a shell does; and
 * what it says of its own matters only if there was no program: all others have
 * lost its descriptor by then.
 */
static void note_status(struct process *process, int status)
{
    char said[4096];

    process->status = status;
    if (process->sandbox < 0 || process->gone != RUNNING)
        return;
    ssize_t n = read(process->sandbox, said, sizeof said - 1);
    said[n > 0 ? n : 0] = '\0';
    if (!bubblewrap_began(said))
        process->gone = NOT_BEGUN;
    if (WIFEXITED(status) && WEXITSTATUS(status) > 128)
        process->status = WEXITSTATUS(status) - 128; /* as waitpid gives it */
}

/* Reaps who has ended; returns whether anybody is left. */
static bool reap(struct process *process)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0 ||
           (pid < 0 && errno == EINTR))
        if (pid == process->pid)
            note_status(process, status);
    return pid == 0;
}

void process_end(struct process *process, enum ending why)
{
    int64_t give_up = real_now() + GONE_SECONDS * SECOND;

    if (process->ending == RUNNING)
        process->ending = why;
    /* Those killed may just have forked, so it takes several rounds. */
    for (int round = 0;
         process->pid > 0 && reap(process) && real_now() < give_up; round++) {
        kill(-process->pid, SIGKILL);
        if (process->server_pid > 0)
            kill(process->server_pid, SIGKILL);
        sandbox_kill(round);
        poll(NULL, 0, 1);
    }
    process_drain(process);
    close_fd(&process->channel);
    close_fd(&process->sandbox);
    close_fd(&process->server);
    close_fd(&process->out.fd);
    close_fd(&process->err.fd);
}

void process_free(struct process *process)
{
    text_free(&process->out.kept);
    text_free(&process->out.fresh);
    text_free(&process->err.kept);
}

bool process_interrupted(void)
{
    return interrupted != 0;
}

void process_stop(void)
{
    if (!speechless)
        fprintf(stderr, "\nverify: interrupted\n");
    exit(128 + interrupted);
}

static void stop_if_interrupted(struct process *process)
{
    if (!interrupted)
        return;
    process_end(process, STOPPED);
    process_stop();
}

/* ---- Watching ---------------------------------------------------------- */

static void drain_stream(struct process *process, struct stream *stream)
{
    char bytes[16 * 1024];
    ssize_t n;

    /* Bounded, or a program that prints for ever would keep us here. */
    for (int i = 0; i < 64 && stream->fd >= 0; i++) {
        n = read(stream->fd, bytes, sizeof bytes);
        if (n < 0)
            return;
        if (n == 0) {
            close_fd(&stream->fd);
            return;
        }
        stream->total += (size_t)n;
        size_t room = KEPT_BYTES - stream->kept.length;
        text_add_bytes(&stream->kept, bytes,
                       (size_t)n < room ? (size_t)n : room);
        if (stream == &process->out)
            text_add_bytes(&stream->fresh, bytes, (size_t)n);
        if (stream->total > process->limits->output &&
            process->ending == RUNNING) {
            process_end(process, OVER_OUTPUT);
            return;
        }
    }
}

void process_drain(struct process *process)
{
    drain_stream(process, &process->out);
    drain_stream(process, &process->err);
}

/* How often one looks in so many seconds. */
static int looks_in(int seconds)
{
    return seconds * 1000 / TICK_MS;
}

/* What a program hangs in that has not run for some time. */
static enum ending reason_to_hang(const struct look *look)
{
    if (look->stopped)
        return IN_SIGSTOP;
    if (look->in_vfork)
        return IN_VFORK;
    return look->headless ? WITHOUT_MAIN : BLOCKED;
}

/* The limit that it is over by now; RUNNING if none. */
static enum ending limit_reached(const struct process *process)
{
    const struct limits *limits = process->limits;
    const struct look *look = &process->latest;

    if (look->memory > limits->memory)
        return OVER_MEMORY;
    /* The system's own limit holds for each process, and ends it a second
       later. */
    if (2 * look->ticks >
        (2 * limits->cpu_seconds + 1) * sandbox_ticks_a_second())
        return OVER_CPU;
    if (process->deaf > looks_in(1))
        return STOPPED;
    if (process->asleep > looks_in(limits->blocked_seconds))
        return reason_to_hang(look);
    if (process->looks - process->starved > looks_in(limits->patience))
        return OVER_TIME;
    return process->looks > looks_in(limits->wall_seconds) ? STALLED : RUNNING;
}

/* The runtime answers SIGQUIT with a table of its tasks. It has some time for
   it, also where it is not let run at once; and is not waited for if it says
   nothing and could not. */
static void ask_what_it_does(struct process *process)
{
    size_t first = process->err.total, before;

    sandbox_ask();
    for (int i = 0; i < ANSWER_LOOKS; i++) {
        before = process->err.total;
        poll(NULL, 0, TICK_MS);
        process_drain(process);
        bool silent = i >= 2 && process->err.total == before;
        if (silent && (before > first || !sandbox_look().can_run))
            return;
    }
}

/*
 * Looks after the limits that the system does not watch. Time is counted in
 * looks: if the machine stops us, it does not pass for the program either.
 * A program that could run, and did not, at the judge's own priority, was kept
 * from it by the machine; and who asks the judge something sleeps for as long
 * as the machine keeps the judge from answering. Nothing that a program does
 * itself looks like that, but to compute, which has a limit of its own.
 */
static void watch(struct process *process)
{
    int64_t now = real_now();

    if (process->ending != RUNNING ||
        now - process->last_look < TICK_MS * MILLISECOND)
        return;
    int64_t since = now - process->last_look;
    process->last_look = now;
    process->looks++;

    struct look look = sandbox_look(), *before = &process->latest;
    bool late =
        look.who == before->who && 4 * (look.waited - before->waited) > since;
    bool ran = look.ticks != before->ticks || look.who != before->who;
    bool asleep = look.known && !look.can_run && !ran;
    process->asleep = asleep ? process->asleep + 1 : 0;
    /* A system that does not tell who could run has nothing but time. */
    process->quiet = asleep || !look.known ? process->quiet + 1 : 0;
    process->starved += late || (look.can_run && !ran && !look.unfair);
    process->deaf += process->hung_up;
    process->latest = look;
    enum ending ending = limit_reached(process);
    if (ending == RUNNING)
        return;
    if (ending == BLOCKED || ending == OVER_TIME || ending == OVER_CPU)
        ask_what_it_does(process);
    process_end(process, ending);
}

/* Whether the process itself is gone; then it says how that came. */
static bool has_ended(struct process *process, enum ending *how)
{
    pid_t pid;
    int status;

    if (process->gone == RUNNING) {
        do
            pid = waitpid(process->pid, &status, WNOHANG);
        while (pid < 0 && errno == EINTR);
        if (pid != process->pid)
            return false;
        note_status(process, status);

        /* The driver's handler passes SIGXCPU on. A program that ignores it
           gets SIGKILL a second later, if we did not look before. */
        int number =
            WIFSIGNALED(process->status) ? WTERMSIG(process->status) : 0;
        long limit = process->limits->cpu_seconds * sandbox_ticks_a_second();
        bool over = number == SIGXCPU ||
                    (number == SIGKILL && process->latest.ticks >= limit);
        if (process->gone == RUNNING)
            process->gone = over ? OVER_CPU : ENDED;
    }
    *how = process->gone;
    return true;
}

static bool readable(int fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};

    return fd >= 0 && poll(&poll_fd, 1, 0) > 0;
}

bool process_wait(struct process *process)
{
    enum ending how;

    while (process->ending == RUNNING) {
        struct pollfd fds[4] = {{process->channel, POLLIN, 0},
                                {process->out.fd, POLLIN, 0},
                                {process->err.fd, POLLIN, 0},
                                {process->server, POLLIN, 0}};
        /* Soon over, if one end of a connection is closed already. */
        bool closing =
            process->channel < 0 || process->out.fd < 0 || process->err.fd < 0;
        int n = poll(fds, 4, closing ? 1 : TICK_MS), before = process->looks;

        stop_if_interrupted(process);
        if (fds[1].revents || fds[2].revents)
            process_drain(process);
        /* On every turn: who speaks all the time has limits, too. */
        watch(process);
        if (process->ending != RUNNING)
            break;
        if (n > 0 && (fds[0].revents || fds[3].revents)) {
            process->asleep = process->quiet = 0;
            return true;
        }
        if (!has_ended(process, &how)) {
            if (process->server >= 0 && process->looks > before)
                return true;
            continue;
        }
        if (readable(process->channel))
            return true; /* its last words */
        /* Children that it left behind may hold the channel open. */
        process_end(process, how);
    }
    return false;
}

void process_hang_up(struct process *process)
{
    close_fd(&process->channel);
    process->hung_up = true;
}

void process_tell(struct process *process, const char *bytes, size_t n)
{
    while (n > 0 && process->ending == RUNNING) {
        ssize_t sent = send(process->channel, bytes, n, MSG_NOSIGNAL);

        if (sent > 0) {
            bytes += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            /* The child does not read: it is at work, or it never will be. */
            struct pollfd fd = {process->channel, POLLOUT, 0};
            poll(&fd, 1, TICK_MS);
            watch(process);
            process_drain(process);
            stop_if_interrupted(process);
        } else if (errno != EINTR) {
            return;
        }
    }
}
