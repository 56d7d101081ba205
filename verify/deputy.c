/*
 * deputy.c - the judge, several times.
 *
 * Processes, not threads: whoever has lost its parent becomes the child of the
 * deputy that it belongs to, and what a deputy ends is all that descends from
 * it.
 */
#include "deputy.h"
#include "folder.h"
#include "process.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Some wait in real time while others compute. */
enum { A_PROCESSOR = 2 };

/* A millisecond each; who does not die by then cannot be killed. */
enum { ORPHANS_ROUNDS = 10000 };

size_t deputy_count(size_t n)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most = processors > 0 ? A_PROCESSOR * (size_t)processors : 1;

    if (most > DEPUTIES_MAX)
        most = DEPUTIES_MAX;
    if (!sandbox_is_apart())
        most = 1; /* the program of one could spoil that of another */
    return most < n ? most : n;
}

static void write_all(int fd, const struct text *text)
{
    for (size_t at = 0; at < text->length;) {
        ssize_t n = write(fd, text->chars + at, text->length - at);

        if (n < 0 && errno != EINTR)
            exit(EXIT_MACHINE); /* nobody is there to be told */
        at += n > 0 ? (size_t)n : 0;
    }
}

void deputy_start(struct deputy *deputy,
                  void (*work)(void *subject, struct text *found),
                  void *subject)
{
    int ends[2];
    pid_t judge = getpid();

    fflush(NULL); /* or it would be written twice */
    if (pipe2(ends, O_CLOEXEC))
        die(EXIT_MACHINE, "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        die(EXIT_MACHINE, "no process: %s", strerror(errno));
    if (pid == 0) {
        struct text found = {0};

        process_deputy();
        sandbox_deputy(judge);
        folder_forget_all();
        work(subject, &found);
        write_all(ends[1], &found);
        text_free(&found);
        exit(EXIT_GRADED);
    }
    close(ends[1]);
    *deputy = (struct deputy){.pid = pid, .fd = ends[0]};
}

static int reap(struct deputy *deputy)
{
    int status = 0;

    while (waitpid(deputy->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(deputy->fd);
    deputy->pid = 0;
    return status;
}

/* Reads what it says; returns whether that was all. */
static bool read_some(struct deputy *deputy)
{
    char bytes[16 * 1024];
    ssize_t n = read(deputy->fd, bytes, sizeof bytes);

    if (n > 0)
        text_add_bytes(&deputy->found, bytes, (size_t)n);
    return n == 0 || (n < 0 && errno != EINTR);
}

/* Ends whom a deputy left behind that was killed itself. */
static void end_orphans(void)
{
    for (int round = 0; round < ORPHANS_ROUNDS; round++) {
        pid_t pid;

        do
            pid = waitpid(-1, NULL, WNOHANG);
        while (pid > 0 || (pid < 0 && errno == EINTR));
        if (pid < 0)
            return; /* there are none */
        sandbox_kill(round);
        poll(NULL, 0, 1);
    }
}

/* They end the programs that they have started. */
static void stop_all(struct deputy *deputies, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (deputies[i].pid)
            kill(deputies[i].pid, SIGTERM);
    for (size_t i = 0; i < n; i++) {
        if (!deputies[i].pid)
            continue;
        while (!read_some(&deputies[i])) /* it may be telling what it found */
            continue;
        reap(&deputies[i]);
    }
    end_orphans();
}

/* It did not come to its end, and if it could it has said why. */
static void abandon(struct deputy *deputies, size_t n, int status)
{
    stop_all(deputies, n);
    if (WIFSIGNALED(status))
        die(EXIT_MACHINE, "a process of the judge was ended by signal %d",
            WTERMSIG(status));
    if (WEXITSTATUS(status) > 128)
        die(WEXITSTATUS(status), "a process of the judge was interrupted");
    exit(WEXITSTATUS(status));
}

size_t deputy_wait(struct deputy *deputies, size_t n)
{
    struct pollfd fds[DEPUTIES_MAX];

    for (;;) {
        for (size_t i = 0; i < n; i++)
            fds[i] = (struct pollfd){
                .fd = deputies[i].pid ? deputies[i].fd : -1, .events = POLLIN};
        /* For a signal that comes just before. */
        int ready = poll(fds, (nfds_t)n, 100);

        if (process_interrupted()) {
            stop_all(deputies, n);
            process_stop();
        }
        for (size_t i = 0; ready > 0 && i < n; i++) {
            if (!fds[i].revents || !read_some(&deputies[i]))
                continue;
            int status = reap(&deputies[i]);

            if (status != 0)
                abandon(deputies, n, status);
            return i;
        }
    }
}

void deputy_await(int fd)
{
    struct pollfd end = {.fd = fd, .events = POLLIN};

    while (poll(&end, 1, 100) <= 0) /* see deputy_wait() */
        if (process_interrupted())
            process_stop();
    close(fd);
}
