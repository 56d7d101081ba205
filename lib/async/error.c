/*
 * error.c - errors and their texts.
 *
 * Each task keeps the text of its latest error; a thread outside of tasks has
 * one, too. Nothing is allocated: an error can be raised when memory is out.
 */
#include "async/runtime.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct async_error *latest(void)
{
    static _Thread_local char text[ASYNC_ERRMSG_SIZE];
    static _Thread_local struct async_error outside;
    struct async_coroutine *task = async_current();

    outside.text = text;
    return task ? &task->error : &outside;
}

int async_record_error(int err, const char *text)
{
    struct async_error *error = latest();

    error->err = text[0] ? err : 0;
    snprintf(error->text, ASYNC_ERRMSG_SIZE, "%s", text);
    return err;
}

/* Cuts text to length bytes, "..." included, between two characters. */
static void cut(char *text, size_t length)
{
    size_t end = length - 3;

    /* 10xxxxxx continues a character, and must not be the first to go. */
    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    strcpy(text + end, "...");
}

int async_raise(int err, const char *format, ...)
{
    /* Not straight into the error: its old text may be an argument. */
    char text[ASYNC_ERRMSG_SIZE];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        text[0] = '\0';
    else if ((size_t)length >= sizeof text)
        cut(text, sizeof text - 1);
    return async_record_error(err, text);
}

const char *async_errmsg(int err)
{
    struct async_error *error = latest();

    return err && error->err == err ? error->text : async_strerror(err);
}

/* Once added, a module's names stay: readers need no lock. */
static struct async_error_names *_Atomic modules;

void async_name_errors(struct async_error_names *names)
{
    if (atomic_exchange(&names->added, true))
        return;
    names->next = modules;
    while (!atomic_compare_exchange_weak(&modules, &names->next, names)) {
        /* Another thread was faster; names->next is what it has added. */
    }
}

const char *async_strerror(int err)
{
    static _Thread_local char unknown[48];

    switch (err) {
    case 0:
        return "success";
    case ASYNC_ECANCELED:
        return "the task was cancelled";
    case ASYNC_ETIMEDOUT:
        return "the time was up";
    case ASYNC_EINPROGRESS:
        return "the task has not been awaited";
    case ASYNC_ENOLOOP:
        return "a suspending call outside of any task";
    case ASYNC_ENESTED:
        return "async_run inside async_run";
    case ASYNC_EDEADLK:
        return "deadlock: nothing is left that could wake anybody";
    case ASYNC_ENOMEM:
        return "no memory for one more task";
    case ASYNC_EINTERRUPTED:
        return "interrupted";
    case ASYNC_ECLOSED:
        return "the queue is closed";
    default:
        break;
    }
    if (err < 0 && err > -1000)
        return strerror(-err);
    for (struct async_error_names *names = modules; names; names = names->next)
        if (err <= names->first && err >= names->last)
            return names->name(err);
    snprintf(unknown, sizeof unknown,
             err < 0 ? "error %d" : "%d is no error: these are negative", err);
    return unknown;
}
