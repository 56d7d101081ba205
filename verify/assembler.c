/*
 * assembler.c - see assembler.h. A directive takes a dot or a line of its own,
 * so that a string without dot and backslash has none. System headers rename
 * functions by asm("name"), and have attributes with sentences.
 */
#include "assembler.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Where a string would get to the assembler. */
enum place { ELSEWHERE, IN_ASM, IN_ATTRIBUTE };

struct scan {
    const char *at;
    enum place place;
    int depth; /* of parentheses and brackets, in such a place */
    bool found;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

/* A string or a character: at is behind it then. */
static void skip_quoted(struct scan *scan)
{
    char quote = *scan->at++;
    bool dot = false, backslash = false;

    for (; *scan->at && *scan->at != quote; scan->at++) {
        dot |= *scan->at == '.';
        if (*scan->at == '\\') {
            backslash = true;
            scan->at += scan->at[1] != '\0';
        }
    }
    scan->at += *scan->at != '\0';
    scan->found |= (scan->place == IN_ASM && (dot || backslash)) ||
                   (scan->place == IN_ATTRIBUTE && backslash);
}

static void skip_word(struct scan *scan)
{
    static const char *const words[][2] = {{"asm", "__attribute"},
                                           {"__asm", "__attribute__"},
                                           {"__asm__", "__attribute__"}};
    const char *word = scan->at;

    while (is_word(*scan->at))
        scan->at++;
    size_t length = (size_t)(scan->at - word);
    for (int i = 0; i < 3 && scan->depth == 0; i++)
        for (int place = IN_ASM; place <= IN_ATTRIBUTE; place++)
            if (strlen(words[i][place - IN_ASM]) == length &&
                memcmp(words[i][place - IN_ASM], word, length) == 0)
                scan->place = (enum place)place;
}

static bool opens(const char *at)
{
    return *at == '(' || *at == '[' || strncmp(at, "<:", 2) == 0;
}

static bool closes(const char *at)
{
    return *at == ')' || *at == ']' || strncmp(at, ":>", 2) == 0;
}

/* Two brackets, with nothing but blanks between them: an attribute, too. */
static bool opens_twice(const char *at)
{
    if (*at == '(' || !opens(at))
        return false;
    at += *at == '[' ? 1 : 2;
    at += strspn(at, " \n");
    return *at != '(' && opens(at);
}

static void skip_mark(struct scan *scan)
{
    if (scan->place == ELSEWHERE && opens_twice(scan->at))
        scan->place = IN_ATTRIBUTE;
    if (scan->place != ELSEWHERE) {
        scan->depth += opens(scan->at);
        scan->depth -= closes(scan->at);
        /* All of it was seen; or there was nothing in parentheses. */
        if (scan->depth <= 0 && (closes(scan->at) || strchr(";{}", *scan->at)))
            scan->place = ELSEWHERE;
        scan->depth = scan->place == ELSEWHERE ? 0 : scan->depth;
    }
    scan->at += *scan->at == '<' || *scan->at == ':'
                    ? 1 + (opens(scan->at) || closes(scan->at))
                    : 1;
}

/* #ident "text" is written out as it stands. */
static void skip_directive(struct scan *scan)
{
    size_t length = strcspn(scan->at, "\n");
    const char *name = scan->at + 1 + strspn(scan->at + 1, " ");

    if (strncmp(name, "ident", 5) == 0 || strncmp(name, "sccs", 4) == 0)
        scan->found |= memchr(scan->at, '\\', length) != NULL;
    scan->at += length;
}

bool assembler_is_used(const char *tokens)
{
    struct scan scan = {.at = tokens};
    bool begins_line = true;

    while (*scan.at && !scan.found) {
        bool blank = *scan.at == ' ' || *scan.at == '\n';
        bool starts = *scan.at == '\n' || (begins_line && blank);

        if (*scan.at == '#' && begins_line)
            skip_directive(&scan);
        else if (*scan.at == '"' || *scan.at == '\'')
            skip_quoted(&scan);
        else if (is_word(*scan.at))
            skip_word(&scan);
        else
            skip_mark(&scan);
        begins_line = starts;
    }
    return scan.found;
}
