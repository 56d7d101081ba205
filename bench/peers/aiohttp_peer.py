"""aiohttp_peer.py - the cases of bench/http.c, for aiohttp.

usage: BENCH_URL=http://.../v1 aiohttp_peer.py CASE N PASSES

Prints one figure a line, as bench/http.h tells.
"""
import asyncio
import os
import resource
import sys
import time

import aiohttp

REQUEST = {'model': 'gpt-3.5-turbo',
           'messages': [{'role': 'user', 'content': 'What is Python?'}]}


async def chat(session, url):
    async with session.post(url, json=REQUEST) as reply:
        answer = await reply.json()
        if reply.status != 200 or not answer['choices'][0]['message']['content']:
            sys.exit(f'not a right answer: {reply.status}')


async def make_all(session, url, in_flight, n):
    left = n

    async def worker():
        nonlocal left
        while left > 0:
            left -= 1
            await chat(session, url)

    await asyncio.gather(*(worker() for _ in range(in_flight)))


def seconds(kind):
    if kind == 'wall':
        return time.monotonic()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(kind, in_flight, n, passes):
    url = os.environ['BENCH_URL'] + '/chat/completions'
    figures = []
    async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={'Authorization': 'Bearer any'}) as session:
        for _ in range(passes):
            start = seconds(kind)
            await make_all(session, url, in_flight, n)
            figures.append((seconds(kind) - start) / n * 1e6)
    print('first', figures[0])
    if passes > 1:
        print('best', min(figures[1:]))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    kind, in_flight = sys.argv[1].split('-')
    asyncio.run(measure(kind, *map(int, [in_flight, *sys.argv[2:]])))


main()
