/*
 * trace_file.c - ASYNC_TRACE=file.json: what happens to tasks, for Perfetto.
 *
 * The file is in Chrome's trace-event format, which ui.perfetto.dev and
 * chrome://tracing open: an array of events, each with a phase (ph), a time in
 * microseconds (ts) and the track that it belongs to (pid, tid). To the viewer,
 * each async_run is a process and each task a thread of it.
 *
 * On its track a task is a slice from its spawn to its end, and in it lie
 * others, one after another: it waits for its turn, runs, waits for this, runs,
 * waits for that. Arrows go from where a task is spawned to its first step, and
 * from its end to where whoever awaits it goes on.
 *
 * Each moment is written at once, in one piece: there is nothing to be lost
 * when the program crashes. The end of the array is then missing, and viewers
 * do without it.
 */
#include "async/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LONGEST_STRING = 200, /* in bytes; escaped, six times that */
    LONGEST_MOMENT = 8192 /* room for five strings and the events around them */
};

/* The viewers tell threads apart by tid alone, whatever their pid. */
enum { TIDS_PER_RUN = 1000000 };

/* One run, as seen by the observer. */
struct trace {
    struct async_observer observer;
    unsigned pid;
    char text[LONGEST_MOMENT];
    size_t length;
};

/* The file of the process. Loops in several threads write to it. */
static struct {
    pthread_mutex_t mutex; /* for opening and giving up */
    bool tried;
    int fd; /* once it was tried; -1: given up */
    char path[256];
    pid_t owner;
    unsigned runs;
} file = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- The file ---------------------------------------------------------- */

static void give_up(const char *consequence)
{
    fprintf(stderr, "async: ASYNC_TRACE=%s: %s; %s.\n", file.path,
            strerror(errno), consequence);
    if (file.fd >= 0)
        close(file.fd);
    file.fd = -1;
}

static bool write_all(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file.fd, text, length);

        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
    return true;
}

/* Called by exit(). A child process that was forked has the same file. */
static void end_array(void)
{
    if (file.fd >= 0 && getpid() == file.owner)
        write_all("\n]\n", 3);
}

static void open_file(const char *path)
{
    file.tried = true;
    file.owner = getpid();
    snprintf(file.path, sizeof file.path, "%s", path);
    /* Appending, each write stays in one piece among those of other threads. */
    do {
        file.fd = open(
            path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    } while (file.fd < 0 && errno == EINTR);
    if (file.fd < 0)
        give_up("no trace is written");
    else
        atexit(end_array);
}

/*
 * Gives the run its pid, and writes its name. The file begins with that: all
 * other events have a comma in front. False if there is no file.
 */
static bool begin_run(struct trace *trace, const char *path)
{
    pthread_mutex_lock(&file.mutex);
    if (!file.tried)
        open_file(path);
    bool open = file.fd >= 0;
    if (open) {
        char text[160];
        unsigned run = ++file.runs;

        trace->pid = (run - 1) * TIDS_PER_RUN + 1;
        int length =
            snprintf(text, sizeof text,
                     "%s{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"ts\":0,"
                     "\"name\":\"process_name\","
                     "\"args\":{\"name\":\"async_run %u\"}}",
                     run == 1 ? "[\n" : ",\n", trace->pid, trace->pid, run);
        if (!write_all(text, (size_t)length))
            give_up("the trace ends here");
    }
    pthread_mutex_unlock(&file.mutex);
    return open;
}

static void flush(struct trace *trace)
{
    if (file.fd >= 0 && !write_all(trace->text, trace->length)) {
        pthread_mutex_lock(&file.mutex);
        if (file.fd >= 0)
            give_up("the trace ends here");
        pthread_mutex_unlock(&file.mutex);
    }
    trace->length = 0;
}

/* ---- JSON -------------------------------------------------------------- */

ASYNC_PRINTF(2, 3)
static void add(struct trace *trace, const char *format, ...)
{
    size_t room = sizeof trace->text - trace->length;
    va_list arguments;

    va_start(arguments, format);
    int length =
        vsnprintf(trace->text + trace->length, room, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < room)
        trace->length += (size_t)length;
}

/* The length of the UTF-8 character that text begins with; 0: it is none. */
static size_t utf8_length(const unsigned char *text)
{
    static const unsigned long smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = *text < 0x80                     ? 1
                    : *text >= 0xc0 && *text < 0xe0  ? 2
                    : *text >= 0xe0 && *text < 0xf0  ? 3
                    : *text >= 0xf0 && *text <= 0xf4 ? 4
                                                     : 0;
    unsigned long code = length ? *text & (0xffu >> length) : 0;

    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    if (length > 1 && (code < smallest[length] || code > 0x10ffff ||
                       (code >= 0xd800 && code <= 0xdfff)))
        return 0;
    return length;
}

/* A string, quoted. It may be anything; what is too long is cut. */
static void add_string(struct trace *trace, const char *string)
{
    const unsigned char *at = (const unsigned char *)string;

    add(trace, "\"");
    for (size_t done = 0, length; *at && done < LONGEST_STRING;
         at += length, done += length) {
        length = utf8_length(at);
        if (length == 0) {
            length = 1;
            add(trace, "\\ufffd");
        } else if (*at == '"' || *at == '\\') {
            add(trace, "\\%c", *at);
        } else if (*at < 0x20 || *at == 0x7f) {
            add(trace, "\\u%04x", *at);
        } else {
            add(trace, "%.*s", (int)length, (const char *)at);
        }
    }
    add(trace, "%s\"", *at ? "..." : "");
}

/* ---- Events ------------------------------------------------------------ */

static unsigned tid_of(const struct trace *trace,
                       const struct async_coroutine *task)
{
    /* A main task's tid is its pid: to the viewer, the main thread. */
    return trace->pid + task->number - 1;
}

/* An event of a task, without its last brace. */
static void begin_event(struct trace *trace, char phase,
                        const struct async_coroutine *task)
{
    int64_t now = async_now_ns();

    add(trace, ",\n{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,\"ts\":%lld.%03d",
        phase, trace->pid, tid_of(trace, task), (long long)(now / 1000),
        (int)(now % 1000));
}

static void add_name(struct trace *trace, const char *category,
                     const char *name)
{
    add(trace, ",\"cat\":\"%s\",\"name\":", category);
    add_string(trace, name);
}

/* Viewers sort tracks by name, unless they are told where each belongs. */
static void add_track(struct trace *trace, const struct async_coroutine *task)
{
    begin_event(trace, 'M', task);
    add(trace, ",\"name\":\"thread_name\",\"args\":{\"name\":");
    add_string(trace, task->name);
    add(trace, "}}");
    begin_event(trace, 'M', task);
    add(trace, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%u}}",
        task->number);
}

