#!/usr/bin/env bash
# test_verify_attacks.sh - hostile programs get no points, and stop nobody. The
# first line of each is what the report has to say of it.
#
# Run from the repository's root; SANDBOX=limits: without bubblewrap.
. tests/judge.bash

# Linux without CONFIG_PROC_CHILDREN does not tell a process's children: the judge
# searches for them. The library makes it look so here.
hide_children() {
    cat >"$work/hide.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
FILE *fopen(const char *path, const char *mode)
{
    FILE *(*next)(const char *, const char *);
    const char *name = strrchr(path, '/');

    *(void **)&next = dlsym(RTLD_NEXT, "fopen");
    if (name && strcmp(name, "/children") == 0) {
        errno = ENOENT;
        return NULL;
    }
    return next(path, mode);
}
END
    "${CC:-cc}" -shared -fPIC -o "$work/hide.so" "$work/hide.c" -ldl
}

survives_unseen() {
    judge=(env LD_PRELOAD="$work/hide.so" "${judge[@]}")
    survives "$1"
}

for file in verify/attacks/*.c; do
    beside check "attack: $(basename "$file" .c)" survives "$file"
done
# A sanitizer's own library has to stand in front of all others.
if [ "$BUILD" = "${PARTS:-$BUILD}" ] && hide_children; then
    for name in leaves_a_child takes_all_memory hops loops; do
        beside check "attack: $name, where children are not told" \
            survives_unseen "verify/attacks/$name.c"
    done
fi
finish
