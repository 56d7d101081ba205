/*
 * timeline.c - the tasks of a run, drawn over time.
 *
 * While the program runs, what happens to each task is noted with its time;
 * when the run is over, each task becomes a row:
 *
 *     main              |.......................|
 *     slow_operation 1  |-----------|
 *     slow_operation 2  |---------------+-------|
 *                       0 s        1 s        2 s
 *
 * A mark in a row is a moment in which the task ran: it started, went on (+) or
 * ended. Between the marks it waited, and the line tells for what.
 */
#include "async/runtime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- What is noted ----------------------------------------------------- */

enum what { STARTED, RESUMED, SUSPENDED, ENDED };

struct event {
    int64_t time;
    enum what what;
    enum async_reason reason; /* SUSPENDED */
    int result;               /* ENDED */
};

struct row {
    const char *name;
    unsigned same_name; /* how many rows before have this name */
    bool name_repeats;  /* in some other row */
    struct event *events;
    size_t count, room;
};

struct timeline {
    struct async_observer observer;
    int64_t begin, end;
    double seconds;   /* at least so wide */
    struct row *rows; /* by the tasks' numbers */
    size_t count, room;
    bool incomplete; /* memory ran out on the way */
};

static _Thread_local double next_seconds = -1;

/* Makes room for one more element of an array. */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;

    size_t more = *room ? 2 * *room : 8;
    void *grown = realloc(array, more * size);
    if (grown)
        *room = more;
    return grown;
}

static void note(struct timeline *timeline, struct async_coroutine *task,
                 struct event event)
{
    if (timeline->incomplete)
        return;

    struct row *row = &timeline->rows[task->number - 1];
    struct event *events =
        grow(row->events, row->count, &row->room, sizeof *events);
    if (!events) {
        timeline->incomplete = true;
        return;
    }
    event.time = async_now_ns();
    row->events = events;
    row->events[row->count++] = event;
}

static void spawned(struct timeline *timeline, struct async_coroutine *task)
{
    struct row *rows =
        grow(timeline->rows, timeline->count, &timeline->room, sizeof *rows);

    if (!rows || timeline->incomplete) {
        timeline->incomplete = true;
        return;
    }
    timeline->rows = rows;
    timeline->rows[timeline->count++] = (struct row){.name = task->name};
}

static void told(struct async_observer *self, enum async_moment moment,
                 struct async_coroutine *task, const struct async_wait *wait)
{
    struct timeline *timeline = CONTAINER_OF(self, struct timeline, observer);

    if (moment == ASYNC_AT_SPAWN)
        spawned(timeline, task);
    if (timeline->incomplete)
        return;

    bool first = timeline->rows[task->number - 1].count == 0;
    if (moment == ASYNC_AT_RESUME)
        note(timeline, task, (struct event){.what = first ? STARTED : RESUMED});
    if (moment == ASYNC_AT_SUSPEND)
        note(timeline, task,
             (struct event){.what = SUSPENDED, .reason = wait->reason});
    if (moment == ASYNC_AT_END)
        note(timeline, task,
             (struct event){.what = ENDED, .result = task->result});
}

/* ---- How it is drawn --------------------------------------------------- */

/* A cell of a row; each is one column wide. */
enum cell {
    CELL_EMPTY,
    CELL_RUNS,
    CELL_WAITS, /* and an enum async_reason on top */
    CELL_START = CELL_WAITS + ASYNC_FOR_NETWORK + 1,
    CELL_GOES_ON,
    CELL_DONE,
    CELL_FAILED,
    CELL_CANCELLED,
    CELL_COUNT
};

static const struct {
    const char *ascii, *utf8, *colour, *meaning;
} cells[CELL_COUNT] = {
    [CELL_EMPTY] = {" ", " ", "", ""},
    [CELL_RUNS] = {"#", "█", "", "holds the thread"},
    [CELL_WAITS + ASYNC_FOR_ANYTHING] = {"_", "_", "", "waits"},
    [CELL_WAITS + ASYNC_FOR_TURN] = {"_", "_", "", "lets others run"},
    [CELL_WAITS + ASYNC_FOR_TIME] = {"-", "─", "", "sleeps"},
    [CELL_WAITS + ASYNC_FOR_TASKS] = {".", "·", "", "waits for tasks"},
    [CELL_WAITS + ASYNC_FOR_PERMIT] = {":", "░", "", "waits for a permit"},
    [CELL_WAITS + ASYNC_FOR_THREAD] = {"~", "~", "", "waits for a thread"},
    [CELL_WAITS + ASYNC_FOR_NETWORK] = {"=", "═", "", "waits for the network"},
    [CELL_START] = {"|", "├", "", "starts"},
    [CELL_GOES_ON] = {"+", "┼", "", "goes on"},
    [CELL_DONE] = {"|", "┤", "\033[32m", "ends"},
    [CELL_FAILED] = {"X", "✗", "\033[31m", "fails"},
    [CELL_CANCELLED] = {"/", "╱", "\033[33m", "is cancelled"},
};

