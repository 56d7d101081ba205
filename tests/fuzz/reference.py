"""reference.py - runs a program on CPython's asyncio, on a virtual clock.

Everything is asyncio's own, but for what the runtime does otherwise by design.
Each of those rules has a name, and touch() notes which of them a program met,
so that none of them hides more than it says:

  equal deadlines      fire in the order they were set (asyncio: unspecified)
  nothing outlives     a task that returns cancels whom it left and waits for them
  gather cancels       gather: a failure cancels the others, which are waited
                       for (as by TaskGroup)
  cancelled once       what gathers tells its tasks once, not at each cancel
  reap                 cancels, waits, holds back a cancel that comes meanwhile
  wait_any reaps       wait_any, cancelled: its tasks are cancelled, waited for
  wait_any collects    wait_any passes over what was awaited in between
  wait_for waits       wait_for, cancelled twice: still waits for its child
  wait_for cancelled   wait_for, cancelled as its child ended: is cancelled
  shield defers        shield runs inline, and only holds back a cancel
  queue closes         closing a queue is Python 3.13's shutdown()

Tasks are of asyncio's Python implementation, where a cancel can be held back.
"""
import asyncio
import heapq
from asyncio import events, futures, tasks

# A millisecond of the program is a second of the loop: no fractions.
SUPERVISED = 100_000  # when a program that hangs is helped out
MOST_FRAMES = 150
MOST_HELP = 2
ENDLESS = 100
CANCELLED = 'cancelled'


class Failure(Exception):
    """What a program's `fail` raises."""


class Closed(Exception):
    """What a closed queue raises."""


class NoneLeft(Exception):
    """wait_any has given all there were."""


SKIPPED = object()  # the operation had nothing to be done on
ERRORS = (Failure, Closed, NoneLeft, asyncio.CancelledError,
          asyncio.TimeoutError)


def text_of(error):
    match error:
        case None:
            return 'ok'
        case asyncio.CancelledError():
            return CANCELLED
        case asyncio.TimeoutError():
            return 'timeout'
        case Closed():
            return 'closed'
        case NoneLeft():
            return 'none'
        case Failure():
            return f'failed({error.args[0]})'


async def attempt(coroutine):
    """The error that it raises, or None."""
    try:
        await coroutine
        return None
    except ERRORS as error:
        return error


# ---- The loop -------------------------------------------------------------

class Timer(events.TimerHandle):
    """Of two with one deadline, the one that was set first is earlier."""

    def __lt__(self, other):
        if self._when != other._when:
            return self._when < other._when
        if not self._cancelled and not other._cancelled:
            self._loop.run.touch('equal deadlines')
        return self.sequence < other.sequence


class Loop(asyncio.BaseEventLoop):
    """Jumps to the next deadline when nothing is ready."""

    def __init__(self, run):
        super().__init__()
        self.run = run
        self.now = 0
        self.timers_set = 0
        self._clock_resolution = 1e-6
        self._selector = self
        self.set_exception_handler(lambda loop, context: None)

    def time(self):
        return self.now

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError('deadlock: the supervisor itself waits')
        if timeout > 0:
            self.now = self._scheduled[0]._when
        return []

    def _process_events(self, happened):
        pass

    def call_at(self, when, callback, *args, context=None):
        timer = Timer(when, callback, args, self, context)
        timer.sequence = self.timers_set
        self.timers_set += 1
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer


# ---- What differs by design -----------------------------------------------

