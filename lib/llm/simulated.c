/*
 * simulated.c - the provider "simulated": no network, no key, no cost.
 *
 * The bytes that the mock server would send, right or wrong, come from the same
 * plan (scenario/plan.h), after the same waits, and from there on are read as
 * if they had come over a wire. All time is the runtime's: on the virtual clock
 * a program takes none, and takes it the same way every time.
 */
#include "llm/llm_private.h"

#include "scenario/plan.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A client's own server: what it has seen, and what it lets through. */
struct llm_simulation {
    struct scenario scenario;
    struct scenario_meter meter;
    long requests;
    struct sighting {
        uint64_t hash; /* of a request's body; 0: nobody is here */
        int times;
    } * sightings; /* a hash table of room entries, a power of 2 */
    size_t n, room;
};

/* A reply that is on its way. */
struct llm_simulated {
    struct llm_simulation *simulation;
    struct scenario_plan plan;
    bool blocking;
    double deadline; /* of what is being read */
    int part;        /* the next one */
    char *text;      /* the one before; what was not read begins at */
    size_t at, size;
    size_t bytes; /* read so far */
};

static int set_up(struct llm_client *client, const struct llm_options *options)
{
    const struct scenario usual = {.latency = 0.5};
    const struct scenario *scenario =
        options->scenario ? options->scenario : &usual;
    const char *problem = scenario_problem(scenario);
    struct llm_simulation *simulation;

    if (problem)
        return async_raise(-EINVAL, "options.scenario: %s", problem);
    simulation = calloc(1, sizeof *simulation);
    if (!simulation)
        return -ENOMEM;
    simulation->scenario = *scenario;
    client->llm_private->simulation = simulation;
    return 0;
}

void llm_simulation_free(struct llm_simulation *simulation)
{
    if (simulation)
        free(simulation->sightings);
    free(simulation);
}

/* ---- What was asked before --------------------------------------------- */

/* FNV-1a. */
static uint64_t hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3;
    return h ? h : 1;
}

/* The request's entry, or the empty one that will be its; there is room. */
static struct sighting *find(const struct llm_simulation *simulation,
                             uint64_t h)
{
    size_t i = (size_t)h & (simulation->room - 1);

    while (simulation->sightings[i].hash && simulation->sightings[i].hash != h)
        i = (i + 1) & (simulation->room - 1);
    return &simulation->sightings[i];
}

/* Half of the table stays empty, so that searches are short. */
static int make_room(struct llm_simulation *simulation)
{
    struct llm_simulation larger = {.room = simulation->room * 2};

    if (simulation->room > 2 * simulation->n)
        return 0;
    if (!larger.room)
        larger.room = 64;
    larger.sightings = calloc(larger.room, sizeof *larger.sightings);
    if (!larger.sightings)
        return -ENOMEM;
    for (size_t i = 0; i < simulation->room; i++)
        if (simulation->sightings[i].hash)
            *find(&larger, simulation->sightings[i].hash) =
                simulation->sightings[i];
    free(simulation->sightings);
    simulation->sightings = larger.sightings;
    simulation->room = larger.room;
    return 0;
}

/* Which attempt at the same request this is, from 1; 0 without memory. */
static int count_attempt(struct llm_simulation *simulation, const char *body)
{
    uint64_t h = hash(body);

    if (make_room(simulation))
        return 0;
    struct sighting *sighting = find(simulation, h);
    simulation->n += !sighting->hash;
    sighting->hash = h;
    return ++sighting->times;
}

/* ---- Time -------------------------------------------------------------- */

/* Waits so long for the server, but no longer than the client's patience. */
static int wait_for_server(const struct llm_chat *chat,
                           const struct llm_simulated *simulated,
                           double seconds)
{
    const double timeout = chat->client->llm_private->timeout;
    double left = simulated->deadline - async_now();
    double wait = fmin(seconds, left);
    int err = 0;

    if (wait > 0 && simulated->blocking)
        async_block(wait);
    else if (wait > 0)
        err = async_sleep(wait);
    if (err || seconds <= left)
        return err;
    return async_raise(LLM_ETIMEDOUT, "simulated: %s within %g s",
                       simulated->bytes ? "nothing more" : "no answer",
                       timeout);
}

/* ---- A reply, part by part --------------------------------------------- */

static void close_source(struct llm_chat *chat, struct llm_source *source)
{
    struct llm_simulated *simulated = source->simulated;

    (void)chat;
    if (simulated->plan.entered)
        scenario_leave(&simulated->simulation->meter);
    scenario_plan_free(&simulated->plan);
    cJSON_free(simulated->text);
    free(simulated);
    source->simulated = NULL;
}

/* What happens behind the last part. */
static int end(const struct llm_chat *chat,
               const struct llm_simulated *simulated)
{
    switch (simulated->plan.ending) {
    case SCENARIO_HANGS:
        return wait_for_server(chat, simulated, INFINITY);
    case SCENARIO_ENDS_RESET:
        return async_raise(LLM_ECONNECTION,
                           "simulated: the connection was reset");
    case SCENARIO_ENDS_CLOSED:
        return async_raise(LLM_ECONNECTION,
                           "the answer broke off after %zu bytes",
                           simulated->bytes);
    default:
        return 0;
    }
}

