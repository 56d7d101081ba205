#!/usr/bin/env bash
# test_changes.sh - what the lessons' pages say of the changes that they propose
# under "Try changing it" is so.
#
# Each change that is an edit is made in a copy of the kit, and run as a student
# runs it, on the virtual clock. What comes of it must stand in two places: in
# the page's words for that change, and in what make and the program print. So
# neither can change without the other. (By hand remain those that need a finger
# on Ctrl-C or a sanitizer, and those whose numbers are the machine's.)
#
# Run from the repository's root, with all of it built in BUILD.
# shellcheck disable=SC2016 # dollars and backquotes are the pages'
. tests/tap.bash

root=$PWD

# As a user types it: in no make's surroundings, with nothing set.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CC UNDER T SANITIZE
unset ASYNC_SPEED ASYNC_TIMELINE ASYNC_TRACE ASYNC_DEBUG NO_COLOR COLUMNS
unset LLM_PROVIDER OPENAI_API_KEY OPENAI_BASE_URL
export ASYNC_CLOCK=virtual LC_ALL=C.UTF-8 PREDICT=0

on_one_line() {
    tr -d '`' | tr -s ' \n' ' '
}

# What a page says of its change of that number.
text_of_change() { # LESSON NUMBER
    awk -v number="$2" '
        /^## / { here = $0 == "## Try changing it"; item = 0 }
        here && /^[0-9]+\. / { item = $1 + 0 }
        here && item == number' "$root/lessons/$1.md"
}

# Its blocks of code: block1 and so on, for edits to read.
take_blocks() {
    rm -f block*
    awk '/^ *```/ { inside = !inside; n += inside; next }
        inside { sub(/^   /, ""); print >"block" n }'
}

# What make and the program say of the lesson with the edit, a script of sed -E,
# or of sed -Ez if it begins with "z:".
output_of_change() { # LESSON EDIT
    local source=lessons/$1.c edit=${2#z:} option=-E
    [ "$edit" = "$2" ] || option=-Ez
    sed "$option" "$edit" "$root/$source" >"$source"
    if [ -n "$edit" ] && cmp -s "$root/$source" "$source"; then
        echo 'the edit finds nothing to change in the program'
    fi
    timeout 120 make "lesson$((10#${1%%_*}))" 2>&1 </dev/null
    cp "$root/$source" "$source"
}

# A promise is "what the page says", if that is printed just so, or "what the
# page says -> what is printed", or "... -> !what is not printed any more".
kept() { # PROMISE
    local said=${1%% -> *} printed=${1#* -> }

    if ! grep -qF -- "$said" said; then
        echo "not in the text of this change: $said"
        return 1
    fi
    case $printed in
    !*) ! grep -oF -- "${printed#!}" printed ;;
    *) grep -qF -- "$printed" printed || {
        echo "not printed: $printed"
        return 1
    } ;;
    esac
}

all_kept() { # LESSON NUMBER EDIT PROMISE...
    local promise bad=0
    text_of_change "$1" "$2" >text
    take_blocks <text
    on_one_line <text >said
    output_of_change "$1" "$3" >seen
    on_one_line <seen >printed
    ! grep 'the edit finds nothing' seen || bad=1
    shift 3
    for promise; do
        kept "$promise" || bad=1
    done
    [ "$bad" -eq 0 ] || cat seen
    return $bad
}

change() { # NUMBER EDIT PROMISE...
    check "$lesson: change $1" all_kept "$lesson" "$@"
}

cp -a Makefile tools lessons lib "$work"
mkdir "$work/build"
cp -a "$BUILD"/{lib,lessons,flags,packages} "$BUILD"/deps-*.mk "$work/build"
unset BUILD
cd "$work" || exit 1

lesson=01_sequential
change 1 '/result3 =/a slow_operation(4); slow_operation(5);' \
    'becomes 10.0 s -> Total: 10.0 s'
change 2 's/int number\)/int number, double seconds)/
    s/async_block\(2\.0\)/async_block(seconds)/
    s/\(1\);/(1, 2.0);/; s/\(2\);/(2, 1.0);/; s/\(3\);/(3, 3.0);/' \
    'sum again, 6.0 s -> Total: 6.0 s'
change 3 '/async_block/a for (volatile long i = 0; i < 500000000; i++);' \
    'virtual clock does not see it -> Total: 6.0 s'