class Task(tasks._PyTask):
    """A task that can be inside of shields, and waits for its children."""

    def __init__(self, run, frame, parent):
        super().__init__(self.whole(), loop=run.loop)
        self.run = run
        self.frame = frame
        self.parent = parent
        self.children = []      # all that it started
        self.awaits = []        # others' tasks that it waits for now
        self.shields = 0
        self.held = False       # a cancel, until the last shield is left
        self.collected = False  # somebody got its result
        self.watched = self.noticed = False  # by wait_any
        self.waiters = []       # those that are in wait_any for it now
        self.returned = self.leaving = False
        self.add_done_callback(run.ended.append)
        if parent:
            parent.children.append(self)

    async def whole(self):
        self.failure = await attempt(self.frame.execute())
        if any(not child.collected for child in self.children):
            self.run.touch('nothing outlives')
            self.returned = True
            self.pending, self._must_cancel = self._must_cancel, False
            self.run.loop.call_soon(self.leave)
            await self.run.loop.create_future()
        if self.failure:
            raise self.failure

    def leave(self):
        self.leaving = True
        for child in self.children:
            child.cancel()
        self.end_if_alone()

    def end_if_alone(self):
        if not all(child.done() for child in self.children):
            return
        self._coro.close()
        if self.failure and not isinstance(self.failure,
                                           asyncio.CancelledError):
            futures._PyFuture.set_exception(self, self.failure)
        elif self.failure or self.pending:
            futures._PyFuture.cancel(self)
        else:
            futures._PyFuture.set_result(self, None)

    def _Future__schedule_callbacks(self):
        """It has ended: so has its parent, if that waits for no other."""
        super()._Future__schedule_callbacks()
        if self.parent and self.parent.leaving:
            self.parent.end_if_alone()

    def cancel(self, msg=None):
        if self.done() or self.returned:
            return False
        if not self.shields:
            return super().cancel(msg)
        self.run.touch('shield defers')
        self._num_cancels_requested += 1
        self.held = True
        return True

    def error(self):
        if self.cancelled():
            return asyncio.CancelledError()
        return self.exception()

    def reaches(self, other):
        """Whether its end waits for the other's."""
        return self is other or not self.done() and any(
            task.reaches(other) for task in self.awaits + self.children)


stock_cancel_gather = tasks._GatheringFuture.cancel


def cancel_gather(gathering, msg=None):
    """Its tasks are told once, also if they were for another reason before."""
    if gathering.done():
        return False
    if gathering.told:
        gathering.run.touch('cancelled once')
        gathering._cancel_requested = True
        return True
    gathering.told = True
    return stock_cancel_gather(gathering, msg)


tasks._GatheringFuture.cancel = cancel_gather


async def gather_all(run, members, told=False, prepare=None):
    if not members:
        return
    gathering = asyncio.gather(*members, return_exceptions=True)
    gathering.told = told
    gathering.run = run
    if prepare:
        prepare(gathering)
    await gathering


async def gather(run, members):
    """asyncio.gather, but the first failure cancels the others."""
    failed = []

    def prepare(gathering):
        def ended(task):
            if not task.error():
                return
            failed.append(task)
            if gathering.told:
                return
            gathering.told = True
            for other in members:
                if other.cancel():
                    run.touch('gather cancels')

        for task in members:
            task.add_done_callback(ended)

    await gather_all(run, members, prepare=prepare)
    if failed:
        raise failed[0].error()


async def reap(run, members):
    me = asyncio.current_task()
    pending, me._must_cancel = me._must_cancel, False
    running = [task for task in members if not task.done()]
    for task in running:
        task.cancel()
    if running:
        run.touch('reap')
        try:
            await gather_all(run, running, told=True)
        except asyncio.CancelledError:
            pending = True
    me._must_cancel = pending


async def wait_any(run, members):
    """The next of as_completed(): of those whose end was noticed, the first."""
    while True:
        left = [task for task in members if not task.collected]
        if len(left) < len(members):
            run.touch('wait_any collects')
        if not left:
            raise NoneLeft
        for task in left:
            if not task.watched:
                task.watched = True
                task.add_done_callback(run.notice)
        noticed = [task for task in left if task.noticed]
        if noticed:
            return min(noticed, key=run.ended.index)
        await wait_for_notice(run, members, left)


async def wait_for_notice(run, members, left):
    waiter = run.loop.create_future()
    for task in left:
        task.waiters.append(waiter)
    try:
        await waiter
    except asyncio.CancelledError:
        run.touch('wait_any reaps')
        await reap(run, members)
        for task in members:
            task.collected = True
        raise
    finally:
        for task in left:
            task.waiters.remove(waiter)


