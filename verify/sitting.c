/*
 * sitting.c - which check is made when, with which seed, and what it found.
 *
 * A deputy makes a check with one seed. Once a check has passed with its first
 * seed, it is made with all others side by side; before, each would only fail
 * for the same reason.
 */
#include "sitting.h"
#include "deputy.h"
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sitting {
    struct exam *exam;
    size_t seeds; /* each check is made with so many */
    size_t room, in_hand;
    struct progress {
        enum { TO_DO, IN_HAND, DONE } stage;
        size_t begun, ended; /* of the seeds, in their order */
        size_t failures;
        size_t kept; /* the one whose result is the check's */
    } progress[CHECKS_MAX];
    struct deputy deputies[DEPUTIES_MAX];
    struct part {
        size_t check, seed;
    } parts[DEPUTIES_MAX]; /* what each deputy makes */
};

/* ---- A check with one seed --------------------------------------------- */

static const struct result *result_of(const struct exam *exam, char letter)
{
    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].check->letter == letter)
            return &exam->results[i];
    return NULL;
}

/* What waits in real time does so once, so that nobody waits for long, unless
   somebody names seeds: each leaves no case out. */
static size_t seeds_to_play(const struct exam *exam)
{
    const struct seeds *seeds = &exam->seeds;
    bool named = seeds->given && !seeds->secret;

    return exam->grader->uses_llm && !named ? 1 : seeds->count;
}

static void make_with(struct exam *exam, uint64_t seed)
{
    struct result *result = exam->current;
    const struct check *check = result->check;

    result->seed = seed;
    /* Its own numbers, whatever other checks have drawn. */
    exam->random.state = seed * 1000003 + (uint64_t)exam->grader->number * 256 +
                         (unsigned char)check->letter;
    if (check->passes(exam))
        result->verdict = PASS;
    if (result->verdict == FAIL && exam->latest)
        result->evidence = evidence_of(exam->latest);
}

/* Whether a check that this one needs has been played in real time: once is
   enough. */
static bool played_for_real(const struct exam *exam, const struct check *check)
{
    for (const char *letter = check->needs; *letter; letter++)
        if (result_of(exam, *letter)->real.took > 0)
            return true;
    return false;
}

/* ---- As bytes, for a process that is the same program ------------------ */

/* The texts of a result, in which all else is numbers. */
enum { RESULT_TEXTS = 8 };

static void texts_of(struct result *result, struct text *texts[RESULT_TEXTS])
{
    struct text *const all[RESULT_TEXTS] = {&result->asked,
                                            &result->seen,
                                            &result->likely,
                                            &result->why,
                                            &result->evidence.calls,
                                            &result->evidence.tasks,
                                            &result->evidence.messages,
                                            &result->evidence.printed};

    memcpy(texts, all, sizeof all);
}

static void pack(struct text *bytes, struct result *result)
{
    struct text *texts[RESULT_TEXTS];

    text_add_bytes(bytes, (const char *)result, sizeof *result);
    texts_of(result, texts);
    for (int i = 0; i < RESULT_TEXTS; i++)
        text_add_bytes(bytes, text_chars(texts[i]), texts[i]->length);
}

static void unpack(struct result *result, const struct text *bytes)
{
    const char *at = bytes->chars + sizeof *result;
    struct text *texts[RESULT_TEXTS];

    if (bytes->length < sizeof *result)
        die(EXIT_MACHINE, "a process of the judge found nothing");
    memcpy(result, bytes->chars, sizeof *result);
    texts_of(result, texts);
    for (int i = 0; i < RESULT_TEXTS; i++) {
        size_t length = texts[i]->length;

        *texts[i] = (struct text){0};
        text_add_bytes(texts[i], at, length);
        at += length;
    }
}

/* ---- Side by side ------------------------------------------------------ */

/* The part that is no check: the sanitized program, which few checks need, and
   those late. */
enum { SANITIZED = CHECKS_MAX };

static void make_sanitized(void *subject, struct text *nothing)
{
    struct exam *exam = subject;

    (void)nothing;
    nice(10); /* nobody waits for it yet, and some checks look at the clock */
    build_sanitized(&exam->build);
}

/* Where the programs of one user cannot get at what another compiles. */
static void begin_sanitized(struct sitting *sitting)
{
    struct exam *exam = sitting->exam;

    exam->sanitizer = -1;
    if (!sandbox_is_apart()) {
        build_sanitized(&exam->build);
        exam->sanitized = build_look(&exam->build, true);
        return;
    }
    sitting->parts[0].check = SANITIZED;
    deputy_start(&sitting->deputies[0], make_sanitized, exam);
    exam->sanitizer = sitting->deputies[0].fd;
    sitting->in_hand = 1;
}

static void end_sanitized(struct exam *exam)
{
    exam->sanitizer = -1;
    exam->sanitized = build_look(&exam->build, true);
}

/* A deputy's work: the exam's current check, with the seed at its turn. */
static void make_part(void *subject, struct text *found)
{
    struct exam *exam = subject;
    struct result result = {.check = exam->current->check};
    double began = real_seconds();

    exam->current = &result;
    make_with(exam, exam->seeds.list[exam->turn]);
    if (result.verdict == PASS && exam->turn + 1 == seeds_to_play(exam) &&
        !played_for_real(exam, result.check))
        play_for_real(exam);
    result.seconds = real_seconds() - began;
    pack(found, &result);
    result_clear(&result);
    play_free(exam);
}

