/*
 * diagnosis.c - what many checks ask of a run, and which mistake it looks like
 * if the answer is no.
 */
#include "exam.h"

#include <errno.h>
#include <string.h>

bool succeeded(struct exam *exam, const struct run *run)
{
    if (run->returned == 0)
        return true;
    saw(exam, "your function returned %s (%s) at %s", error_name(run->returned),
        quoted(run->errmsg), in_seconds(run->returned_at));
    likely(exam, run->returned == -ENOSYS
                     ? "this part is not written yet"
                     : "an error that nobody asked for: where does it come "
                       "from?");
    return false;
}

bool stopped_at_once(struct exam *exam, const struct run *run)
{
    if (run->cancelled_at == NEVER) {
        saw(exam,
            "your function had returned %s by %s, before it was cancelled",
            error_name(run->returned), in_seconds(run->returned_at));
        likely(exam, "it does not wait for what it is to wait for");
    } else if (!same_time(run->returned_at, run->cancelled_at)) {
        saw(exam, "cancelled at %s, your function returned %s at %s",
            in_seconds(run->cancelled_at), error_name(run->returned),
            in_seconds(run->returned_at));
        likely(exam, "the error of a suspending call was ignored, or the "
                     "thread was blocked");
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
        return true;
    }
    return false;
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
    if (made == 0) {
        saw(exam, "none of the %s was made", counted(n, "call"));
        likely(exam, "it returns before it has started anything");
    } else if (times == 0) {
        saw(exam, "only %zu of %zu calls were made", made, n);
        likely(exam, "a loop that ends too early, or a number that is fixed: "
                     "n comes in the job");
    } else {
        saw(exam, "call %zu was made %zu times, and %zu others never", worst,
            times, n - made);
        likely(exam, made == n ? "started more often than once: in two loops, "
                                 "or awaited and spawned"
                               : "all tasks got the same job: the first "
                                 "element, or a shared variable");
    }
    return false;
}

bool all_in_flight(struct exam *exam, const struct run *run)
{
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
        run->most_in_flight);
    likely(exam, run->most_in_flight == 1
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
    if (run->returned_at < wanted)
        likely(exam, "it returns before all have ended: gather waits for all");
    else if (same_time(run->returned_at, sum))
        likely(exam, "one after another: %s is the sum of all",
               in_seconds(sum));
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
