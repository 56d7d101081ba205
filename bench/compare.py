#!/usr/bin/env python3
"""compare.py - the runtime's figures beside those of its peers.

Each case is run by one program after the other, the runtime's and the peers',
and then again by all of them, ROUNDS times, each round beginning with another
program. A ratio is taken between two figures of the same round, which had the
same weather, and of these the median is printed. All programs run on the same
processors, those that this one was given (taskset gives it fewer), and with an
empty environment.

A figure is printed twice: for the first pass in a fresh process, which pays for
every page that it touches, and for the best of the later passes. What the
programs do is told in bench/bench.h and bench/runtime.c.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import textwrap

HERE = pathlib.Path(__file__).parent
PEERS = HERE / 'peers'


# ---- What is measured, and what is asked for ------------------------------

class Case:
    def __init__(self, name, n, unit, what, passes=4, memory=False,
                 at_most=None, of=None):
        self.name, self.n, self.unit, self.what = name, n, unit, what
        self.passes = passes
        self.figures = ['first', 'best'][:passes]
        self.memory = memory    # whether it says something: bytes a task
        self.at_most = at_most  # of the runtime's own figure, in its unit
        self.of = of or {}      # of a peer's: its name, and the ratio


CASES = [
    Case('switch', 300000, 'ns', 'two tasks take turns; one switch',
         of={'Go': 0.12, 'asyncio': 0.01}),
    Case('spawn', 100000, 'ns', 'a trivial task is spawned and awaited',
         of={'Go': 0.12}),
    Case('gather', 100000, 'ns',
         '{n} trivial tasks are spawned, then gathered; each', memory=True,
         of={'Go': 0.1}),
    Case('task-acquires', 100000, 'ns',
         '{n} tasks, 100 permits, each task acquires and releases; each',
         memory=True, of={'Go': 1.1}),
    Case('spawner-acquires', 100000, 'ns',
         '{n} tasks, 100 permits, the spawner acquires; each',
         memory=True, of={'Go': 0.4}),
    Case('sleep', 100000, 'ms',
         '{n} tasks sleep 100 ms at once; beyond the 100 ms',
         memory=True, of={'asyncio': 0.15, 'Go': 1.5}),
    Case('sleep-million', 1000000, 'ms',
         '{n} tasks sleep 5 s at once; beyond the 5 s', passes=1,
         memory=True, at_most=3000),
    Case('late', 1000, 'us', 'a sleep of 100 us; how late, at the median',
         at_most=60),
]


class Program:
    def __init__(self, name, command, package=None, environment=None):
        self.name, self.command, self.package = name, command, package
        self.environment = environment or {}


def output_of(*command):
    """Its words, or None if there is no such command, or it fails."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return None if done.returncode else done.stdout.split()


def build_go(into):
    program = into / 'go_peer'
    subprocess.run(['go', 'build', '-o', program, PEERS / 'go_peer.go'],
                   check=True)
    return program


def python_with(module):
    """The system's own Python has Debian's packages; another may hide it."""
    for python in os.environ.get('PYTHON'), '/usr/bin/python3', 'python3':
        if python and output_of(python, '-c', f'import {module}') is not None:
            return python
    return None


def find_peers(into):
    """What is installed, built where it has to be; and what is not."""
    into.mkdir(parents=True, exist_ok=True)
    peers, missing = [], []

    if shutil.which('go'):
        go = [build_go(into)]
        peers += [Program('Go', go),
                  Program('Go, 1 P', go, environment={'GOMAXPROCS': '1'})]
    else:
        missing.append('Go (golang)')

    script = PEERS / 'asyncio_peer.py'
    python = python_with('uvloop')
    peers.append(Program('asyncio', [python or sys.executable, script,
                                     'asyncio']))
    if python:
        peers.append(Program('uvloop', [python, script, 'uvloop']))
    else:
        missing.append('uvloop (python3-uvloop)')
    return peers, missing


# ---- Measuring ------------------------------------------------------------

