/*
 * test_scenario.c - the pretended LLM always says the same to the same prompt,
 * says it in as many tokens as it may, and counts them as documented.
 */
#include "scenario/scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
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
}

static void test_scenario_problem(void **state)
{
    const double wrong[] = {-1, NAN, INFINITY, -INFINITY, 86401};
    const double right[] = {0, 0.5, 86400};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_non_null(scenario_problem(&(struct scenario){wrong[i]}));
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        assert_null(scenario_problem(&(struct scenario){right[i]}));
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
        cmocka_unit_test(test_scenario_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
