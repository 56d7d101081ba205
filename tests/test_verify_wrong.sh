#!/usr/bin/env bash
# test_verify_wrong.sh - each wrong program loses exactly the checks that its
# first line names. Each is handed in as a student would, in a folder of its own.
# SEEDS=20: then with twenty seeds, and it loses them with each. What is told
# with the first one stands in verify/mutants/README.md.
#
# Run from the repository's root. Every fourth only; SHARE=1: all.
# shellcheck disable=SC2031 # folder is judge.bash's, set for each check
. tests/judge.bash

SEEDS=${SEEDS:-1}

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

# With each seed it loses what it loses with the first one.
always() { # EXERCISE FILE
    local seeds=() seed rarely
    for ((seed = 1; seed <= SEEDS; seed++)); do
        seeds+=(--seed "$seed")
    done
    fails "$@" "${seeds[@]}" --every-seed --format text \
        --format json --out "$folder/json" || return 1
    rarely=$(grep '"failed_seeds":' "$folder/json" |
        grep -v "\"failed_seeds\":$SEEDS,")
    [ -z "$rarely" ] && return 0
    echo "does not fail with each of $SEEDS seeds: $rarely"
    return 1
}

found() { # EXERCISE FILE
    fails "$@" --seed 1 && in_table "$@" || return 1
    [ "$SEEDS" -eq 1 ] || always "$@"
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
