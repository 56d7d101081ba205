/*
 * thread.c - functions that block, in threads.
 *
 * A job waits in a line until a thread takes it; when the thread has run it, it
 * puts it into the line of those that are done and writes a byte into a pipe,
 * which the loop watches. Only the two lines are shared, and only with the lock
 * held: everything else belongs to the thread or to the loop.
 */
#include "async/runtime.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_THREADS = 32 };

/* On the stack of the task that waits. */
struct thread_job {
    struct async_wait wait;
    async_fn *fn;
    void *job;
    struct thread_job *next;
    bool begun;     /* shared */
    bool cancelled; /* the loop's */
    int result;     /* these two the thread's, until it is done */
    char text[ASYNC_ERRMSG_SIZE];
};

struct line {
    struct thread_job *first, **last;
};

struct async_threads {
    pthread_mutex_t lock;
    pthread_cond_t more;
    /* Shared: */
    struct line waiting, done;
    size_t jobs_waiting, threads_waiting;
    bool closing;
    /* The loop's: */
    pthread_t threads[MOST_THREADS];
    size_t count, most;
    int pipe[2];
    struct async_fd fd; /* watches its reading end */
};

static void line_init(struct line *line)
{
    line->first = NULL;
    line->last = &line->first;
}

static void append(struct line *line, struct thread_job *job)
{
    job->next = NULL;
    *line->last = job;
    line->last = &job->next;
}

static struct thread_job *take_first(struct line *line)
{
    struct thread_job *job = line->first;

    line->first = job->next;
    if (!line->first)
        line->last = &line->first;
    return job;
}

/* ---- In a thread ------------------------------------------------------- */

static void run(struct thread_job *job)
{
    async_record_error(0, ""); /* the last job's is not this one's */
    job->result = job->fn(job->job);
    snprintf(job->text, sizeof job->text, "%s", async_errmsg(job->result));
}

static void *work(void *arg)
{
    struct async_threads *threads = arg;

    async_clock_use_real();
    pthread_mutex_lock(&threads->lock);
    for (;;) {
        while (!threads->waiting.first && !threads->closing) {
            threads->threads_waiting++;
            pthread_cond_wait(&threads->more, &threads->lock);
            threads->threads_waiting--;
        }
        if (threads->closing)
            break;
        struct thread_job *job = take_first(&threads->waiting);
        threads->jobs_waiting--;
        job->begun = true;
        pthread_mutex_unlock(&threads->lock);
        run(job);
        pthread_mutex_lock(&threads->lock);
        append(&threads->done, job);
        if (write(threads->pipe[1], "", 1) < 0) {
            /* Full of bytes that say the same. */
        }
    }
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

/* ---- In the loop ------------------------------------------------------- */

static void fetch_done(struct async_fd *fd, int events)
{
    struct async_threads *threads = CONTAINER_OF(fd, struct async_threads, fd);
    struct thread_job *job, *next;

    (void)events;
    async_pipe_drain(fd->fd);
    pthread_mutex_lock(&threads->lock);
    job = threads->done.first;
    line_init(&threads->done);
    pthread_mutex_unlock(&threads->lock);
    for (; job; job = next) {
        next = job->next;
        async_resume(&job->wait);
    }
}

static size_t most_threads(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 1                  ? 5
           : processors + 4 > MOST_THREADS ? MOST_THREADS
                                           : (size_t)processors + 4;
}

static int open_threads(struct async_loop *loop)
{
    struct async_threads *threads = calloc(1, sizeof *threads);

    if (!threads)
        return ASYNC_ENOMEM;
    int err = async_pipe_open(threads->pipe);
    if (err) {
        free(threads);
        return err;
    }
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->more, NULL);
    line_init(&threads->waiting);
    line_init(&threads->done);
    threads->most = most_threads();
    threads->fd =
        (struct async_fd){.fd = threads->pipe[0], .ready = fetch_done};
    loop->threads = threads;
    return 0;
}

void async_threads_close(struct async_loop *loop)
{
    struct async_threads *threads = loop->threads;

    if (!threads)
        return;
    pthread_mutex_lock(&threads->lock);
    threads->closing = true;
    pthread_cond_broadcast(&threads->more);
    pthread_mutex_unlock(&threads->lock);
    for (size_t i = 0; i < threads->count; i++)
        pthread_join(threads->threads[i], NULL);
    pthread_mutex_destroy(&threads->lock);
    pthread_cond_destroy(&threads->more);
    close(threads->pipe[0]);
    close(threads->pipe[1]);
    free(threads);
}

/* One more thread, unless there are enough. 0 if there is any at all. */
static int add_thread(struct async_threads *threads)
{
    pthread_t *thread = &threads->threads[threads->count];

    if (threads->count == threads->most)
        return 0;
    int err = pthread_create(thread, NULL, work, threads);
    threads->count += !err;
    return threads->count ? 0 : -err;
}

/* Takes a job out of the line in which it waits; false if it has begun. */
static bool take_back(struct async_threads *threads, struct thread_job *job)
{
    struct thread_job **link = &threads->waiting.first;

    pthread_mutex_lock(&threads->lock);
    bool waits = !job->begun;
    while (waits && *link != job)
        link = &(*link)->next;
    if (waits) {
        *link = job->next;
        if (!job->next)
            threads->waiting.last = link;
        threads->jobs_waiting--;
    }
    pthread_mutex_unlock(&threads->lock);
    return waits;
}

static bool cancel_job(struct async_wait *wait)
{
    struct thread_job *job = CONTAINER_OF(wait, struct thread_job, wait);

    if (take_back(async_loop->threads, job))
        return false;
    job->cancelled = true;
    return true;
}

/* Hands the job to a thread. On error, no thread has it. */
static int hand_over(struct async_threads *threads, struct thread_job *job)
{
    pthread_mutex_lock(&threads->lock);
    append(&threads->waiting, job);
    /* Threads that were told of a job may not have woken yet. */
    bool enough = ++threads->jobs_waiting <= threads->threads_waiting;
    pthread_cond_signal(&threads->more);
    pthread_mutex_unlock(&threads->lock);

    int err = enough ? 0 : add_thread(threads);
    if (err)
        take_back(threads, job);
    return err;
}

/* The pipe is watched as long as jobs are on their way. */
static int run_in_thread(struct thread_job *job)
{
    struct async_threads *threads = async_loop->threads;
    int err = async_fd_watch(&threads->fd, ASYNC_READABLE);

    if (!err)
        err = hand_over(threads, job);
    if (err)
        return async_raise(err, "no thread for a function that blocks: %s",
                           async_strerror(err));

    async_loop->threading++;
    err = async_suspend(&job->wait, "async_to_thread");
    if (--async_loop->threading == 0)
        async_fd_unwatch(&threads->fd);
    if (err || job->cancelled)
        return err ? err : ASYNC_ECANCELED;
    return job->result ? async_record_error(job->result, job->text) : 0;
}

int async_to_thread(async_fn *fn, void *job)
{
    struct async_coroutine *task = async_current_for("async_to_thread");
    struct thread_job thread_job = {
        .wait = {.what = "waits for a thread",
                 .reason = ASYNC_FOR_THREAD,
                 .cancel = cancel_job},
        .fn = fn,
        .job = job,
    };

    if (!task)
        return ASYNC_ENOLOOP;
    if (task->cancel_pending)
        return async_yield(); /* to be told so; fn never begins */
    int err = async_loop->threads ? 0 : open_threads(async_loop);
    if (err)
        return async_raise(err, "no thread for a function that blocks: %s",
                           async_strerror(err));
    return run_in_thread(&thread_job);
}
