/*
 * evidence.c - what is kept of a run for the report.
 */
#include "evidence.h"
#include "timeline.h"

#include <string.h>

/* The first line of async_dump(). */
#define TABLE "  task   function  "

/* The bytes before a sanitizer's report, which is told by "seen": whole lines.
 */
static size_t before_sanitizer(const char *messages)
{
    static const char *const phrases[] = {
        "================", "AddressSanitizer:", "runtime error: "};
    size_t n = strlen(messages);

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        const char *at = strstr(messages, phrases[i]);

        if (at && (size_t)(at - messages) < n)
            n = (size_t)(at - messages);
    }
    while (messages[n] && n > 0 && messages[n - 1] != '\n')
        n--;
    return n;
}

/* Where the runtime's table of tasks begins that it was asked for when the
   program had to be stopped; or NULL. */
static const char *table_in(const struct run *run)
{
    const char *at = text_chars(&run->process.err.kept), *latest = NULL;

    while (run->process.ending > STOPPED && (at = strstr(at, TABLE)))
        latest = at++;
    return latest;
}

static void add_messages(struct text *text, const struct run *run)
{
    const char *messages = text_chars(&run->process.err.kept);
    const char *table = table_in(run);
    size_t n = run->scenario->sanitized ? before_sanitizer(messages)
                                        : strlen(messages);

    if (table && (size_t)(table - messages) < n)
        n = (size_t)(table - messages);
    text_add_bytes(text, messages, n);
}

/* The table without the judge's own task, which is the first. */
static void add_tasks(struct text *text, const struct run *run)
{
    const char *line = table_in(run);
    bool own = false;
    size_t n;

    for (; line && *line; line += n) {
        n = strcspn(line, "\n");
        n += line[n] == '\n';
        if (strncmp(line, "     ", 5) != 0)
            own = strncmp(line, "  1 ", 4) == 0;
        if (!own)
            text_add_bytes(text, line, n);
    }
}

static void add_prints(struct text *text, const struct run *run)
{
    for (size_t i = 0; i < run->print_count && i <= EXCERPT_LINES; i++)
        text_add(text, "%-9s%s\n", in_seconds(run->prints[i].at),
                 run->prints[i].line);
}

struct evidence evidence_of(const struct run *run)
{
    struct evidence evidence = {.any = true,
                                .messages_total = run->process.err.total,
                                .printed_total = run->process.out.total};

    if (!run->leaks) /* a leak says nothing of when */
        timeline_add(&evidence.calls, run);
    add_tasks(&evidence.tasks, run);
    add_messages(&evidence.messages, run);
    add_prints(&evidence.printed, run);
    return evidence;
}

void evidence_free(struct evidence *evidence)
{
    text_free(&evidence->calls);
    text_free(&evidence->tasks);
    text_free(&evidence->messages);
    text_free(&evidence->printed);
    *evidence = (struct evidence){0};
}
