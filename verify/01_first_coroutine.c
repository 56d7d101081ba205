/*
 * The grader of exercise 1, your first coroutine.
 *
 * Nothing comes from the judge here but the clock: the student's own sleeps
 * tell, by the moments at which the program wakes up, what was in progress.
 */
#ifdef VERIFY_DRIVER

#include "01_first_coroutine.h"
#include "driver.h"

#include <stdlib.h>

void driver_main(void)
{
    struct download downloads[3] = {0};
    size_t n = driver_n();

    for (size_t i = 0; i < n; i++) {
        downloads[i].filename = driver_text("filename", i);
        downloads[i].delay = driver_seconds("delay", i);
    }
    if (n == 1)
        driver_run(download_file, downloads, "download_file");
    else
        driver_run(download_files, downloads, "download_files");
    for (size_t i = 0; i < n; i++) {
        driver_out_text(i, "content", downloads[i].content);
        free(downloads[i].content);
    }
}

#else

#include "grader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* n files with drawn names, and delays that the answers' durations give. */
static struct scenario *downloads(struct exam *exam, size_t n)
{
    static const char *const suffixes[] = {"pdf", "docx", "dwg"};
    struct scenario *scenario = scenario_new(exam, n);

    for (size_t i = 0; i < n; i++) {
        char *text = scenario->answers[i].text;

        snprintf(text + 6, sizeof scenario->answers[i].text - 6, ".%s",
                 suffixes[draw(exam, 3)]);
        scenario_text(scenario, "filename", text);
        scenario_seconds(scenario, "delay", scenario->answers[i].after);
    }
    return scenario;
}

static const char *name_of(const struct run *run, size_t i)
{
    return run->scenario->answers[i].text;
}

static int64_t delay_of(const struct run *run, size_t i)
{
    return run->scenario->answers[i].after;
}

/* How often this line was printed with the name of file i in it. */
static size_t times_printed(const struct run *run, const char *format, size_t i)
{
    size_t n = 0;
    char line[64];

    snprintf(line, sizeof line, "%s %s%s", format, name_of(run, i),
             strcmp(format, "Downloaded") == 0 ? "!" : "...");
    for (size_t p = 0; p < run->print_count; p++)
        n += strcmp(run->prints[p].line, line) == 0;
    return n;
}

/* The file whose struct holds this content, or n. */
static size_t place_of(const struct run *run, const char *content)
{
    size_t i = 0;

    for (; i < run->scenario->n; i++) {
        const char *seen = out_of(run, i, "content");

        if (seen && strcmp(seen, content) == 0)
            break;
    }
    return i;
}

/* Why file i has no content, as far as the messages show it. */
static void explain_missing(struct exam *exam, const struct run *run, size_t i)
{
    size_t n = run->scenario->n, begun = 0;
    bool another_twice = false;

    for (size_t other = 0; other < n; other++) {
        begun += times_printed(run, "Downloading", other);
        another_twice |= times_printed(run, "Downloading", other) > 1;
    }
    if (times_printed(run, "Downloaded", i) > 0)
        likely(exam, "not written yet: download->content = ...; or it is "
                     "written into another variable");
    else if (times_printed(run, "Downloading", i) > 0)
        likely(exam, n == 1 ? "it returns before its end"
                            : "started, but not waited for until its end");
    else if (another_twice)
        likely(exam, "not started, but another one was twice: the job of task "
                     "i is &downloads[i]");
    else if (begun > 0)
        likely(exam, "not started: there are three to download");
    else
        likely(exam, "not written, not started, not awaited, or started with "
                     "another job than &downloads[i]");
}

static bool content_is_right(struct exam *exam, const struct run *run, size_t i)
{
    const char *content = out_of(run, i, "content");
    char wanted[64];

    snprintf(wanted, sizeof wanted, "%s content", name_of(run, i));
    if (content && strcmp(content, wanted) == 0)
        return true;
    saw(exam, "the content of %s is %s, and is to be %s",
        quoted(name_of(run, i)), quoted(content), quoted(wanted));
    if (place_of(run, wanted) < run->scenario->n)
        likely(exam,
               "that text stands in the struct of %s: each download writes "
               "into its own, whichever ends first",
               quoted(name_of(run, place_of(run, wanted))));
    else if (content)
        likely(exam, "another text: the file's name, a space, and the word "
                     "content");
    else
        explain_missing(exam, run, i);
    return false;
}

/* ---- One download ------------------------------------------------------ */