async def wait_for(run, child, limit):
    """Waits for the child in any case, and a cancel of ours is never lost."""
    cancelled = late = False
    waiter = None

    def wake(*_):
        if not waiter.done():
            waiter.set_result(None)

    if limit > 0:
        waiter = run.loop.create_future()
        timer = run.loop.call_later(limit, wake)
        child.add_done_callback(wake)
        try:
            await waiter
        except asyncio.CancelledError:
            cancelled = True
            if child.done():
                run.touch('wait_for cancelled')
        timer.cancel()
    while not child.done():
        late = not cancelled
        child.remove_done_callback(wake)
        child.add_done_callback(wake)
        child.cancel()
        waiter = run.loop.create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            run.touch('wait_for waits')
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    if child.cancelled() and late:
        raise asyncio.TimeoutError
    if child.error():
        raise child.error()


async def shield(run, coroutine):
    me = asyncio.current_task()
    if me._must_cancel:
        run.touch('shield defers')
        me.held, me._must_cancel = True, False
    me.shields += 1
    try:
        await coroutine
    finally:
        me.shields -= 1
        if not me.shields and me.held:
            me.held, me._must_cancel = False, True


class Queue(asyncio.Queue):
    """With shutdown() as Python 3.13 has it."""

    def __init__(self, capacity):
        super().__init__(capacity)
        self.closed = False

    def put_nowait(self, item):
        if self.closed:
            raise Closed
        super().put_nowait(item)

    async def put(self, item):
        # Closed and full: the loop of 3.11's put() would wait.
        if self.closed:
            raise Closed
        await super().put(item)

    def full(self):
        return not self.closed and super().full()

    def empty(self):
        return not self.closed and super().empty()

    def get_nowait(self):
        if not self._queue:
            raise Closed
        return super().get_nowait()

    def close(self):
        self.closed = True
        for waiters in (self._getters, self._putters):
            while waiters:
                self._wakeup_next(waiters)


# ---- Running a program ----------------------------------------------------

