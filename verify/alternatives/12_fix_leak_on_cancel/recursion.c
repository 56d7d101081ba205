/* each piece is kept by the call that read it, and the last one joins all */
#include "12_fix_leak_on_cancel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_rest(struct report *report, struct connection *connection,
                     size_t length)
{
    int err = report->read(connection);
    char *piece = connection->text;

    if (err)
        return err;
    if (!piece) {
        report->text = calloc(length + 1, 1);
        return report->text ? 0 : -ENOMEM;
    }
    err = read_rest(report, connection, length + strlen(piece));
    if (!err)
        memcpy(report->text + length, piece, strlen(piece));
    free(piece);
    return err;
}

static int with_connection(struct report *report)
{
    struct connection connection = {report->name, NULL};
    int err = report->open(&connection);

    if (!err) {
        err = read_rest(report, &connection, 0);
        report->close(&connection);
    }
    return err;
}

int fetch_report(void *job)
{
    struct report *report = job;
    int err = async_semaphore_acquire(report->slots);

    if (!err) {
        err = with_connection(report);
        async_semaphore_release(report->slots);
    }
    return err;
}
