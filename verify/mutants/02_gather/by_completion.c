/* fails c f: results in the order of completion */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
    struct fan_out *fan_out;
    struct api_call call;
    size_t *ended;
};

static int call_one(void *job)
{
    struct place *place = job;
    int err = place->fan_out->simulated_api_call(&place->call);

    if (!err)
        place->fan_out->calls[(*place->ended)++].result = place->call.result;
    return err;
}

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct place *places = calloc(fan_out->n + 1, sizeof *places);
    size_t ended = 0;

    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < fan_out->n; i++)
        places[i] = (struct place){fan_out, fan_out->calls[i], &ended};
    int err = async_gather_each(call_one, places, fan_out->n);
    free(places);
    return err;
}
