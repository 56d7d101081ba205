/*
 * trace.h - what a program did, and when.
 *
 * A test is a small program on the virtual clock. It notes events with ev();
 * each gets the time in milliseconds since the program began. TRACE() runs the
 * program and compares what was noted with what should have been.
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

#include <cmocka.h>

#include "async/async.h"

static char trace_text[8192];
static size_t trace_length;
static double trace_begin;

__attribute__((format(printf, 1, 2))) static void ev(const char *format, ...)
{
    char event[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(event, sizeof event, format, arguments);
    va_end(arguments);
    int length =
        snprintf(trace_text + trace_length, sizeof trace_text - trace_length,
                 "%s%.0f %s", trace_length ? "; " : "",
                 (async_now() - trace_begin) * 1000, event);
    trace_length += (size_t)length;
    if (trace_length >= sizeof trace_text)
        trace_length = sizeof trace_text - 1;
}

static inline const char *trace(async_fn *program, void *job)
{
    trace_length = 0;
    trace_text[0] = '\0';
    trace_begin = async_now();
    int err = async_run(program, job);
    if (err)
        ev("ended with %s", async_errmsg(err));
    return trace_text;
}

#define TRACE(program, expected)                                               \
    assert_string_equal(trace((program), NULL), (expected))

/* Sleeps for milliseconds. */
static inline ASYNC_SUSPENDS int sleep_ms(double milliseconds)
{
    return async_sleep(milliseconds / 1000);
}

static inline int use_virtual_clock(void **state)
{
    (void)state;
    return setenv("ASYNC_CLOCK", "virtual", 1);
}

#endif