lesson=02_first_coroutine
five='Fetching data... Data received! Result: value '
five=$five$five$five$five$five
change 1 '/^static int show_result/,/^}/ {
    /int err/i for (int i = 0; i < 5; i++) {
    /free/a }
    }' \
    "Five times -> $five" \
    'It took 5.0 s -> It took 5.0 s.'
change 2 '/^static int show_result/,/^}/ {
    /printf/d
    /int err/i printf("Result: %s\\n", fetch.data);
    }' \
    'Result: (null)'
change 3 '/^static int my_async_function/,/^}/ {
    s/int err = //
    /if \(err\)/,/return err/d
    }' \
    "ignoring return value of 'async_sleep' -> async_sleep"
change 4 's/status = run\("3.*/status = fetch_data(\&fetch);/' \
    'naming async_sleep -> async_sleep() was called outside of any task' \
    'Error 20'

lesson=03_gather
change 1 '/operation 2"/s/2\.0/1.5/; /operation 3"/s/2\.0/1.0/' \
    'in the order 3, 2, 1, -> Completed operation 3! Completed operation 2! Completed operation 1!' \
    'take 2.0 s -> Total: 2.0 s' \
    'One after another: 4.5 s -> Total: 4.5 s'
change 2 's/int err = async_sleep(.*)/async_block\1 int err = 0;/' \
    'takes 6.0 s now -> slow_operation 3 ___' \
    'waits for dinner -> Completed dinner! Starting laundry...'
change 3 's/async_await\(&task\)/0/' \
    'names the task -> never awaited: task 2, slow_operation, spawned at' \
    '"Completed laundry!" is not printed -> Completed dinner! async:'
change 4 '/return async_gather/i printf("<%s>\\n", operations[0].result);' \
    'It is empty -> <> Starting operation 1...'
change 5 '/include "lesson.h"/a #include <errno.h>
    /^static int slow_operation/,/^}/ {
        /if \(err\)/ { r block3
            N; d }
    }
    /^static int laundry/,/^}/ { /^}/r block1
    }
    /^static int together/,/^}/ { /for/ { r block2
            N; d }
    }' \
    'make says Error 1 -> Error 1'

lesson=04_llm_sequential
change 2 's/DOCUMENTS = 10/DOCUMENTS = 20/' \
    'Twenty documents -> has had 20 requests, at most 1 at a time.'

lesson=05_llm_concurrent
change 2 's/async_curl_perform/curl_easy_perform/' \
    'sees at most 1 at a time -> has had 20 requests, at most 1 at a time.'

lesson=06_batch
change 1 '/batch->tokens \+=/ { r block1
        d }' \
    'One by one: 1557 -> Total tokens: 1557' \
    'on the virtual clock: 85. -> Total tokens: 85 ' \
    'still says 3114 -> client: 3114 tokens'
change 2 's/\.temperature = 0\.3/&, .max_tokens = 10/' \
    '1060 tokens -> Total tokens: 1060' \
    '$0.0013 -> Total cost: $0.0013' \
    '820 bytes -> 20 summaries, 820 bytes'
change 3 's/DOCUMENTS = 20/DOCUMENTS = 200/' \
    '100.0 s and 0.5 s -> Processed 200 documents in 100.0 s.' \
    '15611 tokens -> Total tokens: 15611' \
    '$0.0226 -> Total cost: $0.0226' \
    '27904 bytes -> 200 summaries, 27904 bytes'

lesson=07_errors
change 1 'z:s/(free\(prompt\);[^\n]*\n)    if \(err\)\n +return err;\n/\1/' \
    'err is unused -> unused variable' 'nothing caught -> !Error caught'
change 2 'z:s/static int risky_api_call/ASYNC_SUSPENDS &/' \
    'ignoring return value'
change 3 'z:s/err == -EBUSY/err == -EINVAL/' \
    'error: API rate limit exceeded!' 'exit status 1 -> Error 1' \
    'line is not printed -> !Summary: none'
change 4 'z:s/return async_raise\(-EBUSY, [^\n]*/return -EBUSY;/' \
    'Error caught: Device or resource busy'
change 5 'z:s/(summarize\(report\);\n[^\n]*\n +return )err;/\1async_raise(err, "report 0: %s", async_errmsg(err));/' \
    'Error caught: report 0: API rate limit exceeded!'
change 6 'z:s/async_await\(&task\)/0/' \
    'Asking: is printed -> Asking: Summarize' \
    'the runtime names it -> never awaited: task 2, write_report' \
    'never happens; 0.0 s -> Summary: none. It took 0.0 s.'

