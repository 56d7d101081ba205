/*
 * ledger.c - the judge's end of the channel: the clock, and the record.
 *
 * A program tells what it begins, and when it can do no more it asks what time
 * it is. The judge then picks the earliest thing that is to happen, an answer,
 * a cancellation or the program's own next deadline, and moves the clock there.
 * So what the record holds is what the judge did itself: a program cannot make
 * up a duration, an order, or how many calls were in flight.
 */
#include "ledger.h"
#include "words.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* More than any scenario needs; what a runaway program may cost us. */
enum {
    LINE_MAX_BYTES = 16 * 1024,
    CALLS_MAX = 100000,
    OUTS_MAX = 100000,
    INSTANTS_MAX = 50000,
    PRINTS_MAX = 100000,
    LINES_MAX = 1000000,   /* on the channel */
    PRINT_MAX_BYTES = 200, /* of a line; none that we wait for is longer */
};

/* Nobody waits until then: a year. It also keeps sums from overflowing. */
#define CLOCK_END (INT64_C(31536000) * SECOND)

/* ---- The record -------------------------------------------------------- */

/* The first bytes of a line, without the zero bytes, which nobody sees. */
static char *copy_line(const char *line, size_t n)
{
    char *copy =
        must_calloc((n < PRINT_MAX_BYTES ? n : PRINT_MAX_BYTES) + 1, 1);
    size_t length = 0;

    for (size_t i = 0; i < n && length < PRINT_MAX_BYTES; i++)
        if (line[i] != '\0')
            copy[length++] = line[i];
    return copy;
}

/* Takes over what was printed since the last time: it was printed now. */
static void take_prints(struct run *run)
{
    struct text *fresh = &run->process.out.fresh;
    size_t at = 0;
    const char *end;

    process_drain(&run->process);
    while (at < fresh->length &&
           (end = memchr(fresh->chars + at, '\n', fresh->length - at))) {
        size_t n = (size_t)(end - (fresh->chars + at));

        if (run->print_count == PRINTS_MAX) {
            run->trouble = ENDLESS;
            break;
        }
        run->prints =
            must_grow(run->prints, run->print_count, sizeof run->prints[0]);
        run->prints[run->print_count++] =
            (struct print){run->now, copy_line(fresh->chars + at, n)};
        at += n + 1;
    }
    if (at)
        text_drop(fresh, at);
}

static void set_clock(struct run *run, int64_t now)
{
    if (run->instant_count && now <= run->now)
        return;
    run->now = now;
    run->instants =
        must_grow(run->instants, run->instant_count, sizeof run->instants[0]);
    run->instants[run->instant_count++] = now;
    if (run->instant_count == INSTANTS_MAX)
        run->trouble = POLLING;
}

static void tell(struct run *run, const char *line)
{
    process_tell(&run->process, line, strlen(line));
}

/* ---- What happens next ------------------------------------------------- */

static bool open_call(const struct call *call)
{
    return call->ended == NEVER && call->gone == NEVER;
}

struct answer *answer_to(const struct scenario *scenario, size_t item,
                         size_t nth)
{
    size_t try = nth < scenario->tries ? nth : scenario->tries - 1;

    return &scenario->answers[try * scenario->n + item];
}

static const struct answer *answer_of(const struct run *run,
                                      const struct call *call)
{
    return answer_to(run->scenario, call->item, call->nth);
}

static bool gate_holds(const struct run *run)
{
    return !run->gate_open && run->gate_found_at == NEVER;
}

static bool stands_at_gate(const struct call *call)
{
    return open_call(call) && call->due == INT64_MAX;
}

static size_t count_at_gate(const struct run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < run->call_count; i++)
        n += stands_at_gate(&run->calls[i]);
    return n;
}

static void let_through(struct run *run)
{
    for (size_t i = 0; i < run->call_count; i++)
        if (stands_at_gate(&run->calls[i]))
            run->calls[i].due =
                run->now + answer_of(run, &run->calls[i])->after;
}

/* The gate opens if enough calls are there. */
static void try_gate(struct run *run)
{
    if (!gate_holds(run) || count_at_gate(run) < run->scenario->gate)
        return;
    run->gate_open = true;
    let_through(run);
}

/* They are too few, and there will be no more. */
static void fail_gate(struct run *run)
{
    run->gate_found = count_at_gate(run);
    run->gate_found_at = run->now;
    let_through(run);
}

/* The open call that is answered next, or NULL. Linear, and so a scenario of n
   calls costs n^2: a thousand take a millisecond. */
static struct call *next_due(struct run *run)
{
    struct call *next = NULL;

    for (size_t i = 0; i < run->call_count; i++) {
        struct call *call = &run->calls[i];

        if (open_call(call) && call->due != INT64_MAX &&
            (!next || call->due < next->due))
            next = call;
    }
    return next;
}