static bool content(struct exam *exam)
{
    asked(exam, "download_file returns 0 and sets content to \"<filename> "
                "content\"");
    const struct run *run = play(exam, downloads(exam, 1));
    return run && succeeded(exam, run) && content_is_right(exam, run, 0);
}

static bool waits(struct exam *exam)
{
    struct scenario *scenario = downloads(exam, 1);
    int64_t delay = scenario->answers[0].after;

    asked(exam, "a download of %s suspends for exactly that long",
          in_seconds(delay));
    const struct run *run = play(exam, scenario);
    if (!run || !succeeded(exam, run))
        return false;
    if (!never_blocked(exam, run))
        return false;
    if (same_time(run->returned_at, delay))
        return true;
    saw(exam, "download_file returned after %s", in_seconds(run->returned_at));
    if (run->returned_at == 0)
        likely(exam, "no async_sleep(), or one with 0");
    else if (thousandfold(run->returned_at, delay))
        likely(exam, "waited 1000 times too long: async_sleep takes seconds");
    else
        likely(exam, "async_sleep() with something else than delay");
    return false;
}

/* Why it was printed at the moment seen, and not at that. */
static void explain_moment(struct exam *exam, const struct run *run,
                           int64_t seen, int64_t at)
{
    if (*run->blocker)
        likely(exam,
               "%s() keeps everybody waiting: async_sleep() suspends one task",
               run->blocker);
    else if (thousandfold(seen, at))
        likely(exam, "waited 1000 times too long: async_sleep takes seconds");
    else if (at > 0 && same_time(seen, run->returned_at))
        likely(exam, "async_sleep() with something else than delay");
    else
        likely(exam, seen < at ? "printed before the wait is over"
                               : "printed after the wait");
}

/* Whether a line begins with the first word of this one. */
static bool printed_word(const struct run *run, const char *line)
{
    for (size_t p = 0; p < run->print_count; p++)
        if (strncasecmp(run->prints[p].line, line, strcspn(line, " ")) == 0)
            return true;
    return false;
}

/* Whether the line was printed at that time, and not before. */
static bool printed(struct exam *exam, const struct run *run, const char *line,
                    int64_t at)
{
    int64_t seen = printed_at(run, line);

    if (seen != NEVER && same_time(seen, at))
        return true;
    if (seen == NEVER) {
        saw(exam, "%s was never printed as a line of its own", quoted(line));
        likely(exam, printed_word(run, line)
                         ? "another wording, or no \\n at its end"
                         : "not printed by download_file itself: printf() is "
                           "not there, or not reached");
    } else {
        saw(exam, "%s was printed at %s", quoted(line), in_seconds(seen));
        explain_moment(exam, run, seen, at);
    }
    return false;
}

static bool messages(struct exam *exam)
{
    struct scenario *scenario = downloads(exam, 1);
    int64_t delay = scenario->answers[0].after;
    char started[64], done[64];

    snprintf(started, sizeof started, "Downloading %s...",
             scenario->answers[0].text);
    snprintf(done, sizeof done, "Downloaded %s!", scenario->answers[0].text);
    asked(exam, "download_file prints \"%s\" at 0.0 s, \"%s\" at %s", started,
          done, in_seconds(delay));
    const struct run *run = play(exam, scenario);
    return run && printed(exam, run, started, 0) &&
           printed(exam, run, done, delay);
}

/* ---- Three downloads --------------------------------------------------- */

/* How many of the delays are moments at which the program woke up: those
   downloads were in progress from the beginning. */
static size_t in_progress(const struct run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < run->scenario->n; i++)
        for (size_t t = 0; t < run->instant_count; t++)
            n += same_time(run->instants[t], delay_of(run, i));
    return n;
}

static size_t begun_at_first(const struct run *run)
{
    size_t n = 0;

    for (size_t p = 0; p < run->print_count; p++)
        n += run->prints[p].at == 0 &&
             strncmp(run->prints[p].line, "Downloading ", 12) == 0;
    return n;
}

static void explain_pace(struct exam *exam, const struct run *run)
{
    int64_t took = run->returned_at;

    if (*run->blocker)
        likely(exam,
               "%s() keeps everybody waiting: async_sleep() suspends one task",
               run->blocker);
    else if (thousandfold(took, slowest(run->scenario)))
        likely(exam, "waited 1000 times too long: async_sleep takes seconds");
    else if (same_time(took, sum_of(run->scenario)))
        likely(exam, "one after another: each is awaited before the next is "
                     "started; spawn all three, then gather");
    else if (took == 0)
        likely(exam, "nothing was waited for");
    else if (in_progress(run) == 0)
        likely(exam, "async_sleep() with something else than delay");
    else if (begun_at_first(run) < 3)
        likely(exam, "not all three were started at 0.0 s");
    else if (in_progress(run) < 3)
        likely(exam, "not each with its own job: that of task i is "
                     "&downloads[i]");
    else
        likely(exam, took > slowest(run->scenario)
                         ? "a further wait, which nobody asked for"
                         : "not all three were waited for");
}

