#!/bin/bash
# shellcheck disable=SC2016,SC2034 # conditions are expanded by check()
#
# makefile.sh - tests the Makefile and the scripts behind its targets.
#
# It works on a kit of tiny programs in a folder of its own, with a blank in its
# name, and with a PATH that holds only what the kit may rely on. pkg-config,
# apt-get, sudo and id are faked there, so no package is needed or installed.
set -u

source=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
output=$scratch/output
calls=$scratch/calls
kit="$scratch/a kit"
bin=$scratch/bin

n=0

# check WHAT CONDITION: one line of TAP; a failed one shows the last output.
check() {
    n=$((n + 1))
    if eval "$2" >/dev/null 2>&1; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        echo "# is not so: ${2//$'\n'/ }"
        sed 's/^/# /' "$output"
    fi
}

# run COMMAND...: keeps its output, both kinds, and its exit status.
run() {
    "$@" >"$output" 2>&1 </dev/null
    status=$?
}

# at_terminal INPUT COMMAND: runs it at a terminal where INPUT is typed.
at_terminal() {
    printf '%b' "$1" | script -qec "$2" /dev/null >"$output" 2>&1
    status=$?
}

succeeded() {
    [ "$status" -eq 0 ]
}

printed() {
    grep -q -e "$1" "$output"
}

# The last output is exactly this.
is() {
    [ "$(cat "$output")" = "$1" ]
}

is_last() {
    [ "$(tail -n 1 "$output")" = "$1" ]
}

# called TIMES PATTERN: how often a fake was called so.
called() {
    [ "$(grep -c -e "$2" "$calls")" -eq "$1" ]
}

# ---- A kit of tiny programs ------------------------------------------------

fake() {
    cat >"$bin/$1"
    chmod +x "$bin/$1"
}

mkdir -p "$bin"
for tool in ar as awk basename bash cat cc chmod cmp cp echo env gcc grep head \
    ld ls make mkdir mktemp mv printf rm script sed sh sort tail timeout touch \
    tr true wc; do
    found=$(type -P "$tool") && ln -s "$found" "$bin/$tool"
done

# The packages are there once apt-get has installed them.
fake pkg-config <<END
#!/bin/sh
echo "pkg-config \$*" >>"$calls"
[ -e "$scratch/installed" ]
END
fake apt-get <<END
#!/bin/sh
echo "apt-get \$* (\$DEBIAN_FRONTEND)" >>"$calls"
case "\$*" in
*" update") touch "$scratch/updated" ;;
*" install -y "*)
    [ ! -e "$scratch/broken" ] || { echo 'E: no such package'; exit 100; }
    touch "$scratch/installed"
    ;;
*) [ -e "$scratch/updated" ] ;;
esac
END
fake id <<END
#!/bin/sh
cat "$scratch/id"
END

# be USER: who the faked id says we are; forgets packages and calls.
be() {
    rm -rf "$kit/build" "$scratch/installed" "$scratch/updated" "$bin/sudo"
    : >"$calls"
    case $1 in
    root) echo 0 >"$scratch/id" ;;
    *) echo 1000 >"$scratch/id" ;;
    esac
    [ "$1" != sudoer ] || fake sudo <<END
#!/bin/sh
echo "sudo \$*" >>"$calls"
[ "\$1" != -n ] || shift
exec "\$@"
END
}

mkdir -p "$kit/tests" && cd "$kit" || exit 1
cp -r "$source/Makefile" "$source/tools" .
cp "$source/tests/run" tests
rm -rf tools/skeletons
mkdir -p lib/async lessons exercises solutions verify tools/skeletons

echo 'int answer(void);' >lib/async/async.h
echo '#include "async/async.h"
int answer(void) { return 42; }' >lib/async/answer.c
for library in async_curl llm mock_llm scenario; do
    mkdir lib/$library
    echo "extern int $library; int $library;" >lib/$library/$library.c
done
echo 'int main(void) { return 0; }' >lib/mock_llm/main.c

cat >lessons/01_first.c <<'END'
/*
 * Lesson 1: the first. More about it.
 */