enum {
    NARROWEST = 40,
    WIDEST = 200,
    USUAL_NAME = 18,   /* a column that wide, so that most pictures of one */
    LONGEST_NAME = 24, /* program have the same scale */
    MOST_ROWS = 24,    /* more tasks than that are folded */
    LAST_ROWS = 4      /* of which so many are the last ones */
};

struct page {
    FILE *file;
    bool utf8, colour;
    int name_width, chart_width;
    int64_t begin, length;
    bool used[CELL_COUNT]; /* for the legend */
};

static bool locale_is_utf8(void)
{
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    /* From the environment: a student's program never called setlocale(). */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return strstr(value, "UTF-8") || strstr(value, "utf8") ||
                   strstr(value, "UTF8") || strstr(value, "utf-8");
    }
    return false;
}

static int terminal_width(FILE *file)
{
    struct winsize size;

    if (ioctl(fileno(file), TIOCGWINSZ, &size) || size.ws_col == 0)
        return 80;
    return size.ws_col < NARROWEST ? NARROWEST
           : size.ws_col > WIDEST  ? WIDEST
                                   : size.ws_col;
}

/* client->get and job.fn are called get and fn. */
static const char *short_name(const char *name)
{
    const char *arrow = strrchr(name, '>'), *dot = strrchr(name, '.');
    const char *last = arrow > dot ? arrow : dot;

    return last ? last + 1 : name;
}

static void print_name(struct page *page, const struct row *row)
{
    char name[LONGEST_NAME + 16];

    if (row->name_repeats)
        snprintf(name, sizeof name, "%.*s %u", LONGEST_NAME - 6,
                 short_name(row->name), row->same_name + 1);
    else
        snprintf(name, sizeof name, "%.*s", LONGEST_NAME,
                 short_name(row->name));
    fprintf(page->file, "%-*s  ", page->name_width, name);
}

/* Rows of one name are numbered, in the order in which they were spawned. */
static void number_name(struct timeline *timeline, size_t i)
{
    struct row *row = &timeline->rows[i];

    for (size_t j = 0; j < timeline->count; j++) {
        if (j == i || strcmp(row->name, timeline->rows[j].name) != 0)
            continue;
        row->name_repeats = true;
        row->same_name += j < i;
    }
}

/* Of many rows, the first and the last are shown. */
static bool is_shown(const struct timeline *timeline, size_t i)
{
    return timeline->count <= MOST_ROWS || i < MOST_ROWS - LAST_ROWS ||
           i >= timeline->count - LAST_ROWS;
}

static int column(const struct page *page, int64_t time)
{
    double part = (double)(time - page->begin) / (double)page->length;

    return (int)lround(part * (page->chart_width - 1));
}

/* The cell of the moment in which the task went on, or ended. */
static enum cell mark_of(const struct event *event)
{
    if (event->what == STARTED)
        return CELL_START;
    if (event->what == RESUMED)
        return CELL_GOES_ON;
    if (event->result == ASYNC_ECANCELED)
        return CELL_CANCELLED;
    return event->result ? CELL_FAILED : CELL_DONE;
}

static void fill_cells(const struct page *page, const struct row *row,
                       unsigned char *line)
{
    int before = 0;                   /* the column of the last event */
    enum cell meanwhile = CELL_EMPTY; /* what the task did since */

    for (size_t i = 0; i < row->count; i++) {
        const struct event *event = &row->events[i];
        int here = column(page, event->time);

        for (int c = before + 1; c < here; c++)
            line[c] = (unsigned char)meanwhile;
        if (event->what == SUSPENDED) {
            if (here > before)
                line[here] = (unsigned char)meanwhile;
            meanwhile = CELL_WAITS + (enum cell)event->reason;
        } else {
            if (event->what != RESUMED || line[here] != CELL_START)
                line[here] = (unsigned char)mark_of(event);
            meanwhile = CELL_RUNS;
        }
        before = here;
    }
}

static void print_row(struct page *page, const struct row *row)
{
    unsigned char line[WIDEST + 1] = {0};

    fill_cells(page, row, line);
    print_name(page, row);
    int last = page->chart_width;
    while (last > 0 && line[last - 1] == CELL_EMPTY)
        last--;
    for (int c = 0; c < last; c++) {
        const char *colour = page->colour ? cells[line[c]].colour : "";

        page->used[line[c]] = true;
        fprintf(page->file, "%s%s%s", colour,
                page->utf8 ? cells[line[c]].utf8 : cells[line[c]].ascii,
                *colour ? "\033[0m" : "");
    }
    fputc('\n', page->file);
}

/*
 * 1, 2 or 5 times a power of ten: the distance of the numbers on the axis. A
 * real run is always a little late; that is to change nothing.
 */
static double axis_step(double whole, int numbers)
{
    whole /= 1.01;
    double step = pow(10, floor(log10(whole / numbers)));

    if (step * numbers >= whole)
        return step;
    if (step * 2 * numbers >= whole)
        return step * 2;
    return step * 5 * numbers >= whole ? step * 5 : step * 10;
}

