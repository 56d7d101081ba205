#!/usr/bin/env python3
"""compare.py - the runtime's figures, or the client's, beside those of peers.

Each case is run by one program after the other, ours and the peers',
and then again by all of them, ROUNDS times, each round beginning with another
program. A ratio is taken between two figures of the same round, which had the
same weather, and of these the median is printed. All programs run on the same
processors, those that this one was given (taskset gives it fewer), and with an
empty environment.

A figure is printed twice: for the first pass in a fresh process, which pays for
every page that it touches, and for the best of the later passes. What the
programs do is told in bench/bench.h and bench/runtime.c; for the client, which
has the mock server to talk to, a new one for each run, in bench/http.h.
"""
import argparse
import contextlib
import os
import pathlib
import re
import resource
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
                 at_most=None, bytes_at_most=None, of=None, most_rounds=1000,
                 latency=0):
        self.name, self.n, self.unit, self.what = name, n, unit, what
        self.passes, self.most_rounds = passes, most_rounds
        self.figures = ['first', 'best'][:passes]
        self.memory = memory    # whether it says something: bytes a task
        self.latency = latency  # the server's
        # Bounds: of the runtime's own figures, and of its ratio to a peer's.
        self.at_most, self.bytes_at_most = at_most, bytes_at_most
        self.of = of or {}


RUNTIME_CASES = [
    Case('switch', 300000, 'ns', 'two tasks take turns; one switch',
         of={'Go': 0.12, 'asyncio': 0.01}),
    Case('spawn', 100000, 'ns', 'a trivial task is spawned and awaited',
         of={'Go': 0.12}),
    Case('gather', 100000, 'ns',
         '{n} trivial tasks are spawned and gathered; each', memory=True,
         of={'Go': 0.1}),
    Case('task-acquires', 100000, 'ns',
         '{n} tasks, 100 permits, each task acquires; each',
         memory=True, of={'Go': 1.1}),
    Case('spawner-acquires', 100000, 'ns',
         '{n} tasks, 100 permits, the spawner acquires; each',
         memory=True, of={'Go': 0.4}),
    Case('sleep', 100000, 'ms',
         '{n} tasks sleep 100 ms at once; beyond the 100 ms',
         memory=True, of={'asyncio': 0.15, 'Go': 1.5}),
    Case('sleep-million', 1000000, 'ms',
         '{n} tasks sleep 5 s at once; beyond the 5 s', passes=1,
         memory=True, at_most=3000, bytes_at_most=5500, most_rounds=3),
    Case('late', 1000, 'us', 'a sleep of 100 us; how late, at the median',
         at_most=60),
]

# A server that answers 5,000 requests a second, whoever asks, for the first
# three: so many are in flight, and nobody is at work all the time.
HTTP_CASES = [
    Case('cpu-100', 10000, 'us', '{n} requests, 100 in flight; processor time '
         'of each', latency=0.02, passes=3, of={'libcurl': 1.2}),
    Case('cpu-1000', 10000, 'us', '{n} requests, 1,000 in flight; processor '
         'time of each', latency=0.2, passes=3, of={'libcurl': 1.2}),
    Case('cpu-10000', 10000, 'us', '{n} requests, 10,000 in flight; processor '
         'time of each', latency=2, passes=3, of={'libcurl': 1.2}),
    Case('wall-10000', 10000, 'us', '{n} requests at once, answers after 0.2 '
         's; time for all, divided by {n}', latency=0.2, passes=3,
         of={'Go': 0.8, 'aiohttp': 0.2, 'openai': 0.15}),
    Case('wall-100', 10000, 'us', '{n} requests, 100 in flight, answers at '
         'once; time for all, divided by {n}', passes=3,
         of={'Go': 1 / 1.3, 'aiohttp': 1 / 8, 'openai': 1 / 20}),
]