static void write_head(const struct scenario_plan *plan,
                       const struct scenario_call *call,
                       struct llm_reply *reply)
{
    char line[160];

    reply->begun = true;
    reply->status = plan->status;
    scenario_id(call->number, reply->request_id);
    for (int i = 0; i < call->headers.n; i++) {
        int size =
            snprintf(line, sizeof line, "%s: %s", call->headers.list[i].name,
                     call->headers.list[i].value);
        llm_reply_header(reply, line, (size_t)size);
    }
}

/* Asks the server, so to speak. */
static int plan_reply(struct llm_chat *chat, struct llm_simulated *simulated,
                      struct scenario_call *call, bool stream)
{
    struct llm_simulation *simulation = chat->client->llm_private->simulation;
    char *json = llm_openai_write_request(chat, stream);

    simulated->simulation = simulation;
    *call = (struct scenario_call){.scenario = &simulation->scenario,
                                   .meter = &simulation->meter,
                                   .protocol = &scenario_openai,
                                   .number = ++simulation->requests,
                                   .path = "/v1/chat/completions",
                                   .body = json,
                                   .size = json ? strlen(json) : 0,
                                   .now = async_now(),
                                   .date = (double)time(NULL)};
    if (json)
        call->attempt = count_attempt(simulation, json);
    if (call->attempt)
        scenario_plan_chat(&simulated->plan, call);
    cJSON_free(json);
    return call->attempt ? 0 : -ENOMEM;
}

static int open_reply(struct llm_chat *chat, struct llm_reply *reply,
                      struct llm_source *source, bool stream, bool blocking)
{
    const double timeout = chat->client->llm_private->timeout;
    struct llm_simulated *simulated = calloc(1, sizeof *simulated);
    struct scenario_call call;

    *source = (struct llm_source){.simulated = simulated,
                                  .deadline = async_now() + timeout};
    if (!simulated)
        return -ENOMEM;
    simulated->blocking = blocking;
    simulated->deadline = source->deadline;
    int err = plan_reply(chat, simulated, &call, stream);
    if (!err)
        err = wait_for_server(chat, simulated,
                              scenario_plan_wait(&simulated->plan, 0));
    if (!err && simulated->plan.parts_sent == 0)
        err = end(chat, simulated);
    if (err)
        close_source(chat, source);
    else
        write_head(&simulated->plan, &call, reply);
    return err;
}

static int open_source(struct llm_chat *chat, struct llm_reply *reply,
                       struct llm_source *source)
{
    return open_reply(chat, reply, source, true, false);
}

/* Fetches the next part; text is NULL if there is none. */
static int next_part(const struct llm_chat *chat,
                     struct llm_simulated *simulated)
{
    const struct scenario_plan *plan = &simulated->plan;
    int i = simulated->part++, err = 0;

    cJSON_free(simulated->text);
    simulated->text = NULL;
    simulated->at = simulated->size = 0;
    if (i >= plan->parts_sent)
        return end(chat, simulated);
    if (i > 0)
        err = wait_for_server(chat, simulated, scenario_plan_wait(plan, i));
    if (err)
        return err;
    simulated->text = scenario_plan_part(plan, i, &simulated->size);
    return simulated->text ? 0 : -ENOMEM;
}

static int read_source(struct llm_chat *chat, struct llm_source *source,
                       char *buffer, size_t size, size_t *n)
{
    struct llm_simulated *simulated = source->simulated;
    int err = 0;

    *n = 0;
    simulated->deadline = source->deadline;
    while (!err && simulated->at == simulated->size) {
        err = next_part(chat, simulated);
        if (err || !simulated->text)
            return err;
    }
    *n = simulated->size - simulated->at;
    if (*n > size)
        *n = size;
    memcpy(buffer, simulated->text + simulated->at, *n);
    simulated->at += *n;
    simulated->bytes += *n;
    return 0;
}

static int send_chat(struct llm_chat *chat, bool blocking,
                     struct llm_reply *reply)
{
    struct llm_source source;
    char piece[1024];
    size_t n = 1;
    int err = open_reply(chat, reply, &source, false, blocking);

    if (err)
        return err;
    while (!err && n > 0) {
        err = read_source(chat, &source, piece, sizeof piece, &n);
        if (!err && n > 0)
            err = llm_reply_add(reply, piece, n);
    }
    close_source(chat, &source);
    return err;
}

const struct llm_provider llm_simulated = {
    .name = "simulated",
    .model = "gpt-3.5-turbo",
    .max_temperature = 2,
    .set_up = set_up,
    .send = send_chat,
    .open = open_source,
    .read = read_source,
    .close = close_source,
    .write_request = llm_openai_write_request,
    .read_answer = llm_openai_read_answer,
    .read_error = llm_openai_read_error,
    .read_event = llm_openai_read_event,
};
