/*
 * timeline.c - a program's calls as a small picture, out of the ledger.
 *
 *   call 0  =======
 *   call 1         =====
 *   call 2              =========x
 */
#include "timeline.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 8, COLUMNS = 54, LABEL = 16 };

static int64_t end_of(const struct run *run, const struct call *call)
{
    if (call->ended != NEVER)
        return call->ended;
    return call->gone != NEVER ? call->gone : run->now;
}

static int64_t end_of_all(const struct run *run)
{
    int64_t end = run->now;

    for (size_t i = 0; i < run->call_count; i++)
        if (end_of(run, &run->calls[i]) > end)
            end = end_of(run, &run->calls[i]);
    return end;
}

/* The column of a moment; the last one is the end. */
static int column_of(int64_t at, int64_t end)
{
    return (int)((double)at / (double)end * (COLUMNS - 1));
}

static void add_row(struct text *text, const struct run *run,
                    const struct call *call, int64_t end)
{
    char row[COLUMNS + 3], label[LABEL + 1];
    int from = column_of(call->begun, end);
    int to = column_of(end_of(run, call), end);

    if (to == from)
        to++;
    memset(row, ' ', sizeof row);
    memset(row + from, '=', (size_t)(to - from));
    if (call->ended == NEVER)
        row[to++] = call->gone == NEVER ? '?' : 'x';
    row[to] = '\0';
    snprintf(label, sizeof label, "%.14s %zu", call->op, call->item);
    text_add(text, "%-*s %s\n", LABEL, label, row);
}

void timeline_add(struct text *text, const struct run *run)
{
    int64_t end = end_of_all(run);
    size_t shown = run->call_count < ROWS ? run->call_count : ROWS;

    if (run->call_count == 0 || end <= 0)
        return;
    text_add(text, "%*s 0.0 s %*s\n", LABEL, "", COLUMNS - 6, in_seconds(end));
    for (size_t i = 0; i < shown; i++)
        add_row(text, run, &run->calls[i], end);
    if (shown < run->call_count)
        text_add(text, "and %zu more\n", run->call_count - shown);
}
