#!/usr/bin/env bash
# test_verify_attacks.sh - hostile programs get no points, and stop nobody. The
# first line of each is what the report has to say of it.
#
# Run from the repository's root; SANDBOX=limits: without bubblewrap.
. tests/judge.bash

for file in verify/attacks/*.c; do
    beside check "attack: $(basename "$file" .c)" survives "$file"
done
finish