lesson=08_return_exceptions
change 1 'z:s/0\.5 \* \(i \+ 1\)/1.0/' \
    'take 1.0 s -> It took 1.0 s.' 'Document 4 is done -> !Document 4 failed'
change 2 'z:s/0\.5 \* \(i \+ 1\)/2.5 - 0.5 * i/' \
    'keeps one of five -> Document 2 failed: the task was cancelled' \
    'takes 1.0 s -> It took 1.0 s.' 'four and 2.5 s -> It took 2.5 s.'
change 3 'z:s/doc_id == 3/doc_id >= 2/' \
    'after 1.5 s -> It took 1.5 s.' \
    'the text of document 2 -> Error occurred: Document 2 is corrupted!' \
    'was cancelled -> Document 3 failed: the task was cancelled'
change 4 'z:s/doc_id == 3/doc_id >= 0/' \
    'after 0.5 s -> It took 0.5 s.' 'after 2.5 s -> It took 2.5 s.' \
    'five texts -> Document 4 failed: Document 4 is corrupted!'

lesson=09_retry
change 1 'z:s/err == -EBUSY/(err == -EBUSY || err == -EINVAL)/' \
    'again takes 4.5 s -> !400 Bad Request (attempts: 1,'
change 2 'z:s/\{1\.0, 2\.0\}/{1.0, 1.0}/' \
    '503 Service Unavailable (attempts: 3, 3.5 s)'
change 3 'z:s/\{1\.0, 2\.0\}/{0, 0}/' \
    'after 1.5 s -> doc_0.pdf: 503 Service Unavailable (attempts: 3, 1.5 s)' \
    'ends at 1.2 s in both parts -> !doc_2.pdf: done'
change 4 'z:s/2 && err;/2 \&\& err \&\& err != ASYNC_ECANCELED;/' \
    'done after 4.2 s -> doc_2.pdf: done (attempts: 3, 4.2 s)'
change 5 'z:s/< 4\.0/< 8.0/; s/\{1\.0, 2\.0\}/{1.0, 2.0, 4.0}/; s/i < 2/i < 3/g' \
    'after 9.0 s and 4 attempts -> doc_0.pdf: done (attempts: 4, 9.0 s)'

lesson=10_semaphore
change 1 'z:s/permits = ALLOWED/permits = 9/' \
    'all 50, no rejections, 1.8 s -> Done: 50 of 50, after 1.8 s. Rejected: 0 of'
change 2 'z:s/permits = ALLOWED/permits = 11/' \
    'as if there were no semaphore -> !Done: 50 of 50'
change 3 'z:s/DOCUMENTS = 50, ALLOWED = 10/DOCUMENTS = 10, ALLOWED = 3/' \
    '1.2 s: four rounds -> Done: 10 of 10, after 1.2 s.' \
    '9 of 10 in 3.3 s -> Done: 9 of 10, after 3.3 s.'
change 4 'z:s/DOCUMENTS = 50/DOCUMENTS = 200/' \
    '30 get through -> Done: 30 of 200' '76 with jitter -> Done: 76 of 200' \
    '200 in 6.0 s -> Done: 200 of 200, after 6.0 s.'
change 5 'z:s/ +async_semaphore_release\(&slots\);\n//' \
    'deadlock -> async: deadlock' 'Exit status 1 -> Error 1'
change 6 's/state = 1;/state = 473;/' '43 of 50 -> Done: 43 of 50'

lesson=11_timeout
change 1 'z:s/free\(buffer\);\n +return err;/continue;/' \
    '6.4 s, without -> It took 6.4 s. Answer: #######' \
    'without "Operation timed out!" -> !Operation timed out!' \
    'until 6.9 s -> It took 6.9 s.' '6.6 s to do nothing -> It took 6.6 s.'
change 3 'z:s/( +)free\(buffer\);\n/&\1if (async_sleep(0.5))\n\1    return err;\n/' \
    '(5.5, -> It took 5.5 s.' ', 2.5 and -> It took 2.5 s.' \
    'and 1.5 s. -> It took 1.5 s.'
change 4 'z:s/job, 5\.0/job, 10/' \
    '7.0 s and an answer -> !It took 5.0 s.'
change 4 'z:s/job, 5\.0/job, 0/' \
    'and 0.0 s -> It took 0.0 s. Answer: none'
