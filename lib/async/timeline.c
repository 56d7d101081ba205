/*
 * timeline.c - the tasks of a run, drawn over time.
 *
 * When the run is over, each task becomes a row:
 *
 *     main              |.......................|
 *     slow_operation 1  |-----------|
 *     slow_operation 2  |---------------+-------|
 *                       0 s        1 s        2 s
 *
 * A mark in a row is a moment in which the task ran: it started, went on (+) or
 * ended. Between the marks it waited, and the line tells for what.
 *
 * Of many tasks the first and the last have rows; the rows between tell how
 * many of all tasks did what at a time, and when some failed.
 */
#include "async/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- Signs ------------------------------------------------------------- */

/* A cell of a row is one column wide: a state, or a mark on top of them. */
enum {
    CELL_MARKS = HISTORY_STATES,
    CELL_COUNT = HISTORY_STATES + HISTORY_MARKS
};

static const struct sign {
    const char *ascii, *utf8, *colour, *meaning;
} signs[CELL_COUNT] = {
    [HISTORY_NOTHING] = {" ", " ", "", ""},
    [HISTORY_READY] = {"_", "_", "2", "waits for its turn"},
    [HISTORY_RUNS] = {"#", "█", "1", "holds the thread"},
    [HISTORY_WAITS + ASYNC_FOR_ANYTHING] = {"~", "~", "35", "waits"},
    [HISTORY_WAITS + ASYNC_FOR_TIME] = {"-", "─", "36", "sleeps"},
    [HISTORY_WAITS + ASYNC_FOR_TASKS] = {".", "·", "2", "waits for tasks"},
    [HISTORY_WAITS + ASYNC_FOR_PERMIT] = {":", "░", "35", "waits for a permit"},
    [HISTORY_WAITS + ASYNC_FOR_THREAD] = {"%", "▒", "34", "waits for a thread"},
    [HISTORY_WAITS +
        ASYNC_FOR_NETWORK] = {"=", "═", "34", "waits for the network"},
    [CELL_MARKS + HISTORY_NO_MARK] = {" ", " ", "", ""},
    [CELL_MARKS + HISTORY_STARTS] = {"|", "├", "", "starts"},
    [CELL_MARKS + HISTORY_GOES_ON] = {"+", "┼", "", "goes on"},
    [CELL_MARKS + HISTORY_DONE] = {"|", "┤", "32", "ends"},
    [CELL_MARKS + HISTORY_FAILS] = {"X", "✗", "1;31", "fails"},
    [CELL_MARKS + HISTORY_IS_CANCELLED] = {"/", "╱", "33", "is cancelled"},
};

/* How many of all tasks, from none to all of them. */
static const char *const ascii_levels[] = {" ", "1", "2", "3", "4",
                                           "5", "6", "7", "8", "9"};
static const char *const utf8_levels[] = {" ", "▁", "▂", "▃", "▄",
                                          "▅", "▆", "▇", "█"};
enum { ASCII_LEVELS = 9, UTF8_LEVELS = 8 };

enum {
    NARROWEST = 40,
    USUAL = 80,
    WIDEST = 200,
    USUAL_NAME = 18,  /* a column that wide, so that most pictures of one */
    LONGEST_NAME = 24 /* program have the same scale */
};

struct page {
    FILE *file;
    bool utf8, colour;
    int name_width, chart_width;
    int64_t begin, length;
    const char *inked;     /* the colour that the terminal writes in */
    bool used[CELL_COUNT]; /* for the legend */
    bool levels;           /* too */
};

struct timeline {
    struct async_observer observer;
    double seconds; /* the picture is at least so wide */
    struct history history;
};

static _Thread_local double next_seconds = -1;

/* ---- The terminal ------------------------------------------------------ */

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

static bool is_coloured(FILE *file)
{
    const char *off = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(file)) && !(off && *off) && term &&
           strcmp(term, "dumb") != 0;
}

/* The terminal's width; of anything else COLUMNS, or 80. */
static int page_width(FILE *file)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    long width = USUAL;

    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    else if (columns && strtol(columns, NULL, 10) > 0)
        width = strtol(columns, NULL, 10);
    return width < NARROWEST ? NARROWEST : width > WIDEST ? WIDEST : (int)width;
}

static void ink(struct page *page, const char *colour)
{
    if (!page->colour || strcmp(colour, page->inked) == 0)
        return;
    fprintf(page->file, "\033[0%s%sm", *colour ? ";" : "", colour);
    page->inked = colour;
}

static void print_cell(struct page *page, int cell)
{
    const struct sign *sign = &signs[cell];

    page->used[cell] = true;
    /* A blank takes the colour of what stands before it. */
    if (sign->meaning[0])
        ink(page, sign->colour);
    fputs(page->utf8 ? sign->utf8 : sign->ascii, page->file);
}