static bool cancel_is_due(const struct run *run, int64_t by)
{
    int64_t at = run->scenario->cancel_at;

    return at > 0 && at <= by && run->cancelled_at == NEVER &&
           run->returned_at == NEVER;
}

static void answer_call(struct run *run, struct call *call, struct text *lines)
{
    const struct answer *answer = answer_of(run, call);
    char *word = word_of(answer->text);

    call->ended = call->due > run->now ? call->due : run->now;
    run->in_flight--;
    text_add(lines, "end %zu %d %s\n", (size_t)(call - run->calls) + 1,
             answer->err, word ? word : "-");
    free(word);
}

/* Waits until that moment has come, in real time. */
static void wait_for_real(const struct run *run, int64_t until)
{
    double rest = run->began +
                  (double)until / 1e9 / (double)run->scenario->speed -
                  real_seconds();
    struct timespec time = {(time_t)rest,
                            (long)((rest - (double)(time_t)rest) * 1e9)};

    if (rest > 0)
        nanosleep(&time, NULL);
}

/* Everything that happens up to a moment, in its order; then it is then. */
static void advance(struct run *run, int64_t to)
{
    struct text lines = {0}; /* told at once: each time costs a switch */

    if (run->scenario->speed)
        wait_for_real(run, to);
    for (;;) {
        struct call *call = next_due(run);
        bool answers = call && call->due <= to;

        if (cancel_is_due(run, answers ? call->due : to)) {
            int64_t at = run->scenario->cancel_at;
            run->cancelled_at = at > run->now ? at : run->now;
            text_add(&lines, "cancel\n");
        } else if (answers) {
            answer_call(run, call, &lines);
        } else {
            break;
        }
    }
    set_clock(run, to);
    text_add(&lines, "time %" PRId64 "\n", run->now);
    tell(run, text_chars(&lines));
    text_free(&lines);
}

/* The earliest moment at which anything happens by our doing. */
static int64_t next_event(struct run *run)
{
    struct call *call = next_due(run);
    int64_t next = call ? call->due : INT64_MAX;

    if (cancel_is_due(run, INT64_MAX) && run->scenario->cancel_at < next)
        next = run->scenario->cancel_at;
    return next > run->now ? next : run->now;
}

/* Nothing can run, and the program itself waits for the moment deadline. */
static void heard_idle(struct run *run, int64_t deadline)
{
    take_prints(run);
    try_gate(run);

    int64_t next = next_event(run);
    if (next == INT64_MAX && deadline == INT64_MAX && gate_holds(run) &&
        count_at_gate(run) > 0) {
        fail_gate(run);
        next = next_event(run);
    }
    if (deadline < next)
        next = deadline;
    if (next < INT64_MAX) {
        advance(run, next);
    } else {
        if (run->trouble != DEADLOCK)
            run->stuck_at = run->now;
        run->trouble = DEADLOCK;
        tell(run, "never\n");
    }
}

