/*
 * web.c - the judge's end of the web server's socket: who came, who waits, and
 * whom to let go.
 *
 * That a program does no more by itself is not seen by a clock: it is when none
 * of its threads could run, and none has, for a few looks (process.c). Who was
 * kept from running by a busy machine could run.
 */
#include "web.h"
#include "ledger.h"
#include "words.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than any scenario needs; what a runaway program may cost us. */
enum { REQUESTS_MAX = 20000, SETTINGS_MAX = 32, LINE_MAX_BYTES = 16 * 1024 };

int web_start(struct run *run, int listener)
{
    const struct web *web = &run->scenario->web;
    struct text settings = {0};
    char *arguments[SETTINGS_MAX + 2] = {(char *)run->server, "hold"}, *rest;
    size_t n = web->hold > 0 ? 2 : 1;

    text_add(&settings, "%s", text_chars(&web->settings));
    for (char *word = strtok_r(settings.chars, "\n", &rest);
         word && n < SETTINGS_MAX + 1; word = strtok_r(NULL, "\n", &rest))
        arguments[n++] = word;
    arguments[n] = NULL;
    int err = process_serve(&run->process, arguments, listener);
    text_free(&settings);
    run->traffic.held.phase = web->hold > 0 ? FILLING : OPENED;
    return err;
}

static void tell(struct run *run, const char *line)
{
    ssize_t n = send(run->process.server, line, strlen(line), MSG_NOSIGNAL);

    (void)n; /* that it has gone is seen when it is read */
}

/* ---- The hold ---------------------------------------------------------- */

static void open_hold(struct run *run)
{
    run->traffic.held.phase = OPENED;
    tell(run, "open\n");
}

/* So many are in flight as should be: the oldest may go, or all. */
static void step(struct run *run)
{
    struct traffic *traffic = &run->traffic;

    if (traffic->count >= run->scenario->web.requests ||
        traffic->in_flight > run->scenario->web.hold) {
        open_hold(run);
    } else {
        traffic->held.phase = STEPPING;
        tell(run, "release\n");
    }
}

/* Nobody else will come. */
static void give_up_hold(struct run *run)
{
    struct traffic *traffic = &run->traffic;

    traffic->held.failed = true;
    traffic->held.found = traffic->in_flight;
    traffic->held.after = traffic->count;
    open_hold(run);
}

static void settle(struct run *run)
{
    run->traffic.settling = false;
    run->open_at_return = run->traffic.in_flight;
    process_tell(&run->process, "time 0\n", 7);
}

void web_quiet(struct run *run, int looks)
{
    struct traffic *traffic = &run->traffic;
    const struct web *web = &run->scenario->web;
    bool settled = looks >= SETTLED_LOOKS, full;

    full = traffic->in_flight >= web->hold;
    if (traffic->settling && (traffic->in_flight == 0 || settled))
        settle(run);
    else if (traffic->held.phase == FILLING && full && settled)
        step(run);
    else if ((traffic->held.phase == FILLING ||
              traffic->held.phase == STEPPING) &&
             !full && looks >= STUCK_LOOKS)
        give_up_hold(run);
    if (web->cancel_at > 0 && traffic->count >= web->cancel_at && settled &&
        run->cancelled_at == NEVER && run->returned_at == NEVER) {
        run->cancelled_at = run->now;
        traffic->at_cancel = traffic->count;
        process_tell(&run->process, "cancel\n", 7);
    }
}

/* ---- What it tells ----------------------------------------------------- */

/* A copy of the word's text, or NULL. Returns whether it was a word. */
static bool copy_text(char *word, char **copy)
{
    char *text;

    if (!text_of(word, &text))
        return false;
    *copy = text ? strcpy(must_calloc(strlen(text) + 1, 1), text) : NULL;
    return true;
}

static bool heard_arrival(struct run *run, const char *line)
{
    static char path[LINE_MAX_BYTES], model[LINE_MAX_BYTES],
        system[LINE_MAX_BYTES], prompt[LINE_MAX_BYTES];
    struct traffic *traffic = &run->traffic;
    struct request request = {.ended = NEVER};
    size_t number;

    if (sscanf(line,
               "arrived %zu %" SCNd64
               " %7s %16383s %16383s %lf %lf %16383s %16383s",
               &number, &request.arrived, request.method, path, model,
               &request.max_tokens, &request.temperature, system,
               prompt) != 9 ||
        number != traffic->count + 1)
        return false;
    if (number > REQUESTS_MAX) {
        run->trouble = ENDLESS;
        return true;
    }
    if (!copy_text(path, &request.path) || !copy_text(model, &request.model) ||
        !copy_text(system, &request.system) ||
        !copy_text(prompt, &request.prompt))
        return false;
    request.in_flight = ++traffic->in_flight;
    if (traffic->in_flight > traffic->most_in_flight)
        traffic->most_in_flight = traffic->in_flight;
    traffic->requests =
        must_grow(traffic->requests, traffic->count, sizeof request);
    traffic->requests[traffic->count++] = request;
    if (traffic->held.phase == STEPPING &&
        traffic->in_flight >= run->scenario->web.hold)
        step(run);
    return true;
}

static bool heard_end(struct run *run, const char *line)
{
    struct traffic *traffic = &run->traffic;
    int64_t ended, cost;
    int status, answered, left;
    long tokens;
    size_t number;

    if (sscanf(line, "ended %zu %" SCNd64 " %d %d %d %ld %" SCNd64, &number,
               &ended, &status, &answered, &left, &tokens, &cost) != 7 ||
        number < 1 || number > traffic->count)
        return false;
    struct request *request = &traffic->requests[number - 1];
    request->ended = ended;
    request->status = status;
    request->answered = answered != 0;
    request->left = left != 0;
    request->tokens = tokens;
    request->cost = cost;
    traffic->in_flight--;
    return true;
}

static bool heard(struct run *run, const char *line)
{
    if (strcmp(line, "ready") == 0) {
        process_tell(&run->process, "serving\n", 8);
        run->traffic.ready = true;
        return true;
    }
    return heard_arrival(run, line) || heard_end(run, line);
}

bool web_read(struct run *run)
{
    struct text *unread = &run->traffic.unread;
    char bytes[16 * 1024], *end;
    ssize_t n = 1;

    while (run->process.server >= 0 && n > 0) {
        n = recv(run->process.server, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0)
            text_add_bytes(unread, bytes, (size_t)n);
    }
    run->now = (int64_t)((real_seconds() - run->began) * 1e3) * MILLISECOND;
    while (unread->length > 0 && (end = strchr(unread->chars, '\n'))) {
        *end = '\0';
        if (!heard(run, unread->chars))
            return false;
        text_drop(unread, (size_t)(end + 1 - unread->chars));
    }
    return run->process.server < 0 || (n < 0 && errno == EAGAIN);
}

void web_free(struct run *run)
{
    struct traffic *traffic = &run->traffic;

    for (size_t i = 0; i < traffic->count; i++) {
        free(traffic->requests[i].path);
        free(traffic->requests[i].model);
        free(traffic->requests[i].system);
        free(traffic->requests[i].prompt);
    }
    free(traffic->requests);
    text_free(&traffic->unread);
}

/* ---- Looking things up ------------------------------------------------- */

long tokens_of_all(const struct run *run)
{
    long sum = 0;

    for (size_t i = 0; i < run->traffic.count; i++)
        sum += run->traffic.requests[i].tokens;
    return sum;
}

int64_t cost_of_all(const struct run *run)
{
    int64_t sum = 0;

    for (size_t i = 0; i < run->traffic.count; i++)
        sum += run->traffic.requests[i].cost;
    return sum;
}
