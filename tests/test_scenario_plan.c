/*
 * test_scenario_plan.c - the bytes of a reply, planned without a network:
 * whole, in parts, spoilt by each fault, refused, and with hardly any memory.
 */
#include "scenario/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES                                                               \
    "\"messages\":[{\"role\":\"user\",\"content\":\"What is Python?\"}]}"

static const char whole[] = "{\"model\":\"gpt-4\",\"max_tokens\":9," MESSAGES;
static const char stream[] =
    "{\"model\":\"gpt-4\",\"stream\":true,\"max_tokens\":9," MESSAGES;

/* A provider, and what it does with one request after another. */
struct provider {
    struct scenario scenario;
    struct scenario_meter meter;
    const struct scenario_protocol *protocol;
    struct scenario_headers headers;
    long requests;
};

static struct provider provider_with(const char *settings)
{
    struct provider provider = {.protocol = &scenario_openai};
    char error[SCENARIO_ERROR_SIZE];

    if (!scenario_read(&provider.scenario, settings, error))
        fail_msg("%s", error);
    return provider;
}

static struct scenario_plan ask(struct provider *provider, const char *body)
{
    struct scenario_plan plan;
    struct scenario_call call = {.scenario = &provider->scenario,
                                 .meter = &provider->meter,
                                 .protocol = provider->protocol,
                                 .number = ++provider->requests,
                                 .attempt = 1,
                                 .path = "/v1/chat/completions",
                                 .body = body,
                                 .size = strlen(body),
                                 .date = 1e9};

    scenario_plan_chat(&plan, &call);
    provider->headers = call.headers;
    return plan;
}

/* All that is sent, put together, and how long it takes; to be freed. */
static char *text_of(const struct scenario_plan *plan, double *seconds)
{
    char *text = scenario_copy("", 0);

    *seconds = 0;
    for (int i = 0; i < plan->parts_sent; i++) {
        size_t size;
        char *part = scenario_plan_part(plan, i, &size);

        assert_non_null(part);
        assert_int_equal(strlen(part), size);
        text = scenario_join(text, part);
        *seconds += scenario_plan_wait(plan, i);
    }
    return text;
}

static const char *header(const struct provider *provider, const char *name)
{
    for (int i = 0; i < provider->headers.n; i++)
        if (strcmp(provider->headers.list[i].name, name) == 0)
            return provider->headers.list[i].value;
    return NULL;
}

static void test_whole_answer(void **state)
{
    struct provider provider =
        provider_with("latency = 0.5\ntokens-per-second = 10");
    struct scenario_plan plan = ask(&provider, whole);
    double seconds;
    char *text = text_of(&plan, &seconds);

    (void)state;
    assert_int_equal(plan.status, 200);
    assert_string_equal(plan.type, "application/json");
    assert_int_equal(plan.ending, SCENARIO_ENDS_WELL);
    assert_true(plan.answered && plan.entered && plan.held);
    assert_int_equal(plan.prompt_tokens, 11);
    assert_int_equal(plan.completion_tokens, 9);
    assert_true(fabs(plan.cost - scenario_cost("gpt-4", 11, 9)) < 1e-12);
    assert_true(fabs(seconds - (0.5 + 0.9)) < 1e-9);
    assert_non_null(strstr(text, "\"id\":\"chatcmpl-000001\""));
    assert_non_null(strstr(text, "\"created\":1000000000,"));
    assert_string_equal(header(&provider, "x-request-id"), "req_000001");
    assert_int_equal(provider.headers.n, 1);
    cJSON_free(text);
    scenario_plan_free(&plan);
}

/* A stream takes as long as the whole answer; its end comes with its last
   token. */
static void test_stream(void **state)
{
    struct provider provider =
        provider_with("latency = 0.5\ntokens-per-second = 10");
    struct scenario_plan plan = ask(&provider, stream);
    double seconds;
    char *text = text_of(&plan, &seconds);

    (void)state;
    assert_int_equal(plan.parts_sent, 1 + 9 + 1);
    assert_true(fabs(scenario_plan_wait(&plan, 0) - 0.5) < 1e-9);
    assert_true(fabs(scenario_plan_wait(&plan, 9) - 0.1) < 1e-9);
    assert_true(scenario_plan_wait(&plan, 10) == 0);
    assert_true(fabs(seconds - (0.5 + 0.9)) < 1e-9);
    assert_string_equal(text + strlen(text) - 14, "data: [DONE]\n\n");
    cJSON_free(text);
    scenario_plan_free(&plan);
}