static void print_axis(struct page *page)
{
    char line[WIDEST + 32];
    const char *unit = page->length >= 500000000 ? "s"
                       : page->length >= 500000  ? "ms"
                                                 : "us";
    double ns = *unit == 's' ? 1e9 : *unit == 'm' ? 1e6 : 1e3;
    double whole = (double)page->length / ns;
    double step = axis_step(whole, page->chart_width / 10 + 1);
    int end = 0;

    memset(line, ' ', sizeof line);
    for (int i = 0; i * step <= whole * 1.0001; i++) {
        char number[32];
        int at = column(page, page->begin + (int64_t)(i * step * ns));
        int length = snprintf(number, sizeof number, "%g %s", i * step, unit);

        /* The last number may stand a little to the left of its column. */
        if (at + length > page->chart_width)
            at = page->chart_width - length;
        if (at < end + (i > 0))
            continue;
        memcpy(line + at, number, (size_t)length);
        end = at + length;
    }
    fprintf(page->file, "%*s  %.*s\n", page->name_width, "", end, line);
}

static void print_legend(struct page *page)
{
    int at = 0;

    /* In ASCII a start and an end look alike; one word does for both. */
    if (page->used[CELL_DONE] && !page->utf8)
        page->used[CELL_START] = true;
    for (int c = CELL_RUNS; c < CELL_COUNT; c++) {
        const char *sign = page->utf8 ? cells[c].utf8 : cells[c].ascii;
        const char *meaning = cells[c].meaning;

        if (!page->used[c] || (c == CELL_DONE && !page->utf8))
            continue;
        if (c == CELL_START && !page->utf8)
            meaning = "starts, ends";
        int length = 2 + (int)strlen(meaning) + 3;
        bool fits = at + length <= page->name_width + 2 + page->chart_width;
        if (at)
            fputs(fits ? "   " : "\n", page->file);
        fprintf(page->file, "%s %s", sign, meaning);
        at = fits ? at + length : length;
    }
    fputs("\n\n", page->file);
}

/* Numbers the names of the rows that are shown; the longest one's width. */
static int prepare_names(struct timeline *timeline)
{
    size_t longest = 4;

    for (size_t i = 0; i < timeline->count; i++) {
        struct row *row = &timeline->rows[i];

        if (!is_shown(timeline, i))
            continue;
        number_name(timeline, i);
        size_t length =
            strlen(short_name(row->name)) + (row->name_repeats ? 4 : 0);
        if (length > longest)
            longest = length;
    }
    return longest < LONGEST_NAME ? (int)longest : LONGEST_NAME;
}

static void draw(struct timeline *timeline)
{
    double took = (double)(timeline->end - timeline->begin);
    double length = fmax(timeline->seconds * NS_PER_SECOND, took);
    struct page page = {
        .file = stdout,
        .utf8 = locale_is_utf8(),
        .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
        .begin = timeline->begin,
        .length = length < 1000 ? 1000 : (int64_t)length,
    };
    int width = terminal_width(page.file), name_width = prepare_names(timeline);

    if (name_width < USUAL_NAME && width >= 80)
        name_width = USUAL_NAME;
    page.name_width = name_width;
    page.chart_width = width - name_width - 3;
    fputc('\n', page.file);
    for (size_t i = 0; i < timeline->count; i++) {
        if (is_shown(timeline, i))
            print_row(&page, &timeline->rows[i]);
        else if (is_shown(timeline, i - 1))
            fprintf(page.file, "%*s  (%zu more tasks)\n", page.name_width, "",
                    timeline->count - MOST_ROWS);
    }
    print_axis(&page);
    print_legend(&page);
    fflush(page.file);
}

/* ---- From run to run --------------------------------------------------- */

void async_timeline(double seconds)
{
    next_seconds = seconds > 0 ? seconds : 0;
}

static void finish(struct async_observer *self)
{
    struct timeline *timeline = CONTAINER_OF(self, struct timeline, observer);

    timeline->end = async_now_ns();
    if (timeline->incomplete)
        fputs("async: no timeline: no memory for so many tasks.\n", stderr);
    else
        draw(timeline);
    for (size_t i = 0; i < timeline->count; i++)
        free(timeline->rows[i].events);
    free(timeline->rows);
    free(timeline);
}

struct async_observer *async_timeline_begin(void)
{
    const char *setting = getenv("ASYNC_TIMELINE");
    bool off = setting && strcmp(setting, "0") == 0;
    bool always = setting && *setting && !off;
    double seconds = next_seconds;

    next_seconds = -1;
    if (off || (seconds < 0 && !always))
        return NULL;

    struct timeline *timeline = calloc(1, sizeof *timeline);
    if (!timeline)
        return NULL; /* the run itself may still succeed */
    timeline->observer = (struct async_observer){
        .told = told,
        .finish = finish,
    };
    timeline->begin = async_now_ns();
    timeline->seconds = seconds > 0 ? seconds : 0;
    return &timeline->observer;
}
