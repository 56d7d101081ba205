/* a function for what is done with a slot, and one for what is done while
 * connected */
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

static int read_all(struct report *report, struct connection *connection)
{
    char *text = NULL;
    int err;

    for (;;) {
        err = report->read(connection);
        if (err || !connection->text)
            break;
        err = append(&text, connection->text);
        if (err)
            break;
    }
    if (err)
        free(text);
    else
        report->text = text;
    return err;
}

static int connect_and_read(struct report *report)
{
    struct connection connection = {.name = report->name};

    int err = report->open(&connection);
    if (err)
        return err;
    err = read_all(report, &connection);
    report->close(&connection);
    return err;
}

int fetch_report(void *job)
{
    struct report *report = job;

    int err = async_semaphore_acquire(report->slots);
    if (err)
        return err;
    err = connect_and_read(report);
    async_semaphore_release(report->slots);
    return err;
}
