/*
 * interpreter.c - runs random programs on the runtime.
 *
 * Reads programs (program.py says how they are written) from standard input,
 * runs each on the virtual clock, and prints what happened and when: the same
 * lines as reference.py, which runs them on CPython's asyncio.
 *
 * The memory that a program's tasks live in is freed after its run.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "async/async.h"

enum {
    MOST_FRAMES = 150, /* of one run: so many calls of bodies */
    MOST_HELP = 2,     /* so often a hang is only cancelled */
    MOST_BODIES = 16,
    MOST_OPERATIONS = 64, /* of one body */
    MOST_THINGS = 8,      /* semaphores, queues, events */
    GUARD_SECONDS = 20,   /* the longest that a program may compute */
    SKIPPED = 1 /* no error: the operation had nothing to be done on */
};

static const double SUPERVISED = 100; /* seconds; then a hang is helped out */

/* ---- A program --------------------------------------------------------- */

struct frame;

struct operation {
    const char *name;
    int arguments;
    int (*perform)(struct frame *frame, const int *argument);
};

struct step {
    bool tried;
    const struct operation *operation;
    int argument[2];
};

struct body {
    struct step steps[MOST_OPERATIONS];
    int count, cleanup_from;
    bool has_cleanup;
    char last[16];
};

static struct program {
    long seed;
    struct body bodies[MOST_BODIES];
    int body_count;
    int permits[MOST_THINGS], semaphore_count;
    int capacities[MOST_THINGS], queue_count;
} program;

/* ---- One run of it ----------------------------------------------------- */

/* A task, and for whom it waits: see reaches(). */
struct task {
    struct async_task *handle; /* NULL: nobody can name it */
    struct frame *frame;
    struct task *children[MOST_FRAMES]; /* all that it started */
    int child_count;
    struct task **awaits; /* others' tasks */
    int awaits_count;
};

/* One call of a body. */
struct frame {
    const struct body *body;
    char name[64];
    struct task *task;
    bool shielded; /* a second cancel would not reach it */
    struct async_task handles[MOST_OPERATIONS]; /* of those that it spawned */
    struct task *spawned[MOST_OPERATIONS];
    int spawned_count;
    int called;
    int held[MOST_THINGS];           /* permits */
    char message[ASYNC_ERRMSG_SIZE]; /* of the error that it ends with */
    char detail[4096]; /* for the line of the operation that it performs */
};

static struct run {
    double began;
    int helped;
    bool draining; /* no operation is begun any more */
    int frames;
    struct task *tasks[MOST_FRAMES]; /* that can be named, in order */
    int task_count;
    struct async_semaphore semaphores[MOST_THINGS];
    struct async_queue queues[MOST_THINGS];
    struct async_event events[MOST_THINGS];
    size_t left_in_queue[MOST_THINGS];
    intptr_t items;
    bool root_ended;
} run;

/* Whatever a run allocates, to be freed at its end. */
static void *memory[4 * MOST_FRAMES];
static int memory_count;

static void *allocate(size_t size)
{
    void *new = calloc(1, size);

    if (!new || memory_count == sizeof memory / sizeof *memory) {
        fprintf(stderr, "interpreter: no memory for program %ld\n",
                program.seed);
        exit(2);
    }
    memory[memory_count++] = new;
    return new;
}

static void free_all(void)
{
    while (memory_count)
        free(memory[--memory_count]);
}

/* ---- What happened ----------------------------------------------------- */

static long milliseconds(void)
{
    return lround((async_now() - run.began) * 1000);
}

static const char *text_of(int err, const char *message)
{
    static char text[ASYNC_ERRMSG_SIZE + 32];

    switch (err) {
    case 0:
        return "ok";
    case ASYNC_ECANCELED:
        return "cancelled";
    case ASYNC_ETIMEDOUT:
        return "timeout";
    case ASYNC_ECLOSED:
        return "closed";
    case ASYNC_EINPROGRESS:
        return "runs";
    case -EINVAL:
        return "none";
    }
    if (err < -9)
        snprintf(text, sizeof text, "error %d (%s)", err, message);
    else
        snprintf(text, sizeof text, "failed(%s)", message);
    return text;
}

