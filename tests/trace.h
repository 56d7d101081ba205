/*
 * trace.h - what a program did, and when.
 *
 * A test is a small program on the virtual clock. It notes events with ev();
 * each gets the time in milliseconds since the program began. TRACE() and its
 * kin run the program and compare what was noted with what should have been.
 *
 * Assertions stand outside the program: cmocka's longjmp would leave the loop
 * half-way.
 */
#ifndef TRACE_H
#define TRACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "async/async.h"

static char trace_text[8192];
static size_t trace_length;
static double trace_begin;

/* Where the runtime's reports go meanwhile, and how much of them is noted. */
static FILE *trace_reports;
static off_t trace_reported;

static void trace_event(const char *event)
{
    int length =
        snprintf(trace_text + trace_length, sizeof trace_text - trace_length,
                 "%s%.0f %s", trace_length ? "; " : "",
                 (async_now() - trace_begin) * 1000, event);
    trace_length += (size_t)length;
    if (trace_length >= sizeof trace_text)
        trace_length = sizeof trace_text - 1;
}

/*
 * A report becomes an event: LOG, its first sentence without the place, and
 * behind a bar the error that nobody looked at.
 */
static void trace_report(char *report)
{
    char event[256], error[ASYNC_ERRMSG_SIZE] = "";
    const char *looked = strstr(report, "nobody looked: ");
    char *place = strstr(report, ", spawned at ");

    if (looked) {
        looked = strchr(looked, ':') + 2;
        snprintf(error, sizeof error, "%.*s", (int)strcspn(looked, "\n") - 1,
                 looked);
    }
    if (!place)
        place = strstr(report, ", at ");
    if (place) {
        char *rest = place + strcspn(place, "\n") - 1; /* its full stop */
        memmove(place, rest, strlen(rest) + 1);
    }
    char *end = strstr(report, ".\n"), *colon = strstr(report, ":\n");
    if (colon && (!end || colon < end))
        end = colon;
    if (end)
        *end = '\0';
    for (char *line = report; (line = strstr(line, "\n  "));) {
        *line = ' ';
        memmove(line + 1, line + 3, strlen(line + 3) + 1);
    }
    snprintf(event, sizeof event, "LOG %s%s%s", report, *error ? " | " : "",
             error);
    trace_event(event);
}

/* Notes what the runtime has reported since the last call. */
static void trace_collect(void)
{
    static const char begin[] = "async: ";
    char reports[4096];

    if (!trace_reports)
        return;
    ssize_t length = pread(fileno(trace_reports), reports, sizeof reports - 1,
                           trace_reported);
    if (length <= 0)
        return;
    trace_reported += length;
    reports[length] = '\0';
    for (char *next, *report = strstr(reports, begin); report; report = next) {
        report += strlen(begin);
        next = strstr(report, begin);
        if (next)
            next[-1] = '\0';
        trace_report(report);
    }
}

__attribute__((format(printf, 1, 2))) static void ev(const char *format, ...)
{
    char event[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(event, sizeof event, format, arguments);
    va_end(arguments);
    trace_collect();
    trace_event(event);
}

static inline void trace_start(void)
{
    trace_length = 0;
    trace_text[0] = '\0';
    trace_begin = async_now();
}

static inline const char *trace(async_fn *program, void *job)
{
    trace_start();
    int err = async_run(program, job);
    if (err)
        ev("ended with %s", async_errmsg(err));
    return trace_text;
}

#define TRACE(program, expected)                                               \
    assert_string_equal(trace((program), NULL), (expected))

/* The same, but the last event is always what async_run returned. */
static inline const char *trace_to_end(async_fn *program, void *job)
{
    trace_start();
    int err = async_run(program, job);
    if (err)
        ev("END raised %s", async_errmsg(err));
    else
        ev("END returned 0");
    return trace_text;
}

#define TRACE_TO_END(program, expected)                                        \
    assert_string_equal(trace_to_end((program), NULL), (expected))

/*
 * The same, and what the runtime reports are events, too. The time of a report
 * is that of the event noted next.
 */
static inline const char *trace_with_reports(async_fn *program, void *job)
{
    int saved = dup(STDERR_FILENO);

    trace_reports = tmpfile();
    trace_reported = 0;
    if (saved < 0 || !trace_reports) {
        perror("trace_with_reports");
        exit(1);
    }
    dup2(fileno(trace_reports), STDERR_FILENO);
    trace_to_end(program, job);
    dup2(saved, STDERR_FILENO);
    close(saved);
    fclose(trace_reports);
    trace_reports = NULL;
    return trace_text;
}

#define TRACE_WITH_REPORTS(program, expected)                                  \
    assert_string_equal(trace_with_reports((program), NULL), (expected))

/* Sleeps for milliseconds. */
static inline ASYNC_SUSPENDS int sleep_ms(double milliseconds)
{
    return async_sleep(milliseconds / 1000);
}

/* Keeps the thread for milliseconds. */
static inline void burn(double milliseconds)
{
    async_block(milliseconds / 1000);
}

static inline int use_virtual_clock(void **state)
{
    (void)state;
    return setenv("ASYNC_CLOCK", "virtual", 1);
}

#endif
