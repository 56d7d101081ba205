/*
 * text.h - memory and growing texts for a program that never runs on without
 * memory: the judge says so and gives up, which is the machine's fault.
 */
#ifndef VERIFY_TEXT_H
#define VERIFY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The judge's exit statuses; the greater one wins. */
enum { EXIT_GRADED = 0, EXIT_USAGE = 1, EXIT_UNGRADABLE = 2, EXIT_MACHINE = 3 };

/* Prints "verify: ..." to standard error and exits with status. */
void die(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* count zeroed elements; the caller frees them. */
void *must_calloc(size_t count, size_t size);

/*
 * Room for one element more than the count that array holds: pass and assign
 * the array, then write array[count++].
 */
void *must_grow(void *array, size_t count, size_t size);

/* A text that grows. All zeroes is the empty one. */
struct text {
    char *chars; /* ends in NUL; NULL while nothing was added */
    size_t length, room;
};

void text_add(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const char *bytes, size_t n);
/* What a student wrote, as it can be shown: control characters, and whatever
   the locale cannot print, as \n or \x1b. At most columns wide, or "..." ends
   it. */
void text_add_visible(struct text *text, const char *bytes, size_t n,
                      size_t columns);
/* Forgets the first n bytes. */
void text_drop(struct text *text, size_t n);
void text_free(struct text *text);
/* The characters, "" if there are none. */
const char *text_chars(const struct text *text);

/* A whole file, as long as it is regular and no longer than limit: 0, or a
   negative errno value (-EFTYPE has no portable name: -EINVAL, -EFBIG). */
int text_read_file(struct text *text, const char *path, size_t limit);

/* Writes a file anew, as a whole or not at all: returns whether it did. */
bool text_write_file(const struct text *text, const char *path);

/* A number for some bytes, going on from another one (FNV-1a). */
#define HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t hash_of(uint64_t hash, const char *bytes, size_t n);

/* Times are nanoseconds. */
#define SECOND      INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)

/* A time as "0.42 s", with as many decimals as it takes up to microseconds,
   from 100 s on to milliseconds. One of a few static buffers. */
const char *in_seconds(int64_t ns);

/* Of a clock that only goes on. */
double real_seconds(void);

/* Random numbers that follow from a seed (splitmix64). */
struct random {
    uint64_t state;
};
uint64_t random_next(struct random *random);
size_t random_below(struct random *random, size_t n);

/* Numbers and letters that nobody can foretell: from the system. */
uint64_t random_number(void);
void random_word(char *word, size_t n); /* n letters and a zero byte */

#endif
