#!/usr/bin/env python3
"""fuzz.py - random programs on the runtime and on CPython: do they do the same?

Each program (program.py) runs on CPython's asyncio (reference.py) and on the
runtime (interpreter.c), both on a virtual clock. The two traces have to be
equal: every operation of every task, its result and its time, in order. Where
they are not, the program is cut down to the smallest one that still shows a
difference, and is written to tests/fuzz/found/, where a test replays it.

What the runtime does otherwise by design stands in the head of reference.py.
"""
import argparse
import collections
import difflib
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import program as programs
import reference

FOUND = pathlib.Path(__file__).parent / 'found'
BATCH = 1000
EXPECTED = '#= '  # before each line of the trace, in a file of found/


# ---- Both sides -----------------------------------------------------------

def run_reference(program):
    return reference.Run(program)


def run_interpreter(interpreter, batch):
    """The traces of a batch; that of one that crashed ends with the reason."""
    traces = []
    while len(traces) < len(batch):
        text = ''.join(str(program) for program in batch[len(traces):])
        with tempfile.TemporaryFile('w+') as said:
            process = subprocess.run(
                [interpreter], input=text, stdout=subprocess.PIPE,
                stderr=said, text=True, check=False)
            said.seek(0)
            reason = said.read()[-1000:]
        trace = None
        for line in process.stdout.splitlines():
            if line.startswith('program '):
                trace = []
            elif line == 'end':
                traces.append(trace)
                trace = None
            else:
                trace.append(line)
        if process.returncode:
            if process.returncode == 2:
                sys.exit(reason)
            trace = trace or []
            trace.append(f'DIED with exit status {process.returncode}: '
                         f'{reason}')
            traces.append(trace)
    return traces


def differs(interpreter, candidates):
    """The first candidate whose traces differ, or None."""
    for program, trace in zip(candidates,
                              run_interpreter(interpreter, candidates)):
        if run_reference(program).trace != trace:
            return program
    return None


# ---- Making a program smaller ---------------------------------------------

def smaller(program):
    """Programs that are a step smaller, those that lose most first."""
    for number in range(len(program.bodies)):
        for section in 0, 1:
            count = len(program.bodies[number][section])
            size = count
            while size:
                for start in range(0, count, size):
                    yield without(program, number, section, start, size)
                size //= 2
    for number in range(len(program.bodies)):
        lasts = ['reap', 'leave', 'gather_all', 'gather']
        for last in lasts[:lasts.index(program.bodies[number][2])]:
            yield changed(program, number, 2, last)
        for section in 0, 1:
            operations = program.bodies[number][section]
            for index, operation in enumerate(operations):
                for simpler in simpler_operations(operation,
                                                  len(program.bodies)):
                    yield changed(program, number, section, [
                        *operations[:index], simpler, *operations[index + 1:]])
    yield from without_unused(program)


def copy_of(program):
    return programs.parse(str(program))


def changed(program, number, part, value):
    copy = copy_of(program)
    body = list(copy.bodies[number])
    body[part] = value
    copy.bodies[number] = tuple(body)
    return copy


def without(program, number, section, start, size):
    operations = program.bodies[number][section]
    return changed(program, number, section,
                   operations[:start] + operations[start + size:])


