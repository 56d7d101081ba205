/* a linked list of tasks, and an event for the last */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    struct async_task task;
    struct api_call *call;
    struct state *state;
};

struct state {
    async_fn *fn;
    size_t left;
    int err;
    struct async_event done;
    struct node *first;
};

static int run_node(void *job)
{
    struct node *node = job;
    struct state *state = node->state;
    int err = state->fn(node->call);

    if (err && !state->err)
        state->err = err;
    if (--state->left == 0 || err)
        async_event_set(&state->done);
    return err;
}

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct state state = {.fn = fan_out->simulated_api_call,
                          .left = fan_out->n};
    int err = 0;

    for (size_t i = fan_out->n; i-- > 0;) {
        struct node *node = calloc(1, sizeof *node);
        if (!node) {
            err = -ENOMEM;
            break;
        }
        *node = (struct node){
            .next = state.first, .call = &fan_out->calls[i], .state = &state};
        state.first = node;
        async_spawn(&node->task, run_node, node);
    }
    if (!err && fan_out->n > 0)
        err = async_event_wait(&state.done);
    if (!err)
        err = state.err;
    while (state.first) {
        struct node *next = state.first->next;
        async_reap(&state.first->task, 1);
        free(state.first);
        state.first = next;
    }
    return err;
}
