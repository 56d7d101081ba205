#!/usr/bin/env bash
# test_verify_wrong.sh - each wrong program loses exactly the checks that its
# first line names. Each is handed in as a student would, in a folder of its own.
# SEEDS=20: twenty times, with twenty seeds. What is told with the first one
# stands in verify/mutants/README.md.
#
# Run from the repository's root. Every fourth only; SHARE=1: all.
. tests/judge.bash

table=verify/mutants/README.md

# What a web server saw was in real time, which is another one each time.
in_table() { # EXERCISE FILE
    local row
    row=$(mutant_row "$2")
    case $1 in
    1[456]_*) row=${row%|*|} ;;
    esac
    grep -qF -- "$row" "$table" && return 0
    echo "$table is out of date (make mutants); it has no line"
    echo "$row"
    return 1
}

found() { # EXERCISE FILE
    local seed
    fails "$@" && in_table "$@" || return 1
    for ((seed = 2; seed <= ${SEEDS:-1}; seed++)); do
        fails "$@" $seed || return 1
    done
}

no_others() {
    [ "$(grep -c '^| [a-z_0-9]* |' "$table")" -eq \
        "$((${#mutants[@]} + $(grep -c '^| mutant |' "$table")))" ] && return 0
    echo "$table has other lines than there are mutants: make mutants"
    return 1
}

mutants=(verify/mutants/*/*.c)
for ((i = 0; i < ${#mutants[@]}; i += ${SHARE:-4})); do
    file=${mutants[i]}
    exercise=$(basename "$(dirname "$file")")
    beside check "$exercise: $(basename "$file" .c) is found" \
        found "$exercise" "$file"
done
beside check 'the table has a line for each, and no others' no_others
finish
