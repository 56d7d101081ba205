/*
 * Lesson 17: an event loop, from nothing.
 *
 * What it shows: what stands behind async_sleep, async_spawn and async_run: a
 * stack for each task, a line of tasks that are ready, a line of those that
 * sleep, and a loop. Nothing of lib/async is used here.
 *
 * Run it:  make lesson17 (8 s; at once: ASYNC_CLOCK=virtual make lesson17)
 * Predict: Three tasks are spawned, 1, 2 and 3. Which of them runs first? And
 *          who runs while all of them sleep?
 * Expect:  (among other lines; lesson 3's)
 *     Starting operation 1...
 *     Completed operation 3!
 *     Total: 6.0 s
 *     Total: 2.0 s
 * Chapter: Part 2, "Running Async Functions": what asyncio.run() creates.
 */
#include "lesson.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <time.h>
#include <ucontext.h>

typedef void coroutine(void *job);

/* What a task does, as the picture at the end shows it. */
enum mark { NOTHING, SLEEPS, AWAITS, STARTS, GOES_ON, ENDS };
struct row;

/* Further down: the clock, and the picture. */
static double clock_now(void);
static void clock_wait_until(double when);
static struct row *add_row(const char *name);
static void mark(struct row *row, enum mark until_now, enum mark now);
static void draw_picture(void);

/* ---- A task: a function, and a stack to stop on ------------------------ */

/* Reserved, and not used: memory is taken when it is first touched. */
enum { STACK_SIZE = 4 << 20 };

struct task {
    coroutine *fn;
    void *job;
    char *stack;
    ucontext_t context;  /* where it goes on: registers, and place in stack */
    struct task *next;   /* behind it in line */
    double wake_at;      /* while it sleeps */
    struct task *waiter; /* who awaits it */
    bool ended;
    struct row *row;
};

static ucontext_t loop;      /* where the loop goes on */
static struct task *current; /* who runs */
static struct task *ready;   /* who could run, in line */
static struct task *asleep;  /* who sleeps, the next to wake at first */

static void make_ready(struct task *task)
{
    struct task **end = &ready;

    while (*end)
        end = &(*end)->next;
    task->next = NULL;
    *end = task;
}

/* Stops the current task here, and lets the loop go on. Returns when the loop
   has come to this task again. */
static void suspend(enum mark doing)
{
    swapcontext(&current->context, &loop);
    mark(current->row, doing, GOES_ON);
}

/* The first function on every new stack. It returns to the loop. */
static void begin(void)
{
    mark(current->row, NOTHING, STARTS);
    current->fn(current->job);
    mark(current->row, NOTHING, ENDS);
    current->ended = true;
    if (current->waiter)
        make_ready(current->waiter);
}

static void task_spawn(struct task *task, const char *name, coroutine *fn,
                       void *job)
{
    *task = (struct task){.fn = fn, .job = job, .row = add_row(name)};
    task->stack = malloc(STACK_SIZE);
    if (!task->stack) {
        perror("No stack for one more task");
        exit(1);
    }

    getcontext(&task->context);
    task->context.uc_stack.ss_sp = task->stack;
    task->context.uc_stack.ss_size = STACK_SIZE;
    task->context.uc_link = &loop;
    makecontext(&task->context, begin, 0);
    make_ready(task);
}

static void task_await(struct task *task)
{
    task->waiter = current;
    if (!task->ended)
        suspend(AWAITS);
}

static void task_sleep(double seconds)
{
    struct task **place = &asleep;

    current->wake_at = clock_now() + seconds;
    while (*place && (*place)->wake_at <= current->wake_at)
        place = &(*place)->next;
    current->next = *place;
    *place = current;
    suspend(SLEEPS);
}

/* ---- The loop ---------------------------------------------------------- */

static struct task *take_first(struct task **line)
{
    struct task *first = *line;

    *line = first->next;
    return first;
}

/* Runs fn(job) as the first task, until nobody is left to run. */
static void loop_run(coroutine *fn, void *job)
{
    struct task main_task;

    task_spawn(&main_task, "main", fn, job);
    while (ready || asleep) {
        while (ready) {
            current = take_first(&ready);
            swapcontext(&loop, &current->context);
            if (current->ended)
                free(current->stack); /* it could not: it stood on it */
        }
        if (asleep)
            clock_wait_until(asleep->wake_at);
        while (asleep && asleep->wake_at <= clock_now())
            make_ready(take_first(&asleep));
    }
    draw_picture();
}

/* ---- The clock --------------------------------------------------------- */

