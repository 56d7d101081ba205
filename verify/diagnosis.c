/*
 * diagnosis.c - what many checks ask of a run, and which mistake it looks like
 * if the answer is no.
 */
#include "exam.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The line of standard error that begins so, without that beginning. */
static const char *said(const struct run *run, const char *beginning)
{
    const char *at = strstr(text_chars(&run->process.err.kept), beginning);

    return at ? at + strlen(beginning) : NULL;
}

/* The runtime tells it, since it has to end such tasks itself. The struct that
   is used twice comes first: what was in it cannot be awaited any more. */
bool all_awaited(struct exam *exam, const struct run *run)
{
    const char *twice = said(run, "async: one struct async_task for two tasks,"
                                  " at ");
    const char *never = said(run, "async: never awaited: ");
    struct text line = {0};

    if (!twice && !never)
        return true;
    const char *at = twice ? twice : never;
    size_t n = strcspn(at, "\n");
    text_add_visible(&line, at, n - (n > 0 && at[n - 1] == '.'), 100);
    if (twice) {
        saw(exam, "one struct async_task for two tasks, at %s",
            text_chars(&line));
        likely(exam, "all tasks are started in the same variable, and only "
                     "the last can be awaited: an array, an element for each");
    } else {
        saw(exam, "a task was never awaited: %s", text_chars(&line));
        likely(exam, "no await or gather for it, a number that is too small, "
                     "or a return before it; on a path with an error, "
                     "async_reap()");
    }
    text_free(&line);
    return false;
}

bool never_blocked(struct exam *exam, const struct run *run)
{
    if (!*run->blocker)
        return true;
    saw(exam, "%s() blocked the whole thread; it was blocked for %s in all",
        run->blocker, in_seconds(run->blocked));
    likely(exam,
           "%s() keeps everybody waiting: async_sleep() suspends one task",
           run->blocker);
    return false;
}

/* What a function that is to succeed returned instead, if that says more than
   its number. Returns whether it does. */
static bool explain_returned(struct exam *exam, const struct run *run)
{
    int err = run->returned;

    if (err > 0) {
        saw(exam, "it returned %d, which is neither 0 nor a negative error",
            err);
        likely(exam, "is a return missing, or is it of something else, such as "
                     "what printf() returned?");
        return true;
    }
    if (err == -ENOSYS)
        likely(exam, "this part is not written yet");
    else if (err == ASYNC_ENESTED)
        likely(exam, "async_run() starts the loop, once, in main(): inside of "
                     "a task, call the function, or spawn it");
    else if (err == -EINVAL && strstr(run->errmsg, "never spawned"))
        likely(exam, "-EINVAL is what async_await() and async_gather() return "
                     "for a task that was never spawned");
    else
        return false;
    saw(exam, "your function returned %s (%s) at %s", error_name(err),
        quoted(run->errmsg), in_seconds(run->returned_at));
    return true;
}

bool succeeded(struct exam *exam, const struct run *run)
{
    if (run->returned == 0)
        return all_awaited(exam, run);
    if (explain_returned(exam, run))
        return false;
    if (said(run, "async: deadlock")) {
        saw(exam, "at %s every task waited for what nobody would ever do",
            in_seconds(run->returned_at));
        likely(exam, "%s", mistake_of_deadlock(run));
        return false;
    }
    saw(exam, "your function returned %s (%s) at %s", error_name(run->returned),
        quoted(run->errmsg), in_seconds(run->returned_at));
    if (run->scenario->n == 0)
        likely(exam, "nothing to do is no error; and calloc(0, ...) may give "
                     "NULL, which then is no lack of memory");
    else
        likely(exam, "an error that nobody asked for: where does it come "
                     "from?");
    return false;
}

bool went_on(struct exam *exam, const struct run *run)
{
    if (succeeded(exam, run))
        return true;
    if (run->returned < 0 && run->returned != -ENOSYS &&
        !said(run, "async: deadlock"))
        likely(exam, "what one item fails with is its own: its result says so, "
                     "the function returns 0, and the others go on");
    return false;
}

