/*
 * sse.c - server-sent events: lines of "field: value", an empty line behind
 * each event.
 *
 * Bytes are taken one at a time, and all that is known of those before is in
 * the struct: where a network happened to cut them cannot matter.
 */
#include "llm/llm_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a line, and of an event; theirs are a thousandth of it. */
enum { LARGEST = 1 << 20 };

static int append(struct llm_buffer *buffer, const char *text, size_t size)
{
    size_t room = buffer->room ? buffer->room : 256;

    if (size > LARGEST - buffer->size)
        return async_raise(LLM_EMALFORMED,
                           "the stream holds an event of more than %d MiB",
                           LARGEST >> 20);
    while (room < buffer->size + size + 1)
        room *= 2;
    if (room > buffer->room) {
        char *larger = realloc(buffer->text, room);
        if (!larger)
            return -ENOMEM;
        buffer->text = larger;
        buffer->room = room;
    }
    memcpy(buffer->text + buffer->size, text, size);
    buffer->size += size;
    buffer->text[buffer->size] = '\0';
    return 0;
}

/* Takes over what a line says of the event. */
static int read_field(struct llm_sse *sse, char *line)
{
    char *value = strchr(line, ':');
    int err = 0;

    if (value)
        *value++ = '\0';
    else
        value = line + strlen(line);
    if (*value == ' ')
        value++;
    if (strcmp(line, "event") == 0) {
        snprintf(sse->event, sizeof sse->event, "%s", value);
    } else if (strcmp(line, "data") == 0) {
        if (sse->has_data)
            err = append(&sse->data, "\n", 1);
        if (!err)
            err = append(&sse->data, value, strlen(value));
        sse->has_data = true;
    }
    return err; /* other fields, and comments, mean nothing here */
}

static void begin_event(struct llm_sse *sse)
{
    sse->event[0] = '\0';
    sse->data.size = 0;
    sse->has_data = false;
    sse->complete = false;
}

static int end_line(struct llm_sse *sse)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* a byte order mark */
    char *line = sse->line.text ? sse->line.text : "";
    int err = 0;

    if (!sse->begun && strncmp(line, mark, strlen(mark)) == 0)
        line += strlen(mark);
    sse->begun = true;
    if (sse->line.size > 0 && *line)
        err = read_field(sse, line);
    else if (sse->has_data)
        sse->complete = true;
    else
        begin_event(sse); /* without data it is none */
    sse->line.size = 0;
    return err;
}

int llm_sse_take(struct llm_sse *sse, char byte)
{
    bool after_cr = sse->after_cr;

    if (sse->complete)
        begin_event(sse);
    sse->after_cr = byte == '\r';
    if (byte == '\n' && after_cr)
        return 0; /* that line has ended */
    if (byte == '\n' || byte == '\r')
        return end_line(sse);
    if (byte == '\0')
        return async_raise(LLM_EMALFORMED, "the stream holds a NUL character");
    return append(&sse->line, &byte, 1);
}

void llm_sse_free(struct llm_sse *sse)
{
    free(sse->line.text);
    free(sse->data.text);
    *sse = (struct llm_sse){0};
}