#include "async/async.h"
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    printf("lesson %d\n", answer());
    return argc > 1 ? atoi(argv[1]) : 0;
}
END
sed 's/Lesson 1: the first/Lesson 5: calls/' lessons/01_first.c \
    >lessons/05_calls.c
echo '/*
 * Exercise 2: gather. More about it.
 */
#include "02_gather.h"
int main(void) { return answer() - 42; }' >exercises/02_gather.c
echo '#include "async/async.h"' >exercises/02_gather.h
cp exercises/02_gather.c solutions
cp exercises/02_gather.c tools/skeletons
cat >exercises/02_gather.md <<'END'
# Exercise 2

The task.

## Hint 1

The first hint.

```c
# not a heading
```

## Hint 2

The second hint.

## Hint 3: everything

The third hint.

## After the hints
END

echo '#ifdef VERIFY_DRIVER
int driver(void); int driver(void) { return 1; }
#else
int grader(void); int grader(void) { return 1; }
#endif' >verify/02_gather.c
echo '#ifndef VERIFY_DRIVER
#error only for the judged process
#endif
int driver_main(void); int driver_main(void) { return 1; }' >verify/driver.c
echo '#include <stdio.h>
int grader(void);
int main(int argc, char **argv)
{
    while (grader() && --argc)
        printf("[%s]", *++argv);
    puts("");
    return 0;
}' >verify/verify.c

# Stand-ins for cmocka's programs: they print the same TAP.
tap_program() {
    printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void)\n{\n'
    printf '    fputs("%s", stdout);\n    fflush(stdout);\n    %s;\n}\n' "$@"
}
tap_program '1..2\nok 1 - a\nhalf a lineok 2 - b\n' 'return 0' >tests/test_good.c
echo 'echo "1..1"; echo "ok 1 - it has $BUILD"' >tests/script.sh

export PATH=$bin
unset MAKEFLAGS MAKELEVEL MFLAGS V SANITIZE CC CONTEXT POLLER UNDER ARGS T \
    SUBMISSION SEED HINT CFLAGS CPPFLAGS LDFLAGS BUILD PKG_CONFIG \
    TIMELINE TRACE ASYNC_TIMELINE ASYNC_TRACE

# ---- Help ------------------------------------------------------------------

be nobody
run make
check 'make alone gives short advice' 'succeeded && printed "make help"'
run make help
check 'help lists lessons with their titles' \
    'printed "lesson1  *first  *the first$"'
check 'help lists exercises with their titles' \
    'printed "exercise2  *gather  *gather$"'
check 'help needs no package and builds nothing' 'called 0 . && [ ! -e build ]'

# ---- Building and running --------------------------------------------------

run make lesson1
check 'a lesson is built and run' \
    'printed "^CC lessons/01_first.c$" && printed "^lesson 42$"'
check 'early lessons ask for no package' 'called 0 .'
run make lesson1
check 'what is up to date adds no line' 'is "lesson 42"'
run make lesson1 ARGS=3
check 'the exit status of a lesson is kept' '! succeeded && printed "Error 3"'
run make lesson1 UNDER='env -u HOME'
check 'UNDER runs it under another program' 'is "lesson 42"'
show="sh -c 'echo \$\$ASYNC_TIMELINE \$\$ASYNC_TRACE'"
run make lesson1 TIMELINE=1 TRACE=out.json UNDER="$show"
check 'TIMELINE and TRACE are for the runtime' 'is "1 out.json"'
TRACE=1 TIMELINE=1 run make lesson1 UNDER="$show"
check 'unless the environment has variables of these names' 'is ""'
touch lessons/01_first.c
run make lesson1 V=1
check 'V=1 shows the commands' 'printed "^cc -std=c11 " && ! printed "^CC "'
touch lib/async/async.h
run make lesson1
check 'a changed header compiles what includes it' \
    'printed "CC lib/async/answer.c" && printed "CC lessons/01_first.c"'