bool stopped_at_once(struct exam *exam, const struct run *run)
{
    if (run->returned != ASYNC_ECANCELED && explain_returned(exam, run))
        return false;
    if (run->cancelled_at == NEVER) {
        saw(exam,
            "your function had returned %s by %s, before it was cancelled",
            error_name(run->returned), in_seconds(run->returned_at));
        likely(exam, "it does not wait for what it is to wait for");
        all_awaited(exam, run);
    } else if (!same_time(run->returned_at, run->cancelled_at)) {
        saw(exam, "cancelled at %s, your function returned %s at %s",
            in_seconds(run->cancelled_at), error_name(run->returned),
            in_seconds(run->returned_at));
        if (*run->blocker)
            likely(exam, "%s() blocks the thread, and cannot be cancelled",
                   run->blocker);
        else
            likely(exam, "the error of a suspending call was ignored, and it "
                         "went on; or async_shield() held the cancellation "
                         "back");
    } else if (run->returned != ASYNC_ECANCELED) {
        saw(exam, "cancelled at %s, your function returned %s",
            in_seconds(run->cancelled_at), error_name(run->returned));
        likely(exam, "the error of a suspending call was not passed on: if "
                     "(err) return err;");
    } else if (run->open_at_return > 0) {
        saw(exam, "your function returned with %s in flight",
            counted(run->open_at_return, "call"));
        likely(exam, "tasks that were started and not waited for");
    } else {
        return never_blocked(exam, run) && all_awaited(exam, run);
    }
    return false;
}

/* Of n calls so many were made, and one of them, the worst, so often. */
static void explain_calls(struct exam *exam, const struct run *run, size_t made,
                          size_t worst, size_t times)
{
    size_t n = run->scenario->n;

    if (made == 0) {
        if (n == 1)
            saw(exam, "there is one call to make, and it was not made");
        else
            saw(exam, "none of the %zu calls was made", n);
        likely(exam, n == 1 ? "a loop that ends too early, or a return before "
                              "it has started anything"
                            : "it returns before it has started anything");
    } else if (times == 0) {
        saw(exam, "only %zu of %zu calls were made", made, n);
        likely(exam, "a loop that ends too early, a number that is fixed (n "
                     "comes in the job), or a task that leaves before its "
                     "call");
    } else if (made == n) {
        saw(exam, "call %zu was made %zu times, and is to be made once", worst,
            times);
        likely(exam, answer_to(run->scenario, worst, 0)->err
                         ? "a call that failed is made again: nobody asked for "
                           "a retry here"
                         : "started more often than once: in two loops, "
                           "spawned and called as well, or tried again");
    } else {
        saw(exam, "call %zu was made %zu times, and %s never", worst, times,
            counted(n - made, "other"));
        likely(exam, "all tasks got the same job: the first element, or a "
                     "shared variable");
    }
}

bool each_called_once(struct exam *exam, const struct run *run, const char *op)
{
    size_t n = run->scenario->n, made = 0, worst = 0;

    for (size_t i = 0; i < n; i++) {
        size_t times = calls_of(run, op, i);

        made += times > 0;
        if (times != 1 && calls_of(run, op, worst) <= 1)
            worst = i;
    }
    size_t times = n ? calls_of(run, op, worst) : 1;
    if (times == 1)
        return true;
    explain_calls(exam, run, made, worst, times);
    return false;
}

