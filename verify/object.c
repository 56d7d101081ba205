/*
 * object.c - reading an object file's sections and names.
 *
 * A student's functions run when they are called. Code of theirs that runs
 * earlier could speak to the judge before the driver does, and a function that
 * a sanitizer calls, if there is one, could tell it to find no leak. Neither
 * shows in a run, but both show here.
 */
#include "object.h"

#include <string.h>

#ifdef __ELF__

#include <link.h>

enum { OBJECT_MAX_BYTES = 64 * 1024 * 1024 };

/* The file as a whole; every use of a number in it is checked against its
   length, since assembler can write what it likes. */
struct object {
    const char *bytes;
    size_t length;
    const ElfW(Ehdr) * header;
};

static const void *at(const struct object *object, size_t offset, size_t n)
{
    if (offset > object->length || n > object->length - offset)
        return NULL;
    return object->bytes + offset;
}

static const ElfW(Shdr) * section(const struct object *object, size_t i)
{
    const ElfW(Ehdr) *header = object->header;

    if (i >= header->e_shnum)
        return NULL;
    return at(object, header->e_shoff + i * sizeof(ElfW(Shdr)),
              sizeof(ElfW(Shdr)));
}

/* A string of a section with strings; "" if it is not there. */
static const char *string(const struct object *object, size_t table,
                          size_t offset)
{
    const ElfW(Shdr) *strings = section(object, table);
    const char *text;

    if (!strings || offset >= strings->sh_size)
        return "";
    text = at(object, strings->sh_offset + offset, strings->sh_size - offset);
    return text && memchr(text, '\0', strings->sh_size - offset) ? text : "";
}

static bool begins(const char *name, const char *beginning)
{
    return strncmp(name, beginning, strlen(beginning)) == 0;
}

/* ---- What is refused --------------------------------------------------- */

static bool runs_early(const char *name, unsigned type)
{
    static const char *const names[] = {".init", ".fini", ".ctors", ".dtors",
                                        ".preinit_array"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (begins(name, names[i]))
            return true;
    return type == SHT_INIT_ARRAY || type == SHT_FINI_ARRAY ||
           type == SHT_PREINIT_ARRAY;
}

static bool is_sanitizers(const char *name)
{
    static const char *const names[] = {"__asan_",       "__ubsan_", "__lsan_",
                                        "__sanitizer_",  "__tsan_",  "__msan_",
                                        "__interceptor_"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (begins(name, names[i]))
            return true;
    return false;
}

/* Whoever looks functions up by name gets at all the others. */
static bool looks_up(const char *name)
{
    return strcmp(name, "dlsym") == 0 || strcmp(name, "dlvsym") == 0 ||
           strcmp(name, "dlopen") == 0 || strcmp(name, "dlmopen") == 0;
}

static bool is_judges(const char *name)
{
    return begins(name, "driver_") || begins(name, "__wrap_") ||
           begins(name, "__real_");
}

static bool refuse(struct text *problem, struct text *likely, const char *name,
                   const char *why)
{
    text_add(problem, "it uses ");
    text_add_visible(problem, name, strlen(name), 100);
    text_add(likely, "%s", why);
    return true;
}

static bool symbol_is_refused(const char *name, const ElfW(Sym) * symbol,
                              struct text *problem, struct text *likely)
{
    if (is_sanitizers(name) || looks_up(name))
        return refuse(problem, likely, name,
                      "the sanitizers, which look for mistakes, cannot be told "
                      "what to find");
    if (is_judges(name))
        return refuse(problem, likely, name,
                      "that name is the judge's: give yours another one");
    if ((symbol->st_info & 0xf) == STT_GNU_IFUNC)
        return refuse(problem, likely, name,
                      "code that runs before main() is not graded");
    return false;
}

static bool symbols_are_refused(const struct object *object,
                                const ElfW(Shdr) * table, struct text *problem,
                                struct text *likely)
{
    size_t n = table->sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *symbols =
        at(object, table->sh_offset, n * sizeof(ElfW(Sym)));

    for (size_t i = 0; symbols && i < n; i++)
        if (symbol_is_refused(
                string(object, table->sh_link, symbols[i].st_name), &symbols[i],
                problem, likely))
            return true;
    return false;
}

static bool sections_are_refused(const struct object *object,
                                 struct text *problem, struct text *likely)
{
    const ElfW(Shdr) * s;

    for (size_t i = 0; (s = section(object, i)); i++) {
        const char *name =
            string(object, object->header->e_shstrndx, s->sh_name);

        if (runs_early(name, s->sh_type))
            return refuse(problem, likely, "a constructor or a destructor",
                          "code that runs before or after main() is not "
                          "graded");
        if (s->sh_type == SHT_SYMTAB &&
            symbols_are_refused(object, s, problem, likely))
            return true;
    }
    return false;
}

bool object_is_refused(const char *path, struct text *problem,
                       struct text *likely)
{
    struct text content = {0};
    struct object object = {0};
    int err = text_read_file(&content, path, OBJECT_MAX_BYTES);
    bool refused = true;

    object.bytes = text_chars(&content);
    object.length = content.length;
    object.header = at(&object, 0, sizeof(ElfW(Ehdr)));
    if (err || !object.header || memcmp(object.bytes, ELFMAG, SELFMAG) != 0 ||
        object.header->e_shentsize != sizeof(ElfW(Shdr)) ||
        object.header->e_shnum == 0)
        refuse(problem, likely, "more sections than can be looked through",
               "is it generated?");
    else
        refused = sections_are_refused(&object, problem, likely);
    text_free(&content);
    return refused;
}

#else

bool object_is_refused(const char *path, struct text *problem,
                       struct text *likely)
{
    (void)path;
    (void)problem;
    (void)likely;
    return false;
}

#endif
