/*
 * Lesson 12: ten mistakes, made for real.
 *
 * What it shows: what the runtime says to each, with file and line, and which
 * of them pass in silence. Each is made in a process of its own, so that one
 * that ends the program does not end the lesson.
 *
 * Run it:  make lesson12 (2 s; at once: ASYNC_CLOCK=virtual make lesson12)
 * Predict: Ten mistakes: to how many of them has the runtime something to say?
 *          And which one ends the program on the spot?
 * Expect:  (among other lines)
 *     process() returned: a suspending call outside of any task
 *     Processed doc 2.
 *     => stopped: Aborted
 *     Document 1 is saved as doc_2.pdf.
 *     error: deadlock: nothing is left that could wake anybody
 *     Limit 0.2 s; it took 0.7 s, and returned: success
 * Chapter: Common Mistakes. Those of the exercise solutions are in lessons 8 to
 *          10.
 */
#include "async/async.h"

#include "lesson.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct document {
    int id;          /* in */
    char text[2000]; /* out */
};

/* async def process(document): what every mistake is made with. */
static int process(void *job)
{
    struct document *document = job;

    int err = async_sleep(0.5); /* stands for the LLM call */
    if (err)
        return err;
    snprintf(document->text, sizeof document->text, "summary of doc %d",
             document->id);
    printf("Processed doc %d.\n", document->id);
    return 0;
}

/* ---- The chapter's three ----------------------------------------------- */

static int never_awaited(void *job)
{
    struct document document = {.id = 1};
    struct async_task task;

    (void)job;
    async_spawn(&task, process, &document);
    return 0; /* and the task? */
}

static int outside_of_a_loop(void *job)
{
    struct document document = {.id = 1};

    (void)job; /* it is called without async_main: see make_here */
    int err = process(&document);
    printf("process() returned: %s\n", async_strerror(err));
    return err != 0;
}

static int blocking_call(void *job)
{
    (void)job;
    async_block(0.2); /* a computation, sleep(), curl_easy_perform() */
    return async_sleep(0.1);
}

/* ---- Tasks and their memory -------------------------------------------- */

static int one_task_for_all(void *job)
{
    struct document documents[2] = {{.id = 1}, {.id = 2}};
    struct async_task task; /* one */

    (void)job;
    for (int i = 0; i < 2; i++)
        async_spawn(&task, process, &documents[i]);
    return async_await(&task);
}

static int one_job_for_all(void *job)
{
    struct document document = {0}; /* one */
    struct async_task tasks[3];

    (void)job;
    for (int i = 0; i < 3; i++) {
        document.id = i;
        async_spawn(&tasks[i], process, &document);
    }
    return async_gather(tasks, 3);
}

/* As if it stood in another file: not a part of the function that calls it. */
__attribute__((noinline)) static void start(struct async_task *task)
{
    struct document document = {.id = 1}; /* gone when this returns */

    async_spawn(task, process, &document);
}

static int lost_frame(void *job)
{
    struct async_task task;

    (void)job;
    start(&task);
    return async_await(&task);
}

static int static_buffer(void *job)
{
    static char name[20]; /* one for all tasks, like localtime()'s */
    const struct document *document = job;

    snprintf(name, sizeof name, "doc_%d.pdf", document->id);
    int err = async_sleep(0.1);
    if (err)
        return err;
    printf("Document %d is saved as %s.\n", document->id, name);
    return 0;
}

static int static_buffers(void *job)
{
    struct document documents[2] = {{.id = 1}, {.id = 2}};

    (void)job;
    return async_gather_each(static_buffer, documents, 2);
}

/* ---- Waiting, and being stopped ---------------------------------------- */

static int deadlock(void *job)
{
    struct async_semaphore lock = {.permits = 1};

    (void)job;
    int err = async_semaphore_acquire(&lock);
    if (err)
        return err;
    return async_semaphore_acquire(&lock); /* we have it ourselves */
}

static int over_release(void *job)
{
    struct async_semaphore slots = {.permits = 2};

    (void)job;
    int err = async_semaphore_acquire(&slots);
    if (err)
        return err;
    async_semaphore_release(&slots);
    async_semaphore_release(&slots); /* on a second path, perhaps */
    return 0;
}

static int retry_all(void *job)
{
    struct document *document = job;
    int err = 0;

    for (int attempt = 1; attempt <= 3; attempt++) {
        printf("Attempt %d...\n", attempt);
        err = process(document);
        if (err == 0)
            break; /* otherwise try again: even if it is ASYNC_ECANCELED */
    }
    return err;
}

static int swallowed_cancel(void *job)
{
    struct document document = {.id = 1};
    double begun = async_now();

    (void)job;
    int err = async_wait_for(retry_all, &document, 0.2);
    printf("Limit 0.2 s; it took %.1f s, and returned: %s\n",
           async_now() - begun, async_strerror(err));
    return err;
}

/* ---- Each in a process of its own -------------------------------------- */

static const struct mistake {
    const char *title;
    async_fn *make;
} mistakes[] = {
    {"A task that nobody awaits", never_awaited},
    {"A suspending call outside of a loop", outside_of_a_loop},
    {"A blocking call, with ASYNC_DEBUG=1", blocking_call},
    {"One struct async_task for two tasks", one_task_for_all},
    {"One job for three tasks", one_job_for_all},
    {"A job that is gone before its task", lost_frame},
    {"A static buffer, across a call that suspends", static_buffers},
    {"A deadlock", deadlock},
    {"A permit released twice", over_release},
    {"A cancellation taken for an error to retry", swallowed_cancel},
};

/* In the new process; returns its exit status. */
static int make_here(const struct mistake *mistake)
{
    struct rlimit nothing = {0, 0};

    setrlimit(RLIMIT_CORE, &nothing); /* no core file of the one that aborts */
    dup2(STDOUT_FILENO, STDERR_FILENO); /* the runtime's words between ours */
    signal(SIGINT, SIG_DFL);
    setenv("ASYNC_DEBUG", "1", 0);
    if (mistake->make == outside_of_a_loop)
        return mistake->make(NULL);
    return async_main(mistake->make, NULL);
}

/* How the process ended: its exit status, or 128 and the number of a signal. */
static int make_in_a_process(const struct mistake *mistake)
{
    int status;

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        status = make_here(mistake);
        fflush(stdout);
        _exit(status);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0) {
        perror("fork");
        return 1;
    }
    if (WIFSIGNALED(status)) {
        printf("=> stopped: %s\n", strsignal(WTERMSIG(status)));
        return 128 + WTERMSIG(status);
    }
    printf("=> exit status %d\n", WEXITSTATUS(status));
    return WEXITSTATUS(status);
}

int main(void)
{
    lesson_begin("Ten mistakes: to how many of them has the runtime something\n"
                 "to say? And which one ends the program on the spot?");
    signal(SIGINT, SIG_IGN); /* Ctrl-C is for the process of the mistake */
    for (int i = 0; i < 10; i++) {
        printf("%s%d. %s\n", i ? "\n" : "", i + 1, mistakes[i].title);
        if (make_in_a_process(&mistakes[i]) == 130)
            return 130;
    }
    lesson_end("to seven; number 6");
    return 0;
}