bool called(struct exam *exam, const struct run *run, const char *op,
            size_t item, size_t times)
{
    size_t seen = calls_of(run, op, item);

    if (seen == times)
        return true;
    if (run->scenario->n > 1)
        saw(exam, "job %zu of %zu: %s instead of %zu", item, run->scenario->n,
            counted(seen, "attempt"), times);
    else
        saw(exam, "%s instead of %zu", counted(seen, "attempt"), times);
    if (seen == 0)
        likely(exam, run->call_count > 0
                         ? "a loop that ends too early, or a number that is "
                           "fixed: how many there are comes in the job"
                         : "it returns before it has called anything");
    else if (seen == 1)
        likely(exam, "it is not tried again: there are max_retries + 1 "
                     "attempts, as long as each fails with what is worth a "
                     "retry");
    else if (seen < times)
        likely(exam, "too few: max_retries, which comes in the job, counts "
                     "what comes after the first attempt, so that there are "
                     "max_retries + 1");
    else
        likely(exam, "too many: max_retries + 1 attempts, and none after a "
                     "success or an error that is final");
    return false;
}

/* The waits before each retry, over all items; waits has room for all. */
static void gather_waits(const struct run *run, const char *op,
                         struct waits *waits, size_t retries)
{
    int64_t *ended = must_calloc(run->scenario->n, sizeof *ended);

    for (size_t k = 0; k < retries; k++)
        waits[k] = (struct waits){INT64_MAX, 0};
    for (size_t i = 0; i < run->call_count; i++) {
        const struct call *call = &run->calls[i];
        int64_t wait = call->begun - ended[call->item];

        if (strcmp(call->op, op) != 0)
            continue;
        ended[call->item] = call->ended;
        if (call->nth == 0 || call->nth > retries)
            continue;
        struct waits *seen = &waits[call->nth - 1];
        if (wait < seen->shortest)
            seen->shortest = wait;
        if (wait > seen->longest)
            seen->longest = wait;
    }
    free(ended);
}

/* "0.4 s, 0.5 to 0.8 s" */
static void add_waits(struct text *text, const struct waits *waits, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        double from = (double)waits[k].shortest / 1e9;
        double to = (double)waits[k].longest / 1e9;

        text_add(text, k ? ", " : "");
        if (to - from >= 0.01)
            text_add(text, "%.2f to ", from);
        text_add(text, "%.2f s", to);
    }
}

bool backs_off(struct exam *exam, const struct run *run, const char *op,
               size_t retries, int64_t base, int64_t limit)
{
    struct waits waits[16];
    struct text line = {0};

    for (size_t i = 0; i < run->scenario->n; i++)
        if (!called(exam, run, op, i, retries + 1))
            return false;
    gather_waits(run, op, waits, retries);
    const char *mistake = backoff_mistake(waits, retries, base, limit);
    if (!mistake)
        return never_blocked(exam, run);
    add_waits(&line, waits, retries);
    saw(exam, "waits of %s", text_chars(&line));
    text_free(&line);
    if (!*run->blocker || never_blocked(exam, run))
        likely(exam, "%s", mistake);
    return false;
}

/* When the last call was answered. */
static int64_t last_end(const struct run *run)
{
    int64_t ended = 0;

    for (size_t i = 0; i < run->call_count; i++)
        if (run->calls[i].ended > ended)
            ended = run->calls[i].ended;
    return ended;
}

bool begins_at_once(struct exam *exam, const struct run *run)
{
    if (run->call_count == 0 || same_time(run->calls[0].begun, 0))
        return true;
    saw(exam, "the first attempt began at %s", in_seconds(run->calls[0].begun));
    likely(exam, "a wait before the first attempt: there is one before each "
                 "retry, and no other");
    return false;
}

bool no_wait_at_the_end(struct exam *exam, const struct run *run)
{
    int64_t ended = last_end(run);

    if (same_time(run->returned_at, ended))
        return true;
    saw(exam, "the last attempt ended at %s, and your function returned at %s",
        in_seconds(ended), in_seconds(run->returned_at));
    likely(exam, run->returned_at > ended
                     ? "a wait after the last attempt, when nothing comes any "
                       "more: leave before the wait if that was the last"
                     : "it does not wait for what it has started");
    return false;
}