__attribute__((format(printf, 2, 3))) static void
add_detail(struct frame *frame, const char *format, ...)
{
    size_t length = strlen(frame->detail);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(frame->detail + length, sizeof frame->detail - length, format,
              arguments);
    va_end(arguments);
}

static void add_results(struct frame *frame, const struct async_task *tasks,
                        int n)
{
    for (int i = 0; i < n; i++)
        add_detail(frame, " %s", text_of(tasks[i].err, tasks[i].errmsg));
}

static void note(const struct frame *frame, const char *what, int err,
                 const char *message)
{
    printf("%ld %s %s %s%s\n", milliseconds(), frame->name, what,
           text_of(err, message), frame->detail);
}

/* ---- Frames and tasks -------------------------------------------------- */

/* The frame of a call, in the same task; NULL if there are too many. */
static struct frame *new_frame(struct frame *caller, int body, bool shielded)
{
    if (run.frames >= MOST_FRAMES)
        return NULL;

    struct frame *frame = allocate(sizeof *frame);
    run.frames++;
    frame->body = &program.bodies[body];
    snprintf(frame->name, sizeof frame->name, "%.48s.%d", caller->name,
             caller->called++);
    frame->task = caller->task;
    frame->shielded = shielded;
    return frame;
}

/* Makes the frame that of a task of its own. */
static struct task *new_task(struct frame *frame, struct async_task *handle)
{
    struct task *task = allocate(sizeof *task), *parent = frame->task;

    if (parent)
        parent->children[parent->child_count++] = task;
    task->frame = frame;
    task->handle = handle;
    frame->task = task;
    return task;
}

/* Whether task's end waits for the other's: nobody may wait in a circle. */
static bool reaches(const struct task *task, const struct task *other)
{
    if (task == other)
        return true;
    for (int i = 0; i < task->awaits_count; i++)
        if (reaches(task->awaits[i], other))
            return true;
    for (int i = 0; i < task->child_count; i++)
        if (reaches(task->children[i], other))
            return true;
    return false;
}

static int perform(struct frame *frame, int from, int to);

static void release_all(struct frame *frame)
{
    for (int i = 0; i < program.semaphore_count; i++)
        while (frame->held[i]-- > 0)
            async_semaphore_release(&run.semaphores[i]);
}

/* Not by all: what a task leaves is the runtime's to end. */
static int wait_for_spawned(struct frame *frame)
{
    size_t n = (size_t)frame->spawned_count;

    if (strcmp(frame->body->last, "gather") == 0)
        return async_gather(frame->handles, n);
    if (strcmp(frame->body->last, "gather_all") == 0)
        return async_gather_all(frame->handles, n);
    if (strcmp(frame->body->last, "reap") == 0)
        async_reap(frame->handles, n);
    return 0;
}

static void keep_message(struct frame *frame, int err)
{
    snprintf(frame->message, sizeof frame->message, "%s", async_errmsg(err));
}

/* A coroutine: what a body does. */
static int execute(void *job)
{
    struct frame *frame = job;
    const struct body *body = frame->body;

    int err = perform(frame, 0, body->cleanup_from);
    frame->detail[0] = '\0';
    note(frame, "out", err, frame->message);
    int cleanup_err = perform(frame, body->cleanup_from, body->count);
    if (cleanup_err)
        err = cleanup_err;
    release_all(frame);
    int last_err = wait_for_spawned(frame);
    if (!err && last_err) {
        err = last_err;
        keep_message(frame, err);
    }
    frame->detail[0] = '\0';
    add_results(frame, frame->handles, frame->spawned_count);
    note(frame, "end", err, frame->message);
    return err ? async_raise(err, "%s", frame->message) : 0;
}

/* ---- Operations: tasks ------------------------------------------------- */

static int do_spawn(struct frame *frame, const int *body)
{
    struct frame *child = new_frame(frame, *body, false);

    if (!child)
        return SKIPPED;
    struct async_task *handle = &frame->handles[frame->spawned_count];
    struct task *task = new_task(child, handle);
    async_spawn(handle, execute, child);
    frame->spawned[frame->spawned_count++] = task;
    run.tasks[run.task_count++] = task;
    return 0;
}

static struct task *task_number(int number)
{
    return run.tasks[number % run.task_count];
}