class Frame:
    """One call of a body."""

    def __init__(self, run, body, name, shielded):
        self.run = run
        self.operations, self.cleanup, self.last = run.program.bodies[body]
        self.name = name
        self.shielded = shielded  # a second cancel would not reach it
        self.spawned = []
        self.called = 0
        self.held = [0] * len(run.semaphores)
        self.detail = ''
        run.frames += 1

    def note(self, what):
        self.run.trace.append(f'{self.run.loop.now} {self.name} {what}')

    def child(self, body, shielded=False):
        """The frame of a call; None if there are too many."""
        if self.run.frames >= MOST_FRAMES:
            return None
        self.called += 1
        return Frame(self.run, body, f'{self.name}.{self.called - 1}',
                     shielded)

    async def execute(self):
        error = await self.perform(self.operations)
        self.note(f'out {text_of(error)}')
        error = await self.perform(self.cleanup) or error
        for semaphore, held in zip(self.run.semaphores, self.held):
            for _ in range(held):
                release(semaphore)
        last = None
        if self.last != 'leave':
            how = {'reap': reap, 'gather': gather, 'gather_all': gather_all}
            last = await attempt(self.over(how[self.last], self.spawned))
        self.note(f'end {text_of(error or last)}{results(self.spawned)}')
        if error or last:
            raise error or last

    async def perform(self, operations):
        """Stops at the first error that is not swallowed, and returns it."""
        for tried, name, arguments in operations:
            if self.run.draining:
                break
            self.detail = ''
            self.run.performed.add(name)
            error = None
            try:
                if await getattr(self, 'do_' + name)(*arguments) is SKIPPED:
                    continue
            except ERRORS as caught:
                error = caught
            self.note(f'{name} {text_of(error)}{self.detail}')
            if error and not tried:
                return error
        return None

    # -- Tasks

    def start(self, frame):
        return Task(self.run, frame, asyncio.current_task())

    async def do_spawn(self, body):
        frame = self.child(body)
        if not frame:
            return SKIPPED
        task = self.start(frame)
        self.spawned.append(task)
        self.run.tasks.append(task)

    async def do_await_own(self, slot):
        if not self.spawned:
            return SKIPPED
        await self.over(first, [self.spawned[slot % len(self.spawned)]])

    async def do_await(self, number):
        task = self.run.task(number)
        return await self.over_others(first, [task])

    async def do_cancel(self, number):
        self.detail = f' {self.run.task(number).cancel():d}'

    async def do_cancel_own(self, slot):
        if not self.spawned:
            return SKIPPED
        task = self.spawned[slot % len(self.spawned)]
        self.detail = f' {task.cancel():d}'

    async def do_cancelling(self):
        self.detail = f' {asyncio.current_task().cancelling()}'

    # -- Sets of tasks

    async def over(self, operation, members):
        """Waits for members, whose results are collected then."""
        members = list(members)
        try:
            await operation(self.run, members)
        finally:
            for task in members:
                task.collected |= task.done()

    async def over_others(self, operation, members):
        await self.unless_in_a_circle(
            lambda awaited: self.over(operation, awaited), members)

    async def unless_in_a_circle(self, operation, members):
        """Waits for others' tasks, unless they wait for us already."""
        me = asyncio.current_task()
        if any(task.reaches(me) for task in members):
            self.detail = ' in a circle'
            return
        me.awaits = members
        try:
            await operation(members)
        finally:
            me.awaits = []

    def own_from(self, start):
        return self.spawned[min(start, len(self.spawned)):]

    async def do_gather(self, start):
        await self.set_and_results(self.over, gather, self.own_from(start))

    async def do_gather_all(self, start):
        await self.set_and_results(self.over, gather_all, self.own_from(start))

    async def do_reap(self, start):
        await self.set_and_results(self.over, reap, self.own_from(start))

    async def do_gather_of(self, number):
        await self.set_and_results(self.over_others, gather, self.of(number))

    async def do_gather_all_of(self, number):
        await self.set_and_results(self.over_others, gather_all,
                                   self.of(number))

    async def do_reap_of(self, number):
        await self.set_and_results(self.over_others, reap, self.of(number))

    def of(self, number):
        """What another task has spawned by now."""
        return list(self.run.task(number).frame.spawned)

    async def set_and_results(self, how, operation, members):
        try:
            await how(operation, members)
        finally:
            if not self.detail:
                self.detail = results(members)

    async def do_wait_any(self, start):
        await self.next_of(self.own_from(start))

    async def do_wait_any_of(self, number):
        await self.unless_in_a_circle(self.next_of, self.of(number))

    async def next_of(self, members):
        task = await wait_any(self.run, members)
        task.collected = True
        self.detail = f' {members.index(task)} {text_of(task.error())}'

    # -- Calls

    async def do_call(self, body):
        frame = self.child(body, self.shielded)
        if not frame:
            return SKIPPED
        await frame.execute()

    async def do_shield(self, body):
        frame = self.child(body, True)
        if not frame:
            return SKIPPED
        await shield(self.run, frame.execute())

    async def do_wait_for(self, body, limit):
        frame = self.child(body, self.shielded)
        if not frame:
            return SKIPPED
        if limit < 0:
            await frame.execute()
        else:
            child = self.start(frame)
            await self.over(lambda run, _: wait_for(run, child, limit), [child])

    async def do_each(self, body, count):
        await self.over(gather, self.start_each(body, count))

    async def do_each_all(self, body, count):
        members = self.start_each(body, count)
        try:
            await self.over(gather_all, members)
        finally:
            self.detail = ''.join(' ' + code_of(task) for task in members)

    def start_each(self, body, count):
        frames = [self.child(body, True) for _ in range(count)]
        return [self.start(frame) for frame in frames if frame]

    # -- Time

    async def do_sleep(self, ms):
        await asyncio.sleep(ms)

    async def do_yield(self):
        await asyncio.sleep(0)

    async def do_forever(self):
        if self.shielded:
            return SKIPPED
        await self.run.loop.create_future()

    async def do_block(self, ms):
        self.run.loop.now += ms

    # -- Tasks that wait for each other

    async def do_acquire(self, number):
        await self.run.semaphores[number].acquire()
        self.held[number] += 1

    async def do_release(self, number):
        if not self.held[number]:
            return SKIPPED
        self.held[number] -= 1
        release(self.run.semaphores[number])

    async def do_give(self, number):
        release(self.run.semaphores[number])

    async def do_wait_event(self, number):
        await self.run.events[number].wait()

    async def do_set_event(self, number):
        self.run.events[number].set()

    async def do_clear_event(self, number):
        self.run.events[number].clear()

    async def do_put(self, number):
        self.run.items += 1
        item = self.run.items
        self.detail = f' {item}'
        await self.run.queues[number].put(item)

    async def do_get(self, number):
        item = await self.run.queues[number].get()
        self.detail = f' {item}'

    async def do_close(self, number):
        self.run.touch('queue closes')
        self.run.queues[number].close()

    async def do_fail(self, error):
        raise Failure(f'{error} from {self.name}')