/* ---- Names ------------------------------------------------------------- */

/* Reads one UTF-8 character; its columns, 0 at the end of the text. */
static int read_character(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    unsigned long code = *at < 0x80   ? *at
                         : *at < 0xe0 ? *at & 0x1f
                         : *at < 0xf0 ? *at & 0x0f
                                      : *at & 0x07;

    if (!*at)
        return 0;
    for (at++; (*at & 0xc0) == 0x80; at++)
        code = code << 6 | (*at & 0x3f);
    *text = (const char *)at;

    bool wide = (code >= 0x1100 && code <= 0x115f) || /* Korean */
                (code >= 0x2e80 && code <= 0xa4cf) || /* Chinese, Japanese */
                (code >= 0xac00 && code <= 0xd7a3) || /* Korean again */
                (code >= 0xf900 && code <= 0xfaff) ||
                (code >= 0xff01 && code <= 0xff60) || code >= 0x20000;
    return wide ? 2 : 1;
}

static int columns_of(const char *text)
{
    int columns = 0;

    for (int c; (c = read_character(&text)) > 0;)
        columns += c;
    return columns;
}

/* Prints a text on exactly so many columns; its end is cut off, or filled. */
static void print_fixed(const struct page *page, const char *text, int width)
{
    const char *more = page->utf8 ? "…" : "~";
    bool cut = columns_of(text) > width;
    int left = width - cut;

    for (const char *next = text; *text; text = next) {
        int columns = read_character(&next);

        if (columns > left)
            break;
        left -= columns;
        if (page->utf8 || next == text + 1)
            fwrite(text, 1, (size_t)(next - text), page->file);
        else
            fprintf(page->file, "%.*s", columns, "??");
    }
    fprintf(page->file, "%s%*s", cut ? more : "", left, "");
}

/* " 12" behind the name of a task that shares it with others, or "". */
static void ordinal_text(const struct history *history, const char *name,
                         unsigned ordinal, char *text, size_t size)
{
    text[0] = '\0';
    if (ordinal && async_history_same_name(history, name) > 1)
        snprintf(text, size, " %u", ordinal);
}

static void print_name(struct page *page, const struct history *history,
                       const struct history_row *row)
{
    char ordinal[16];

    ordinal_text(history, row->name, row->ordinal, ordinal, sizeof ordinal);
    int width = columns_of(row->name), length = (int)strlen(ordinal);
    if (width > page->name_width - length)
        width = page->name_width - length;
    print_fixed(page, row->name, width);
    fprintf(page->file, "%-*s  ", page->name_width - width, ordinal);
}

/* ---- Rows -------------------------------------------------------------- */

static bool is_folded(const struct history *history)
{
    return history->count > HISTORY_ROWS;
}

static bool is_shown(const struct history *history, size_t i)
{
    return !is_folded(history) || i < HISTORY_UNFOLDED ||
           i >= history->count - HISTORY_LAST;
}

static int column(const struct page *page, int64_t time)
{
    double part = (double)(time - page->begin) / (double)page->length;

    return (int)lround(part * (page->chart_width - 1));
}

static void fill_cells(const struct page *page, const struct history_row *row,
                       unsigned char *line)
{
    int before = 0; /* the column of the last event */
    enum history_state meanwhile = HISTORY_NOTHING; /* since then */

    for (size_t i = 0; i < row->count; i++) {
        const struct history_event *event = &row->events[i];
        int here = column(page, event->time);

        for (int c = before + 1; c < here; c++)
            line[c] = (unsigned char)meanwhile;
        if (event->mark == HISTORY_NO_MARK) {
            if (here > before)
                line[here] = (unsigned char)meanwhile;
            if (line[here] == HISTORY_NOTHING)
                line[here] = event->then;
        } else if (event->mark != HISTORY_GOES_ON ||
                   line[here] != CELL_MARKS + HISTORY_STARTS) {
            line[here] = (unsigned char)(CELL_MARKS + event->mark);
        }
        meanwhile = event->then;
        before = here;
    }
}

static void print_cells(struct page *page, const unsigned char *line)
{
    int last = page->chart_width;

    while (last > 0 && line[last - 1] == HISTORY_NOTHING)
        last--;
    for (int c = 0; c < last; c++)
        print_cell(page, line[c]);
    ink(page, "");
    fputc('\n', page->file);
}

static void print_row(struct page *page, const struct history *history,
                      const struct history_row *row)
{
    unsigned char line[WIDEST + 1] = {0};

    fill_cells(page, row, line);
    print_name(page, history, row);
    print_cells(page, line);
}

/* ---- The fold ---------------------------------------------------------- */