run make lesson1 CFLAGS=-O0
check 'changed flags compile again' 'printed "CC lib/async/answer.c"'
run make lesson1 SANITIZE=1
check 'SANITIZE=1 builds in a folder of its own, with larger stacks' \
    '[ -x build/address-undefined/lessons/01_first ] &&
    grep -q -e "-DASYNC_STACK_SIZE=1048576" build/address-undefined/flags'
run make lesson1 CONTEXT=ucontext POLLER=poll
check 'CONTEXT and POLLER are defines, in a folder of their own' \
    'grep -q -e "-DASYNC_UCONTEXT -DASYNC_POLL" build/ucontext-poll/flags'
run make lesson1 CONTEXT=assembly
check 'an unknown CONTEXT is an error' \
    '! succeeded && printed "CONTEXT is ucontext"'
run make lesson1 CFLAGS=-O0
check 'variants leave the first folder alone' 'is "lesson 42"'
run make lesson1 CC=no-compiler
check 'a compiler that is not there is named' \
    '! succeeded && printed "no-compiler does not make programs"'
run make exercise2
check 'exercise2' succeeded
run make -j4 solution2
check 'solution2' succeeded

for goal in lesson99 verify42 hint1 reset0 exercise lesson; do
    run make $goal
    check "make $goal says in one line what there is" '! succeeded &&
        printed "There is no $goal; there is .*[125]\." &&
        [ "$(wc -l <"$output")" -eq 1 ]'
done
run make lesosn1
check 'a misspelt target points to make help' \
    '! succeeded && printed "make help"'

# ---- The judge -------------------------------------------------------------

judge='[--build][build][--sanitized][build/address-undefined]'
run make verify
check 'make verify runs the judge' 'is_last "$judge"'
check 'with the library and the drivers built, also sanitized' \
    'cd build && ls address-undefined/lib/libasync.a lib/libasync.a \
    verify/02_gather.driver.o verify/driver.o \
    address-undefined/verify/02_gather.driver.o && cd ..'
run make verify2 SUBMISSION='a dir' SEED=7
check 'make verify2 SUBMISSION= SEED=' 'is \
    "$judge[--submission][a dir][--seed][7][--exercise][2]"'
check 'grading asks for no package' 'called 0 .'

# ---- Hints, reset ----------------------------------------------------------

run make hint2
check 'the first hint' 'printed "^The first hint" && ! printed "second hint"'
check 'with its code' 'printed "^# not a heading"'
run make hint2
check 'then the second' '! printed "first hint" && printed "^The second hint" &&
    ! printed "third hint"'
run make hint2
check 'then the third, and no more' \
    'printed "^The third hint" && ! printed After'
run make hint2 HINT=1
check 'HINT=1: the first again' 'printed "^The first hint"'
run make hint2 HINT=4
check 'HINT=4: there is none' '! succeeded && printed "HINT is 1 to 3"'

run make reset2
check 'reset of an untouched exercise keeps no copy' \
    '! ls exercises/*.bak-* 2>&1'
for version in one two; do
    echo "/* $version */" >exercises/02_gather.c
    run make reset2
done
check 'reset brings the skeleton back' \
    'cmp exercises/02_gather.c tools/skeletons/02_gather.c'
check 'and keeps both versions' '
    [ "$(cat exercises/02_gather.c.bak-1)" = "/* one */" ] &&
    [ "$(cat exercises/02_gather.c.bak-2)" = "/* two */" ]'
rm exercises/02_gather.c
run make exercise2
check 'a missing exercise names its reset' \
    '! succeeded && printed "make reset2"'
run make reset2
check 'which brings it' '[ -f exercises/02_gather.c ]'

# ---- Packages --------------------------------------------------------------

packages='libcurl4-openssl-dev libevent-dev libcjson-dev libpcre2-dev'
be nobody
run make lesson5
check 'who may not install is told the command' \
    '! succeeded && printed "^ *sudo apt-get install $packages$"'
check 'and nothing is built or installed' '! printed ^CC && called 0 apt-get'
mv "$bin/pkg-config" "$scratch"
run make lesson5
check 'pkg-config itself may be missing' \
    'printed "^ *sudo apt-get install pkg-config $packages$"'