/* A function's name, as the driver writes it. */
static bool is_name(const char *word)
{
    return word[strspn(word, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

/* The thread is blocked until then, whatever happens meanwhile, by a function
   that is no operation, or by one (""). */
static void heard_hold(struct run *run, int64_t until, const char *blocker)
{
    if (!*run->blocker)
        snprintf(run->blocker, sizeof run->blocker, "%s", blocker);
    take_prints(run);
    if (until < run->now)
        until = run->now;
    run->blocked += until - run->now;
    advance(run, until);
}

/* The same, until the call has been answered. */
static void heard_block(struct run *run, size_t number)
{
    try_gate(run);
    if (stands_at_gate(&run->calls[number - 1]))
        fail_gate(run);
    heard_hold(run, run->calls[number - 1].due, "");
}

/* ---- Lines from the program -------------------------------------------- */

static bool is_gated(const struct scenario *scenario, const char *op)
{
    return !scenario->gated || strcmp(scenario->gated, op) == 0;
}

static bool heard_begin(struct run *run, size_t number, const char *op,
                        size_t item)
{
    if (number != run->call_count + 1 || item >= run->scenario->n)
        return false;
    if (number > CALLS_MAX) {
        run->trouble = ENDLESS;
        return true;
    }
    struct call call = {.item = item,
                        .nth = calls_of(run, op, item),
                        .begun = run->now,
                        .ended = NEVER,
                        .gone = NEVER,
                        .due = INT64_MAX};
    snprintf(call.op, sizeof call.op, "%s", op);
    if (!gate_holds(run) || !is_gated(run->scenario, op))
        call.due = run->now + answer_of(run, &call)->after;
    run->calls = must_grow(run->calls, run->call_count, sizeof run->calls[0]);
    run->calls[run->call_count++] = call;
    if (++run->in_flight > run->most_in_flight)
        run->most_in_flight = run->in_flight;
    return true;
}

static bool heard_gone(struct run *run, size_t number)
{
    if (number < 1 || number > run->call_count)
        return false;
    struct call *call = &run->calls[number - 1];
    if (open_call(call))
        run->in_flight--;
    call->gone = run->now;
    return true;
}

static char *copy_of(const char *text)
{
    return text ? strcpy(must_calloc(strlen(text) + 1, 1), text) : NULL;
}

static bool heard_returned(struct run *run, int err, char *word)
{
    char *text;

    if (run->returned_at != NEVER || !text_of(word, &text))
        return false;
    take_prints(run);
    if (run->scenario->web.wanted) {
        web_read(run);
        run->traffic.settling = true;
    }
    run->returned_at = run->now;
    run->lasted = real_seconds() - run->began;
    run->returned = err;
    run->errmsg = copy_of(text ? text : "");
    run->open_at_return = run->in_flight;
    if (run->traffic.settling)
        web_quiet(run, 0);
    return true;
}

static bool heard_out(struct run *run, size_t item, const char *field,
                      char *word)
{
    char *text;

    if (!text_of(word, &text) || run->out_count >= OUTS_MAX)
        return false;
    struct out out = {.item = item, .value = copy_of(text)};
    snprintf(out.field, sizeof out.field, "%s", field);
    run->outs = must_grow(run->outs, run->out_count, sizeof run->outs[0]);
    run->outs[run->out_count++] = out;
    return true;
}

/* Lines that ask for the time. Returns whether it was one. */
static bool heard_clock_line(struct run *run, const char *line)
{
    int64_t when;
    size_t number;
    char name[32];

    if (strcmp(line, "idle none") == 0)
        heard_idle(run, INT64_MAX);
    else if (sscanf(line, "idle %" SCNd64, &when) == 1 && when >= 0)
        heard_idle(run, when < CLOCK_END ? when : INT64_MAX);
    else if (sscanf(line, "hold %" SCNd64 " %31s", &when, name) == 2 &&
             when >= 0 && is_name(name))
        heard_hold(run, when < CLOCK_END ? when : CLOCK_END, name);
    else if (sscanf(line, "block %zu", &number) == 1 && number >= 1 &&
             number <= run->call_count && open_call(&run->calls[number - 1]))
        heard_block(run, number);
    else
        return false;
    return true;
}

/* Returns whether it was a line that the driver writes. */
static bool heard(struct run *run, const char *line)
{
    char name[32], word[LINE_MAX_BYTES];
    size_t number, item;
    int err, flag;

    if (heard_clock_line(run, line))
        return true;
    if (sscanf(line, "begin %zu %31s %zu", &number, name, &item) == 3)
        return heard_begin(run, number, name, item);
    if (sscanf(line, "gone %zu", &number) == 1)
        return heard_gone(run, number);
    if (sscanf(line, "returned %d %16383s", &err, word) == 2)
        return heard_returned(run, err, word);
    if (sscanf(line, "out %zu %31s %16383s", &item, name, word) == 3)
        return heard_out(run, item, name, word);
    if (sscanf(line, "leaks %d", &flag) == 1) {
        run->leaks = flag != 0;
        run->complete = run->returned_at != NEVER;
        return run->complete;
    }
    if (sscanf(line, "stray %ld", &run->stray) == 1) {
        run->strayed = true;
        return true;
    }
    if (strcmp(line, "busy") == 0) {
        run->trouble = BUSY;
        return true;
    }
    return strcmp(line, "closed") == 0 || strcmp(line, "listening") == 0;
}

/* ---- The run ----------------------------------------------------------- */

/* Whether there is nothing more to be learned from the program. A deadlock is
   still to be cleaned up after: it says on standard error who waited. */
static bool seen_enough(const struct run *run)
{
    return run->complete ||
           (run->trouble != NO_TROUBLE && run->trouble != DEADLOCK);
}

/* Whether the driver wrote that line. */
static bool is_signed(const struct run *run, const char *line)
{
    return strncmp(line, run->secret, SECRET_LENGTH) == 0 &&
           line[SECRET_LENGTH] == ' ';
}

/* Handles the whole lines in what was read, and drops them from it. */
static void hear_lines(struct run *run, struct text *unread)
{
    char *line = unread->chars, *end;

    while (!seen_enough(run) && line && (end = strchr(line, '\n'))) {
        *end = '\0';
        if (!is_signed(run, line) || !heard(run, line + SECRET_LENGTH + 1))
            run->trouble = GARBAGE;
        else if (++run->lines == LINES_MAX)
            run->trouble = ENDLESS;
        line = end + 1;
    }
    if (line)
        text_drop(unread, (size_t)(line - unread->chars));
    if (unread->length > LINE_MAX_BYTES)
        run->trouble = GARBAGE;
}

/* The socket that came with a message; -1: none did. */
static int received(struct msghdr *message)
{
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd = -1;

    if (header && header->cmsg_level == SOL_SOCKET &&
        header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

/* The driver sends the one socket that its web server is to listen on; of
   others, the system drops what has no room, and we what has no use. */
static ssize_t receive(struct run *run, char *bytes, size_t size)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {bytes, size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(run->process.channel, &message, MSG_CMSG_CLOEXEC);
    int fd = n < 0 ? -1 : received(&message);

    if (fd >= 0 && run->scenario->web.wanted && run->process.server_pid == 0) {
        if (web_start(run, fd))
            run->trouble = SERVER_LOST;
    } else if (fd >= 0) {
        close(fd);
    }
    return n;
}

/* Returns whether the channel is still open. */
static bool read_channel(struct run *run, struct text *unread)
{
    char bytes[16 * 1024];
    ssize_t n = receive(run, bytes, sizeof bytes);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    /* A zero byte would end the text early, and hide what follows. */
    if (memchr(bytes, '\0', (size_t)n)) {
        run->trouble = GARBAGE;
        return true;
    }
    text_add_bytes(unread, bytes, (size_t)n);
    hear_lines(run, unread);
    return true;
}

/* An end of file is the program's end, unless it goes on without us. */
static void wait_for_end(struct run *run)
{
    process_hang_up(&run->process);
    process_wait(&run->process);
    if (run->process.ending == STOPPED && run->trouble == NO_TROUBLE)
        run->trouble = DEAF;
}

int ledger_run(struct run *run, const struct scenario *scenario,
               const struct command *command)
{
    struct text unread = {0};
    int err = process_start(&run->process, command);

    run->scenario = scenario;
    run->server = command->server;
    if (err)
        return err;
    run->cancelled_at = run->returned_at = run->gate_found_at = NEVER;
    run->gate_open = scenario->gate == 0;
    set_clock(run, 0);
    run->began = real_seconds();
    random_word(run->secret, SECRET_LENGTH);
    tell(run, run->secret);
    tell(run, "\n");
    tell(run, text_chars(&scenario->parameters));
    tell(run, "go\n");
    while (!seen_enough(run) && process_wait(&run->process)) {
        if (scenario->web.wanted) {
            if (!web_read(run))
                run->trouble = SERVER_LOST;
            web_quiet(run, run->process.quiet);
            take_prints(run);
        }
        if (!read_channel(run, &unread))
            wait_for_end(run);
    }
    process_end(&run->process, STOPPED);
    take_prints(run); /* its last words may be on the way when it ends */
    text_free(&unread);
    return 0;
}

void ledger_free(struct run *run)
{
    for (size_t i = 0; i < run->print_count; i++)
        free(run->prints[i].line);
    for (size_t i = 0; i < run->out_count; i++)
        free(run->outs[i].value);
    web_free(run);
    free(run->prints);
    free(run->outs);
    free(run->calls);
    free(run->instants);
    free(run->errmsg);
    process_free(&run->process);
}

/* ---- Looking things up ------------------------------------------------- */

const char *out_of(const struct run *run, size_t item, const char *field)
{
    for (size_t i = 0; i < run->out_count; i++)
        if (run->outs[i].item == item && strcmp(run->outs[i].field, field) == 0)
            return run->outs[i].value;
    return NULL;
}

long out_number(const struct run *run, size_t item, const char *field)
{
    const char *value = out_of(run, item, field);

    return value ? atol(value) : -1;
}

int64_t printed_at(const struct run *run, const char *line)
{
    for (size_t i = 0; i < run->print_count; i++)
        if (strcmp(run->prints[i].line, line) == 0)
            return run->prints[i].at;
    return NEVER;
}

const struct call *call_of(const struct run *run, const char *op, size_t item)
{
    for (size_t i = 0; i < run->call_count; i++)
        if (run->calls[i].item == item && strcmp(run->calls[i].op, op) == 0)
            return &run->calls[i];
    return NULL;
}

static bool in_flight_at(const struct call *call, int64_t then)
{
    return call->begun <= then &&
           (call->ended == NEVER || call->ended > then) &&
           (call->gone == NEVER || call->gone > then);
}

size_t most_of(const struct run *run, const char *op)
{
    size_t most = 0;

    for (size_t i = 0; i < run->call_count; i++) {
        size_t n = 0;

        for (size_t j = 0; j < run->call_count; j++)
            n += strcmp(run->calls[j].op, op) == 0 &&
                 in_flight_at(&run->calls[j], run->calls[i].begun);
        if (n > most)
            most = n;
    }
    return most;
}

size_t calls_of(const struct run *run, const char *op, size_t item)
{
    size_t n = 0;

    for (size_t i = 0; i < run->call_count; i++)
        n += run->calls[i].item == item && strcmp(run->calls[i].op, op) == 0;
    return n;
}