static int do_await_own(struct frame *frame, const int *slot)
{
    if (!frame->spawned_count)
        return SKIPPED;
    return async_await(&frame->handles[*slot % frame->spawned_count]);
}

/* Notes that these are awaited; false, and in the line, if they await us. */
static bool begin_to_await(struct frame *frame, struct task **tasks, int n)
{
    for (int i = 0; i < n; i++)
        if (reaches(tasks[i], frame->task)) {
            add_detail(frame, " in a circle");
            return false;
        }
    frame->task->awaits = tasks;
    frame->task->awaits_count = n;
    return true;
}

static void end_to_await(struct frame *frame)
{
    frame->task->awaits_count = 0;
}

static int do_await(struct frame *frame, const int *number)
{
    struct task **task = &run.tasks[*number % run.task_count];

    if (!begin_to_await(frame, task, 1))
        return 0;
    int err = async_await((*task)->handle);
    end_to_await(frame);
    return err;
}

static int do_cancel(struct frame *frame, const int *number)
{
    add_detail(frame, " %d", async_cancel(task_number(*number)->handle));
    return 0;
}

static int do_cancel_own(struct frame *frame, const int *slot)
{
    if (!frame->spawned_count)
        return SKIPPED;
    struct async_task *task = &frame->handles[*slot % frame->spawned_count];
    add_detail(frame, " %d", async_cancel(task));
    return 0;
}

static int do_cancelling(struct frame *frame, const int *argument)
{
    (void)argument;
    add_detail(frame, " %d", async_cancelling());
    return 0;
}

/* ---- Operations: sets of tasks ----------------------------------------- */

typedef int gather_fn(struct async_task *tasks, size_t n);

static int gather(struct async_task *tasks, size_t n)
{
    return async_gather(tasks, n);
}

static int gather_all(struct async_task *tasks, size_t n)
{
    return async_gather_all(tasks, n);
}

static int reap(struct async_task *tasks, size_t n)
{
    async_reap(tasks, n);
    return 0;
}

/* How many of its own tasks stand from number *from on, which may be less. */
static int own_from(const struct frame *frame, int *from)
{
    if (*from > frame->spawned_count)
        *from = frame->spawned_count;
    return frame->spawned_count - *from;
}

static int over_own(struct frame *frame, int from, gather_fn *how)
{
    int n = own_from(frame, &from);
    int err = how(&frame->handles[from], (size_t)n);

    add_results(frame, &frame->handles[from], n);
    return err;
}

static int do_gather(struct frame *frame, const int *from)
{
    return over_own(frame, *from, gather);
}

static int do_gather_all(struct frame *frame, const int *from)
{
    return over_own(frame, *from, gather_all);
}

static int do_reap(struct frame *frame, const int *from)
{
    return over_own(frame, *from, reap);
}

/* What another task has spawned by now. */
static int over_others(struct frame *frame, int number, gather_fn *how)
{
    struct frame *other = task_number(number)->frame;
    int n = other->spawned_count;

    if (!begin_to_await(frame, other->spawned, n))
        return 0;
    int err = how(other->handles, (size_t)n);
    end_to_await(frame);
    add_results(frame, other->handles, n);
    return err;
}

static int do_gather_of(struct frame *frame, const int *number)
{
    return over_others(frame, *number, gather);
}

static int do_gather_all_of(struct frame *frame, const int *number)
{
    return over_others(frame, *number, gather_all);
}

static int do_reap_of(struct frame *frame, const int *number)
{
    return over_others(frame, *number, reap);
}

static int next_of(struct frame *frame, struct async_task *tasks, int n)
{
    size_t i;
    int err = async_wait_any(tasks, (size_t)n, &i);

    if (!err) {
        add_detail(frame, " %zu", i);
        add_results(frame, &tasks[i], 1);
    }
    return err;
}

static int do_wait_any(struct frame *frame, const int *argument)
{
    int from = *argument, n = own_from(frame, &from);

    return next_of(frame, &frame->handles[from], n);
}

static int do_wait_any_of(struct frame *frame, const int *number)
{
    struct frame *other = task_number(*number)->frame;
    int n = other->spawned_count;

    if (!begin_to_await(frame, other->spawned, n))
        return 0;
    int err = next_of(frame, other->handles, n);
    end_to_await(frame);
    return err;
}