static bool clock_is_virtual; /* ASYNC_CLOCK=virtual: waiting is free */
static double clock_speed;    /* ASYNC_SPEED */
static double virtual_time;

static void clock_begin(void)
{
    const char *kind = getenv("ASYNC_CLOCK"), *speed = getenv("ASYNC_SPEED");

    clock_is_virtual = kind && strcmp(kind, "virtual") == 0;
    clock_speed = speed && atof(speed) > 0 ? atof(speed) : 1;
}

static double clock_now(void)
{
    struct timespec now;

    if (clock_is_virtual)
        return virtual_time;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((double)now.tv_sec + (double)now.tv_nsec / 1e9) * clock_speed;
}

static void clock_wait_until(double when)
{
    double seconds = fmax(0, when - clock_now()) / clock_speed;
    struct timespec wait = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)(fmod(seconds, 1) * 1e9)};

    if (clock_is_virtual)
        virtual_time = when;
    else
        nanosleep(&wait, NULL);
}

/* ---- The picture: what each task did, and when ------------------------- */

enum { COLUMNS = 59, MOST_ROWS = 20 };

static const char *const signs[2][6] = {
    {" ", "-", ".", "|", "+", "|"}, /* ASCII */
    {" ", "─", "·", "├", "┼", "┤"}, /* UTF-8 */
};

static struct row {
    const char *name;
    enum mark marks[COLUMNS];
    int end;
} rows[MOST_ROWS];

static int row_count;
static double picture_start;

static struct row *add_row(const char *name)
{
    if (row_count == MOST_ROWS) {
        fprintf(stderr, "The picture has no room for one more task.\n");
        exit(1);
    }
    if (row_count == 0)
        picture_start = clock_now();
    rows[row_count] = (struct row){.name = name};
    return &rows[row_count++];
}

/* Until now the task did one thing; now it does another. */
static void mark(struct row *row, enum mark until_now, enum mark now)
{
    double seconds = clock_now() - picture_start;
    int column = (int)lround(fmin(seconds / 6.0, 1.0) * (COLUMNS - 1));

    while (row->end < column)
        row->marks[row->end++] = until_now;
    row->marks[column] = now;
    row->end = column + 1;
}

static void draw_picture(void)
{
    setlocale(LC_CTYPE, "");
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

    printf("\n");
    for (int i = 0; i < row_count; i++) {
        printf("%-18s  ", rows[i].name);
        for (int column = 0; column < rows[i].end; column++)
            printf("%s", signs[utf8][rows[i].marks[column]]);
        printf("\n");
    }
    printf("%-18s  0 s       1 s      2 s       3 s       4 s      5 s     "
           "6 s\n\n",
           "");
    row_count = 0;
}

/* ---- Lesson 3, on that loop -------------------------------------------- */

struct operation {
    const char *name; /* in */
    double seconds;   /* in */
    char result[32];  /* out */
};

static void slow_operation(void *job)
{
    struct operation *operation = job;

    printf("Starting %s...\n", operation->name);
    task_sleep(operation->seconds);
    printf("Completed %s!\n", operation->name);
    snprintf(operation->result, sizeof operation->result, "result of %s",
             operation->name);
}

static void one_after_another(void *job)
{
    struct operation *operations = job;

    for (int i = 0; i < 3; i++)
        slow_operation(&operations[i]);
}

static void together(void *job)
{
    static const char *const names[] = {"slow_operation 1", "slow_operation 2",
                                        "slow_operation 3"};
    struct operation *operations = job;
    struct task tasks[3];

    for (int i = 0; i < 3; i++)
        task_spawn(&tasks[i], names[i], slow_operation, &operations[i]);
    for (int i = 0; i < 3; i++)
        task_await(&tasks[i]);
}

static double run(const char *title, coroutine *fn)
{
    struct operation operations[3] = {
        {.name = "operation 1", .seconds = 2.0},
        {.name = "operation 2", .seconds = 2.0},
        {.name = "operation 3", .seconds = 2.0},
    };

    printf("%s:\n", title);
    double start = clock_now();
    loop_run(fn, operations);
    double total = clock_now() - start;
    printf("Results: %s, %s, %s\n", operations[0].result, operations[1].result,
           operations[2].result);
    printf("Total: %.1f s\n", total);
    return total;
}

int main(void)
{
    clock_begin();
    lesson_begin("Three tasks are spawned, 1, 2 and 3. Which of them runs\n"
                 "first? And who runs while all of them sleep?");
    run("Three operations, one after another", one_after_another);
    printf("\n");
    double total = run("The same three, together", together);
    lesson_end("1: first come, first served; nobody, for %.1f s", total);
    return 0;
}