/* From when to when a column is; what is beyond the run does not count. */
static void column_times(const struct page *page, const struct history *history,
                         int c, int64_t *from, int64_t *to)
{
    double one = (double)page->length / (page->chart_width - 1);

    *from = page->begin + (int64_t)ceil((c - 0.5) * one);
    *to = page->begin + (int64_t)ceil((c + 0.5) * one);
    if (*from < history->begin)
        *from = history->begin;
    if (*to > history->now + 1)
        *to = history->now + 1;
}

/* The label of a row of the fold: "  - up to 120". */
static void print_label(struct page *page, int cell, const char *format,
                        unsigned number)
{
    char text[32];
    int width = page->name_width - 4;

    fputs("  ", page->file);
    print_cell(page, cell);
    ink(page, "");
    fputc(' ', page->file);
    snprintf(text, sizeof text, format, number);
    print_fixed(page, text, width);
    fputs("  ", page->file);
}

/* How many of all tasks were in a state. Left out if that says nothing. */
static void print_crowd(struct page *page, const struct history *history,
                        enum history_state state)
{
    const char *const *levels = page->utf8 ? utf8_levels : ascii_levels;
    int top = page->utf8 ? UTF8_LEVELS : ASCII_LEVELS;
    int line[WIDEST] = {0}, last = 0;
    /* One task at a time holds the thread: what counts is how much of it. */
    bool is_thread = state == HISTORY_RUNS;
    double all = is_thread ? 1 : (double)history->count;

    for (int c = 0; c < page->chart_width; c++) {
        int64_t from, to;

        column_times(page, history, c, &from, &to);
        if (from >= to)
            break;
        double part = async_history_average(history, state, from, to) / all;
        if (part * all < 0.5)
            continue;
        line[c] = (int)ceil(fmin(part, 1) * top);
        last = c + 1;
    }
    if (!last || (!is_thread && history->most[state] < 2))
        return;
    print_label(page, (int)state, is_thread ? "thread in use" : "up to %u",
                history->most[state]);
    page->levels = true;
    ink(page, signs[state].colour);
    for (int c = 0; c < last; c++)
        fputs(levels[line[c]], page->file);
    ink(page, "");
    fputc('\n', page->file);
}

/* When tasks ended in a way that must not be overlooked. */
static void print_marks(struct page *page, const struct history *history,
                        enum history_mark mark)
{
    unsigned char line[WIDEST + 1] = {0};
    int cell = CELL_MARKS + (int)mark;

    if (!history->marks[mark])
        return;
    for (int bin = 0; bin < HISTORY_BINS; bin++) {
        int64_t marked = history->marked[mark][bin];

        if (marked)
            line[column(page, history->begin + marked - 1)] =
                (unsigned char)cell;
    }
    print_label(page, cell, "%u", history->marks[mark]);
    print_cells(page, line);
}

/* Names those failed tasks that may have no row: the earliest, and as many as
   the line has room for. */
static void print_failed(struct page *page, const struct history *history)
{
    const unsigned all = history->failed_count;
    int left = page->name_width + 2 + page->chart_width;
    unsigned i;

    if (!all)
        return;
    left -= fprintf(page->file, "  failed: ");
    for (i = 0; i < all && i < HISTORY_FAILED; i++) {
        const char *name = history->failed[i].name;
        char ordinal[16];

        ordinal_text(history, name, history->failed[i].ordinal, ordinal,
                     sizeof ordinal);
        int width = columns_of(name);
        if (width > LONGEST_NAME)
            width = LONGEST_NAME;
        int length = width + (int)strlen(ordinal) + (i ? 2 : 0);
        /* ", and 12345 more" has to find its place, too. */
        if (i && length + 17 > left)
            break;
        fputs(i ? ", " : "", page->file);
        print_fixed(page, name, width);
        fputs(ordinal, page->file);
        left -= length;
    }
    if (i < all)
        fprintf(page->file, ", and %u more", all - i);
    fputc('\n', page->file);
}

static void print_fold(struct page *page, const struct history *history)
{
    fprintf(page->file, "(%zu more tasks; all %zu together:)\n",
            history->count - HISTORY_UNFOLDED - HISTORY_LAST, history->count);
    for (int s = HISTORY_READY; s < HISTORY_STATES; s++)
        print_crowd(page, history, (enum history_state)s);
    print_marks(page, history, HISTORY_IS_CANCELLED);
    print_marks(page, history, HISTORY_FAILS);
    print_failed(page, history);
}

/* ---- The axis and the legend ------------------------------------------- */