/* ---- Operations: calls ------------------------------------------------- */

static int do_call(struct frame *frame, const int *body)
{
    struct frame *child = new_frame(frame, *body, frame->shielded);

    return child ? execute(child) : SKIPPED;
}

static int do_shield(struct frame *frame, const int *body)
{
    struct frame *child = new_frame(frame, *body, true);

    return child ? async_shield(execute, child) : SKIPPED;
}

static int do_wait_for(struct frame *frame, const int *argument)
{
    struct frame *child = new_frame(frame, argument[0], frame->shielded);

    if (!child)
        return SKIPPED;
    if (argument[1] < 0)
        return async_wait_for(execute, child, INFINITY);
    new_task(child, NULL);
    return async_wait_for(execute, child, argument[1] / 1000.0);
}

static int execute_each(void *job)
{
    struct frame **frame = job;

    return execute(*frame);
}

/* New frames of a body, up to count; returns how many. */
static int begin_each(struct frame *frame, const int *argument,
                      struct frame ***frames)
{
    int n = 0;

    *frames = allocate(sizeof **frames * (size_t)(argument[1] + 1));
    while (n < argument[1]) {
        struct frame *child = new_frame(frame, argument[0], true);
        if (!child)
            break;
        new_task(child, NULL);
        (*frames)[n++] = child;
    }
    return n;
}

static int do_each(struct frame *frame, const int *argument)
{
    struct frame **frames;
    int n = begin_each(frame, argument, &frames);

    return async_gather_each(execute_each, frames, (size_t)n);
}

static int do_each_all(struct frame *frame, const int *argument)
{
    struct frame **frames;
    int n = begin_each(frame, argument, &frames);
    int *errs = allocate(sizeof *errs * (size_t)(n + 1));
    int err = async_gather_each_all(execute_each, frames, (size_t)n, errs);

    for (int i = 0; i < n; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", -errs[i]);
        add_detail(frame, " %s", text_of(errs[i], number));
    }
    return err;
}

/* ---- Operations: time -------------------------------------------------- */

static int do_sleep(struct frame *frame, const int *ms)
{
    (void)frame;
    return async_sleep(*ms / 1000.0);
}

static int do_yield(struct frame *frame, const int *argument)
{
    (void)frame;
    (void)argument;
    return async_yield();
}

static int do_forever(struct frame *frame, const int *argument)
{
    (void)argument;
    return frame->shielded ? SKIPPED : async_sleep(INFINITY);
}

static int do_block(struct frame *frame, const int *ms)
{
    (void)frame;
    async_block(*ms / 1000.0);
    return 0;
}

/* ---- Operations: tasks that wait for each other ------------------------ */

static int do_acquire(struct frame *frame, const int *number)
{
    int err = async_semaphore_acquire(&run.semaphores[*number]);

    if (!err)
        frame->held[*number]++;
    return err;
}

static int do_release(struct frame *frame, const int *number)
{
    if (!frame->held[*number])
        return SKIPPED;
    frame->held[*number]--;
    async_semaphore_release(&run.semaphores[*number]);
    return 0;
}

static int do_give(struct frame *frame, const int *number)
{
    (void)frame;
    async_semaphore_release(&run.semaphores[*number]);
    return 0;
}

static int do_wait_event(struct frame *frame, const int *number)
{
    (void)frame;
    return async_event_wait(&run.events[*number]);
}

static int do_set_event(struct frame *frame, const int *number)
{
    (void)frame;
    async_event_set(&run.events[*number]);
    return 0;
}

static int do_clear_event(struct frame *frame, const int *number)
{
    (void)frame;
    async_event_clear(&run.events[*number]);
    return 0;
}

/* An item is a number, and not memory. */
static int do_put(struct frame *frame, const int *number)
{
    intptr_t item = ++run.items;

    add_detail(frame, " %ld", (long)item);
    return async_queue_put(&run.queues[*number], (void *)item);
}

static int do_get(struct frame *frame, const int *number)
{
    void *item;
    int err = async_queue_get(&run.queues[*number], &item);

    if (!err)
        add_detail(frame, " %ld", (long)(intptr_t)item);
    return err;
}

static int do_close(struct frame *frame, const int *number)
{
    (void)frame;
    async_queue_close(&run.queues[*number]);
    return 0;
}