mv "$scratch/pkg-config" "$bin"
run make -n test
check 'make -n installs nothing' 'called 0 apt-get'
run make clean
check 'make clean asks for nothing' 'succeeded && ! printed .'

be root
run make lesson5
check 'root without a terminal installs' 'printed "^lesson 42" &&
    called 1 "install -y --no-install-recommends $packages (noninteractive)"'
check 'after fetching the list of packages, which was missing' \
    'called 1 "apt-get .*update"'
run make lesson5
check 'once' 'is "lesson 42" && called 1 "install -y"'

be sudoer
run make lesson5
check 'sudo without a password installs' 'printed "^lesson 42" &&
    called 1 "^sudo env DEBIAN_FRONTEND=noninteractive apt-get .*install"'

be root
run make -j4 test lesson5
check 'make -j installs once, for all goals' \
    'succeeded && called 1 "install -y .* $packages libcmocka-dev"'

be root
touch "$scratch/broken"
run make lesson5
check 'a failed install is shown' \
    'printed "no such package" && printed "Installing failed"'
check 'and stops make before anything is compiled' \
    '! succeeded && ! printed "^CC"'
run make lesson5
check 'and is tried again the next time' 'printed "no such package"'
rm "$scratch/broken"

if command -v script >/dev/null; then
    be root
    at_terminal 'n\n' 'make lesson5'
    check 'at a terminal it asks' \
        '! succeeded && printed "Run that now? \[Y/n\]"'
    check 'no: nothing is installed' 'called 0 apt-get'
    at_terminal '\n' 'make -j2 lesson5'
    check 'Enter: it is' 'printed "^lesson 42"'
    check 'and asks once' '[ "$(grep -c "Run that now" "$output")" -eq 1 ]'
fi

# ---- Tests -----------------------------------------------------------------

touch "$scratch/installed"
run make test
check 'make test counts the checks of programs and scripts, in its last line' \
    'succeeded && is_last "3 passed, 0 failed"'
run make test T=script
check 'T= runs one' 'is_last "1 passed, 0 failed" && ! printed test_good'
run make test T=no_such
check 'an unknown T is an error' \
    '! succeeded && printed "There is no test no_such"'

tap_program '1..3\nok 1 - a\n' 'abort()' >tests/test_bad.c
run make test T='test_*'
check 'what a crash leaves out has failed' \
    '! succeeded && printed "^3 passed, 2 failed$"'
tap_program '1..2\nok 1 - a\nnot ok 2 - b\n# why\n' 'return 1' \
    >tests/test_bad.c
run make test T=test_bad
check 'a failed check is counted and shown' \
    '! succeeded && printed "^1 passed, 1 failed$" && printed "# why"'
tap_program '1..2\nok 1 - a\nnot ok 2 # SKIP b\n' 'return 0' >tests/test_bad.c
run make test T=test_bad
check 'a skipped check is neither' \
    'succeeded && is_last "1 passed, 0 failed" && printed "1 skipped"'
tap_program '1..1\nok 1 - a\n' 'return 1' >tests/test_bad.c
run make test T=test_bad
check 'a program that fails after its checks has failed' \
    'printed "^1 passed, 1 failed$"'
tap_program '' 'return 0' >tests/test_bad.c
run make test T=test_bad
check 'a program without checks has failed' 'printed "^0 passed, 1 failed$"'
rm tests/test_bad.c

echo 'this is no C' >exercises/02_gather.c
run make test
check 'an unfinished exercise does not stop the tests' \
    'is_last "3 passed, 0 failed"'

# ---- The rest --------------------------------------------------------------

run make compile_commands.json
check 'compile_commands.json' 'grep -q "\"file\": \"lib/async/answer.c\"" \
    compile_commands.json'
run make clean
check 'clean removes what was built, and nothing else' \
    '[ ! -e build ] && ls exercises/02_gather.c.bak-1 exercises/02_gather.c'

echo "1..$n"
