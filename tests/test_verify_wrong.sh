#!/usr/bin/env bash
# test_verify_wrong.sh - each wrong program loses exactly the checks that its
# first line names. Each is handed in as a student would, in a folder of its own.
#
# Run from the repository's root.
. tests/judge.bash

for file in verify/mutants/*/*.c; do
    exercise=$(basename "$(dirname "$file")")
    beside check "$exercise: $(basename "$file" .c) is found" \
        fails "$exercise" "$file"
done
finish