static int do_fail(struct frame *frame, const int *error)
{
    return async_raise(-*error, "%d from %s", *error, frame->name);
}

static const struct operation operations[] = {
    {"sleep", 1, do_sleep},
    {"yield", 0, do_yield},
    {"forever", 0, do_forever},
    {"block", 1, do_block},
    {"spawn", 1, do_spawn},
    {"await", 1, do_await},
    {"await_own", 1, do_await_own},
    {"cancel", 1, do_cancel},
    {"cancel_own", 1, do_cancel_own},
    {"cancelling", 0, do_cancelling},
    {"gather", 1, do_gather},
    {"gather_all", 1, do_gather_all},
    {"wait_any", 1, do_wait_any},
    {"reap", 1, do_reap},
    {"gather_of", 1, do_gather_of},
    {"gather_all_of", 1, do_gather_all_of},
    {"reap_of", 1, do_reap_of},
    {"wait_any_of", 1, do_wait_any_of},
    {"wait_for", 2, do_wait_for},
    {"call", 1, do_call},
    {"shield", 1, do_shield},
    {"each", 2, do_each},
    {"each_all", 2, do_each_all},
    {"acquire", 1, do_acquire},
    {"release", 1, do_release},
    {"give", 1, do_give},
    {"wait_event", 1, do_wait_event},
    {"set_event", 1, do_set_event},
    {"clear_event", 1, do_clear_event},
    {"put", 1, do_put},
    {"get", 1, do_get},
    {"close", 1, do_close},
    {"fail", 1, do_fail},
};

/* Stops at the first error that is not swallowed, and returns it. */
static int perform(struct frame *frame, int from, int to)
{
    for (int i = from; i < to && !run.draining; i++) {
        const struct step *step = &frame->body->steps[i];

        frame->detail[0] = '\0';
        int err = step->operation->perform(frame, step->argument);
        if (err == SKIPPED)
            continue;
        char message[ASYNC_ERRMSG_SIZE];
        snprintf(message, sizeof message, "%s", async_errmsg(err));
        note(frame, step->operation->name, err, message);
        if (err && !step->tried) {
            memcpy(frame->message, message, sizeof message);
            return err;
        }
    }
    return 0;
}

/* ---- The first task ---------------------------------------------------- */

static void wake_all(void)
{
    for (int i = 0; i < MOST_THINGS; i++)
        async_event_set(&run.events[i]);
    for (int i = 0; i < program.queue_count; i++)
        async_queue_close(&run.queues[i]);
    for (int i = 0; i < program.semaphore_count; i++)
        for (int n = 0; n < MOST_FRAMES; n++)
            async_semaphore_release(&run.semaphores[i]);
}

/* It hangs: all are cancelled. If it hangs again, it is to end. */
static void help_out(void)
{
    if (++run.helped > MOST_HELP) {
        run.draining = true;
        wake_all();
    }
    for (int i = 0; i < run.task_count; i++)
        async_cancel(run.tasks[i]->handle);
}

/* What is left in them would hold memory. They suspend nobody. */
static void empty_queues(void)
{
    void *item;

    for (int i = 0; i < program.queue_count; i++) {
        run.left_in_queue[i] = run.queues[i].count;
        while (run.queues[i].count)
            if (async_queue_get(&run.queues[i], &item))
                return;
    }
}

/* The first body's task, and whether it and what it left have ended. */
static struct async_task root;

static int await_root(void *job)
{
    int err = async_await(&root);

    (void)job;
    run.root_ended = true;
    return err;
}

static int supervise(void *job)
{
    struct frame *frame = job;
    struct async_task waiting;

    run.tasks[run.task_count++] = new_task(frame, &root);
    async_spawn(&root, execute, frame);
    async_spawn(&waiting, await_root, NULL);
    while (!run.root_ended) {
        int err = async_sleep(SUPERVISED);
        if (err)
            return err;
        if (!run.root_ended)
            help_out();
    }
    empty_queues();
    return async_await(&waiting);
}

