/*
 * test_scenario.c - the pretended LLM always says the same to the same prompt,
 * says it in as many tokens as it may, and counts them as documented.
 */
#include "scenario/scenario.h"
#include "scenario/utf8.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct scenario_reply respond(const char *prompt, int max_tokens)
{
    struct scenario scenario = {.latency = 0.5};
    struct scenario_request request = {.max_tokens = max_tokens};
    struct scenario_reply reply;

    memset(&reply, 0x55, sizeof reply); /* nothing may depend on it */
    scenario_add_message(&request, "user", prompt);
    scenario_respond(&scenario, &request, &reply);
    return reply;
}

static int lines_of(const char *text)
{
    int lines = 1;

    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void test_same_prompt_same_reply(void **state)
{
    const char *prompt = "Summarize: Engineering report 7 content...";
    struct scenario_reply first = respond(prompt, 0);
    struct scenario_reply second = respond(prompt, 0);

    (void)state;
    assert_string_equal(first.text, second.text);
    assert_int_equal(first.completion_tokens, second.completion_tokens);
    assert_true(first.latency == 0.5);
    assert_false(first.cut);
}

/* Findings differ by the document, not only its name. */
static void test_documents_differ(void **state)
{
    char prompt[64], before[SCENARIO_TEXT_SIZE] = "";
    int changes = 0;

    (void)state;
    for (int i = 0; i < 20; i++) {
        snprintf(prompt, sizeof prompt, "Summarize: Report %d content...", i);

        struct scenario_reply reply = respond(prompt, 0);
        const char *finding = strstr(reply.text, ": ");

        assert_non_null(finding);
        changes += strcmp(finding, before) != 0;
        snprintf(before, sizeof before, "%s", finding);
    }
    assert_in_range(changes, 15, 20);
}

static void test_reply_names_its_document(void **state)
{
    struct scenario_reply reply =
        respond("Summarize:\nEngineering content 7...", 0);

    (void)state;
    assert_ptr_equal(strstr(reply.text, "Engineering content 7: "), reply.text);
    reply = respond("What is Python?", 0);
    assert_non_null(strstr(reply.text, "\"What is Python?\""));
    reply = respond("Summarize: ...", 0);
    assert_ptr_equal(strstr(reply.text, "The document: "), reply.text);
}

static void test_bullet_points(void **state)
{
    char prompt[80];
    struct scenario_reply many;

    (void)state;
    for (int n = 1; n <= 12; n++) {
        snprintf(prompt, sizeof prompt,
                 "Summarize this report in %d bullet points:\n\nText", n);

        struct scenario_reply reply = respond(prompt, 0);

        assert_int_equal(lines_of(reply.text), n);
        assert_ptr_equal(strstr(reply.text, "- Text: "), reply.text);
    }
    assert_int_equal(lines_of(respond("Summarize: Text", 0).text), 1);
    assert_int_equal(lines_of(respond("Summarize in 0 bullets: T", 0).text), 1);
    many = respond("Summarize in 99999999999 bullet points: T", 0);
    assert_int_equal(lines_of(many.text), 12);
}

/* No finding twice: as many different lines as there are lines. */
static void test_findings_do_not_repeat(void **state)
{
    struct scenario_reply reply =
        respond("summarize in 12 bullet points: Text", 0);
    char *lines[12], *rest = reply.text;

    (void)state;
    for (int i = 0; i < 12; i++) {
        lines[i] = strsep(&rest, "\n");
        assert_non_null(lines[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(lines[k], lines[i]);
    }
}

static void test_tokens(void **state)
{
    struct scenario_request request = {0};

    (void)state;
    assert_int_equal(scenario_tokens(""), 0);
    assert_int_equal(scenario_tokens("a"), 1);
    assert_int_equal(scenario_tokens("abcd"), 1);
    assert_int_equal(scenario_tokens("abcde"), 2);

    scenario_add_message(&request, "system", "abcd");
    assert_int_equal(request.prompt_tokens, 3 + 4 + 1);
    assert_null(request.prompt);
    scenario_add_message(&request, "user", "abcde");
    assert_int_equal(request.prompt_tokens, 3 + 5 + 6);
    assert_string_equal(request.prompt, "abcde");
    scenario_add_message(&request, "assistant", "");
    assert_int_equal(request.prompt_tokens, 3 + 5 + 6 + 4);
    assert_string_equal(request.prompt, "abcde");
}

static void test_max_tokens_cuts(void **state)
{
    struct scenario_reply whole = respond("Summarize: Text", 0);

    (void)state;
    assert_int_equal(whole.completion_tokens, scenario_tokens(whole.text));
    for (int max = 1; max <= whole.completion_tokens + 1; max++) {
        struct scenario_reply reply = respond("Summarize: Text", max);

        assert_int_equal(reply.cut, max < whole.completion_tokens);
        assert_int_equal(reply.completion_tokens,
                         reply.cut ? max : whole.completion_tokens);
        assert_int_equal(scenario_tokens(reply.text), reply.completion_tokens);
        assert_memory_equal(reply.text, whole.text, strlen(reply.text));
    }
}

/* Neither the quoted words nor the limit splits a character of three bytes. */
static void test_cuts_between_characters(void **state)
{
    const char *euros = "€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€";
    char prompt[256];

    (void)state;
    snprintf(prompt, sizeof prompt, "Summarize: %s", euros);
    for (int max = 0; max < 20; max++) {
        struct scenario_reply reply = respond(prompt, max);
        size_t run = strspn(reply.text, "€");

        assert_true(strlen(reply.text) > 0);
        assert_int_equal(run % 3, 0);
        assert_memory_equal(reply.text, euros, run);
    }
}

/* No message, no user message, no words: a reply all the same. */
static void test_empty_requests(void **state)
{
    struct scenario scenario = {0};
    struct scenario_request nothing = {0}, system_only = {0};
    struct scenario_reply reply;

    (void)state;
    scenario_respond(&scenario, &nothing, &reply);
    assert_int_equal(reply.prompt_tokens, 0);
    assert_non_null(strstr(reply.text, "\"\""));
    scenario_add_message(&system_only, "system", "Be brief.");
    scenario_respond(&scenario, &system_only, &reply);
    assert_int_equal(reply.prompt_tokens, 3 + 4 + 3);
    assert_non_null(strstr(respond(" \n\t ", 0).text, "\"\""));
    assert_true(strlen(respond("Summarize", 0).text) > 0);
    assert_true(strlen(respond(" bullet", 0).text) > 0);
}

static void test_cost(void **state)
{
    (void)state;
    assert_true(fabs(scenario_cost("gpt-4", 1000, 1000) - 0.09) < 1e-12);
    assert_true(fabs(scenario_cost("gpt-3.5-turbo", 10, 50) - 0.00011) < 1e-12);
    assert_true(scenario_cost("unheard-of", 10, 50) ==
                scenario_cost("gpt-3.5-turbo", 10, 50));
    assert_true(scenario_cost("gpt-4", 0, 0) == 0);
    assert_true(fabs(scenario_cost("claude-haiku-4-5", 1000, 1000) - 0.006) <
                1e-12);
}

/* ---- Latency and faults ------------------------------------------------ */

static struct scenario_reply play(const struct scenario *scenario,
                                  const char *prompt, int attempt, long number)
{
    struct scenario_request request = {
        .attempt = attempt, .number = number, .path = "/v1/chat/completions"};
    struct scenario_reply reply;

    memset(&reply, 0x55, sizeof reply);
    scenario_add_message(&request, "user", prompt);
    scenario_respond(scenario, &request, &reply);
    return reply;
}

static void test_latency_between(void **state)
{
    struct scenario scenario = {.latency = 1, .max_latency = 3};
    struct scenario other = {.latency = 1, .max_latency = 3, .seed = 1};
    double sum = 0;
    int differ = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char prompt[32];

        snprintf(prompt, sizeof prompt, "Report %d", i);

        double latency = play(&scenario, prompt, 1, 0).latency;

        assert_true(latency >= 1 && latency < 3);
        /* Neither the order of arrival nor an attempt of 0 matters. */
        assert_true(play(&scenario, prompt, 0, i + 7).latency == latency);
        differ += play(&scenario, prompt, 2, 0).latency != latency;
        differ += play(&other, prompt, 1, 0).latency != latency;
        sum += latency;
    }
    assert_int_equal(differ, 2000);
    assert_true(sum > 1900 && sum < 2100);
}

static void test_latency_by_tokens(void **state)
{
    struct scenario scenario = {.latency = 0.5, .tokens_per_second = 4};
    struct scenario_reply reply = play(&scenario, "Hello", 1, 0);

    (void)state;
    assert_true(reply.completion_tokens > 5);
    assert_true(reply.per_token == 0.25);
    assert_true(reply.latency == 0.5 + reply.completion_tokens * 0.25);
    scenario.tokens_per_second = 0;
    assert_true(play(&scenario, "Hello", 1, 0).per_token == 0);
}

/* A rate hits as many as it says, others under another seed and attempt. */
static void test_fault_rate(void **state)
{
    struct scenario scenario = {
        .faults = {{.kind = SCENARIO_HANG, .rate = 0.25},
                   {.kind = SCENARIO_RESET, .rate = 0.5}}};
    struct scenario other = scenario;
    int hangs = 0, resets = 0, same = 0, again = 0;

    (void)state;
    other.seed = 12345;
    for (int i = 0; i < 4000; i++) {
        char prompt[32];

        snprintf(prompt, sizeof prompt, "Report %d", i);

        const struct scenario_fault *fault =
            play(&scenario, prompt, 1, 0).fault;
        bool hang = fault == &scenario.faults[0];

        hangs += hang;
        resets += fault == &scenario.faults[1];
        same += hang && play(&other, prompt, 1, 0).fault == &other.faults[0];
        again +=
            hang && play(&scenario, prompt, 2, 0).fault == &scenario.faults[0];
        assert_ptr_equal(play(&scenario, prompt, 1, 9).fault, fault);
    }
    /* A quarter, and half of the rest; five standard deviations. */
    assert_in_range(hangs, 1000 - 137, 1000 + 137);
    assert_in_range(resets, 1500 - 153, 1500 + 153);
    assert_in_range(same, 250 - 75, 250 + 75);
    assert_in_range(again, 250 - 75, 250 + 75);
}

static void test_fault_rates_of_none_and_all(void **state)
{
    struct scenario scenario = {.faults = {{.kind = SCENARIO_HANG, .rate = 0},
                                           {.kind = SCENARIO_DRIP, .rate = 1}}};

    (void)state;
    for (int i = 0; i < 100; i++) {
        char prompt[32];

        snprintf(prompt, sizeof prompt, "%d", i);
        assert_ptr_equal(play(&scenario, prompt, 1, 0).fault,
                         &scenario.faults[1]);
    }
    scenario = (struct scenario){0};
    assert_null(play(&scenario, "Hello", 1, 0).fault);
}

static bool is_hit(const char *fault, const char *prompt, int attempt,
                   long number)
{
    struct scenario scenario = {0};
    char error[SCENARIO_ERROR_SIZE];

    if (!scenario_set(&scenario, "fault", fault, error))
        fail_msg("%s", error);
    return play(&scenario, prompt, attempt, number).fault != NULL;
}

static void test_whom_a_fault_hits(void **state)
{
    (void)state;
    assert_true(is_hit("hang", "Hello", 1, 0));
    assert_true(is_hit("hang attempts=1", "Hello", 1, 0));
    assert_true(is_hit("hang attempts=1", "Hello", 0, 0));
    assert_false(is_hit("hang attempts=1", "Hello", 2, 0));
    assert_false(is_hit("hang attempts=2-3", "Hello", 1, 0));
    assert_true(is_hit("hang attempts=2-3", "Hello", 3, 0));
    assert_false(is_hit("hang attempts=2-3", "Hello", 4, 0));
    assert_true(is_hit("hang attempts=2-", "Hello", 400, 0));
    assert_true(is_hit("hang requests=5", "Hello", 1, 5));
    assert_false(is_hit("hang requests=5", "Hello", 1, 4));
    assert_false(is_hit("hang requests=5", "Hello", 1, 0));
    assert_true(is_hit("hang requests=5-6", "Hello", 2, 6));
    assert_true(is_hit("hang match=\"Report 1\"", "Read Report 1.", 1, 0));
    assert_true(is_hit("hang match=\"Report 1\"", "Report 11, Report 1", 1, 0));
    assert_false(is_hit("hang match=\"Report 1\"", "Report 12", 1, 0));
    assert_false(is_hit("hang match=port", "Report 12", 1, 0));
    assert_false(is_hit("hang match=port attempts=1", "Report 12", 1, 0));
    assert_true(is_hit("hang match=/v1/chat/completions", "Hello", 1, 0));
    assert_false(is_hit("hang match=/v1/chat", "Hello", 1, 0));
}

/* Who is refused does not wait; whose answer goes wrong waits for it. */
static void test_when_a_fault_comes(void **state)
{
    static const struct {
        const char *fault;
        double latency;
    } cases[] = {{"429", 0}, {"404", 0},   {"quota", 0},
                 {"500", 2}, {"reset", 2}, {"malformed", 2}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario scenario = {.latency = 2};
        char error[SCENARIO_ERROR_SIZE];

        assert_true(scenario_set(&scenario, "fault", cases[i].fault, error));
        assert_true(play(&scenario, "Hello", 1, 0).latency == cases[i].latency);
    }
}

/* An answer's tokens, one after another, are the answer, none of them empty. */
static void test_token_starts(void **state)
{
    static const char *const texts[] = {"",      "a",     "abcd",   "abcdefghi",
                                        "€uro€", "a😀b😀😀", "€€€€€€€"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int tokens = scenario_tokens(texts[i]);

        assert_int_equal(scenario_token_start(texts[i], 0), 0);
        assert_int_equal(scenario_token_start(texts[i], tokens),
                         strlen(texts[i]));
        for (int k = 0; k < tokens; k++) {
            size_t start = scenario_token_start(texts[i], k);

            assert_true(scenario_token_start(texts[i], k + 1) > start);
            assert_int_not_equal(texts[i][start] & 0xc0, 0x80);
        }
    }
}

static void test_utf8(void **state)
{
    static const struct {
        const char *bytes;
        size_t size, good;
        const char *clean;
    } cases[] = {
        {"", 0, 0, ""},
        {"abc", 3, 3, "abc"},
        {"\xe2\x82\xac", 3, 3, "\xe2\x82\xac"},
        {"\xe2\x82\xac", 2, 0, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xf0\x9f\x98\x80", 5, 5, "a\xf0\x9f\x98\x80"},
        {"a\x80", 2, 1, "a\xef\xbf\xbd"},
        {"\xc0\xaf", 2, 0, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", 3, 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80x", 5, 0,
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"},
        {"a\0b", 3, 3,
         "a\xef\xbf\xbd"
         "b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *clean = scenario_utf8_clean(cases[i].bytes, cases[i].size);

        assert_int_equal(scenario_utf8_span(cases[i].bytes, cases[i].size),
                         cases[i].good);
        assert_string_equal(clean, cases[i].clean);
        free(clean);
    }
    assert_int_equal(scenario_utf8_size("\xe2\x82\xac", 3), 3);
    assert_int_equal(scenario_utf8_size("\xe2\x82\xac", 2), 0);
    assert_int_equal(scenario_utf8_size("", 0), 0);
}

static void test_status_texts(void **state)
{
    (void)state;
    for (int status = 400; status < 600; status++)
        assert_true(strlen(scenario_status_text(status)) > 10);
    assert_string_not_equal(scenario_status_text(400),
                            scenario_status_text(401));
    assert_string_not_equal(scenario_status_text(418),
                            scenario_status_text(599));
}

/* ---- Limits ------------------------------------------------------------ */

static void test_limit_in_flight(void **state)
{
    struct scenario_limits limits = {.in_flight = 2};
    struct scenario_meter meter = {0};
    double wait;

    (void)state;
    assert_int_equal(scenario_enter(&limits, &meter, 0, 10, &wait), 0);
    assert_int_equal(scenario_enter(&limits, &meter, 0, 10, &wait), 0);
    assert_int_equal(scenario_enter(&limits, &meter, 0, 10, &wait),
                     SCENARIO_IN_FLIGHT_LIMIT);
    assert_true(wait == 0);
    scenario_leave(&meter);
    assert_int_equal(scenario_enter(&limits, &meter, 0, 10, &wait), 0);
    assert_int_equal(meter.in_flight, 2);
}

/* 60 a minute, 3 at once: then one a second, and the wait says so exactly. */
static void test_limit_of_requests(void **state)
{
    struct scenario_limits limits = {.requests_per_minute = 60, .burst = 3};
    struct scenario_meter meter = {0};
    double wait, now = 1000;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(scenario_enter(&limits, &meter, now, 1, &wait), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(scenario_enter(&limits, &meter, now, 1, &wait),
                         SCENARIO_REQUEST_LIMIT);
        assert_true(fabs(wait - 1) < 1e-6);
        /* Asking too early costs nothing and does not help. */
        assert_int_equal(
            scenario_enter(&limits, &meter, now + 0.75 * wait, 1, &wait),
            SCENARIO_REQUEST_LIMIT);
        assert_true(fabs(wait - 0.25) < 1e-6);
        now += 1;
        assert_int_equal(scenario_enter(&limits, &meter, now, 1, &wait), 0);
        assert_true(wait == 0);
    }
    /* After a rest it is three again, not more. */
    now += 3600;
    for (int i = 0; i < 3; i++)
        assert_int_equal(scenario_enter(&limits, &meter, now, 1, &wait), 0);
    assert_int_equal(scenario_enter(&limits, &meter, now, 1, &wait),
                     SCENARIO_REQUEST_LIMIT);
}

static void test_limit_of_requests_without_burst(void **state)
{
    struct scenario_limits limits = {.requests_per_minute = 5};
    struct scenario_meter meter = {0};
    double wait;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(scenario_enter(&limits, &meter, 0, 1, &wait), 0);
    assert_int_equal(scenario_enter(&limits, &meter, 0, 1, &wait),
                     SCENARIO_REQUEST_LIMIT);
    assert_true(fabs(wait - 12) < 1e-6);
}

static void test_limit_of_tokens(void **state)
{
    struct scenario_limits limits = {.tokens_per_minute = 600};
    struct scenario_meter meter = {0};
    double wait;

    (void)state;
    assert_int_equal(scenario_enter(&limits, &meter, 0, 500, &wait), 0);
    assert_int_equal(scenario_enter(&limits, &meter, 0, 100, &wait), 0);
    assert_int_equal(scenario_enter(&limits, &meter, 0, 30, &wait),
                     SCENARIO_TOKEN_LIMIT);
    assert_true(fabs(wait - 3) < 1e-6);
    assert_int_equal(scenario_enter(&limits, &meter, 3, 30, &wait), 0);
    assert_int_equal(scenario_enter(&limits, &meter, 3600, 601, &wait),
                     SCENARIO_TOKEN_LIMIT);
    assert_true(isinf(wait));
}

static void test_no_limits(void **state)
{
    struct scenario_limits none = {0};
    struct scenario_meter meter = {0};
    double wait;

    (void)state;
    for (int i = 0; i < 10000; i++)
        assert_int_equal(scenario_enter(&none, &meter, 0, 1 << 30, &wait), 0);
}

/* ---- Scenarios as text ------------------------------------------------- */

static void test_reading(void **state)
{
    static const char text[] = "# A bad day\n"
                               "\n"
                               "latency = 0.2..0.8\n"
                               "  tokens-per-second=50\r\n"
                               "seed = 18446744073709551615\n"
                               "max-in-flight = 10\n"
                               "requests-per-minute = 60\n"
                               "burst = 5\n"
                               "tokens-per-minute = 90000\n"
                               "fault = 429 rate=0.1 retry-after-ms=1500\n"
                               "fault = drip  seconds=5 match=\"a = b\" "
                               "attempts=2- requests=3-4 after-tokens=7\n"
                               "fault = html";
    struct scenario scenario = {0};
    char error[SCENARIO_ERROR_SIZE];

    (void)state;
    assert_true(scenario_read(&scenario, text, error));
    assert_null(scenario_problem(&scenario));
    assert_true(scenario.latency == 0.2 && scenario.max_latency == 0.8);
    assert_true(scenario.tokens_per_second == 50);
    assert_true(scenario.seed == UINT64_MAX);
    assert_int_equal(scenario.limits.in_flight, 10);
    assert_int_equal(scenario.limits.requests_per_minute, 60);
    assert_int_equal(scenario.limits.burst, 5);
    assert_int_equal(scenario.limits.tokens_per_minute, 90000);

    const struct scenario_fault *fault = scenario.faults;

    assert_int_equal(fault->kind, SCENARIO_STATUS);
    assert_int_equal(fault->status, 429);
    assert_true(fault->rate == 0.1 && fault->retry_after == 1.5);
    assert_int_equal(fault->spelling, SCENARIO_MILLISECONDS);
    assert_string_equal(fault->match, "");
    fault++;
    assert_int_equal(fault->kind, SCENARIO_DRIP);
    assert_true(fault->rate == 1 && fault->seconds == 5);
    assert_string_equal(fault->match, "a = b");
    assert_int_equal(fault->first_attempt, 2);
    assert_int_equal(fault->last_attempt, 0);
    assert_int_equal(fault->first_request, 3);
    assert_int_equal(fault->last_request, 4);
    assert_int_equal(fault->after_tokens, 7);
    assert_int_equal(fault[1].kind, SCENARIO_WRONG_TYPE);
    assert_int_equal(fault[2].kind, SCENARIO_NO_FAULT);

    assert_true(scenario_read(&scenario, "latency = 1", error));
    assert_true(scenario.latency == 1 && scenario.max_latency == 0);
}

/* Each word for a fault, and each spelling, means what it says. */
static void test_reading_faults(void **state)
{
    static const struct {
        const char *text;
        enum scenario_fault_kind kind;
        enum scenario_spelling spelling;
    } cases[] = {
        {"503", SCENARIO_STATUS, SCENARIO_SECONDS},
        {"quota", SCENARIO_QUOTA, SCENARIO_SECONDS},
        {"hang", SCENARIO_HANG, SCENARIO_SECONDS},
        {"reset", SCENARIO_RESET, SCENARIO_SECONDS},
        {"truncate", SCENARIO_TRUNCATE, SCENARIO_SECONDS},
        {"malformed", SCENARIO_MALFORMED, SCENARIO_SECONDS},
        {"html", SCENARIO_WRONG_TYPE, SCENARIO_SECONDS},
        {"empty", SCENARIO_EMPTY, SCENARIO_SECONDS},
        {"drip seconds=5", SCENARIO_DRIP, SCENARIO_SECONDS},
        {"429 retry-after=2", SCENARIO_STATUS, SCENARIO_SECONDS},
        {"429 retry-after-ms=2000", SCENARIO_STATUS, SCENARIO_MILLISECONDS},
        {"429 retry-after-date=2", SCENARIO_STATUS, SCENARIO_DATE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario scenario = {0};
        char error[SCENARIO_ERROR_SIZE], name[SCENARIO_NAME_SIZE];

        assert_true(scenario_set(&scenario, "fault", cases[i].text, error));
        assert_int_equal(scenario.faults[0].kind, cases[i].kind);
        assert_int_equal(scenario.faults[0].spelling, cases[i].spelling);
        if (strchr(cases[i].text, '='))
            assert_true(scenario.faults[0].retry_after == 2 ||
                        scenario.faults[0].seconds == 5);
        scenario_fault_name(&scenario.faults[0], name);
        assert_memory_equal(name, cases[i].text, strlen(name));
        assert_true(strlen(name) > 2);
    }
}

/* Each wrong line is named with its number, and the reason and a way out. */
static void test_wrong_lines(void **state)
{
    static const char *const cases[][2] = {
        {"latency", "line 1: write it as name = value"},
        {"\n\nlatency = -1", "line 3: latency=-1: give a number of seconds"},
        {"latency = 1s", "latency=1s: give"},
        {"latency = nan", "latency=nan: give"},
        {"latency = 2..1", "latency=2..1: give"},
        {"latency = 1..", "latency=1..: give"},
        {"tokens-per-second = 0", "a number above 0"},
        {"seed = -1", "a whole number from 0"},
        {"seed = 18446744073709551616", "a whole number from 0"},
        {"max-in-flight = 1.5", "whole number, or 0 for no limit"},
        {"burst = 99999999999", "whole number"},
        {"latnecy = 1", "there is no setting \"latnecy\": there are latency"},
        {"fault = ", "\"\" is no fault: begin with a status"},
        {"fault = 200", "\"200\" is no fault"},
        {"fault = crash", "hang, reset, truncate"},
        {"fault = 500 rate=2", "rate=2 is not right: give a number from 0 to"},
        {"fault = 500 rate", "\"rate\" is not of the form name=value"},
        {"fault = 500 attempts=0", "give 1, 1-2 or 2-"},
        {"fault = 500 attempts=3-2", "give 1, 1-2 or 2-"},
        {"fault = 500 requests=3x", "give 5, 5-8 or 5-"},
        {"fault = 500 match=", "words of less than 64 bytes"},
        {"fault = 500 retry-after=x", "give seconds"},
        {"fault = hang retry-after=2", "retry-after goes with a status only"},
        {"fault = hang seconds=2", "seconds goes with drip only"},
        {"fault = drip", "drip needs its seconds"},
        {"fault = 500 ratio=1", "a fault has no \"ratio\": it has rate"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario scenario = {.latency = 3}, before = scenario;
        char error[SCENARIO_ERROR_SIZE] = "";

        assert_false(scenario_read(&scenario, cases[i][0], error));
        if (strstr(error, cases[i][1]) == NULL)
            fail_msg("\"%s\" is not in: %s", cases[i][1], error);
        assert_memory_equal(&scenario, &before, sizeof before);
    }
}

static void test_too_much_text(void **state)
{
    struct scenario scenario = {0};
    char error[SCENARIO_ERROR_SIZE], line[2000];

    (void)state;
    for (int i = 0; i < SCENARIO_MAX_FAULTS; i++)
        assert_true(scenario_set(&scenario, "fault", "hang", error));
    assert_false(scenario_set(&scenario, "fault", "hang", error));
    assert_non_null(strstr(error, "16 faults already"));
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\0';
    assert_false(scenario_read(&scenario, line, error));
    assert_string_equal(error, "line 1 is longer than 511 bytes");
    assert_false(scenario_set(&scenario, "fault", line, error));
    assert_non_null(strstr(error, "longer than 511 bytes"));
}

static void test_scenario_problem(void **state)
{
    const double wrong[] = {-1, NAN, INFINITY, -INFINITY, 86401};
    const double right[] = {0, 0.5, 86400};
    const struct scenario others[] = {
        {.latency = 2, .max_latency = 1},
        {.tokens_per_second = -1},
        {.limits = {.in_flight = -1}},
        {.faults = {{.kind = SCENARIO_STATUS, .status = 200, .rate = 1}}},
        {.faults = {{.kind = SCENARIO_HANG, .rate = 1.5}}},
        {.faults = {{.kind = SCENARIO_DRIP, .seconds = NAN}}},
        {.limits = {.burst = 5}},
        {.faults = {{.kind = SCENARIO_HANG, .after_tokens = -1}}},
        {.faults = {{.kind = (enum scenario_fault_kind)99}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_non_null(
            scenario_problem(&(struct scenario){.latency = wrong[i]}));
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        assert_null(scenario_problem(&(struct scenario){.latency = right[i]}));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_non_null(scenario_problem(&others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_prompt_same_reply),
        cmocka_unit_test(test_documents_differ),
        cmocka_unit_test(test_reply_names_its_document),
        cmocka_unit_test(test_bullet_points),
        cmocka_unit_test(test_findings_do_not_repeat),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_max_tokens_cuts),
        cmocka_unit_test(test_cuts_between_characters),
        cmocka_unit_test(test_empty_requests),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_latency_between),
        cmocka_unit_test(test_latency_by_tokens),
        cmocka_unit_test(test_fault_rate),
        cmocka_unit_test(test_fault_rates_of_none_and_all),
        cmocka_unit_test(test_whom_a_fault_hits),
        cmocka_unit_test(test_when_a_fault_comes),
        cmocka_unit_test(test_token_starts),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_status_texts),
        cmocka_unit_test(test_limit_in_flight),
        cmocka_unit_test(test_limit_of_requests),
        cmocka_unit_test(test_limit_of_requests_without_burst),
        cmocka_unit_test(test_limit_of_tokens),
        cmocka_unit_test(test_no_limits),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_reading_faults),
        cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_too_much_text),
        cmocka_unit_test(test_scenario_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
