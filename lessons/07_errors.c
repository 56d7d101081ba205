/*
 * Lesson 7: an error travels up.
 *
 * What it shows: an error is the int that a coroutine returns, with a text
 * beside it. It goes up from call to call, by `return err`, and out of a task
 * to whoever awaits it, until somebody knows what to do about it.
 *
 * Run it:  make lesson7 (2 s; at once: ASYNC_CLOCK=virtual make lesson7)
 * Predict: The call to the API fails. How often is "Report written."
 *          printed, where nobody looks and where somebody does?
 * Expect:  (among other lines)
 *     Report written.
 *     Meanwhile, something else...
 *     Error caught: API rate limit exceeded!
 * Chapter: Part 4, "Basic Try/Except with Async".
 */
#include "async/async.h"

#include "lesson.h"

#include <errno.h>

struct api_call {
    const char *prompt; /* in */
    char answer[64];    /* out */
};

struct report {
    const char *text; /* in */
    char *summary;    /* out, the caller frees it */
};

/* Stands for a server that has had enough of our calls. */
static int risky_api_call(void *job)
{
    struct api_call *call = job;

    printf("Asking: %s\n", call->prompt);
    int err = async_sleep(1.0);
    if (err)
        return err;
    return async_raise(-EBUSY, "API rate limit exceeded!");
}

/* The naive way: what the call returns is dropped. */
static int write_report_careless(void *job)
{
    struct report *report = job;
    struct api_call call = {.prompt = report->text};

    risky_api_call(&call);
    report->summary = strdup(call.answer);
    printf("Report written.\n");
    /* It may have been a Ctrl-C that was dropped: this still knows. */
    return async_cancelling() ? ASYNC_ECANCELED : 0;
}

static int summarize(void *job)
{
    struct report *report = job;
    char *prompt;

    if (asprintf(&prompt, "Summarize: %s", report->text) < 0)
        return -ENOMEM;
    struct api_call call = {.prompt = prompt};
    int err = risky_api_call(&call);
    free(prompt); /* whether it succeeded or not */
    if (err)
        return err;
    report->summary = strdup(call.answer);
    return report->summary ? 0 : -ENOMEM;
}

static int write_report(void *job)
{
    struct report *report = job;

    int err = summarize(report);
    if (err)
        return err;
    printf("Report written.\n");
    return 0;
}

/* try: await task; except the rate limit, as e: print(e) */
static int catch_it(void *job)
{
    struct async_task task;

    async_spawn(&task, write_report, job);
    printf("Meanwhile, something else...\n");
    int err = async_await(&task);
    if (err == -EBUSY) {
        printf("Error caught: %s\n", async_errmsg(err));
        return 0;
    }
    return err; /* success, or an error that is not ours to handle */
}

static int run(const char *title, async_fn *way)
{
    struct report report = {.text = "Engineering report 0..."};

    printf("%s:\n", title);
    double start = async_now();
    int status = async_main(way, &report);
    if (status == 0)
        printf("Summary: %s. It took %.1f s.\n",
               report.summary ? "an empty one" : "none", async_now() - start);
    free(report.summary);
    return status;
}

int main(void)
{
    lesson_begin("The call to the API fails. How often is \"Report written.\"\n"
                 "printed, where nobody looks and where somebody does?");

    int status = run("Nobody looks at the error", write_report_careless);
    if (status == 0)
        status = run("\nIt travels up, and is caught", catch_it);
    if (status == 0)
        lesson_end("once, where nobody looked; the summary was empty");
    return status;
}