static void test_endings(void **state)
{
    static const struct {
        const char *settings, *body;
        int status, parts;
        enum scenario_ending ending;
        const char *words; /* somewhere in what is sent */
    } cases[] = {
        {"fault = hang", whole, 0, 0, SCENARIO_HANGS, ""},
        {"fault = reset", stream, 0, 0, SCENARIO_ENDS_RESET, ""},
        {"fault = truncate", whole, 200, 1, SCENARIO_ENDS_CLOSED, "{\"id\""},
        {"fault = truncate", stream, 200, 5, SCENARIO_ENDS_CLOSED, "delta"},
        {"fault = reset after-tokens=2", stream, 200, 3, SCENARIO_ENDS_RESET,
         "delta"},
        {"fault = hang after-tokens=99", stream, 200, 10, SCENARIO_HANGS,
         "delta"},
        {"fault = malformed", whole, 200, 1, SCENARIO_ENDS_WELL, "{\"id\""},
        {"fault = malformed after-tokens=2", stream, 200, 4, SCENARIO_ENDS_WELL,
         "data: {\"id\":\"chatcmpl-\n\n"},
        {"fault = html", stream, 200, 1, SCENARIO_ENDS_WELL, "<html>"},
        {"fault = empty", whole, 200, 1, SCENARIO_ENDS_WELL, ""},
        {"fault = 503", stream, 503, 1, SCENARIO_ENDS_WELL, "server_error"},
        {"fault = 503 after-tokens=2", stream, 200, 4, SCENARIO_ENDS_WELL,
         "data: {\"error\":"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct provider provider = provider_with(cases[i].settings);
        struct scenario_plan plan = ask(&provider, cases[i].body);
        double seconds;
        char *text = text_of(&plan, &seconds);

        assert_int_equal(plan.status, cases[i].status);
        assert_int_equal(plan.parts_sent, cases[i].parts);
        assert_int_equal(plan.ending, cases[i].ending);
        assert_non_null(strstr(text, cases[i].words));
        assert_null(strstr(text, "[DONE]"));
        assert_false(plan.answered);
        assert_int_equal(plan.completion_tokens, 0);
        assert_true(plan.cost == 0);
        assert_true(plan.fault[0] != '\0');
        cJSON_free(text);
        scenario_plan_free(&plan);
    }
}

/* In a hundred pieces, or as many as there are; and all of it comes. */
static void test_drip(void **state)
{
    struct provider plain = provider_with("");
    struct provider slow = provider_with("latency = 1\nfault = drip seconds=2");
    struct scenario_plan plan = ask(&plain, whole), drip = ask(&slow, whole);
    double seconds;
    char *expected = text_of(&plan, &seconds), *text = text_of(&drip, &seconds);

    (void)state;
    assert_string_equal(text, expected);
    assert_int_equal(drip.parts_sent, 100);
    assert_true(fabs(seconds - (1 + 2 * 0.99)) < 1e-9);
    assert_true(drip.answered);
    cJSON_free(expected);
    cJSON_free(text);
    scenario_plan_free(&plan);
    scenario_plan_free(&drip);
}

/* What is refused does not enter the meter, and does not wait. */
static void test_refusals(void **state)
{
    struct provider provider = provider_with("latency = 1\nmax-in-flight = 1");
    struct scenario_plan right = ask(&provider, whole);
    struct scenario_plan limited = ask(&provider, whole);
    struct scenario_plan wrong = ask(&provider, "{");

    (void)state;
    assert_true(right.entered);
    assert_int_equal(limited.status, 429);
    assert_string_equal(limited.fault, "limit");
    assert_int_equal(wrong.status, 400);
    assert_string_equal(wrong.fault, "");
    assert_true(limited.latency == 0 && wrong.latency == 0);
    assert_false(limited.entered || wrong.entered);
    assert_false(limited.held || wrong.held);
    scenario_leave(&provider.meter);
    scenario_plan_free(&right);
    scenario_plan_free(&limited);
    scenario_plan_free(&wrong);
    right = ask(&provider, whole);
    assert_int_equal(right.status, 200);
    scenario_plan_free(&right);
}

static void test_headers_of_a_limit(void **state)
{
    struct provider provider =
        provider_with("requests-per-minute = 60\nburst = 1");
    struct scenario_plan plan;

    (void)state;
    for (int i = 0; i < 2; i++) {
        plan = ask(&provider, whole);
        scenario_plan_free(&plan);
    }
    assert_string_equal(header(&provider, "Retry-After"), "1");
    assert_string_equal(header(&provider, "retry-after-ms"), "1000");
    assert_string_equal(header(&provider, "x-ratelimit-remaining-requests"),
                        "0");
    assert_string_equal(header(&provider, "x-ratelimit-reset-requests"), "1s");
    provider.protocol = &scenario_anthropic;
    plan = ask(&provider, whole);
    scenario_plan_free(&plan);
    assert_string_equal(header(&provider, "request-id"), "req_000003");
    assert_string_equal(header(&provider, "anthropic-ratelimit-requests-reset"),
                        "2001-09-09T01:46:41Z");
}

/* How long it really is, and whole seconds for who knows no milliseconds. */
static void test_both_spellings(void **state)
{
    struct provider provider = provider_with("fault = 429 retry-after-ms=300");
    struct scenario_plan plan = ask(&provider, whole);

    (void)state;
    assert_int_equal(plan.status, 429);
    assert_string_equal(header(&provider, "retry-after-ms"), "300");
    assert_string_equal(header(&provider, "Retry-After"), "1");
    scenario_plan_free(&plan);
}

/* Changes, doubles or drops some bytes of text; as good as random. */
static void mutate(char *text, size_t size, uint64_t *state)
{
    for (int changes = 1 + (int)(*state >> 60); changes > 0; changes--) {
        size_t length = strlen(text), at;

        *state = *state * 6364136223846793005 + 1442695040888963407;
        at = length > 0 ? (size_t)(*state >> 33) % length : 0;
        switch (*state >> 30 & 3) {
        case 0:
            text[at] = (char)(*state >> 40);
            break;
        case 1:
            memmove(text + at, text + at + (at < length),
                    length + 1 - at - (at < length));
            break;
        case 2:
            if (length + 1 < size)
                memmove(text + at + 1, text + at, length + 1 - at);
            break;
        default:
            text[at] = "{}[]\",:0"[*state >> 50 & 7];
            break;
        }
    }
}

/* Whatever a request's bytes are, it gets an answer or a refusal. */
static void test_mutated_requests(void **state)
{
    static const char parts[] =
        "{\"model\":\"m\",\"max_tokens\":5,\"system\":[{\"type\":\"text\","
        "\"text\":\"x\"}],\"messages\":[{\"role\":\"user\",\"content\":[{"
        "\"type\":\"text\",\"text\":\"\\u20ac\"}]}]}";
    static const char *const seeds[] = {whole, stream, parts};
    struct provider provider = provider_with("");
    uint64_t random = 1;
    int answered = 0, refused = 0;

    (void)state;
    for (int i = 0; i < 6000; i++) {
        char body[512];
        struct scenario_plan plan;
        double seconds;

        snprintf(body, sizeof body, "%s", seeds[i % 3]);
        mutate(body, sizeof body, &random);
        provider.protocol = i % 2 == 0 ? &scenario_openai : &scenario_anthropic;
        plan = ask(&provider, body);
        assert_true(plan.status == 200 || plan.status == 400);
        cJSON_free(text_of(&plan, &seconds));
        answered += plan.status == 200;
        refused += plan.status == 400;
        scenario_plan_free(&plan);
    }
    assert_true(answered > 100 && refused > 1000);
}

static int allocations_left;

static void *allocate(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* With little memory a reply is an error, or breaks off: never a wrong one that
   looks right. */
static void test_little_memory(void **state)
{
    static const char *const settings[] = {"",
                                           "fault = 503",
                                           "fault = html",
                                           "fault = malformed after-tokens=2",
                                           "fault = 503 after-tokens=2",
                                           "fault = drip seconds=1"};
    cJSON_Hooks scarce = {.malloc_fn = allocate, .free_fn = free};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof settings / sizeof settings[0]; i++) {
        const char *body = i % 2 == 0 ? whole : stream;
        int fewest = 0, status = 500;

        while (status == 500 || status == 400) {
            struct provider provider = provider_with(settings[i / 2]);

            allocations_left = fewest++;
            cJSON_InitHooks(&scarce);

            struct scenario_plan plan = ask(&provider, body);

            cJSON_InitHooks(NULL);
            status = plan.status;
            if (status == 500)
                assert_null(plan.body);
            if (status == 500 || status == 400)
                assert_false(plan.answered);
            else if (!plan.chat)
                assert_non_null(plan.body);
            scenario_plan_free(&plan);
            assert_true(fewest < 1000);
        }
        assert_true(fewest > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_answer),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_endings),
        cmocka_unit_test(test_drip),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_headers_of_a_limit),
        cmocka_unit_test(test_both_spellings),
        cmocka_unit_test(test_mutated_requests),
        cmocka_unit_test(test_little_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
