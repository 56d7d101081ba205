"""program.py - the language of the random programs, and their generator.

A program is text, one operation a line, so that it can be read, cut down and
kept. It has semaphores, queues and events, and bodies: what a coroutine does.
Body 0 is the first task's. A body refers to later bodies only, so that every
program ends.

    program 4711            its seed
    semaphores 2 0          their permits
    queues 1 0              their capacities, 0: without limit
    events 1                how many
    body 0
      spawn 1               operations, in order; one that fails ends the body,
      try sleep 10          unless it is marked: the error is swallowed then
    cleanup                 done on every way out, as in a finally
      yield
    last reap               how it waits for the tasks it spawned; leave: not
    end

A task is named by a number: of all that were spawned, in order; where there
are fewer, it starts again from 0. fuzz.py tells what each operation does.
"""

# The arguments of each operation.
OPERATIONS = {
    'sleep': ['ms'], 'yield': [], 'forever': [], 'block': ['ms'],
    'spawn': ['body'], 'await': ['task'], 'await_own': ['slot'],
    'cancel': ['task'], 'cancel_own': ['slot'], 'cancelling': [],
    'gather': ['from'], 'gather_all': ['from'], 'wait_any': ['from'],
    'reap': ['from'],
    'gather_of': ['task'], 'gather_all_of': ['task'], 'reap_of': ['task'],
    'wait_any_of': ['task'],
    'wait_for': ['body', 'limit'], 'call': ['body'], 'shield': ['body'],
    'each': ['body', 'few'], 'each_all': ['body', 'few'],
    'acquire': ['semaphore'], 'release': ['semaphore'], 'give': ['semaphore'],
    'wait_event': ['event'], 'set_event': ['event'], 'clear_event': ['event'],
    'put': ['queue'], 'get': ['queue'], 'close': ['queue'],
    'fail': ['error'],
}

# A program uses some of these groups, not all: what two of them do to each
# other is then seen more often. Operations that stand twice come twice as often.
GROUPS = {
    'awaits': 'await await_own',
    'cancels': 'cancel cancel cancel_own cancelling',
    'gathers': 'gather gather gather_all',
    'shared sets': 'gather_of gather_all_of reap_of wait_any_of',
    'wait_any': 'wait_any wait_any wait_any',
    'reaps': 'reap',
    'limits': 'wait_for wait_for',
    'calls': 'call',
    'shields': 'shield shield',
    'each': 'each each_all',
    'semaphores': 'acquire acquire acquire release release release '
                  'give',
    'events': 'wait_event wait_event set_event set_event set_event '
              'clear_event',
    'queues': 'put put put put get get get close',
    'failures': 'fail',
    'blocking': 'block',
}
ALWAYS = 'sleep sleep sleep yield spawn spawn'
NEEDS_BODY = {name for name, args in OPERATIONS.items() if 'body' in args}
NO_LIMIT = -1


class Program:
    """What a text says: lists of (tried, name, arguments)."""

    def __init__(self, seed=0):
        self.seed = seed
        self.semaphores, self.queues, self.events = [], [], 0
        self.bodies = []  # (operations, cleanup, last)

    def __str__(self):
        lines = [f'program {self.seed}']
        lines.append(' '.join(map(str, ['semaphores', *self.semaphores])))
        lines.append(' '.join(map(str, ['queues', *self.queues])))
        lines.append(f'events {self.events}')
        for number, (operations, cleanup, last) in enumerate(self.bodies):
            lines.append(f'body {number}')
            lines += map(operation_text, operations)
            if cleanup:
                lines.append('cleanup')
                lines += map(operation_text, cleanup)
            lines.append(f'last {last}')
        return '\n'.join(lines) + '\nend\n'


def operation_text(operation):
    tried, name, arguments = operation
    return '  ' + ' '.join(['try'] * tried + [name, *map(str, arguments)])