change 5 'z:s/int err = async_sleep\(0\.7\);/async_block(0.7); int err = 0;/' \
    'it is 8.0 s -> It took 8.0 s. Answer: ##########'
change 6 'z:s/async_await\(&task\)/task.err/' \
    'The task returned: the task has not been awaited' \
    'without a report -> !never awaited'

lesson=12_mistakes
ASYNC_DEBUG=0 change 1 '' 'passes in silence -> !kept the thread'
change 2 'z:s/if \(err == 0\)/if (err == 0 || err == ASYNC_ECANCELED)/' \
    'it took 0.2 s, and returned: the time was up'
change 3 'z:s/#include <signal.h>/#include <errno.h>\n&/
    s/( +)snprintf\(name[^;]*;\n/&\1errno = document->id == 1 ? ENOENT : EACCES;\n/
    s/document->id, name\)/document->id, strerror(errno))/' \
    'Permission denied -> Document 1 is saved as Permission denied.'
change 4 'z:s/async_sleep\(0\.5\)/async_sleep(0.5 \/ document->id)/' \
    'and cancelled -> !It happened to end in time.'
change 5 'z:s/<= 3; attempt/<= 30; attempt/
    s/int err = async_sleep\(0\.5\);/&\nif (err == 0) err = -1;/' \
    'it took 14.7 s'

lesson=13_cpu_bound
change 2 '/for \(int n = 2/r block1' \
    'outside of any task -> async_yield() was called outside of any task'
change 3 '/^\/\* Computes/i static int total;
    s/\+\+\*primes;/{ ++*primes; ++total; }/
    /return status;/{ x; s/^/x/; /^x$/{ x; r block1
        N; b }; x }' \
    '456620 in the first two parts -> Counted in all: 456620 Gathered' \
    '456620 in the first two parts -> Counted in all: 456620 Each in a thread'
change 4 's/JOBS = 4/JOBS = 8/' 'Eight functions -> 8 x 114155 primes'

lesson=14_as_completed
change 1 's/done <= REPORTS; done/done <= 2; done/' \
    'After 1.0 s -> 1.0 s report_3.pdf: summary of 4 pages' \
    'with ╱ in three rows -> ╱ is cancelled' 'other three -> !1.5 s report_4.pdf'
change 2 's/done <= REPORTS; done/done <= 2; done/; /async_reap/d' \
    'never awaited: task 2, summarize'
change 3 's/seconds = [0-9.]+/seconds = 1.0/' \
    'after 1.0 s, in the order -> 1.0 s report_4.pdf: summary of 4 pages'
change 4 's/done <= REPORTS; done/done <= REPORTS + 1; done/' \
    'of 5 tasks none is left to wait for'
change 5 '/include "lesson.h"/a #include <errno.h>
    /^static int summarize/,/^}/ { /return err;/r block1
    }
    s/int status = run\(.*/int status = 0;/' \
    'nobody calls all_at_the_end -> all_at_the_end' \
    'error: report_3.pdf is corrupted!' 'three tasks cancelled -> ╱ is cancelled'
change 5 '/include "lesson.h"/a #include <errno.h>
    /^static int summarize/,/^}/ { /return err;/r block1
    }
    /how that one ended/{ N; N; s/\n.*\n.*//; r block2
    }
    s/int status = run\(.*/int status = 0;/' \
    'failed: report_3.pdf is corrupted!' \
    'Four results -> 3.0 s report_2.pdf: summary of 12 pages'

lesson=15_worker_pool
change 1 '/10000/s/capacity = 50/capacity = 1/' \
    'Peak 52, in 200.0 s -> in 200.0 s; peak: 52 of them'
change 2 's/MOST_WORKERS = 50/MOST_WORKERS = 100/; s/\.workers = 50/.workers = 100/' \
    '100.0 s; peak 10000 -> in 100.0 s; peak: 10000 of them' \
    'and 151. -> in 100.0 s; peak: 151 of them'
change 3 '/async_queue_close/d' \
    'reports a deadlock -> async: deadlock' \
    'waits for an item -> worker waits for an item' \
    'reader is not in it -> !reader waits'
change 4 '/^static int reader/,/^}/ { /read_document/{ h; r block1
        d } }
    /int err = async_queue_put/i void *document = read_document(pool); if (!document) return -ENOMEM;
    /^static int reader/,/^}/ { /if \(!document\)$/,/return -ENOMEM/d }' \
    'The last two runs: 1001.0 s -> in 1001.0 s; peak: 10 of them'