static bool three_at_once(struct exam *exam)
{
    struct scenario *scenario = downloads(exam, 3);

    asked(exam, "three downloads, of %s, %s and %s, all from 0.0 s on: %s",
          in_seconds(scenario->answers[0].after),
          in_seconds(scenario->answers[1].after),
          in_seconds(scenario->answers[2].after),
          in_seconds(slowest(scenario)));
    const struct run *run = play(exam, scenario);
    if (!run || !succeeded(exam, run))
        return false;

    int64_t took = run->returned_at;
    if (in_progress(run) == 3 && same_time(took, slowest(scenario)))
        return true;
    saw(exam,
        "%zu printed \"Downloading\" at 0.0 s; of the 3 delays, %zu ended on "
        "time; all was done after %s",
        begun_at_first(run), in_progress(run), in_seconds(took));
    explain_pace(exam, run);
    return false;
}

static bool in_their_slots(struct exam *exam)
{
    asked(exam, "each content stands in the struct that asked for it");
    const struct run *run = play(exam, downloads(exam, 3));
    if (!run || !succeeded(exam, run))
        return false;
    for (size_t i = 0; i < 3; i++)
        if (!content_is_right(exam, run, i))
            return false;
    return true;
}

/* ---- Cancelled --------------------------------------------------------- */

/* Downloads that were cancelled look as if they had not begun to end. */
static bool left_alone(struct exam *exam, const struct run *run)
{
    for (size_t i = 0; i < run->scenario->n; i++) {
        char done[64];

        snprintf(done, sizeof done, "Downloaded %s!", name_of(run, i));
        if (printed_at(run, done) != NEVER) {
            saw(exam, "%s was printed, although it was cancelled",
                quoted(done));
            likely(exam, "the error of async_sleep() was ignored");
            return false;
        }
        if (out_of(run, i, "content")) {
            saw(exam, "the cancelled %s has a content",
                quoted(name_of(run, i)));
            likely(exam, "content was written before the wait");
            return false;
        }
    }
    return true;
}

/* All of n downloads, halfway through the fastest. */
static bool cancelled(struct exam *exam, size_t n)
{
    struct scenario *scenario = downloads(exam, n);
    int64_t fastest = slowest(scenario);

    for (size_t i = 0; i < n; i++)
        if (scenario->answers[i].after < fastest)
            fastest = scenario->answers[i].after;
    scenario->cancel_at = fastest / 2;
    scenario->sanitized = true;
    asked(exam,
          "%s, cancelled at %s: ASYNC_ECANCELED at that instant, no "
          "\"Downloaded\", nothing leaked",
          n == 1 ? "a download" : "three downloads",
          in_seconds(scenario->cancel_at));
    const struct run *run = play(exam, scenario);
    return run && stopped_at_once(exam, run) && left_alone(exam, run);
}

/* A text that is longer than its memory shows only when there is a text. */
static bool memory_in_order(struct exam *exam)
{
    struct scenario *scenario = downloads(exam, 3);

    scenario->sanitized = true;
    asked(exam, "three downloads, watched by AddressSanitizer and "
                "LeakSanitizer");
    return play(exam, scenario) != NULL;
}

static bool stops_when_cancelled(struct exam *exam)
{
    return cancelled(exam, 1) && cancelled(exam, 3) && memory_in_order(exam);
}

static const struct check checks[] = {
    {'a', 2, "content is \"<filename> content\"", "", content, 0, 0},
    {'b', 1, "it waits exactly delay", "", waits, 0, 0},
    {'c', 1, "its two messages, in time", "", messages, 0, 0},
    {'d', 3, "three in progress at once", "", three_at_once, 3, 2},
    {'e', 2, "three results in their slots", "", in_their_slots, 3, 0},
    {'f', 1, "stops when cancelled", "", stops_when_cancelled, 0, 0},
    {0},
};

const struct grader grader_01_first_coroutine = {
    .number = 1,
    .name = "01_first_coroutine",
    .title = "your first coroutine",
    .functions = "int download_file(void *download); "
                 "int download_files(void *three_downloads);",
    .first_step = "in download_file(), print the first message and wait with "
                  "async_sleep(download->delay)",
    .lesson = 2,
    .checks = checks,
};

#endif
