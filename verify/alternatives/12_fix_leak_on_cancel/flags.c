/* one way out, with flags for what is held */
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

int fetch_report(void *job)
{
    struct report *report = job;
    struct connection *connection = calloc(1, sizeof *connection);
    bool slot = false, open = false;
    char *text = calloc(1, 1);
    int err = -ENOMEM;

    if (!connection || !text)
        goto out;
    connection->name = report->name;
    err = async_semaphore_acquire(report->slots);
    if (err)
        goto out;
    slot = true;
    err = report->open(connection);
    if (err)
        goto out;
    open = true;
    while ((err = report->read(connection)) == 0 && connection->text) {
        err = append(&text, connection->text);
        if (err)
            goto out;
    }
    if (!err) {
        report->text = text;
        text = NULL;
    }
out:
    if (open)
        report->close(connection);
    if (slot)
        async_semaphore_release(report->slots);
    free(connection);
    free(text);
    return err;
}
