/*
 * stream.c - answers read while they are being written.
 *
 * Whoever wants the next piece pulls it: bytes from the provider's source, out
 * of them events, out of these text. Nothing is read that nobody asked for, but
 * for a bounded buffer.
 */
#include "llm/llm_private.h"

#include "async/async_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct llm_stream_private {
    struct llm_chat *chat;
    struct llm_source source;
    struct llm_reply reply; /* the headers; the body of what is no stream */
    struct llm_sse sse;
    struct llm_piece piece;
    struct llm_reply content; /* all pieces so far */

    /* Bytes of the source that the events have not taken yet. */
    char chunk[4096];
    size_t at, size;

    bool reading; /* a task is in llm_stream_next */
    bool whole;   /* the answer came in one piece, which is in the chat */
    bool ended;   /* and how: */
    int err;
};

static const struct llm_provider *provider_of(const struct llm_chat *chat)
{
    return chat->client->llm_private->provider;
}

/* ---- Opening ----------------------------------------------------------- */

static int read_chunk(struct llm_stream_private *stream)
{
    stream->at = 0;
    return provider_of(stream->chat)
        ->read(stream->chat, &stream->source, stream->chunk,
               sizeof stream->chunk, &stream->size);
}

/* Whether the first chunk may be events: JSON, a page or nothing is none. */
static bool may_be_events(const struct llm_stream_private *stream)
{
    size_t i = 0;

    while (i < stream->size && strchr("\r\n\t ", stream->chunk[i]))
        i++;
    return stream->reply.status == 200 && stream->size > 0 &&
           (i == stream->size || !strchr("{[<", stream->chunk[i]));
}

/* Reads an error, or an answer that came in one piece although a stream was
   asked for. */
static int read_whole(struct llm_stream_private *stream)
{
    int err = 0;

    while (!err && stream->size > 0) {
        err = llm_reply_add(&stream->reply, stream->chunk, stream->size);
        if (err == LLM_EMALFORMED)
            return llm_raise_too_large();
        if (!err)
            err = read_chunk(stream);
    }
    if (!err)
        err = llm_read_body(stream->chat, &stream->reply);
    stream->whole = !err;
    return err;
}

/* An llm_attempt. */
static int attempt(struct llm_chat *chat, bool blocking,
                   struct llm_reply *reply, void *job)
{
    struct llm_stream_private *stream = job;
    int err = provider_of(chat)->open(chat, reply, &stream->source);

    (void)blocking;
    llm_read_head(chat, reply);
    if (err)
        return err;
    err = read_chunk(stream);
    if (!err && !may_be_events(stream))
        err = read_whole(stream);
    if (err)
        provider_of(chat)->close(chat, &stream->source);
    return err;
}

int llm_stream_open(struct llm_stream *stream, struct llm_chat *chat)
{
    struct llm_stream_private *private;
    int err;

    if (!stream || !chat)
        return async_raise(-EINVAL, "llm_stream_open: the %s is NULL",
                           stream ? "chat" : "stream");
    stream->llm_private = NULL;
    if (!async_in_task("llm_stream_open"))
        return ASYNC_ENOLOOP;
    private = calloc(1, sizeof *private);
    if (!private)
        return -ENOMEM;
    private->chat = chat;
    err = llm_begin(chat);
    if (!err)
        err = llm_persist(chat, false, attempt, &private->reply, private);
    if (err) {
        llm_reply_free(&private->reply);
        free(private);
        return llm_conclude(chat, err);
    }
    stream->llm_private = private;
    return 0;
}

/* ---- Reading ----------------------------------------------------------- */

/* Until an event is complete, or the source has ended: *more is false then. */
static int next_event(struct llm_stream_private *stream, bool *more)
{
    *more = true;
    for (;;) {
        int err = 0;

        while (stream->at < stream->size) {
            err = llm_sse_take(&stream->sse, stream->chunk[stream->at++]);
            if (err || stream->sse.complete)
                return err;
        }
        err = read_chunk(stream);
        *more = stream->size > 0;
        if (err || !*more)
            return err;
    }
}

