/*
 * tokens.c - how many tokens a text is.
 *
 * A regular expression cuts the text into pieces, about a word each. Of a piece
 * that is no token itself, the two neighbours that make the token of the lowest
 * rank are joined, again and again: byte pair encoding. Only the number of
 * tokens is kept. The vocabulary is a file, read when it is first needed.
 */
#include "llm/llm_private.h"

#include "scenario/scenario.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <limits.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Encodings --------------------------------------------------------- */

/* PCRE2's own \s has one character more, U+180E. */
#define SPACE                                                                  \
    "\\t-\\r\\x20\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}"          \
    "\\x{2029}\\x{202F}\\x{205F}\\x{3000}"
#define SUFFIX "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define UPPER  "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}"
#define LOWER  "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}"

/* Behind the words of both: numbers, other signs, line ends, blanks. */
#define REST(line_end)                                                         \
    "|\\p{N}{1,3}| ?[^" SPACE "\\p{L}\\p{N}]+[\\r\\n" line_end "]*"            \
    "|[" SPACE "]*[\\r\\n]+|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+"

struct llm_encoding {
    const char *name;
    uint32_t size; /* tokens of its vocabulary */
    const char *pattern;

    pthread_mutex_t mutex; /* of the rest, until ready */
    bool tried, ready;
    pcre2_code *splitter;
    bool jit;    /* as machine code */
    char *bytes; /* of all tokens, one behind the other */
    struct token *table;
    uint32_t mask;   /* its size less 1 */
    uint32_t *pairs; /* the ranks of all tokens of two bytes */
};

static struct llm_encoding cl100k_base = {
    .name = "cl100k_base",
    .size = 100256,
    .pattern = SUFFIX "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+" REST(""),
    .mutex = PTHREAD_MUTEX_INITIALIZER,
};

static struct llm_encoding o200k_base = {
    .name = "o200k_base",
    .size = 199998,
    .pattern =
        "[^\\r\\n\\p{L}\\p{N}]?[" UPPER "]*[" LOWER "]+" SUFFIX "?"
        "|[^\\r\\n\\p{L}\\p{N}]?[" UPPER "]+[" LOWER "]*" SUFFIX "?" REST("/"),
    .mutex = PTHREAD_MUTEX_INITIALIZER,
};

/* By the beginning of the name; the first that fits. */
static struct llm_encoding *encoding_of(const char *model)
{
    static const struct {
        const char *prefix;
        struct llm_encoding *encoding;
    } models[] = {
        {"gpt-4o", &o200k_base},   {"gpt-4.", &o200k_base},
        {"gpt-5", &o200k_base},    {"chatgpt-4o", &o200k_base},
        {"o1", &o200k_base},       {"o3", &o200k_base},
        {"o4", &o200k_base},       {"gpt-4", &cl100k_base},
        {"gpt-3.5", &cl100k_base},
    };

    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        if (strncmp(model, models[i].prefix, strlen(models[i].prefix)) == 0)
            return models[i].encoding;
    return NULL;
}

/* ---- The table of tokens ----------------------------------------------- */

enum { LONGEST_TOKEN = 255 };

/* What is no token; more than any rank. */
#define NO_RANK UINT32_MAX

/* A hash table's entry, 16 bytes: most tokens are no longer than head, and then
   one look into memory finds them. */
struct token {
    uint64_t head;                  /* its first 8 bytes, zeroes behind them */
    uint32_t rank : 24, length : 8; /* length 0: nobody is here */
    uint32_t at;                    /* of all of it, in bytes */
};

static uint64_t head_of(const char *bytes, size_t length)
{
    uint64_t head = 0;

    memcpy(&head, bytes, length < 8 ? length : 8);
    return head;
}

static uint32_t hash(const char *bytes, size_t length, uint64_t head)
{
    uint64_t h = (head ^ length) * 0x9E3779B97F4A7C15;

    for (size_t i = 8; i < length; i += 8)
        h = (h ^ (h >> 29) ^ head_of(bytes + i, length - i)) *
            0xBF58476D1CE4E5B9;
    return (uint32_t)(h >> 32);
}