bool all_in_flight(struct exam *exam, const struct run *run)
{
    const char *gated = run->scenario->gated;
    size_t most = gated ? most_of(run, gated) : run->most_in_flight;

    if (run->gate_open)
        return true;
    if (run->gate_found_at == NEVER) {
        saw(exam, "it returned at %s, with %s in flight",
            in_seconds(run->returned_at), counted(run->open_at_return, "call"));
        likely(exam, "it does not wait for what it has started");
        return false;
    }
    saw(exam,
        "%zu of %zu in flight at %s, and nothing else to run; %zu at most "
        "later on",
        run->gate_found, run->scenario->gate, in_seconds(run->gate_found_at),
        most);
    likely(exam, most == 1
                     ? "one after another: each is awaited before the next is "
                       "started; spawn all, then gather"
                     : "started in groups, or held up by one another: start "
                       "all, then wait");
    return false;
}

bool took(struct exam *exam, const struct run *run, int64_t wanted)
{
    int64_t sum = sum_of(run->scenario);

    if (same_time(run->returned_at, wanted))
        return true;
    saw(exam, "it returned after %s, with %s in flight",
        in_seconds(run->returned_at), counted(run->open_at_return, "call"));
    if (*run->blocker)
        never_blocked(exam, run);
    else if (thousandfold(run->returned_at, wanted))
        likely(exam, "1000 times too long: async_sleep() takes seconds");
    else if (run->returned_at < wanted)
        likely(exam, "it returns before all have ended: gather waits for all");
    else if (same_time(run->returned_at, sum))
        likely(exam, "one after another: %s is the sum of all",
               in_seconds(sum));
    else if (run->returned_at > last_end(run))
        likely(exam, "a further wait when all have ended, which nobody asked "
                     "for");
    else
        likely(exam, "some are started only after others have ended");
    return false;
}

bool answers_in_place(struct exam *exam, const struct run *run,
                      const char *field)
{
    const struct answer *answers = run->scenario->answers;
    size_t n = run->scenario->n;

    for (size_t i = 0; i < n; i++) {
        const char *value = out_of(run, i, field);

        if (value && strcmp(value, answers[i].text) == 0)
            continue;
        saw(exam, "%s %zu is %s; %s was the answer", field, i, quoted(value),
            quoted(answers[i].text));
        likely(exam, value ? "made up, or not from this call"
                           : "the call got a copy of the struct, or never "
                             "ended");
        for (size_t other = 0; value && other < n; other++)
            if (strcmp(value, answers[other].text) == 0)
                likely(exam,
                       "it is the answer to call %zu: results stand in "
                       "argument order, not in that of completion",
                       other);
        return false;
    }
    return true;
}

static const char *why_wrong_counts(long successful, long failed, long n,
                                    long wanted_failed)
{
    if (successful == 0 && failed == 0)
        return "they are never written: successful and failed are fields of "
               "the batch";
    if (successful == n && wanted_failed > 0)
        return failed > 0
                   ? "all count as successes, and some as failures, too"
                   : "all count as successes: ask of each whether it failed";
    if (failed == 0 && successful == n - wanted_failed)
        return "the failures are not counted";
    if (successful == 0 && failed == wanted_failed)
        return "the successes are not counted";
    if (successful == wanted_failed && failed == n - wanted_failed)
        return "the wrong way round";
    if (successful + failed > n)
        return "some count more than once; and is each of both 0 at the start?";
    if (successful + failed < n)
        return "some count as neither: does the loop end before all are "
               "counted?";
    return "whether each has failed is not yet known when it is counted, or is "
           "asked of something else";
}

bool counts_right(struct exam *exam, const struct run *run, size_t failed,
                  const char *noun)
{
    long n = (long)run->scenario->n, wanted = (long)failed;
    long successful = out_number(run, 0, "successful");
    long told = out_number(run, 0, "failed");

    if (told == wanted && successful == n - wanted)
        return true;
    saw(exam,
        "successful is %ld and failed %ld, of %s; they are to be %ld "
        "and %ld",
        successful, told, counted(run->scenario->n, noun), n - wanted, wanted);
    likely(exam, "%s", why_wrong_counts(successful, told, n, wanted));
    return false;
}