static const struct unit {
    const char *name;
    double ns;
    double from; /* used for runs of this length on */
} units[] = {
    {"d", 86400e9, 2 * 86400e9}, {"h", 3600e9, 2 * 3600e9},
    {"min", 60e9, 2 * 60e9},     {"s", 1e9, 0.5e9},
    {"ms", 1e6, 0.5e6},          {"us", 1e3, 0},
};

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
    const struct unit *unit = units;
    int end = 0;

    while ((double)page->length < unit->from)
        unit++;
    double whole = (double)page->length / unit->ns;
    double step = axis_step(whole, page->chart_width / 10 + 1);
    memset(line, ' ', sizeof line);
    for (int i = 0; i * step <= whole * 1.0001; i++) {
        char number[32];
        int at = column(page, page->begin + (int64_t)(i * step * unit->ns));
        int length =
            snprintf(number, sizeof number, "%g %s", i * step, unit->name);

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

static void print_legend(struct page *page, const struct history *history)
{
    const int starts = CELL_MARKS + HISTORY_STARTS,
              done = CELL_MARKS + HISTORY_DONE;
    int at = 0;

    /* In ASCII a start and an end look alike; one word does for both. */
    if (page->used[done] && !page->utf8)
        page->used[starts] = true;
    for (int c = 0; c < CELL_COUNT; c++) {
        const char *meaning = signs[c].meaning;

        if (!page->used[c] || !*meaning || (c == done && !page->utf8))
            continue;
        if (c == starts && !page->utf8)
            meaning = "starts, ends";
        if (c == HISTORY_WAITS + ASYNC_FOR_PERMIT)
            meaning = history->granted; /* or for an item, an event */
        int length = 2 + (int)strlen(meaning) + 3;
        bool fits = at + length <= page->name_width + 2 + page->chart_width;
        if (at)
            fputs(fits ? "   " : "\n", page->file);
        print_cell(page, c);
        ink(page, "");
        fprintf(page->file, " %s", meaning);
        at = fits ? at + length : length;
    }
    fputs("\n", page->file);
    if (page->levels)
        fprintf(page->file, "%s few of all tasks   %s all of them\n",
                page->utf8 ? utf8_levels[1] : ascii_levels[1],
                page->utf8 ? utf8_levels[UTF8_LEVELS]
                           : ascii_levels[ASCII_LEVELS]);
    fputs("\n", page->file);
}

/* ---- The picture ------------------------------------------------------- */

/* The width of the longest name that is shown, within limits. */
static int name_width(const struct history *history, int page_width)
{
    int most = page_width / 3 < LONGEST_NAME ? page_width / 3 : LONGEST_NAME;
    int longest = most < USUAL_NAME ? most : USUAL_NAME;

    for (size_t i = 0; i < history->count; i++) {
        const struct history_row *row = async_history_row(history, i);
        char ordinal[16];

        if (!row || !is_shown(history, i))
            continue;
        ordinal_text(history, row->name, row->ordinal, ordinal, sizeof ordinal);
        int width = columns_of(row->name) + (int)strlen(ordinal);
        if (width > longest)
            longest = width;
    }
    return longest < most ? longest : most;
}

static void draw(const struct timeline *timeline)
{
    const struct history *history = &timeline->history;
    double took = (double)(history->now - history->begin);
    double length = fmin(fmax(timeline->seconds * NS_PER_SECOND, took),
                         (double)(ASYNC_LATEST - history->begin));
    int width = page_width(stdout);
    struct page page = {
        .file = stdout,
        .utf8 = locale_is_utf8(),
        .colour = is_coloured(stdout),
        .name_width = name_width(history, width),
        .begin = history->begin,
        .length = length < 1000 ? 1000 : (int64_t)length,
        .inked = "",
    };

    page.chart_width = width - page.name_width - 3;
    fputc('\n', page.file);
    for (size_t i = 0; i < history->count; i++) {
        if (is_shown(history, i))
            print_row(&page, history, async_history_row(history, i));
        else if (is_shown(history, i - 1))
            print_fold(&page, history);
    }
    print_axis(&page);
    print_legend(&page, history);
    fflush(page.file);
}

/* ---- From run to run --------------------------------------------------- */

void async_timeline(double seconds)
{
    next_seconds = seconds > 0 && isfinite(seconds) ? seconds : 0;
}

static void told(struct async_observer *self, enum async_moment moment,
                 struct async_coroutine *task, const struct async_wait *wait)
{
    struct timeline *timeline = CONTAINER_OF(self, struct timeline, observer);

    async_history_note(&timeline->history, moment, task, wait);
}

static void finish(struct async_observer *self)
{
    struct timeline *timeline = CONTAINER_OF(self, struct timeline, observer);

    async_history_end(&timeline->history);
    if (timeline->history.incomplete)
        fputs("async: no timeline: no memory for so many tasks.\n", stderr);
    else
        draw(timeline);
    async_history_free(&timeline->history);
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
    timeline->observer.told = told;
    timeline->observer.finish = finish;
    timeline->seconds = seconds > 0 ? seconds : 0;
    async_history_begin(&timeline->history);
    return &timeline->observer;
}