/* The entry of these bytes, or the empty one that would be theirs. */
static struct token *find(const struct llm_encoding *encoding,
                          const char *bytes, size_t length)
{
    uint64_t head = head_of(bytes, length);
    uint32_t i = hash(bytes, length, head) & encoding->mask;

    for (;; i = (i + 1) & encoding->mask) {
        struct token *token = &encoding->table[i];

        if (!token->length ||
            (token->head == head && token->length == length &&
             (length <= 8 ||
              memcmp(encoding->bytes + token->at, bytes, length) == 0)))
            return token;
    }
}

static uint32_t rank_of(const struct llm_encoding *encoding, const char *bytes,
                        size_t length)
{
    if (length > LONGEST_TOKEN)
        return NO_RANK;
    const struct token *token = find(encoding, bytes, length);
    return token->length ? token->rank : NO_RANK;
}

static uint32_t rank_of_two(const struct llm_encoding *encoding,
                            const char *bytes)
{
    return encoding
        ->pairs[(unsigned char)bytes[0] << 8 | (unsigned char)bytes[1]];
}

/* ---- Reading a vocabulary ---------------------------------------------- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes up to something else into bytes; how many these are. */
static size_t decode_base64(const char **text, char *bytes)
{
    uint32_t bits = 0;
    size_t length = 0;
    int n_bits = 0;

    for (int digit; (digit = base64_digit(**text)) >= 0; ++*text) {
        bits = bits << 6 | (uint32_t)digit;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            bytes[length++] = (char)(bits >> n_bits);
        }
    }
    *text += strspn(*text, "=");
    return length;
}

/* Reads all lines, "TOKEN RANK" with the token in base 64, in ranks' order. */
static bool read_lines(struct llm_encoding *encoding, const char *text)
{
    size_t used = 0;
    uint32_t rank = 0;

    for (; *text; rank++) {
        char *end, *bytes = encoding->bytes + used;
        size_t length = decode_base64(&text, bytes);

        if (length == 0 || length > LONGEST_TOKEN || *text != ' ' ||
            strtoul(text, &end, 10) != rank || rank == encoding->size)
            return false;
        struct token *token = find(encoding, bytes, length);
        *token = (struct token){.head = head_of(bytes, length),
                                .rank = rank & 0xFFFFFF,
                                .length = length & 0xFF,
                                .at = (uint32_t)used};
        used += length;
        text = end + strspn(end, "\r\n");
    }
    return rank == encoding->size;
}

/* The beginning of all joining, without a search. */
static bool list_pairs(struct llm_encoding *encoding)
{
    encoding->pairs = malloc((1 << 16) * sizeof *encoding->pairs);
    for (int i = 0; encoding->pairs && i < 1 << 16; i++) {
        const char pair[2] = {(char)(i >> 8), (char)i};

        encoding->pairs[i] = rank_of(encoding, pair, 2);
    }
    return encoding->pairs != NULL;
}

/* The whole file, with a NUL behind it; NULL if it cannot be read. */
static char *read_file(const char *path, size_t *size)
{
    const size_t limit = 16 << 20;
    FILE *file = fopen(path, "rbe");
    char *text = file ? malloc(limit + 1) : NULL;

    *size = text ? fread(text, 1, limit, file) : 0;
    if (file)
        fclose(file);
    if (text)
        text[*size] = '\0';
    return text;
}

static bool read_vocabulary(struct llm_encoding *encoding)
{
    const char *folder = getenv("LLM_VOCAB");
    char *path = NULL, *text = NULL;
    bool complete = false;
    size_t size;

    if (asprintf(&path, "%s/%s.tiktoken", folder && *folder ? folder : "vocab",
                 encoding->name) < 0)
        return false;
    text = read_file(path, &size);
    free(path);
    if (!text)
        return false;
    /* Three quarters of it, were there nothing else. */
    encoding->bytes = malloc(size + 1);
    encoding->mask = (1U << 18) - 1;
    while (encoding->mask < 2 * encoding->size)
        encoding->mask = 2 * encoding->mask + 1;
    encoding->table =
        calloc((size_t)encoding->mask + 1, sizeof *encoding->table);
    if (encoding->bytes && encoding->table)
        complete = read_lines(encoding, text) && list_pairs(encoding);
    free(text);
    return complete;
}