def run_once(program, case, n):
    """Its figures by name; or what went wrong, as text."""
    environment = {'PATH': os.environ['PATH'], 'HOME': '/nonexistent',
                   **program.environment}
    try:
        done = subprocess.run(
            [*program.command, case.name, str(n), str(case.passes)],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return 'takes more than 300 s'
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return said[-1] if said else f'exit status {done.returncode}'
    lines = [line.split() for line in done.stdout.splitlines()]
    return {words[0]: float(words[1]) for words in lines}


def run_rounds(programs, case, n, rounds):
    """For each program the figures of each round, or what went wrong."""
    results = {program.name: [] for program in programs}
    for number in range(rounds):
        start = number % len(programs)
        for program in programs[start:] + programs[:start]:
            so_far = results[program.name]
            if isinstance(so_far, str):
                continue
            figures = run_once(program, case, n)
            if isinstance(figures, str):
                results[program.name] = figures
            else:
                so_far.append(figures)
    return results


def median(results, figure):
    return statistics.median(result[figure] for result in results)


def ratio(ours, theirs, figure):
    return statistics.median(
        mine[figure] / other[figure]
        for mine, other in zip(ours, theirs, strict=True))


# ---- Printing -------------------------------------------------------------

def short(value):
    """Three digits that count."""
    if value >= 99.95:
        return f'{value:,.0f}'
    return f'{value:.1f}' if value >= 9.995 else f'{value:.2f}'


def short_ratio(value):
    if value <= 0:
        return '-'
    if value >= 9.995:
        return f'{value:.0f}'
    return f'{value:.2f}' if value >= 0.0995 else f'{value:.3f}'


def verdict(value, bound):
    return 'holds' if value <= bound else 'NO'


def row(name, *cells):
    widths = [7, 9] + 2 * [11, 12]
    print(f'  {name:<13}' + ''.join(
        f'{cell:>{width}}' for cell, width in zip(cells, widths)).rstrip())


def bytes_each(case, results):
    return short(median(results, 'memory')) if case.memory else ''


def print_ours(case, ours):
    cells = []
    for figure in case.figures:
        value = median(ours, figure)
        cells += [short(value),
                  verdict(value, case.at_most) if case.at_most else '']
    row('ours', bytes_each(case, ours),
        f'{case.at_most:,} {case.unit}' if case.at_most else '', *cells)


def print_peer(case, name, ours, theirs):
    bound = case.of.get(name.split(',')[0])
    cells = []
    for figure in case.figures:
        value = ratio(ours, theirs, figure)
        cells += [short(median(theirs, figure)), short_ratio(value) +
                  (f' {verdict(value, bound)}' if bound else '')]
    row(name, bytes_each(case, theirs), f'{bound:.2f}' if bound else '', *cells)


def print_case(case, n, results):
    print(f'\n{case.name}: {case.what.format(n=f"{n:,}")}, in {case.unit}')
    row('', 'bytes' if case.memory else '', 'bound', 'first pass', 'ours is',
        *(['later', 'ours is'] if 'best' in case.figures else []))
    ours = results['ours']
    if isinstance(ours, str):
        print(f'  ours: {ours}')
        return
    print_ours(case, ours)
    for name, theirs in results.items():
        if isinstance(theirs, str):
            print(f'  {name}: {theirs}')
        elif name != 'ours':
            print_peer(case, name, ours, theirs)
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(
        description='The runtime beside its peers.')
    parser.add_argument('program', help="the runtime's: build/bench/runtime")
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--cases', help='only these: "switch gather"')
    parser.add_argument('--scale', type=float, default=1,
                        help='0.01: a hundredth of the operations')
    arguments = parser.parse_args()
    program = pathlib.Path(arguments.program).resolve()

    peers, missing = find_peers(program.parent / 'peers')
    programs = [Program('ours', [program])] + peers
    wanted = (arguments.cases or '').split()
    print(f'{arguments.rounds} rounds; medians, on '
          f'{len(os.sched_getaffinity(0))} processors. "ours is": our figure '
          'divided by theirs.')
    if missing:
        print(textwrap.fill('Left out, not installed: ' + ', '.join(missing) +
                            '. To install: tools/install-deps bench', 79))
    for case in CASES:
        if not wanted or case.name in wanted:
            n = max(1, round(case.n * arguments.scale))
            print_case(case, n, run_rounds(programs, case, n,
                                           arguments.rounds))


main()
