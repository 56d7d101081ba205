/*
 * test_llm_tokens.c - counting tokens: exact where the vocabularies are, and
 * where they are not, an estimate that says so.
 *
 * test_tokens.sh runs it again with LLM_TOKENS_CASES naming a file of texts
 * that tiktoken has counted.
 */
#include "async/async.h"
#include "llm/llm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct llm_client *client_of(const char *provider, const char *model)
{
    const struct llm_price price = {model, 0, 0};
    struct llm_options options = {
        .api_key = "any", .model = model, .prices = &price, .n_prices = 1};
    struct llm_client *client = llm_client_from_provider(provider, &options);

    if (!client)
        fail_msg("%s", async_errmsg(-errno));
    return client;
}

static long count(const char *model, const char *text, bool *exact)
{
    struct llm_client *client = client_of("openai", model);
    long tokens = llm_count_tokens(client, text, exact);

    llm_client_free(client);
    return tokens;
}

static void skip_without_vocabularies(void)
{
    bool cl100k, o200k;

    count("gpt-4", "", &cl100k);
    count("gpt-4o", "", &o200k);
    if (!cl100k || !o200k) {
        print_message("no vocabularies here: make vocab brings them\n");
        skip();
    }
}

/* Models whose vocabularies nobody publishes. */
static void test_an_estimate(void **state)
{
    const char *const models[] = {"claude-sonnet-4-5", "llama-3", "gpt-2"};
    bool exact = true;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(count(models[i], "", &exact), 0);
        assert_false(exact);
        assert_int_equal(count(models[i], "Hi", &exact), 1);
        assert_int_equal(count(models[i], "Hello, world", &exact), 3);
        assert_int_equal(count(models[i], "Hello, world!", &exact), 4);
        assert_false(exact);
    }
}

static void test_wrong_texts(void **state)
{
    bool exact;

    (void)state;
    assert_int_equal(count("gpt-4", NULL, &exact), -EINVAL);
    assert_int_equal(count("gpt-4", "abc\xFF", &exact), -EILSEQ);
    assert_string_equal(async_errmsg(-EILSEQ),
                        "the text is not UTF-8 at byte 3");
}

/* As tiktoken 1.0.22 counts them. */
static const struct {
    const char *text;
    int cl100k, o200k;
} cases[] = {
    {"", 0, 0},
    {"hello world", 2, 2},
    {"Hello, World!", 4, 4},
    {"   leading and trailing   ", 5, 5},
    {"don't I'LL WE'RE it'\305\277", 11, 9},
    {"line\015\012\015\012\011indented\012", 6, 6},
    {"1234567890", 4, 4},
    {"na\303\257ve fa\303\247ade Stra\303\237e", 7, 5},
    {"\320\237\321\200\320\270\320\262\320\265\321\202, "
     "\320\274\320\270\321\200",
     6, 4},
    {"\346\227\245\346\234\254\350\252\236\343\201\256\343\203\206\343\202\255"
     "\343\202\271\343\203\210",
     8, 6},
    {"\360\237\221\251\342\200\215\360\237\221\251\342\200\215\360\237\221\247 "
     "\360\237\207\251\360\237\207\252 \360\237\221\215\360\237\217\275",
     24, 15},
    {"<|endoftext|>", 7, 7},
    {"a\341\240\216b \302\205 \342\200\250 x\343\200\200y", 12, 11},
    {"HTTPServer snake_case camelCase", 6, 6},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 5, 5},
    {"Summarize: Engineering report 7 content...", 10, 10},
    {"e\314\201\314\202 \314\201", 6, 5},
    {"https://example.org/a?b=c&d=%20e", 13, 13},
};

static void test_known_texts(void **state)
{
    bool exact;

    (void)state;
    skip_without_vocabularies();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(count("gpt-4", cases[i].text, &exact),
                         cases[i].cl100k);
        assert_true(exact);
        assert_int_equal(count("gpt-4o-mini", cases[i].text, &exact),
                         cases[i].o200k);
        assert_true(exact);
    }
}

static void test_which_models(void **state)
{
    const char *const cl100k[] = {"gpt-3.5-turbo", "gpt-4", "gpt-4-turbo"};
    const char *const o200k[] = {"gpt-4o",  "gpt-4.1-mini", "gpt-5",
                                 "o1-mini", "o3",           "o4-mini"};
    const char *const text = "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96"
                             "\xE7\x95\x8C\xEF\xBC\x81"; /* 7 and 5 tokens */
    long few = 0, many = 0;
    bool exact;

    (void)state;
    skip_without_vocabularies();
    for (int i = 0; i < 3; i++)
        many += count(cl100k[i], text, &exact);
    for (int i = 0; i < 6; i++)
        few += count(o200k[i], text, &exact);
    assert_true(many / 3 > few / 6);
    assert_int_equal(many % 3, 0);
    assert_int_equal(few % 6, 0);
}

/* One piece of a megabyte. Joined naively that would take hours. */
static void test_long_pieces(void **state)
{
    const size_t size = 1000000;
    char *text = malloc(size + 1);
    bool exact;

    (void)state;
    skip_without_vocabularies();
    memset(text, 'a', size);
    text[size] = '\0';
    assert_int_equal(count("gpt-4", text, &exact), 125000);
    memset(text, ' ', size);
    assert_int_equal(count("gpt-4", text, &exact), 7813);
    assert_true(exact);
    free(text);
}

/* ---- Beside tiktoken --------------------------------------------------- */

static double cpu_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check_case(struct llm_client *cl100k, struct llm_client *o200k,
                       const char *text, const long expected[2],
                       double *seconds)
{
    bool exact[2];
    double begin = cpu_time();
    long few = llm_count_tokens(cl100k, text, &exact[0]);

    *seconds += cpu_time() - begin;
    long many = llm_count_tokens(o200k, text, &exact[1]);
    if (few != expected[0] || many != expected[1])
        fail_msg("%ld and %ld tokens instead of %ld and %ld: %s", few, many,
                 expected[0], expected[1], text);
    assert_true(exact[0] && exact[1]);
}

static void test_equal_to_tiktoken(void **state)
{
    const char *path = getenv("LLM_TOKENS_CASES");
    FILE *file = path ? fopen(path, "r") : NULL;
    struct llm_client *cl100k, *o200k;
    long expected[2], size, total = 0;
    double seconds = 0;

    (void)state;
    if (!file)
        skip();
    skip_without_vocabularies();
    cl100k = client_of("openai", "gpt-4");
    o200k = client_of("openai", "gpt-4o");
    while (fscanf(file, "%ld %ld %ld", &expected[0], &expected[1], &size) ==
           3) {
        char *text = malloc((size_t)size + 1);

        fgetc(file);
        assert_int_equal(fread(text, 1, (size_t)size, file), size);
        text[size] = '\0';
        check_case(cl100k, o200k, text, expected, &seconds);
        free(text);
        total += size;
    }
    fclose(file);
    assert_true(total > 1000000);
    print_message("# we count %.1f MB in a second\n",
                  (double)total / 1e6 / seconds);
    llm_client_free(cl100k);
    llm_client_free(o200k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_estimate),
        cmocka_unit_test(test_wrong_texts),
        cmocka_unit_test(test_known_texts),
        cmocka_unit_test(test_which_models),
        cmocka_unit_test(test_long_pieces),
        cmocka_unit_test(test_equal_to_tiktoken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
