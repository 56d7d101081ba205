"""asyncio_peer.py - the cases of bench/runtime.c, for Python's asyncio.

usage: asyncio_peer.py asyncio|uvloop CASE N PASSES

Prints one figure a line, as bench/bench.h tells.
"""
import asyncio
import statistics
import sys
import time

DELAY = 0.1
PERMITS = 100


def each(start, n):
    return (time.monotonic() - start) / n * 1e9


async def trivial():
    pass


async def yield_often(n):
    for _ in range(n):
        await asyncio.sleep(0)


async def switch_tasks(n):
    start = time.monotonic()
    await asyncio.gather(yield_often(n // 2), yield_often(n // 2))
    return each(start, n)


async def spawn_and_await(n):
    start = time.monotonic()
    for _ in range(n):
        await asyncio.create_task(trivial())
    return each(start, n)


async def gather_trivial(n):
    start = time.monotonic()
    await asyncio.gather(*[trivial() for _ in range(n)])
    return each(start, n)


async def release(semaphore):
    await asyncio.sleep(0)
    semaphore.release()


async def acquire_and_release(semaphore):
    await semaphore.acquire()
    await release(semaphore)


async def task_acquires(n):
    semaphore = asyncio.Semaphore(PERMITS)
    start = time.monotonic()
    await asyncio.gather(*[acquire_and_release(semaphore) for _ in range(n)])
    return each(start, n)


async def spawner_acquires(n):
    semaphore = asyncio.Semaphore(PERMITS)
    tasks = []
    start = time.monotonic()
    for _ in range(n):
        await semaphore.acquire()
        tasks.append(asyncio.create_task(release(semaphore)))
    await asyncio.gather(*tasks)
    return each(start, n)


async def sleep_beyond(n, seconds):
    asleep = most = 0

    async def nap():
        nonlocal asleep, most
        asleep += 1
        most = max(most, asleep)
        await asyncio.sleep(seconds)
        asleep -= 1

    start = time.monotonic()
    await asyncio.gather(*[nap() for _ in range(n)])
    beyond = time.monotonic() - start - seconds
    if most != n:
        sys.exit('bench: not all of them slept at once')
    return 1e3 * beyond


async def sleep_many(n):
    return await sleep_beyond(n, DELAY)


async def sleep_million(n):
    return await sleep_beyond(n, 5)


async def lateness(n):
    late = []
    for _ in range(n):
        start = time.monotonic()
        await asyncio.sleep(100e-6)
        late.append((time.monotonic() - start) * 1e6 - 100)
    return statistics.median(late)


CASES = {
    'switch': switch_tasks,
    'spawn': spawn_and_await,
    'gather': gather_trivial,
    'task-acquires': task_acquires,
    'spawner-acquires': spawner_acquires,
    'sleep': sleep_many,
    'sleep-million': sleep_million,
    'late': lateness,
}


def memory(which):
    with open('/proc/self/status', encoding='ascii') as status:
        for line in status:
            if line.startswith(which + ':'):
                return int(line.split()[1]) * 1024
    return 0


async def measure(case, n, passes):
    before = memory('VmRSS')
    print('first', await case(n))
    print('memory', (memory('VmHWM') - before) / n)
    later = [await case(n) for _ in range(1, passes)]
    if later:
        print('best', min(later))


def main():
    if len(sys.argv) != 5 or sys.argv[2] not in CASES:
        sys.exit(__doc__)
    if sys.argv[1] == 'uvloop':
        import uvloop
        uvloop.install()
    n, passes = map(int, sys.argv[3:])
    asyncio.run(measure(CASES[sys.argv[2]], n, passes))


main()