class Program:
    def __init__(self, name, command, environment=None, most=None, only=None):
        self.name, self.command = name, command
        self.environment = environment or {}
        self.most = most or {}  # a case, and no more operations than so many
        self.only = only        # the cases that it has; None: all

    def operations(self, case, n):
        return min(n, self.most.get(case.name, n))


def output_of(*command):
    """Its words, or None if there is no such command, or it fails."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return None if done.returncode else done.stdout.split()


def build(into, command, source, flags=()):
    """The program that a compiler makes of a file in peers/; None if it fails,
    and then it has said why."""
    into.mkdir(parents=True, exist_ok=True)
    program = into / pathlib.Path(source).stem
    done = subprocess.run([*command, '-o', program, PEERS / source, *flags],
                          check=False)
    return None if done.returncode else program


C = [os.environ.get('CC', 'cc'), '-std=c11', '-D_GNU_SOURCE', '-O2']

# Pth looks at each of its threads on each of its turns: more would take hours.
PTH_MOST = {'switch': 10000, 'spawn': 10000, 'gather': 1000,
            'task-acquires': 200, 'spawner-acquires': 200}


def go_peers(into):
    program = shutil.which('go') and build(into, ['go', 'build'], 'go_peer.go')
    if not program:
        return []
    return [Program('Go', [program]),
            Program('Go 1 P', [program], {'GOMAXPROCS': '1'})]


def python_peers(name):
    """The system's own Python has Debian's packages; another may hide it."""
    for python in os.environ.get('PYTHON'), '/usr/bin/python3', 'python3':
        if python and output_of(python, '-c', f'import {name}') is not None:
            # A million of its tasks take minutes.
            return [Program(name, [python, PEERS / 'asyncio_peer.py', name],
                            only={case.name for case in RUNTIME_CASES} -
                            {'sleep-million'})]
    return []


def node_peers():
    if not shutil.which('node'):
        return []
    return [Program('Node', ['node', PEERS / 'node_peer.mjs'])]


def c_peers(into, name, flags, source, **limits):
    program = None if flags is None else build(into, C, source, flags)
    return [Program(name, [program], **limits)] if program else []


def curl_peers(into):
    """One multi handle, and several, each of which has fewer transfers; and the
    same with the JSON of requests and answers."""
    pkg_config = os.environ.get('PKG_CONFIG', 'pkg-config')
    libraries = output_of(pkg_config, '--libs', 'libcurl', 'libcjson')
    program = libraries and build(into, C, 'curl_peer.c', [*libraries, '-lm'])
    if not program:
        return []
    return [Program('libcurl', [program]),
            Program('libcurl x n', [program], {'CURL_TRANSFERS': '1000'}),
            Program('with cJSON', [program],
                    {'CURL_TRANSFERS': '1000', 'CURL_JSON': '1'})]


def go_http_peers(into):
    program = (shutil.which('go') and
               build(into, ['go', 'build'], 'go_http_peer.go'))
    return [Program('Go', [program])] if program else []


def aiohttp_peers():
    for python in os.environ.get('PYTHON'), '/usr/bin/python3', 'python3':
        if python and output_of(python, '-c', 'import aiohttp') is not None:
            return [Program('aiohttp', [python, PEERS / 'aiohttp_peer.py'])]
    return []


def openai_peers():
    """tests/npm_clients/install has pinned it, and brings it."""
    folder = pathlib.Path('build/npm').resolve()
    if not shutil.which('node') or not (folder / 'installed').exists():
        return []
    # A request takes it 2 ms: all of them, where they have to be in flight.
    return [Program('openai', ['node', PEERS / 'openai_peer.mjs'],
                    {'NPM_FOLDER': str(folder)},
                    most={case.name: 1000 for case in HTTP_CASES
                          if case.name != 'wall-10000'})]


def find_http_peers(into):
    found = {
        'libcurl (libcurl4-openssl-dev)': curl_peers(into),
        'Go (golang)': go_http_peers(into),
        'aiohttp (python3-aiohttp)': aiohttp_peers(),
        'openai (tests/npm_clients/install build/npm)': openai_peers(),
    }
    return split(found)


def split(found):
    """What is there, and the names of what is not."""
    return ([peer for peers in found.values() for peer in peers],
            [name for name, peers in found.items() if not peers])


def find_runtime_peers(into):
    """What is installed, built where it has to be; and what is not."""
    pkg_config = os.environ.get('PKG_CONFIG', 'pkg-config')
    found = {
        'Go (golang)': go_peers(into),
        'asyncio (python3)': python_peers('asyncio'),
        'uvloop (python3-uvloop)': python_peers('uvloop'),
        'Node (nodejs)': node_peers(),
        'State Threads (libst-dev)': c_peers(
            into, 'State Threads', output_of(pkg_config, '--libs', 'st'),
            'state_threads_peer.c'),
        'GNU Pth (libpth-dev)': c_peers(
            into, 'Pth', output_of('pth-config', '--libs'), 'pth_peer.c',
            most=PTH_MOST, only=PTH_MOST.keys() | {'late'}),
        'libuv (libuv1-dev)': c_peers(
            into, 'libuv', output_of(pkg_config, '--libs', 'libuv'),
            'libuv_peer.c', only={'sleep', 'sleep-million', 'late'}),
    }
    return split(found)


# ---- Measuring ------------------------------------------------------------

@contextlib.contextmanager
def server(case, command):
    """The mock server, if there is one: its URL as an environment."""
    if not command:
        yield {}
        return
    with subprocess.Popen([command, '--port=0', f'--latency={case.latency}'],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            url = re.search('http://[^ ]*:[0-9]+', process.stdout.readline())
            if not url:
                sys.exit(f'{command} does not start')
            yield {'BENCH_URL': url[0] + '/v1'}
        finally:
            process.kill()


def run_once(program, case, n, server_command):
    """Its figures by name; or what went wrong, as text."""
    with server(case, server_command) as url:
        return run_program(program, case, n, url)


def run_program(program, case, n, url):
    environment = {'PATH': os.environ['PATH'], 'HOME': '/nonexistent',
                   **program.environment, **url}
    try:
        done = subprocess.run(
            [*map(str, program.command), case.name, str(n), str(case.passes)],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return 'takes more than 300 s'
    if done.returncode:
        said = done.stderr.strip().splitlines()
        wrong = [line.strip() for line in said if 'rror' in line] or said[-1:]
        return wrong[0] if wrong else f'exit status {done.returncode}'
    lines = [line.split() for line in done.stdout.splitlines()]
    return {words[0]: float(words[1]) for words in lines}


def run_rounds(programs, case, n, rounds, server_command):
    """For each program the figures of each round, or what went wrong."""
    programs = [program for program in programs
                if program.only is None or case.name in program.only]
    results = {program.name: [] for program in programs}
    for number in range(rounds):
        start = number % len(programs)
        for program in programs[start:] + programs[:start]:
            so_far = results[program.name]
            if isinstance(so_far, str):
                continue
            figures = run_once(program, case, program.operations(case, n),
                               server_command)
            if isinstance(figures, str):
                results[program.name] = figures
            else:
                so_far.append(figures)
    return results


def median(results, figure):
    """Of the rounds."""
    return statistics.median(result[figure] for result in results)


def ratio(ours, theirs, figure):
    """Ours by theirs in each round, and of these the median."""
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
    if value < 0.001:
        return '<0.001'
    return f'{value:.2f}' if value >= 0.0995 else f'{value:.3f}'


class Bounds:
    """Which of them hold: counted for the last line."""
    held = broken = 0

    @classmethod
    def verdict(cls, value, bound):
        if value <= bound:
            cls.held += 1
            return 'holds'
        cls.broken += 1
        return 'NO'


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
                  Bounds.verdict(value, case.at_most) if case.at_most else '']
    if case.bytes_at_most:
        each = median(ours, 'memory')
        print(f'  (bytes, ours: at most {case.bytes_at_most:,}: '
              f'{Bounds.verdict(each, case.bytes_at_most)})')
    row('ours', bytes_each(case, ours),
        f'{case.at_most:,} {case.unit}' if case.at_most else '', *cells)


def print_peer(case, name, ours, theirs):
    bound = case.of.get(re.sub(' 1 P$| x n$', '', name))
    cells = []
    for figure in case.figures:
        value = ratio(ours, theirs, figure)
        cells += [short(median(theirs, figure)), short_ratio(value) +
                  (f' {Bounds.verdict(value, bound)}' if bound else '')]
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


def print_summary(peers, measured):
    """All ratios in one table: each case's first pass, and its later ones."""
    print('\nOurs divided by theirs')
    names = [peer.name for peer in peers]
    heads = [name.replace('State Threads', 'StateT') for name in names]
    widths = [max(7, len(head) + 1) for head in heads]
    print(' ' * 22 + ''.join(map(str.rjust, heads, widths)))
    for case, results in measured:
        ours = results['ours']
        for figure in [] if isinstance(ours, str) else case.figures:
            cells = [results.get(name, '') for name in names]
            cells = ['' if isinstance(cell, str) else
                     short_ratio(ratio(ours, cell, figure)) for cell in cells]
            label = case.name if figure == 'first' else ''
            print(f'{label:<17}' + {'first': 'first', 'best': 'later'}[figure] +
                  ''.join(map(str.rjust, cells, widths)).rstrip())
    print(f'\nOf the bounds {Bounds.held} hold, and {Bounds.broken} do not.')


