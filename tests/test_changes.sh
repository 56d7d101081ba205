#!/usr/bin/env bash
# test_changes.sh - what the lessons' pages say of the changes that they propose
# under "Try changing it" is so.
#
# Each change is made, in a copy of the kit, and run as a student runs it. What
# the page says of its effect is looked for on the page, and what stands for it
# in the output, so that neither can go stale by itself. Times are exact on the
# virtual clock; where a real connection is waited for, only counts are compared.
#
# A change is a line below: its lesson, its number, an edit for sed, and pairs of
# what the page says and what is printed.
#
# Run from the repository's root, with all of it built.
# shellcheck disable=SC2016 # dollars and backquotes are the pages'
set -u

root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# As a user types it: in no make's surroundings, with nothing set.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES BUILD CC UNDER T SANITIZE
unset ASYNC_SPEED ASYNC_TIMELINE ASYNC_TRACE ASYNC_DEBUG NO_COLOR COLUMNS
unset LLM_PROVIDER OPENAI_API_KEY OPENAI_BASE_URL
export ASYNC_CLOCK=virtual LC_ALL=C.UTF-8 PREDICT=0

on_one_line() {
    tr -s ' \n' ' '
}

# What a page says of its change of that number.
page_says() { # LESSON NUMBER
    awk -v number="$2" '
        /^## / { here = $0 == "## Try changing it"; item = 0 }
        here && /^[0-9]+\. / { item = $1 + 0 }
        here && item == number' "$root/lessons/$1.md"
}

# Its blocks: of code, block1 and so on, for edits to read; block.text is output.
take_blocks() {
    rm -f block*
    awk '/^ *```/ { inside = !inside
                    file = /text/ ? "block.text" : "block" (n += inside)
                    next }
        inside { sub(/^   /, ""); print >file }'
    touch block.text
}

# The edit is a script of sed -E.
edit_and_run() { # LESSON EDIT
    local source=lessons/$1.c number=$((10#${1%%_*}))
    sed -E "$2" "$root/$source" >"$source"
    ! cmp -s "$root/$source" "$source" || { echo 'not changed' && return 1; }
    timeout 120 make "lesson$number" >output 2>&1 </dev/null
    cp "$root/$source" "$source"
}

# The first of each pair is on the page, the second in the output.
pairs() { # LESSON NUMBER EDIT [PAGE OUTPUT]...
    local said printed wrong=0
    said=$(page_says "$1" "$2")
    take_blocks <<<"$said"
    said=$(on_one_line <<<"$said")
    edit_and_run "$1" "$3" || return 1
    printed=$(on_one_line <output)
    shift 3
    set -- "$@" '' "$(on_one_line <block.text)"
    while [ $# -gt 0 ]; do
        [[ $said == *"$1"* ]] || { echo "not on the page: $1" && wrong=1; }
        [[ $printed == *"$2"* ]] || { echo "not printed: $2" && wrong=1; }
        shift 2
    done
    [ "$wrong" -eq 0 ] || cat output
    return "$wrong"
}

change() {
    local reason
    count=$((count + 1))
    if reason=$(pairs "$@"); then
        echo "ok $count - $1: change $2"
    else
        echo "not ok $count - $1: change $2"
        printf '%s\n' "$reason" | sed 's/^/# /'
    fi
}

cp -a Makefile tools lessons lib "$work"
mkdir "$work/build"
cp -a build/lib build/lessons build/flags build/packages build/deps-*.mk \
    "$work/build"
cd "$work" || exit 1

change 01_sequential 1 '/result3 =/a slow_operation(4); slow_operation(5);' \
    'becomes 10.0 s' 'Total: 10.0 s'
change 01_sequential 2 's/int number\)/int number, double seconds)/
    s/async_block\(2\.0\)/async_block(seconds)/
    s/\(1\);/(1, 2.0);/; s/\(2\);/(2, 1.0);/; s/\(3\);/(3, 3.0);/' \
    'sum again, 6.0 s' 'Total: 6.0 s'
change 01_sequential 3 \
    '/async_block/a for (volatile long i = 0; i < 500000000; i++);' \
    'for (volatile long i = 0; i < 500000000; i++);' '' \
    'virtual clock does not see it' 'Total: 6.0 s'

five='Fetching data... Data received! Result: value '
five=$five$five$five$five$five
change 02_first_coroutine 1 '/^static int show_result/,/^}/ {
    /int err/i for (int i = 0; i < 5; i++) {
    /free/a }
    }' \
    'Five times' "$five" 'It took 5.0 s' 'It took 5.0 s.'
change 02_first_coroutine 2 '/^static int show_result/,/^}/ {
    /printf/d
    /int err/i printf("Result: %s\\n", fetch.data);
    }' \
    'Result: (null)' 'Result: (null)'
change 02_first_coroutine 3 '/^static int my_async_function/,/^}/ {
    s/int err = //
    /if \(err\)/,/return err/d
    }' \
    "ignoring return value of 'async_sleep'" 'async_sleep'
