/*
 * format_junit.c - JUnit's XML, as Ant's schema has it: a suite for each
 * exercise, a test case for each check.
 */
#include "bubblewrap.h"
#include "formats.h"
#include "version.h"

#include <string.h>
#include <time.h>

/* Characters as XML can have them. Control characters it cannot, in no form. */
static void xml_text(FILE *out, const char *text)
{
    while (*text) {
        size_t n = utf8_length(text);
        unsigned char c = (unsigned char)*text;

        if (n == 0 || c == 127 || (c < 32 && c != '\n' && c != '\t'))
            fputs("\xef\xbf\xbd", out); /* U+FFFD */
        else if (c == '&' || c == '<' || c == '>' || c == '"')
            fprintf(out, "&#%d;", c);
        else if (c == '\n' || c == '\t')
            fprintf(out, "&#%d;", c); /* or attributes would lose it */
        else
            fwrite(text, 1, n, out);
        text += n ? n : 1;
    }
}

static void attribute(FILE *out, const char *name, const char *text)
{
    fprintf(out, " %s=\"", name);
    xml_text(out, text);
    fputc('"', out);
}

static void property(FILE *out, const char *name, const char *value)
{
    fprintf(out, "<property");
    attribute(out, "name", name);
    attribute(out, "value", value);
    fprintf(out, "/>");
}

/* One line: what was seen, or the verdict. */
static const char *summary(const struct item *item)
{
    const struct result *result = item->result;

    if (result && result->seen.length)
        return text_chars(&result->seen);
    return result && result->why.length ? text_chars(&result->why)
                                        : item->verdict;
}

/* A failure is the student's, an error the machine's. */
static void write_case(FILE *out, const struct item *item)
{
    const char *element = item->inconclusive ? "error" : "failure";
    struct text title = {0};

    text_add(&title, "%c. %s", item->check->letter, item->check->title);
    fprintf(out, "  <testcase");
    attribute(out, "classname", item->exam->grader->name);
    attribute(out, "name", text_chars(&title));
    fprintf(out, " time=\"%.3f\"", item->seconds);
    text_free(&title);
    if (item->passed) {
        fprintf(out, "/>\n");
    } else if (item->exam->state == NOT_STARTED) {
        fprintf(out, "><skipped/></testcase>\n");
    } else {
        fprintf(out, "><%s", element);
        attribute(out, "message", summary(item));
        attribute(out, "type", item->verdict);
        fputc('>', out);
        xml_text(out, text_chars(&item->message));
        fprintf(out, "</%s></testcase>\n", element);
    }
}

struct counts {
    size_t tests, failures, errors, skipped;
    double seconds;
};

static struct counts count(const struct exam *exam)
{
    struct counts counts = {.tests = exam_checks(exam)};

    for (size_t i = 0; i < counts.tests; i++) {
        struct item item = item_of(exam, i);

        if (item.inconclusive)
            counts.errors++;
        else if (exam->state == NOT_STARTED)
            counts.skipped++;
        else
            counts.failures += !item.passed;
        counts.seconds += item.seconds;
        text_free(&item.message);
    }
    return counts;
}

static void write_properties(FILE *out, const struct exam *exam)
{
    char points[64];

    fprintf(out, "  <properties>");
    snprintf(points, sizeof points, "%g/%g", points_of(exam), max_of(exam));
    property(out, "points", points);
    property(out, "kit", kit_version());
    property(out, "sandbox", sandbox_level());
    for (size_t i = 0; !exam->seeds.secret && i < exam->seeds.count; i++) {
        snprintf(points, sizeof points, "%llu",
                 (unsigned long long)exam->seeds.list[i]);
        property(out, "seed", points);
    }
    fprintf(out, "</properties>\n");
}

static void write_suite(FILE *out, const struct exam *exam, size_t id)
{
    struct counts counts = count(exam);
    time_t now = time(NULL);
    struct tm tm;
    char when[32];

    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now, &tm));
    fprintf(out, " <testsuite");
    attribute(out, "name", exam->grader->name);
    fprintf(out,
            " package=\"exercises\" id=\"%zu\" timestamp=\"%s\" "
            "hostname=\"localhost\" tests=\"%zu\" failures=\"%zu\" "
            "errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n",
            id, when, counts.tests, counts.failures, counts.errors,
            counts.skipped, counts.seconds);
    write_properties(out, exam);
    for (size_t i = 0; i < exam_checks(exam); i++) {
        struct item item = item_of(exam, i);

        write_case(out, &item);
        text_free(&item.message);
    }
    fprintf(out, "  <system-out></system-out><system-err></system-err>\n"
                 " </testsuite>\n");
}

void write_junit(FILE *out, const struct grading *grading)
{
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (size_t i = 0; i < grading->count; i++)
        write_suite(out, &grading->exams[i], i);
    fprintf(out, "</testsuites>\n");
}