static bool compile_splitter(struct llm_encoding *encoding)
{
    int error;
    PCRE2_SIZE at;

    encoding->splitter = pcre2_compile(
        (PCRE2_SPTR)encoding->pattern, PCRE2_ZERO_TERMINATED,
        PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &error, &at, NULL);
    if (!encoding->splitter)
        return false;
    /* Where that fails matching is slower, and no less right. */
    encoding->jit =
        pcre2_jit_compile(encoding->splitter, PCRE2_JIT_COMPLETE) == 0;
    return true;
}

/* The first time only: a file that comes later is not looked for. */
static bool load(struct llm_encoding *encoding)
{
    pthread_mutex_lock(&encoding->mutex);
    if (!encoding->tried)
        encoding->ready =
            compile_splitter(encoding) && read_vocabulary(encoding);
    encoding->tried = true;
    bool ready = encoding->ready;
    pthread_mutex_unlock(&encoding->mutex);
    return ready;
}

/* ---- Joining pairs ----------------------------------------------------- */

/* A part of a piece: from start to the next part's. */
struct part {
    uint32_t start;
    uint32_t rank; /* of it and the next one, joined */
};

static uint32_t pair_rank(const struct llm_encoding *encoding,
                          const char *piece, const struct part *parts, size_t i,
                          size_t n)
{
    if (i + 2 > n)
        return NO_RANK;
    return rank_of(encoding, piece + parts[i].start,
                   parts[i + 2].start - parts[i].start);
}

/* O(length^2), and the fastest there is for so few. parts has room for one more
   than length. */
static size_t join_few(const struct llm_encoding *encoding, const char *piece,
                       size_t length, struct part *parts)
{
    size_t n = length;

    for (size_t i = 0; i <= length; i++)
        parts[i] = (struct part){
            (uint32_t)i,
            i + 1 < length ? rank_of_two(encoding, piece + i) : NO_RANK};
    for (;;) {
        size_t best = 0;

        for (size_t i = 1; i + 1 < n; i++)
            if (parts[i].rank < parts[best].rank)
                best = i;
        if (n < 2 || parts[best].rank == NO_RANK)
            return n;
        memmove(&parts[best + 1], &parts[best + 2],
                (n - best - 1) * sizeof *parts);
        n--;
        parts[best].rank = pair_rank(encoding, piece, parts, best, n);
        if (best > 0)
            parts[best - 1].rank =
                pair_rank(encoding, piece, parts, best - 1, n);
    }
}

/*
 * For long pieces (a megabyte of one letter, say): the parts are a list, and a
 * heap knows the best pair, in O(length * log(length)). What is in the heap may
 * be out of date: it counts only if the part still has that rank.
 */
struct link {
    uint32_t previous, next, rank;
};

struct candidate {
    uint32_t rank, at;
};

struct long_piece {
    const struct llm_encoding *encoding;
    const char *bytes;
    uint32_t length;
    struct link *links; /* by the part's first byte */
    struct candidate *heap;
    size_t n, room;
};