static void run_program(void)
{
    run = (struct run){.began = async_now(), .frames = 1};
    for (int i = 0; i < program.semaphore_count; i++)
        run.semaphores[i].permits = program.permits[i];
    for (int i = 0; i < program.queue_count; i++)
        run.queues[i].capacity = (size_t)program.capacities[i];

    struct frame *frame = allocate(sizeof *frame);
    frame->body = &program.bodies[0];
    strcpy(frame->name, "m");
    printf("program %ld\n", program.seed);
    int err = async_run(supervise, frame);
    printf("%ld returned %s\n", milliseconds(),
           text_of(err, async_errmsg(err)));
    for (int i = 0; i < program.semaphore_count; i++)
        printf("semaphore %d\n", run.semaphores[i].permits);
    for (int i = 0; i < program.queue_count; i++)
        printf("queue %zu\n", run.left_in_queue[i]);
    printf("end\n");
    free_all();
}

/* ---- Reading programs -------------------------------------------------- */

static int line_number;

static void stop(const char *what, const char *word)
{
    fprintf(stderr, "interpreter: line %d: %s%s%s; see program.py\n",
            line_number, what, word ? " " : "", word ? word : "");
    exit(2);
}

static int number_from(const char *word, int most)
{
    char *end;
    long number = strtol(word, &end, 10);

    if (*end || number < -1 || number > most)
        stop("not a number that may stand here:", word);
    return (int)number;
}

/* The next word of the line that strtok has begun. */
static int next_number(int most)
{
    const char *word = strtok(NULL, " \n");

    if (!word)
        stop("a number is missing", NULL);
    return number_from(word, most);
}

static int read_numbers(int *numbers)
{
    int n = 0;
    const char *word;

    while ((word = strtok(NULL, " \n"))) {
        if (n == MOST_THINGS)
            stop("too many numbers, at", word);
        numbers[n++] = number_from(word, 1000);
    }
    return n;
}

static void read_step(struct body *body, const char *word)
{
    struct step *step = &body->steps[body->count++];

    if (body->count > MOST_OPERATIONS - 1)
        stop("the body is too long", NULL);
    step->tried = strcmp(word, "try") == 0;
    if (step->tried && !(word = strtok(NULL, " \n")))
        stop("an operation is missing", NULL);
    step->operation = NULL;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(word, operations[i].name) == 0)
            step->operation = &operations[i];
    if (!step->operation)
        stop("there is no operation", word);
    for (int i = 0; i < step->operation->arguments; i++)
        step->argument[i] = next_number(1000000);
}

/* A line of a program; false at its end. */
static bool read_line(const char *word)
{
    struct body *body =
        program.body_count ? &program.bodies[program.body_count - 1] : NULL;

    if (strcmp(word, "end") == 0)
        return false;
    if (strcmp(word, "program") == 0) {
        program.seed = next_number(2000000000);
    } else if (strcmp(word, "semaphores") == 0) {
        program.semaphore_count = read_numbers(program.permits);
    } else if (strcmp(word, "queues") == 0) {
        program.queue_count = read_numbers(program.capacities);
    } else if (strcmp(word, "events") == 0) {
        next_number(MOST_THINGS);
    } else if (strcmp(word, "body") == 0) {
        next_number(MOST_BODIES - 1);
        if (++program.body_count > MOST_BODIES)
            stop("too many bodies", NULL);
    } else if (!body) {
        stop("not in a body:", word);
    } else if (strcmp(word, "cleanup") == 0) {
        body->cleanup_from = body->count;
        body->has_cleanup = true;
    } else if (strcmp(word, "last") == 0) {
        if (!(word = strtok(NULL, " \n")))
            stop("reap, gather or gather_all is missing", NULL);
        snprintf(body->last, sizeof body->last, "%s", word);
        if (!body->has_cleanup)
            body->cleanup_from = body->count;
    } else {
        read_step(body, word);
    }
    return true;
}

static bool read_program(void)
{
    char line[256];

    program = (struct program){0};
    while (fgets(line, sizeof line, stdin)) {
        line_number++;
        line[strcspn(line, "#")] = '\0';
        const char *word = strtok(line, " \n");
        if (word && !read_line(word))
            return true;
    }
    return false;
}

int main(void)
{
    setenv("ASYNC_CLOCK", "virtual", 1);
    /* A line at a time, so that what came before a crash is seen. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (read_program()) {
        alarm(GUARD_SECONDS);
        run_program();
    }
    return 0;
}
