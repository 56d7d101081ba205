/*
 * posts.c - /posts/1 to /posts/100: small JSON documents with the fields that
 * such examples on the web have, for programs that fetch many URLs.
 */
#include "scenario/plan.h"

#include <stdio.h>

enum { POSTS_PER_USER = 10 };

char *scenario_post(int id)
{
    struct scenario plain = {0};
    struct scenario_request request = {0};
    struct scenario_reply reply;
    char title[64], prompt[96];
    cJSON *json = cJSON_CreateObject();

    snprintf(title, sizeof title, "Inspection report %d", id);
    snprintf(prompt, sizeof prompt, "Summarize: %s", title);
    scenario_add_message(&request, "user", prompt);
    scenario_respond(&plain, &request, &reply);
    return scenario_print(
        json,
        scenario_add_integer(json, "userId", (id - 1) / POSTS_PER_USER + 1) &&
            scenario_add_integer(json, "id", id) &&
            cJSON_AddStringToObject(json, "title", title) &&
            cJSON_AddStringToObject(json, "body", reply.text));
}