static bool is_better(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static bool push(struct long_piece *piece, struct candidate candidate)
{
    size_t i = piece->n;

    if (i == piece->room) {
        size_t room = 2 * i + 64;
        struct candidate *heap = realloc(piece->heap, room * sizeof *heap);
        if (!heap)
            return false;
        piece->heap = heap;
        piece->room = room;
    }
    piece->n++;
    for (; i > 0 && is_better(&candidate, &piece->heap[(i - 1) / 2]);
         i = (i - 1) / 2)
        piece->heap[i] = piece->heap[(i - 1) / 2];
    piece->heap[i] = candidate;
    return true;
}

static struct candidate pop(struct long_piece *piece)
{
    struct candidate best = piece->heap[0], last = piece->heap[--piece->n];
    size_t i = 0;

    for (size_t child; (child = 2 * i + 1) < piece->n; i = child) {
        if (child + 1 < piece->n &&
            is_better(&piece->heap[child + 1], &piece->heap[child]))
            child++;
        if (!is_better(&piece->heap[child], &last))
            break;
        piece->heap[i] = piece->heap[child];
    }
    piece->heap[i] = last;
    return best;
}

/* What the part that begins at and its neighbour are worth now. */
static bool rate(struct long_piece *piece, uint32_t at)
{
    struct link *link = &piece->links[at];

    link->rank = NO_RANK;
    if (link->next == piece->length)
        return true;
    uint32_t end = piece->links[link->next].next;
    link->rank = rank_of(piece->encoding, piece->bytes + at, end - at);
    return link->rank == NO_RANK ||
           push(piece, (struct candidate){link->rank, at});
}

static bool join_next(struct long_piece *piece, uint32_t at)
{
    struct link *link = &piece->links[at], *gone = &piece->links[link->next];

    gone->rank = NO_RANK;
    link->next = gone->next;
    if (link->next < piece->length)
        piece->links[link->next].previous = at;
    return rate(piece, at) && (at == 0 || rate(piece, link->previous));
}

/* The number of tokens; 0 without memory. */
static size_t join_many(const struct llm_encoding *encoding, const char *bytes,
                        size_t length)
{
    struct long_piece piece = {encoding, bytes, (uint32_t)length, NULL, NULL,
                               0,        0};
    size_t count = length;
    bool good = true;

    piece.links = malloc(length * sizeof *piece.links);
    if (!piece.links)
        return 0;
    for (uint32_t i = 0; i < length; i++)
        piece.links[i] = (struct link){i ? i - 1 : 0, i + 1, NO_RANK};
    for (uint32_t i = 0; i < length && good; i++)
        good = rate(&piece, i);
    while (good && piece.n > 0) {
        struct candidate best = pop(&piece);

        if (piece.links[best.at].rank != best.rank)
            continue;
        good = join_next(&piece, best.at);
        count--;
    }
    free(piece.links);
    free(piece.heap);
    return good ? count : 0;
}

/* ---- Counting ---------------------------------------------------------- */

enum { FEW = 128 };

static size_t count_piece(const struct llm_encoding *encoding,
                          const char *piece, size_t length)
{
    struct part parts[FEW + 1];

    if (rank_of(encoding, piece, length) != NO_RANK)
        return 1;
    if (length <= FEW)
        return join_few(encoding, piece, length, parts);
    return join_many(encoding, piece, length);
}

/* How long the piece is that begins there; 0 without memory. */
static size_t piece_length(const struct llm_encoding *encoding,
                           const char *text, size_t size, size_t at,
                           pcre2_match_data *match)
{
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(match);
    int found = -1;

    if (encoding->jit)
        found = pcre2_jit_match(encoding->splitter, (PCRE2_SPTR)text, size, at,
                                0, match, NULL);
    /* A piece too long for the machine code's stack, say. */
    if (found < 0)
        found = pcre2_match(encoding->splitter, (PCRE2_SPTR)text, size, at,
                            PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match, NULL);
    /* The pattern matches wherever there is a character. */
    return found > 0 && range[0] == at ? range[1] - at : 0;
}

static long count_exactly(const struct llm_encoding *encoding, const char *text)
{
    size_t size = strlen(text), at = 0, n = 1;
    long count = 0;
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);

    if (!match)
        return -ENOMEM;
    while (at < size && n > 0) {
        size_t length = piece_length(encoding, text, size, at, match);

        n = length ? count_piece(encoding, text + at, length) : 0;
        count += (long)n;
        at += length;
    }
    pcre2_match_data_free(match);
    return at < size || n == 0 ? -ENOMEM : count;
}

long llm_count_tokens(const struct llm_client *client, const char *text,
                      bool *exact)
{
    struct llm_encoding *encoding = encoding_of(client->model);
    const char *end = text ? llm_utf8_end(text) : NULL;

    *exact = false;
    if (!text)
        return async_raise(-EINVAL, "llm_count_tokens: the text is NULL");
    if (*end)
        return async_raise(-EILSEQ, "the text is not UTF-8 at byte %zu",
                           (size_t)(end - text));
    if (strlen(text) > INT_MAX)
        return async_raise(-EFBIG, "the text is larger than 2 GiB");
    *exact = encoding && load(encoding);
    return *exact ? count_exactly(encoding, text) : scenario_tokens(text);
}
