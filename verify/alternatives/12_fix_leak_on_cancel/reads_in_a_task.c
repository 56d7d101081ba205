/* the reading is a task of its own */
#include "12_fix_leak_on_cancel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int append(char **text, char *piece)
{
    size_t length = *text ? strlen(*text) : 0;
    char *longer = realloc(*text, length + strlen(piece) + 1);

    if (longer) {
        strcpy(longer + length, piece);
        *text = longer;
    }
    free(piece);
    return longer ? 0 : -ENOMEM;
}

struct reading {
    struct report *report;
    struct connection connection;
    char *text;
};

static int read_all(void *job)
{
    struct reading *reading = job;
    int err;

    do {
        err = reading->report->read(&reading->connection);
        if (!err && reading->connection.text)
            err = append(&reading->text, reading->connection.text);
    } while (!err && reading->connection.text);
    return err;
}

int fetch_report(void *job)
{
    struct report *report = job;
    struct reading reading = {report, {report->name, NULL}, NULL};
    struct async_task task;

    int err = async_semaphore_acquire(report->slots);
    if (err)
        return err;
    err = report->open(&reading.connection);
    if (!err) {
        async_spawn(&task, read_all, &reading);
        err = async_await(&task);
        report->close(&reading.connection);
    }
    async_semaphore_release(report->slots);
    if (err)
        free(reading.text);
    else
        report->text = reading.text;
    return err;
}
