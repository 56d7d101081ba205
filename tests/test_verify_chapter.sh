#!/usr/bin/env bash
# test_verify_chapter.sh - `make verify-chapter` says of the chapter's tests, and
# of those wrong programs that pass them, what it should.
#
# Run from the repository's root; BUILD is the folder that was built.
. tests/tap.bash

program=$BUILD/tests/chapter/test_async_await

unset ASYNC_CLOCK ASYNC_SPEED ASYNC_TIMELINE ASYNC_TRACE ASYNC_DEBUG

# The script's output, as the chapter expects it; its times are a machine's.
cat >"$work/chapter" <<'END'
============================================================
Chapter 12A Verification Tests
============================================================

[Test] Async Function Execution
✅ PASS: Async function execution works correctly

[Test] Concurrent Execution Speedup
✅ PASS: Concurrent execution is faster
   Sequential: 1.00s
   Concurrent: 0.20s
   Speedup: 5.0x

[Test] Error Handling with Gather
✅ PASS: Error handling with gather works correctly
   Successes: 3
   Failures: 2

[Test] Gather Concurrent Behavior
✅ PASS: async_gather_all() executes concurrently
   4 tasks (0.2s each) completed in 0.20s

============================================================
Results: 4/4 tests passed
============================================================

🎉 ALL TESTS PASSED! You understand async/await!
END

cat >"$work/table" <<'END'
right                            4/4        passes
results reversed                 4/4        caught by ab
results in order of completion   4/4        caught by ab
the first result for all         4/4        caught by a
junk, and another error          4/4        caught by ab
sleeps ten times too short       4/4        caught by d
two at a time                    3/4        caught by c
one by one                       2/4        caught by c
END

runs() {
    LC_ALL=C.UTF-8 "$program" >"$work/printed"
}

prints_the_chapters_lines() {
    sed -n '1,/ALL TESTS PASSED/p' "$work/printed" | diff "$work/chapter" -
}

prints_the_table() {
    grep -E ' [0-4]/4 +(passes|caught)' "$work/printed" | diff "$work/table" -
}

plain() {
    ! LC_ALL=C "$program" | LC_ALL=C grep -n '[^ -~]'
}

check 'the right functions pass, and every wrong one is caught' runs
check "the lines are the chapter's" prints_the_chapters_lines
check 'the table is what it was' prints_the_table
check 'it is ASCII where the locale is' plain
finish