/* One more argument; nothing without a value. */
static void add_argument(struct trace *trace, const char *key,
                         const char *value)
{
    if (!value)
        return;
    add(trace, ",\"%s\":", key);
    add_string(trace, value);
}

static void begin_slice(struct trace *trace, const struct async_coroutine *task,
                        const char *category, const char *name)
{
    begin_event(trace, 'B', task);
    add_name(trace, category, name);
    add(trace, "}");
}

static void end_slice(struct trace *trace, const struct async_coroutine *task)
{
    begin_event(trace, 'E', task);
    add(trace, "}");
}

/*
 * An arrow from the slice that from is in to the next one that to begins. Each
 * task has one of a kind, and whose it is names it.
 */
static void add_arrow(struct trace *trace, const char *kind,
                      const struct async_coroutine *whose,
                      const struct async_coroutine *from,
                      const struct async_coroutine *to)
{
    unsigned id = tid_of(trace, whose);

    begin_event(trace, 's', from);
    add(trace, ",\"cat\":\"%s\",\"name\":\"%s\",\"id\":%u}", kind, kind, id);
    begin_event(trace, 'f', to);
    add(trace, ",\"cat\":\"%s\",\"name\":\"%s\",\"id\":%u}", kind, kind, id);
}

/* ---- Moments ----------------------------------------------------------- */

static void spawned(struct trace *trace, const struct async_coroutine *task)
{
    const struct async_coroutine *parent = async_current();

    add_track(trace, task);
    begin_event(trace, 'B', task);
    add_name(trace, "task", task->name);
    add(trace, ",\"args\":{\"task\":%u", task->number);
    add_argument(trace, "spawned at", task->spawned_at);
    add(trace, "}}");
    begin_slice(trace, task, "wait", "waits for its turn");
    if (parent)
        add_arrow(trace, "spawn", task, parent, task);
}

static void suspended(struct trace *trace, const struct async_coroutine *task,
                      const struct async_wait *wait)
{
    end_slice(trace, task);
    begin_event(trace, 'B', task);
    add_name(trace, "wait", wait->what);
    add(trace, ",\"args\":{\"in\":");
    add_string(trace, wait->whom ? wait->whom : task->name);
    add_argument(trace, "at", wait->whom ? task->place : NULL);
    if (wait->awaited)
        add(trace, ",\"task\":%u", wait->awaited->number);
    add(trace, "}}");
}

static void cancelled(struct trace *trace, const struct async_coroutine *task)
{
    const struct async_coroutine *by = async_current();

    begin_event(trace, 'i', task);
    add(trace, ",\"s\":\"t\",\"cat\":\"cancel\",\"name\":\"cancelled\"");
    if (by) {
        add(trace, ",\"args\":{\"by\":");
        add_string(trace, by->name);
        add(trace, ",\"task\":%u}", by->number);
    }
    add(trace, "}");
}

static void ended(struct trace *trace, const struct async_coroutine *task)
{
    const struct async_coroutine *parent = task->parent;
    int result = task->result;

    if (parent && parent->wait && parent->wait->reason == ASYNC_FOR_TASKS)
        add_arrow(trace, "await", task, task, parent);
    end_slice(trace, task);
    begin_event(trace, 'E', task);
    add(trace, ",\"args\":{\"result\":%d", result);
    if (result)
        add_argument(trace, "error",
                     task->error.err == result ? task->error.text
                                               : async_strerror(result));
    add(trace, "}}");
}

static void told(struct async_observer *self, enum async_moment moment,
                 struct async_coroutine *task, const struct async_wait *wait)
{
    struct trace *trace = CONTAINER_OF(self, struct trace, observer);

    switch (moment) {
    case ASYNC_AT_SPAWN:
        spawned(trace, task);
        break;
    case ASYNC_AT_RESUME:
        end_slice(trace, task);
        begin_slice(trace, task, "run", "runs");
        break;
    case ASYNC_AT_SUSPEND:
        suspended(trace, task, wait);
        break;
    case ASYNC_AT_CANCEL:
        cancelled(trace, task);
        break;
    case ASYNC_AT_END:
        ended(trace, task);
        break;
    }
    flush(trace);
}

static void finish(struct async_observer *self)
{
    free(CONTAINER_OF(self, struct trace, observer));
}

struct async_observer *async_trace_file_begin(void)
{
    const char *path = getenv("ASYNC_TRACE");

    if (!path || !*path)
        return NULL;

    struct trace *trace = malloc(sizeof *trace);
    if (!trace)
        return NULL; /* the run itself may still succeed */
    trace->observer = (struct async_observer){.told = told, .finish = finish};
    trace->length = 0;
    if (begin_run(trace, path))
        return &trace->observer;
    free(trace);
    return NULL;
}