def parse():
    parser = argparse.ArgumentParser(
        description='The runtime, or the client, beside its peers.')
    path = {'type': lambda path: pathlib.Path(path).resolve()}
    parser.add_argument('program', **path,
                        help='ours: build/bench/runtime, or http')
    parser.add_argument('--server', **path,
                        help='which the client talks to: build/bin/mock_llm')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--cases', help='only these: "switch gather"')
    parser.add_argument('--scale', type=float, default=1,
                        help='0.01: a hundredth of the operations')
    arguments = parser.parse_args()
    arguments.cases = (arguments.cases or '').split()
    arguments.all = HTTP_CASES if arguments.server else RUNTIME_CASES
    names = [case.name for case in arguments.all]
    for name in arguments.cases:
        if name not in names:
            parser.error(f'no case {name}; there is {" ".join(names)}')
    for program in arguments.program, arguments.server:
        if program and not program.exists():
            parser.error(f'{program} is not built: make bench')
    if arguments.rounds < 1 or arguments.scale <= 0:
        parser.error('rounds are 1 or more, and the scale is above 0')
    return arguments


def main():
    arguments = parse()
    # A connection is a descriptor, here and in the server.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    find_peers = find_http_peers if arguments.server else find_runtime_peers
    peers, missing = find_peers(arguments.program.parent / 'peers')
    programs = [Program('ours', [arguments.program])] + peers
    print(f'Medians; rounds: {arguments.rounds}, processors: '
          f'{len(os.sched_getaffinity(0))}. "ours is": our figure divided by '
          'theirs.')
    if missing:
        print(textwrap.fill('Left out, not there: ' + ', '.join(missing) +
                            '. To install: tools/install-deps bench', 79,
                            break_on_hyphens=False))
    measured = []
    for case in arguments.all:
        if arguments.cases and case.name not in arguments.cases:
            continue
        n = max(100, round(case.n * arguments.scale))
        results = run_rounds(programs, case, n,
                             min(arguments.rounds, case.most_rounds),
                             arguments.server)
        print_case(case, n, results)
        measured.append((case, results))
    print_summary(peers, measured)


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
