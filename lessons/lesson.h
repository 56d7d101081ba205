/*
 * lesson.h - predict first: a question before the run, and the guess beside
 * the result after it.
 *
 * Only at a terminal, so that a lesson's output at a pipe is always the same.
 * PREDICT=0 in the environment asks nothing.
 */
#ifndef LESSON_H
#define LESSON_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *lesson_guess; /* NULL: not asked, or skipped */

/* Call it first: shows the question and keeps the answer; Enter skips it. */
static void lesson_begin(const char *question)
{
    /* A line appears when it is printed, at a pipe as well. */
    setvbuf(stdout, NULL, _IOLBF, 0);

    const char *predict = getenv("PREDICT");
    if (predict && strcmp(predict, "0") == 0)
        return;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return;

    printf("Predict: %s\n", question);
    printf("Your guess (Enter skips): ");
    fflush(stdout);

    size_t size = 0;
    ssize_t length = getline(&lesson_guess, &size, stdin);
    if (length > 0 && lesson_guess[length - 1] == '\n')
        lesson_guess[--length] = '\0';
    if (length <= 0) {
        free(lesson_guess);
        lesson_guess = NULL;
    }
    printf("\n");
}

/* Call it last: shows the guess, if there was one, beside what happened. */
__attribute__((format(printf, 1, 2))) static void
lesson_end(const char *what_happened, ...)
{
    if (!lesson_guess)
        return;
    printf("\nYou predicted: %s\nWhat happened: ", lesson_guess);

    va_list arguments;
    va_start(arguments, what_happened);
    vprintf(what_happened, arguments);
    va_end(arguments);

    printf("\n");
    free(lesson_guess);
    lesson_guess = NULL;
}

#endif
