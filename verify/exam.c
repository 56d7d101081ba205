/*
 * exam.c - holding an exam: the file, the program, the checks side by side.
 */
#include "exam.h"
#include "deputy.h"
#include "misnamed.h"
#include "skeleton.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A student's file is no longer than this. */
enum { SOURCE_MAX_BYTES = 256 * 1024 };

/* ---- The checks -------------------------------------------------------- */

static const struct result *result_of(const struct exam *exam, char letter)
{
    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].check->letter == letter)
            return &exam->results[i];
    return NULL;
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

void result_clear(struct result *result)
{
    text_free(&result->asked);
    text_free(&result->seen);
    text_free(&result->likely);
    text_free(&result->why);
    evidence_free(&result->evidence);
    result->verdict = FAIL;
}

/* Makes the check with one seed; returns whether it passed. */
static bool passes_with(struct exam *exam, const struct check *check,
                        uint64_t seed)
{
    result_clear(exam->current);
    exam->latest = NULL;
    exam->current->seed = seed;
    /* Its own numbers, whatever the checks before it have drawn. */
    exam->random.state = seed * 1000003 + (uint64_t)exam->grader->number * 256 +
                         (unsigned char)check->letter;
    if (check->passes(exam))
        exam->current->verdict = PASS;
    if (exam->current->verdict == FAIL && exam->latest)
        exam->current->evidence = evidence_of(exam->latest);
    return exam->current->verdict == PASS;
}

/* What waits in real time does so once, so that nobody waits for long, unless
   somebody names seeds: each leaves no case out. */
static size_t seeds_to_play(const struct exam *exam)
{
    const struct seeds *seeds = &exam->seeds;
    bool named = seeds->given && !seeds->secret;

    return exam->grader->uses_llm && !named ? 1 : seeds->count;
}

/* The worst counts, and so nothing is left to learn after a failure, unless
   somebody wants to know how many there are. The first is kept. */
static void try_seeds(struct exam *exam, const struct check *check, size_t n)
{
    struct result *result = exam->current, first;
    size_t failures = 0;

    for (size_t i = 0; i < n && (!failures || exam->seeds.every); i++) {
        if (passes_with(exam, check, exam->seeds.list[i]) || failures++)
            continue;
        first = *result;
        *result = (struct result){.check = check};
    }
    if (failures) {
        result_clear(result);
        *result = first;
        result->failures = failures;
    }
}

/* ---- Side by side ------------------------------------------------------ */

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

/* As bytes, for a process that is the same program. */
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

/* A deputy's work: the exam's current check. */
static void make_check(void *subject, struct text *found)
{
    struct exam *exam = subject;
    struct result *result = exam->current;
    double began = real_seconds();

    try_seeds(exam, result->check, seeds_to_play(exam));
    if (result->verdict == PASS)
        play_for_real(exam);
    result->seconds = real_seconds() - began;
    pack(found, result);
    play_free(exam);
}

_Static_assert((int)CHECKS_MAX <= (int)DEPUTIES_MAX, "a deputy for each");

struct sitting {
    struct exam *exam;
    enum { TO_DO, IN_HAND, DONE } stages[CHECKS_MAX];
    struct deputy deputies[CHECKS_MAX]; /* of those in hand */
    size_t in_hand, room;
};