def simpler_operations(operation, bodies):
    tried, name, arguments = operation
    if tried:
        yield False, name, arguments
    for index, kind in enumerate(programs.OPERATIONS[name]):
        now = arguments[index]
        if kind == 'body':  # a later one, so that this one may go
            values = range(bodies - 1, now, -1)
        else:
            values = [value for value in sorted({0, 1, now // 2})
                      if (kind == 'error') <= value < now]
        for value in values:
            yield tried, name, [*arguments[:index], value,
                                *arguments[index + 1:]]


def without_unused(program):
    """Without a body that nobody refers to: the later ones move up."""
    for number in range(1, len(program.bodies)):
        copy = copy_of(program)
        del copy.bodies[number]
        used = False
        for operations, cleanup, _ in copy.bodies:
            for _, name, arguments in operations + cleanup:
                if name in programs.NEEDS_BODY:
                    used |= arguments[0] == number
                    arguments[0] -= arguments[0] > number
        if not used:
            yield copy
    if len(program.semaphores + program.queues) + program.events:
        text = str(program)
        for kind in 'semaphore', 'queue', 'event':
            words = [name for name, arguments in programs.OPERATIONS.items()
                     if kind in arguments]
            copy = copy_of(program)
            if kind == 'event':
                copy.events = 0
            else:
                setattr(copy, kind + 's', [])
            if not any(f' {word} ' in text for word in words) and \
                    str(copy) != text:
                yield copy


def shrink(interpreter, program):
    while True:
        found = differs(interpreter, list(smaller(program)))
        if not found:
            return program
        program = found


# ---- Telling --------------------------------------------------------------

def comparison(expected, seen):
    return '\n'.join(difflib.unified_diff(
        expected, seen, 'asyncio', 'runtime', n=1000, lineterm=''))


def report(interpreter, program, seen, keep):
    """Cuts a program that differs down, shows it, and keeps it."""
    print(f'\nSeed {program.seed} differs; it is being made smaller.',
          flush=True)
    if differs(interpreter, [program]):
        program = shrink(interpreter, program)
        seen, = run_interpreter(interpreter, [program])
    else:
        print('It only differs after the programs that ran before it.')
    expected = run_reference(program).trace
    print(f'\n{program}\n'
          f'{comparison(expected, seen)}\n')
    if not keep:
        return
    FOUND.mkdir(exist_ok=True)
    path = FOUND / f'seed-{program.seed}.txt'
    path.write_text(f'{program}\n' + ''.join(
        f'{EXPECTED}{line}\n' for line in expected), encoding='utf-8')
    print(f'It is kept as {path}: say in its head what it shows.')


class Tally:
    """How many programs met what."""

    def __init__(self):
        self.programs = self.lines = self.different = 0
        self.rules = collections.Counter()
        self.operations = collections.Counter()
        self.began = time.monotonic()

    def add(self, run):
        self.programs += 1
        self.lines += len(run.trace)
        self.rules.update(run.touched)
        self.operations.update(run.performed)

    def show(self):
        seconds = time.monotonic() - self.began
        print(f'{self.programs} programs, {self.lines} lines of traces, '
              f'{self.programs / seconds:.0f} programs a second; '
              f'{self.different} differ.')
        for title, counter in (('With', self.operations),
                               ('Met by design', self.rules)):
            print(f'{title} (programs):')
            cells = [f'{name} {count}' for name, count in
                     counter.most_common()]
            width = max(map(len, cells), default=0) + 2
            columns = max(1, 76 // width)
            for start in range(0, len(cells), columns):
                print('  ' + ''.join(cell.ljust(width) for cell in
                                     cells[start:start + columns]).rstrip())


def hunt(arguments):
    """What was found before, and then new programs."""
    if replay(arguments.interpreter, sorted(FOUND.glob('*.txt'))):
        return 1
    tally = Tally()
    seed = arguments.seed
    while tally.programs < arguments.count:
        count = min(BATCH, arguments.count - tally.programs)
        batch = [programs.generate(random.Random(number), number)
                 for number in range(seed, seed + count)]
        traces = run_interpreter(arguments.interpreter, batch)
        for program, trace in zip(batch, traces):
            run = run_reference(program)
            tally.add(run)
            if run.trace != trace:
                tally.different += 1
                report(arguments.interpreter, program, trace, arguments.keep)
                if tally.different >= arguments.most:
                    print('Enough.')
                    tally.show()
                    return 1
        seed += count
        if sys.stderr.isatty():
            print(f'\r{tally.programs} programs', end='\r', file=sys.stderr)
    print(f'Seeds {arguments.seed} to {seed - 1}.')
    tally.show()
    return 1 if tally.different else 0


def replay(interpreter, paths):
    """Programs from files: shows both traces where they differ."""
    different = 0
    for path in paths:
        try:
            text = path.read_text(encoding='utf-8')
            program = programs.parse(text)
        except (OSError, ValueError) as error:
            sys.exit(f'fuzz.py: {path}: {error}')
        expected = run_reference(program).trace
        seen, = run_interpreter(interpreter, [program])
        noted = [line[len(EXPECTED):] for line in text.splitlines()
                 if line.startswith(EXPECTED)]
        if noted and noted != expected:
            print(f'{path}: asyncio does otherwise than the file notes:\n'
                  f'{comparison(noted, expected)}')
        elif expected == seen:
            continue
        else:
            print(f'{path} differs:\n{comparison(expected, seen)}')
        different += 1
    print(f'{len(paths)} programs in files: {different} differ.')
    return 1 if different else 0


def main():
    if sys.version_info[:2] != (3, 11):
        sys.exit('fuzz.py: the reference is CPython 3.11, and this is '
                 f'{sys.version.split()[0]}: its asyncio does some things in '
                 'another order. Run: make fuzz PYTHON=python3.11')
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('interpreter', help='the compiled interpreter.c')
    parser.add_argument('files', nargs='*', help='run these programs only')
    parser.add_argument('--seed', type=int, default=1, help='the first')
    parser.add_argument('--count', type=int, default=10000,
                        help='how many programs')
    parser.add_argument('--most', type=int, default=3,
                        help='stop after so many that differ')
    parser.add_argument('--keep', action='store_true',
                        help='write what differs to tests/fuzz/found/')
    arguments = parser.parse_args()
    if not pathlib.Path(arguments.interpreter).is_file():
        sys.exit(f'fuzz.py: {arguments.interpreter} is not there: make fuzz '
                 'builds it')
    if arguments.files:
        return replay(arguments.interpreter,
                      [pathlib.Path(file) for file in arguments.files])
    return hunt(arguments)


if __name__ == '__main__':
    sys.exit(main())