def parse(text):
    """The Program of a text; what follows its end is not looked at."""
    program = Program()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split('#')[0].split()
        if words == ['end']:
            return program
        try:
            parse_line(program, words)
        except (ValueError, IndexError, KeyError):
            raise ValueError(f'line {number}: {line!r} is no line of a '
                             'program: see program.py') from None
    raise ValueError('the text has no "end"')


def parse_line(program, words):
    match words:
        case []:
            pass
        case ['program', seed]:
            program.seed = int(seed)
        case ['semaphores', *permits]:
            program.semaphores = [int(word) for word in permits]
        case ['queues', *capacities]:
            program.queues = [int(word) for word in capacities]
        case ['events', count]:
            program.events = int(count)
        case ['body', _]:
            program.bodies.append(([], [], None))
            program.section = 0
        case ['cleanup']:
            program.section = 1
        case ['last', last]:
            program.bodies[-1] = (*program.bodies[-1][:2], last)
        case [*start, name] if name in OPERATIONS and not OPERATIONS[name] \
                and start in ([], ['try']):
            program.bodies[-1][program.section].append(
                (bool(start), name, []))
        case _:
            tried = words[0] == 'try'
            name, *arguments = words[tried:]
            if len(arguments) != len(OPERATIONS[name]):
                raise ValueError(name)
            program.bodies[-1][program.section].append(
                (tried, name, [int(word) for word in arguments]))


def generate(random, seed):
    """A random program."""
    program = Program(seed)
    names = ALWAYS.split()
    for group in random.sample(list(GROUPS), random.randint(1, 6)):
        names += GROUPS[group].split()
    if random.random() < 0.4:
        names += GROUPS['cancels'].split()
    if random.random() < 0.05:
        names.append('forever')
    draw = Draw(random, names, count=random.randint(3, 7))
    things = range(draw.things)
    program.semaphores = [random.choice([0, 1, 1, 1, 2]) for _ in things]
    program.queues = [random.choice([0, 1, 1, 2]) for _ in things]
    program.events = draw.things
    for number in range(draw.count):
        operations = []
        if number < draw.count - 1:
            operations += draw.operations(['spawn'], number, 0, 3)
        operations += draw.operations(names, number, 1, 7)
        cleanup = []
        if random.random() < 0.3:
            cleanup = draw.operations(names, number, 1, 3)
        last = random.choice(['reap', 'gather', 'gather_all', 'gather_all',
                              'leave'][:draw.lasts])
        program.bodies.append((operations, cleanup, last))
    return program


class Draw:
    """What a program's operations are drawn from."""

    def __init__(self, random, names, count):
        self.random = random
        self.names = names
        self.count = count  # of bodies
        self.things = random.randint(1, 2)
        self.swallowing = random.choice([0.2, 0.5, 0.8])
        self.lasts = random.choice([4, 4, 5])
        # Few different times: many things fall together then.
        self.times = random.sample([1, 2, 3, 5, 10, 20, 30], 3)

    def operations(self, names, number, least, most):
        """Some for the body of that number."""
        names = [name for name in names
                 if name not in NEEDS_BODY or number < self.count - 1]
        return [self.operation(self.random.choice(names), number)
                for _ in range(self.random.randint(least, most))]

    def operation(self, name, number):
        random = self.random
        some = {
            'ms': lambda: random.choice([0, *self.times]),
            'limit': lambda: random.choice([NO_LIMIT, 0, *self.times * 3]),
            'body': lambda: random.randint(number + 1, self.count - 1),
            'task': lambda: random.randint(0, 9),
            'slot': lambda: random.randint(0, 4),
            'from': lambda: random.choice([0, 0, 0, 1, 2]),
            'few': lambda: random.randint(0, 3),
            'semaphore': lambda: random.randrange(self.things),
            'event': lambda: random.randrange(self.things),
            'queue': lambda: random.randrange(self.things),
            'error': lambda: random.randint(1, 9),
        }
        arguments = [some[kind]() for kind in OPERATIONS[name]]
        return random.random() < self.swallowing, name, arguments