/* A check is begun when it is known whether those that it needs have passed. */
static bool can_begin(const struct sitting *sitting, size_t i)
{
    const struct result *results = sitting->exam->results;

    for (size_t k = 0; k < i; k++)
        if (strchr(results[i].check->needs, results[k].check->letter) &&
            sitting->stages[k] != DONE)
            return false;
    return sitting->stages[i] == TO_DO;
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

static void begin_checks(struct sitting *sitting)
{
    struct exam *exam = sitting->exam;

    for (size_t i = 0;
         i < exam->result_count && sitting->in_hand < sitting->room; i++) {
        if (!can_begin(sitting, i))
            continue;
        sitting->stages[i] = DONE;
        if (!is_reached(exam, i))
            continue;
        deputy_start(&sitting->deputies[i], make_check, exam);
        sitting->stages[i] = IN_HAND;
        sitting->in_hand++;
    }
}

static void end_check(struct sitting *sitting)
{
    struct exam *exam = sitting->exam;
    size_t i = deputy_wait(sitting->deputies, exam->result_count);

    unpack(&exam->results[i], &sitting->deputies[i].found);
    text_free(&sitting->deputies[i].found);
    sitting->stages[i] = DONE;
    sitting->in_hand--;
}

/* What each check finds depends on the seed alone, whatever is made beside it.
   So that the report does, too, a check does not count either if it happened to
   be begun before two hung that stand above it. */
static void make_checks(struct exam *exam)
{
    struct sitting sitting = {.exam = exam};

    for (const struct check *check = exam->grader->checks; check->passes;
         check++)
        exam->results[exam->result_count++] =
            (struct result){.check = check, .verdict = FAIL};
    sitting.room = deputy_count(exam->result_count);
    for (begin_checks(&sitting); sitting.in_hand > 0; begin_checks(&sitting))
        end_check(&sitting);
    for (size_t i = 0; i < exam->result_count; i++)
        if (hung_before(exam, i))
            skip_hung(exam, i);
}

/* The smallest of the runs in real time. */
static void pick_real_run(struct exam *exam)
{
    for (size_t i = 0; i < exam->result_count; i++) {
        const struct real_run *real = &exam->results[i].real;

        if (real->took > 0 &&
            (exam->real.took <= 0 || real->items < exam->real.items))
            exam->real = *real;
    }
}

/* ---- The programs ------------------------------------------------------ */

/* Before either of them is run: that could spoil what this one is made of. */
static void make_sanitized(struct exam *exam)
{
    struct build *build = &exam->build;
    /* The plain program's warnings are the ones for the report. */
    struct text warnings = build->messages;

    build->messages = (struct text){0};
    exam->sanitized = build_program(build, true) == BUILT;
    text_free(&build->messages);
    text_free(&build->problem);
    text_free(&build->likely);
    build->messages = warnings;
}

static void judge(struct exam *exam)
{
    enum outcome outcome = build_program(&exam->build, false);

    if (outcome != BUILT) {
        exam->state = outcome == REFUSED ? UNGRADABLE : MACHINE_FAULT;
        return;
    }
    exam->state = JUDGED;
    make_sanitized(exam);
    build_seal(&exam->build);
    make_checks(exam);
    if (exam_passed(exam))
        pick_real_run(exam);
}

/* ---- The file ---------------------------------------------------------- */

/* DIR/NAME.c or DIR/exercises/NAME.c: 0, or a negative errno value. */
static int read_source(struct exam *exam, struct text *source)
{
    static const char *const places[] = {"%s.c", "exercises/%s.c"};
    int err = -ENOENT;

    for (size_t i = 0; err == -ENOENT && i < 2; i++) {
        char name[128]; /* ENOTDIR: a file of the name exercises */

        snprintf(name, sizeof name, places[i], exam->grader->name);
        err = text_read_file(source, path_in(exam->submission, name).chars,
                             SOURCE_MAX_BYTES);
        if (err == -ENOTDIR)
            err = -ENOENT;
    }
    return err;
}

static void refuse_file(struct exam *exam, int err)
{
    exam->state = UNGRADABLE;
    if (err == -EFBIG)
        text_add(&exam->build.problem, "the file is longer than %d KiB",
                 SOURCE_MAX_BYTES / 1024);
    else if (err == -EINVAL)
        text_add(&exam->build.problem, "it is no regular file");
    else if (err == -ELOOP)
        text_add(&exam->build.problem, "it is a symbolic link");
    else
        text_add(&exam->build.problem, "it cannot be read: %s", strerror(-err));
}

void exam_hold(struct exam *exam, const struct grader *grader,
               const struct kit *kit, const char *submission,
               const struct seeds *seeds, bool grade_unstarted)
{
    struct text source = {0};

    *exam = (struct exam){.grader = grader,
                          .submission = submission,
                          .seeds = *seeds,
                          .weight = 1};
    int err = read_source(exam, &source);
    if (err == -ENOENT) {
        exam->state = NOT_HANDED_IN;
        explain_misnamed(&exam->build.likely, submission, grader->name);
    } else if (err) {
        refuse_file(exam, err);
    } else if (!grade_unstarted && skeleton_is(grader->name, &source)) {
        exam->state = NOT_STARTED;
    } else {
        build_open(&exam->build, kit, grader, &source);
        judge(exam);
        build_remove(&exam->build);
    }
    text_free(&source);
}

void exam_free(struct exam *exam)
{
    for (size_t i = 0; i < exam->result_count; i++)
        result_clear(&exam->results[i]);
    build_close(&exam->build);
}

/* ---- Points ------------------------------------------------------------ */

int exam_earned(const struct exam *exam)
{
    int points = 0;

    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].verdict == PASS)
            points += exam->results[i].check->points;
    return points;
}

int exam_possible(const struct exam *exam)
{
    int points = 0;

    for (const struct check *check = exam->grader->checks; check->passes;
         check++)
        points += check->points;
    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].verdict == INCONCLUSIVE)
            points -= exam->results[i].check->points;
    return exam->state == MACHINE_FAULT ? 0 : points;
}

bool exam_passed(const struct exam *exam)
{
    return exam->state == JUDGED && !exam_inconclusive(exam) &&
           exam_earned(exam) > 0 && exam_earned(exam) == exam_possible(exam);
}

bool exam_failed(const struct exam *exam)
{
    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].verdict == FAIL)
            return true;
    return false;
}

bool exam_inconclusive(const struct exam *exam)
{
    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].verdict == INCONCLUSIVE)
            return true;
    return exam->state == MACHINE_FAULT;
}