/* The source has ended. A model that had said why it stops was ready. */
static int end_of_source(const struct llm_stream_private *stream)
{
    if (stream->piece.stopped)
        return 0;
    return async_raise(LLM_ECONNECTION,
                       "the stream broke off after %zu bytes of the answer",
                       stream->content.size);
}

static int keep_piece(struct llm_stream_private *stream)
{
    const char *text = stream->piece.text;

    if (*llm_utf8_end(text))
        return async_raise(LLM_EMALFORMED, "the answer's text is not UTF-8");
    int err = llm_reply_add(&stream->content, text, strlen(text));
    return err == LLM_EMALFORMED ? llm_raise_too_large() : err;
}

/* The next piece that is not empty; none, and no error, at the end. */
static int next_piece(struct llm_stream_private *stream)
{
    struct llm_piece *piece = &stream->piece;

    for (;;) {
        bool more;
        int err = next_event(stream, &more);

        cJSON_Delete(piece->json);
        piece->json = NULL;
        piece->text = NULL;
        if (!err && !more)
            return end_of_source(stream);
        if (!err)
            err = provider_of(stream->chat)
                      ->read_event(stream->chat, &stream->sse, piece);
        if (err || piece->last)
            return err;
        if (piece->text && *piece->text)
            return keep_piece(stream);
    }
}

/* An answer in one piece: it is in the chat, which gets it at the end. */
static void give_whole(struct llm_stream_private *stream)
{
    stream->content.body = stream->chat->content;
    stream->chat->content = NULL;
    stream->piece.text = stream->content.body;
    stream->piece.stopped = true;
    stream->whole = false;
    stream->size = 0;
}

/* The stream has ended; the chat gets what is known only now. */
static int finish(struct llm_stream_private *stream, int err)
{
    struct llm_chat *chat = stream->chat;

    stream->ended = true;
    if (!err && !stream->content.body) /* a model may say nothing */
        err = llm_reply_add(&stream->content, "", 0);
    if (!err) {
        chat->content = stream->content.body;
        stream->content.body = NULL;
        if (!chat->model[0])
            llm_read_model(chat, NULL);
    }
    provider_of(chat)->close(chat, &stream->source);
    stream->err = llm_conclude(chat, err);
    return stream->err;
}

int llm_stream_next(struct llm_stream *stream, const char **text)
{
    struct llm_stream_private *private = stream->llm_private;

    *text = NULL;
    if (!async_in_task("llm_stream_next"))
        return ASYNC_ENOLOOP;
    if (!private)
        return async_raise(-EINVAL, "llm_stream_next: the stream is not open");
    if (private->ended)
        return private->err ? async_raise(private->err, "%s",
                                          private->chat->error.message)
                            : 0;
    if (private->whole) {
        give_whole(private);
        *text = private->piece.text;
        return 0;
    }
    if (private->reading)
        return async_raise(-EBUSY, "llm_stream_next: another task waits for "
                                   "this stream");
    private->source.deadline =
        async_now() + private->chat->client->llm_private->timeout;
    private->reading = true;
    int err = next_piece(private);
    private->reading = false;
    if (err == ASYNC_ECANCELED)
        return err;
    *text = private->piece.text;
    return err || !*text ? finish(private, err) : 0;
}

void llm_stream_close(struct llm_stream *stream)
{
    struct llm_stream_private *private = stream->llm_private;

    if (!private)
        return;
    if (!private->ended)
        provider_of(private->chat)->close(private->chat, &private->source);
    cJSON_Delete(private->piece.json);
    llm_sse_free(&private->sse);
    llm_reply_free(&private->reply);
    llm_reply_free(&private->content);
    free(private);
    stream->llm_private = NULL;
}
