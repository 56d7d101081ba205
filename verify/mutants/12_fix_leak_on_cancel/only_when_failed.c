/* fails a b c: cleans up after a failure, not after a cancellation */
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
    struct connection connection = {.name = report->name};
    char *text = NULL;

    int err = async_semaphore_acquire(report->slots);
    if (err)
        return err;

    err = report->open(&connection);
    if (err)
        goto release;

    do {
        err = report->read(&connection);
        if (!err && connection.text)
            err = append(&text, connection.text);
        if (err == ASYNC_ECANCELED)
            return err;
    } while (!err && connection.text);

    report->close(&connection);
release:
    async_semaphore_release(report->slots);
    if (err) {
        free(text);
        return err;
    }
    report->text = text;
    return 0;
}