static void begin_part(struct sitting *sitting, size_t i)
{
    struct exam *exam = sitting->exam;
    size_t slot = 0;

    while (sitting->deputies[slot].pid)
        slot++;
    exam->current = &exam->results[i];
    exam->turn = sitting->progress[i].begun++;
    sitting->parts[slot] = (struct part){i, exam->turn};
    deputy_start(&sitting->deputies[slot], make_part, exam);
    sitting->in_hand++;
}

/* A check is begun when it is known whether those that it needs have passed. */
static bool can_begin(const struct sitting *sitting, size_t i)
{
    const struct result *results = sitting->exam->results;

    for (size_t k = 0; k < i; k++)
        if (strchr(results[i].check->needs, results[k].check->letter) &&
            sitting->progress[k].stage != DONE)
            return false;
    return true;
}

/* The first check that this one needs and that did not pass, or NULL. */
static const struct result *missing_for(const struct exam *exam,
                                        const struct check *check)
{
    for (const char *letter = check->needs; *letter; letter++) {
        const struct result *result = result_of(exam, *letter);

        if (!result || result->verdict != PASS)
            return result;
    }
    return NULL;
}

/* A program that hangs costs seconds: after so many checks nobody goes on. */
static bool hung_before(const struct exam *exam, size_t i)
{
    size_t hangs = 0;

    while (i-- > 0)
        hangs += exam->results[i].hangs;
    return hangs >= HANGS_MAX;
}

static void skip_hung(struct exam *exam, size_t i)
{
    exam->current = &exam->results[i];
    result_clear(exam->current);
    exam->current->hangs = 0;
    give_up(exam, NOT_REACHED, "not run: two earlier checks had to be stopped");
}

/* Returns whether it has to be made; if not, its result says why. */
static bool is_reached(struct exam *exam, size_t i)
{
    const struct result *missing = missing_for(exam, exam->results[i].check);

    exam->current = &exam->results[i];
    if (missing)
        give_up(exam,
                missing->verdict == INCONCLUSIVE ? INCONCLUSIVE : NOT_REACHED,
                "needs %c", missing->check->letter);
    else if (hung_before(exam, i))
        skip_hung(exam, i);
    else
        return true;
    return false;
}

/* The worst counts, and so nothing is left to learn after a failure, unless
   somebody wants to know how many there are. */
static bool is_decided(const struct sitting *sitting,
                       const struct progress *progress)
{
    return progress->begun == sitting->seeds ||
           (progress->failures && !sitting->exam->seeds.every);
}

/* Whether a part of the check can be begun now. */
static bool has_part(struct sitting *sitting, size_t i)
{
    struct progress *progress = &sitting->progress[i];

    if (progress->stage == TO_DO && can_begin(sitting, i))
        progress->stage = is_reached(sitting->exam, i) ? IN_HAND : DONE;
    return progress->stage == IN_HAND && !is_decided(sitting, progress) &&
           (progress->begun == 0 || progress->ended > 0);
}

static void begin_parts(struct sitting *sitting)
{
    for (size_t i = 0; i < sitting->exam->result_count; i++)
        while (sitting->in_hand < sitting->room && has_part(sitting, i))
            begin_part(sitting, i);
}

/* Of failures the first seed's is kept, of successes the last one's: which one
   ended first does not matter. */
static void keep(struct sitting *sitting, struct part part,
                 struct result *found)
{
    struct progress *progress = &sitting->progress[part.check];
    struct result *kept = &sitting->exam->results[part.check];
    double seconds = kept->seconds + found->seconds;

    if (found->verdict == PASS
            ? !progress->failures && part.seed >= progress->kept
            : progress->failures == 1 || part.seed < progress->kept) {
        result_clear(kept);
        *kept = *found;
        progress->kept = part.seed;
    } else {
        result_clear(found);
    }
    kept->seconds = seconds;
    kept->failures = sitting->exam->seeds.every ? progress->failures
                                                : progress->failures > 0;
}

static void end_check(struct sitting *sitting, struct part part,
                      const struct text *bytes)
{
    struct progress *progress = &sitting->progress[part.check];
    struct result found;

    unpack(&found, bytes);
    progress->ended++;
    progress->failures += found.verdict != PASS;
    keep(sitting, part, &found);
    if (is_decided(sitting, progress) && progress->ended == progress->begun)
        progress->stage = DONE;
}

static void end_part(struct sitting *sitting)
{
    size_t slot = deputy_wait(sitting->deputies, DEPUTIES_MAX);
    struct part part = sitting->parts[slot];
    struct deputy *deputy = &sitting->deputies[slot];

    sitting->in_hand--;
    if (part.check == SANITIZED)
        end_sanitized(sitting->exam);
    else
        end_check(sitting, part, &deputy->found);
    text_free(&deputy->found);
}

void make_checks(struct exam *exam)
{
    struct sitting sitting = {.exam = exam, .seeds = seeds_to_play(exam)};

    for (const struct check *check = exam->grader->checks; check->passes;
         check++)
        exam->results[exam->result_count++] = (struct result){.check = check};
    sitting.room = deputy_count(exam->result_count * sitting.seeds + 1);
    begin_sanitized(&sitting);
    for (begin_parts(&sitting); sitting.in_hand > 0; begin_parts(&sitting))
        end_part(&sitting);
    /* So that the report depends on the seeds alone, a check does not count
       either if it happened to be begun before two hung that stand above it. */
    for (size_t i = 0; i < exam->result_count; i++)
        if (hung_before(exam, i))
            skip_hung(exam, i);
}
