/*
 * words.h - how judge and driver write a text as one word of a message line.
 *
 * "=" and the text, whatever is not plain printable ASCII as %XX; a missing
 * text (NULL) is "-". So a text can never end a line, nor look like two words.
 */
#ifndef VERIFY_WORDS_H
#define VERIFY_WORDS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The channel's file descriptor in the child. */
enum { CHANNEL = 3 };

/* The judge's first line is a random word, and each line of the driver begins
   with it: what a submission writes to that descriptor does not. */
enum { SECRET_LENGTH = 16 };

/* The word for a text; the caller frees it. NULL without memory. */
static inline char *word_of(const char *text)
{
    char *word = malloc(text ? 3 * strlen(text) + 2 : 2), *end = word;

    if (!word)
        return NULL;
    *end++ = text ? '=' : '-';
    for (; text && *text; text++) {
        if (*text > ' ' && *text < 127 && *text != '%')
            *end++ = *text;
        else
            end += sprintf(end, "%%%02X", (unsigned char)*text);
    }
    *end = '\0';
    return word;
}

static inline int hex_digit(char digit)
{
    const char *digits = "0123456789ABCDEF";
    const char *found = digit ? strchr(digits, digit) : NULL;

    return found ? (int)(found - digits) : -1;
}

/*
 * Turns a word back into its text, in place: *text points into word, or is
 * NULL. Returns whether it was such a word.
 */
static inline bool text_of(char *word, char **text)
{
    char *end = word;

    *text = NULL;
    if (strcmp(word, "-") == 0)
        return true;
    if (*word != '=')
        return false;
    for (const char *from = word + 1; *from; from++) {
        if (*from != '%') {
            *end++ = *from;
            continue;
        }
        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *end++ = (char)(16 * high + low);
        from += 2;
    }
    *end = '\0';
    *text = word;
    return true;
}

#endif
