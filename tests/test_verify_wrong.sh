#!/usr/bin/env bash
# test_verify_wrong.sh - each wrong program loses exactly the checks that its
# first line names. Each is handed in as a student would, in a folder of its own.
#
# Run from the repository's root; SHARE=4: every fourth only.
. tests/judge.bash

mutants=(verify/mutants/*/*.c)
for ((i = 0; i < ${#mutants[@]}; i += ${SHARE:-1})); do
    file=${mutants[i]}
    exercise=$(basename "$(dirname "$file")")
    beside check "$exercise: $(basename "$file" .c) is found" \
        fails "$exercise" "$file"
done
finish