change 02_first_coroutine 4 's/status = run\("3.*/status = fetch_data(\&fetch);/' \
    'naming `async_sleep`' 'async_sleep() was called outside of any task' \
    'Error 20' 'Error 20'

change 03_gather 1 '/operation 2"/s/2\.0/1.5/; /operation 3"/s/2\.0/1.0/' \
    'in the order 3, 2, 1,' \
    'Completed operation 3! Completed operation 2! Completed operation 1!' \
    'take 2.0 s' 'Total: 2.0 s' 'One after another: 4.5 s' 'Total: 4.5 s'
change 03_gather 2 's/int err = async_sleep(.*)/async_block\1 int err = 0;/' \
    'takes 6.0 s now' 'slow_operation 3 ___' \
    'waits for dinner' 'Completed dinner! Starting laundry...'
change 03_gather 3 's/async_await\(&task\)/0/' \
    'names the task' 'never awaited: task 2, slow_operation, spawned at' \
    '"Completed laundry!" is not printed' 'Completed dinner! async:'
change 03_gather 4 \
    '/return async_gather/i printf("<%s>\\n", operations[0].result);' \
    'It is empty' '<> Starting operation 1...'
change 03_gather 5 '/include "lesson.h"/a #include <errno.h>
    /^static int slow_operation/,/^}/ {
        /if \(err\)/ { r block3
            N; d }
    }
    /^static int laundry/,/^}/ { /^}/r block1
    }
    /^static int together/,/^}/ { /for/ { r block2
            N; d }
    }' \
    'make says `Error 1`' 'Error 1'

change 04_llm_sequential 2 's/DOCUMENTS = 10/DOCUMENTS = 20/' \
    'Twenty documents' 'has had 20 requests, at most 1 at a time.'

change 05_llm_concurrent 2 's/async_curl_perform/curl_easy_perform/' \
    'sees at most 1 at a time' 'has had 20 requests, at most 1 at a time.'

change 06_batch 1 '/batch->tokens \+=/ { r block1
        d }' \
    'One by one: 1557' 'Total tokens: 1557' \
    'on the virtual clock: 85.' 'Total tokens: 85 ' \
    'still says 3114' 'client: 3114 tokens'
change 06_batch 2 's/\.temperature = 0\.3/&, .max_tokens = 10/' \
    '1060 tokens' 'Total tokens: 1060' '$0.0013' 'Total cost: $0.0013' \
    '820 bytes' '20 summaries, 820 bytes'
change 06_batch 3 's/DOCUMENTS = 20/DOCUMENTS = 200/' \
    '100.0 s and 0.5 s' 'Processed 200 documents in 100.0 s.' \
    '15611 tokens' 'Total tokens: 15611' '$0.0226' 'Total cost: $0.0226' \
    '27904 bytes' '200 summaries, 27904 bytes'

cd "$root" || exit 1
echo "1..$count"
