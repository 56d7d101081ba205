/*
 * text.c - growing texts, memory that is there or ends the program, random
 * numbers: what the rest of the judge takes for granted.
 */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

void die(int status, const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fprintf(stderr, "verify: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    exit(status);
}

void *must_calloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);

    if (!memory)
        die(EXIT_MACHINE, "out of memory");
    return memory;
}

void *must_grow(void *array, size_t count, size_t size)
{
    /* Doubled when it is full, and it is full at each power of two. */
    if ((count & (count - 1)) != 0)
        return array;
    array = realloc(array, (2 * count + 1) * size);
    if (!array)
        die(EXIT_MACHINE, "out of memory");
    return array;
}

static void make_room(struct text *text, size_t n)
{
    if (text->length + n < text->room)
        return;
    text->room = 2 * (text->length + n) + 64;
    text->chars = realloc(text->chars, text->room);
    if (!text->chars)
        die(EXIT_MACHINE, "out of memory");
}

void text_add_bytes(struct text *text, const char *bytes, size_t n)
{
    make_room(text, n + 1);
    memcpy(text->chars + text->length, bytes, n);
    text->length += n;
    text->chars[text->length] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
    va_list arguments, again;

    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    make_room(text, (size_t)length + 1);
    vsnprintf(text->chars + text->length, (size_t)length + 1, format, again);
    text->length += (size_t)length;
    va_end(again);
    va_end(arguments);
}

void text_drop(struct text *text, size_t n)
{
    text->length -= n;
    memmove(text->chars, text->chars + n, text->length + 1);
}

void text_free(struct text *text)
{
    free(text->chars);
    *text = (struct text){0};
}

const char *text_chars(const struct text *text)
{
    return text->chars ? text->chars : "";
}

/* Invisible characters that move or hide others: writing direction, joiners,
   a byte order mark. */
static bool plays_tricks(wint_t c)
{
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0xad;
}

/* The next character as it can be shown; returns how many bytes it took. */
static size_t show_character(char *shown, size_t room, const char *bytes,
                             size_t n)
{
    mbstate_t state = {0};
    wchar_t c;
    size_t length = mbrtowc(&c, bytes, n, &state);

    if (length >= 1 && length <= n && iswprint((wint_t)c) &&
        !plays_tricks((wint_t)c)) {
        snprintf(shown, room, "%.*s", (int)length, bytes);
        return length;
    }
    if (*bytes == '\n' || *bytes == '\t')
        snprintf(shown, room, "%s", *bytes == '\n' ? "\\n" : "\\t");
    else
        snprintf(shown, room, "\\x%02x", (unsigned char)*bytes);
    return 1;
}

void text_add_visible(struct text *text, const char *bytes, size_t n,
                      size_t columns)
{
    size_t used = 0, whole = text->length, i = 0;

    while (i < n) {
        char shown[MB_LEN_MAX + 8];
        i += show_character(shown, sizeof shown, bytes + i, n - i);
        /* A multibyte character is taken to be as wide as it can be. */
        size_t width = (unsigned char)*shown < 128 ? strlen(shown) : 2;

        if (used + width + (i < n ? 3 : 0) <= columns)
            whole = text->length + strlen(shown);
        if (used + width > columns) {
            text->length = whole < text->length ? whole : text->length;
            text_add(text, "...");
            return;
        }
        text_add(text, "%s", shown);
        used += width;
    }
}

int text_read_file(struct text *text, const char *path, size_t limit)
{
    /* Not blocking: opening a named pipe would wait for its writer. No links:
       what they lead to is not the student's work. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    char bytes[8192];
    ssize_t n = 0;
    int err = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status))
        err = -errno;
    else if (!S_ISREG(status.st_mode))
        err = -EINVAL;
    while (!err && (n = read(fd, bytes, sizeof bytes)) > 0) {
        text_add_bytes(text, bytes, (size_t)n);
        if (text->length > limit)
            err = -EFBIG;
    }
    if (n < 0)
        err = -errno;
    close(fd);
    return err;
}

/* Into a file beside it, that then takes its name: whoever reads it meanwhile,
   and whoever kills us, finds the old one or the new one. */
static bool write_beside(const struct text *text, const char *path)
{
    char beside[PATH_MAX];
    int length =
        snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid());

    if (length < 0 || (size_t)length >= sizeof beside)
        return false;
    FILE *file = fopen(beside, "we");
    if (!file)
        return false;
    bool good = fwrite(text_chars(text), 1, text->length, file) == text->length;
    good = fclose(file) == 0 && good;
    if (good && rename(beside, path) == 0)
        return true;
    remove(beside);
    return false;
}

bool text_write_file(const struct text *text, const char *path)
{
    struct stat status;

    /* A pipe or a device has no content to replace. */
    if (stat(path, &status) || S_ISREG(status.st_mode))
        return write_beside(text, path);
    FILE *file = fopen(path, "we");
    if (!file)
        return false;
    bool good = fwrite(text_chars(text), 1, text->length, file) == text->length;
    return fclose(file) == 0 && good;
}

uint64_t hash_of(uint64_t hash, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

const char *in_seconds(int64_t ns)
{
    static char buffers[8][32];
    static int next;
    char *buffer = buffers[next++ % 8];
    int decimals = 6;
    /* A sum of many blocked moments is off by some nanoseconds. */
    int64_t unit = llabs(ns) < 100 * SECOND ? 1000 : 1000000;
    int64_t micro = (ns + (ns < 0 ? -unit : unit) / 2) / unit * (unit / 1000);

    for (int64_t rest = micro; decimals > 1 && rest % 10 == 0; rest /= 10)
        decimals--;
    snprintf(buffer, sizeof buffers[0], "%.*f s", decimals,
             (double)micro / 1e6);
    return buffer;
}

double real_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The remainder favours small numbers by less than n in 2^64. */
size_t random_below(struct random *random, size_t n)
{
    return (size_t)(random_next(random) % n);
}

uint64_t random_number(void)
{
    uint64_t number;

    if (getentropy(&number, sizeof number))
        die(EXIT_MACHINE, "no random numbers: %s", strerror(errno));
    return number;
}

void random_word(char *word, size_t n)
{
    struct random random = {random_number()};

    for (size_t i = 0; i < n; i++)
        word[i] = (char)('a' + random_below(&random, 26));
    word[n] = '\0';
}