change 5 '/async_sleep\(1\.0\)/r block1' \
    'error: document 500 is corrupted!'

lesson=16_rate_limit
change 1 '/struct llm_limiter bucket/s/burst = 5/burst = 10/' \
    '15 of 20 -> Done: 15 of 20.'
change 1 '/struct llm_limiter bucket/s/burst = 5/burst = 1/' \
    'in 19.5 s -> Done: 20 of 20. Refused (429): 0. 20 requests in 19.5 s'
change 2 's/latency = 0\.5/latency = 5/' 'No refusals -> !Refused (429): 1'
change 3 's/permits = 5/permits = 1/' \
    '120 a minute; 9 of 20 -> Done: 9 of 20.' '120 a minute'
change 4 '/struct llm_limiter bucket/s/= 60/= 66/' '18 of 20 -> Done: 18 of 20.'
change 5 's/LLM_NO_RETRIES/2/' \
    '11 of 20, in 6.6 s -> Done: 11 of 20. Refused (429): 9. 20 requests in 6.6 s'
change 5 's/LLM_NO_RETRIES/8/' \
    'it is 18, in 13.7 s -> Done: 18 of 20. Refused (429): 2. 20 requests in 13.7 s'
change 6 's/NULL, &bucket/\&five, \&bucket/' \
    '20 of 20 in 15.5 s -> Done: 20 of 20. Refused (429): 0. 20 requests in 15.5 s'

lesson=17_event_loop
change 1 '/^static void make_ready/,/^}/ { /^\{/r block1
        /^[s{}]/!d }' \
    'Starting operation 3... -> Starting operation 3... Starting operation 2... Starting operation 1...' \
    'complete in the order 1, 2, 3 -> Completed operation 1! Completed operation 2! Completed operation 3!'
change 2 '/task_sleep\(operation/{ r block1
        d }' \
    'All of it at 0 s -> Total: 0.0 s' \
    'steps of the three alternate -> operation 3: step 1 operation 1: step 2 operation 2: step 2'
change 3 's/task_sleep\(operation->seconds\)/clock_wait_until(clock_now() + operation->seconds)/' \
    '6.0 s together -> Completed operation 1! Starting operation 2...' \
    '6.0 s together -> Total: 6.0 s'

lesson=18_production
change 1 's/^static int summarize/static struct async_semaphore limit = {.permits = 10};\n&/
    s/ count_request\(document/ if (async_semaphore_acquire(\&limit)) return ASYNC_ECANCELED;&/
    s/int err = llm_chat\(&chat\);/& async_semaphore_release(\&limit);/' \
    'Second trial: 50/50 in 1.5 s -> Successful: 50/50 Failed: 0/50 Time: 1.5s'
change 2 \
    's/async_sleep\(1 << i\)/async_sleep((1 << i) * (1 + 0.5 * rand() \/ RAND_MAX))/' \
    '1 + 0.5 * rand() / RAND_MAX -> 10 calls at a time: Successful: 50/50' \
    'in 110 requests -> Requests: 110 (50 at 0 s, 1 at 1.'
change 3 's/scenario = &scenario,/& .timeout = 30,/' \
    'Third trial: 93.0 s. Still 49/50 -> Successful: 49/50 Failed: 1/50 Time: 93.0s'
change 4 's/err && err != ASYNC_ECANCELED; i/llm_worth_retrying(err); i/' \
    'Fourth trial: 50 requests, 0.0 s -> Time: 0.0s'
change 5 's/^ *bool success;.*/&\ndouble retry_after;/
    s/int err = llm_chat\(&chat\);/&\ndocument->retry_after = chat.error.retry_after;/
    s/async_sleep\(1 << i\)/async_sleep(document->retry_after > 1 << i\n? document->retry_after : 1 << i)/' \
    '2/2 after 10.3 s, in 3 requests -> Successful: 2/2 Failed: 0/2 Time: 10.3s' \
    'Fifth trial -> Requests: 3 (2 at 0 s, 1 at 10 s)'
change 6 's/LLM_NO_RETRIES/2/; s/MAX_RETRIES = 2/MAX_RETRIES = 0/' \
    'Second: still 30/50 -> Successful: 30/50' 'Fifth trial: 2/2 -> Successful: 2/2'
change 7 's/LLM_NO_RETRIES/2/' 'about 5400 s -> Successful: 49/50 Failed: 1/50 Time: 540'

cd "$root" || exit 1
finish