async def first(run, members):
    await members[0]


def release(semaphore):
    try:
        semaphore.release()
    except ValueError:
        pass  # too often: nothing changes


def code_of(task):
    """An error's number, not its text: async_gather_each_all gives no more."""
    error = task.error()
    if isinstance(error, Failure):
        return f'failed({error.args[0].split()[0]})'
    return text_of(error)


def results(members):
    return ''.join(' ' + (text_of(task.error()) if task.collected else 'runs')
                   for task in members)


class Run:
    """One run of a program: its trace, and what it met."""

    def __init__(self, program):
        self.program = program
        self.trace = []
        self.touched = set()
        self.performed = set()
        self.tasks = []  # all that can be named, in the order of their spawns
        self.ended = []  # all tasks, in the order of their ends
        self.frames = self.items = self.helped = 0
        self.draining = False  # no operation is begun any more
        self.loop = Loop(self)
        try:
            self.loop.run_until_complete(self.supervise())
        finally:
            self.loop.close()

    def touch(self, rule):
        self.touched.add(rule)

    def task(self, number):
        return self.tasks[number % len(self.tasks)]

    @staticmethod
    def notice(task):
        task.noticed = True
        for waiter in task.waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def supervise(self):
        program = self.program
        self.semaphores = [asyncio.BoundedSemaphore(permits) if permits
                           else asyncio.Semaphore(0)
                           for permits in program.semaphores]
        self.queues = [Queue(capacity) for capacity in program.queues]
        self.events = [asyncio.Event() for _ in range(program.events)]
        frame = Frame(self, 0, 'm', False)
        root = Task(self, frame, None)
        self.tasks.append(root)
        while not root.done():
            await asyncio.sleep(SUPERVISED)
            if not root.done():
                self.help_out()
        error = await attempt(root)
        self.trace.append(f'{self.loop.now} returned {text_of(error)}')
        for semaphore in self.semaphores:
            self.trace.append(f'semaphore {semaphore._value}')
        for queue in self.queues:
            self.trace.append(f'queue {queue.qsize()}')

    def help_out(self):
        """It hangs: all are cancelled. If it hangs again, it is to end."""
        self.touch('(hangs: was helped out)')
        self.helped += 1
        if self.helped == ENDLESS:
            raise RuntimeError(f'seed {self.program.seed} never ends: its '
                               'generator is to be mended')
        if self.helped > MOST_HELP:
            self.draining = True
            self.wake_all()
        for task in self.tasks:
            task.cancel()

    def wake_all(self):
        for event in self.events:
            event.set()
        for queue in self.queues:
            queue.close()
        for semaphore in self.semaphores:
            for _ in range(MOST_FRAMES):
                release(semaphore)
