// node_peer.mjs - the cases of bench/runtime.c, for Node's promises.
//
// usage: node node_peer.mjs CASE N PASSES
//
// Prints one figure a line, as bench/bench.h tells. A switch is an await of a
// promise that is kept already: Node then goes on with whoever is next, without
// a look at what has happened outside. That is what our tasks do, too, as long
// as nothing outside is waited for.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const DELAY = 100; // milliseconds
const PERMITS = 100;

const now = () => Number(process.hrtime.bigint());
const each = (start, n) => (now() - start) / n;
const gather = (n, f) => Promise.all(Array.from({ length: n }, f));

// Node has none. One permit handed over is one promise kept.
class Semaphore {
  constructor(permits) {
    this.permits = permits;
    this.waiters = [];
    this.first = 0;
  }

  async acquire() {
    if (this.permits > 0) this.permits--;
    else await new Promise((kept) => this.waiters.push(kept));
  }

  release() {
    if (this.first < this.waiters.length) this.waiters[this.first++]();
    else this.permits++;
  }
}

async function trivial() {}

async function yieldOften(n) {
  for (let i = 0; i < n; i++) await null;
}

async function release(semaphore) {
  await null;
  semaphore.release();
}

async function sleepBeyond(n, milliseconds) {
  let asleep = 0;
  let most = 0;
  const start = now();
  await gather(n, async () => {
    most = Math.max(most, ++asleep);
    await sleep(milliseconds);
    asleep--;
  });
  const beyond = (now() - start) / 1e6 - milliseconds;
  if (most !== n) throw new Error('not all of them slept at once');
  return beyond;
}

const cases = {
  switch: async (n) => {
    const start = now();
    await Promise.all([yieldOften(n / 2), yieldOften(n / 2)]);
    return each(start, n);
  },
  spawn: async (n) => {
    const start = now();
    for (let i = 0; i < n; i++) await trivial();
    return each(start, n);
  },
  gather: async (n) => {
    const start = now();
    await gather(n, trivial);
    return each(start, n);
  },
  'task-acquires': async (n) => {
    const start = now();
    const semaphore = new Semaphore(PERMITS);
    await gather(n, async () => {
      await semaphore.acquire();
      await release(semaphore);
    });
    return each(start, n);
  },
  'spawner-acquires': async (n) => {
    const start = now();
    const semaphore = new Semaphore(PERMITS);
    const tasks = [];
    for (let i = 0; i < n; i++) {
      await semaphore.acquire();
      tasks.push(release(semaphore));
    }
    await Promise.all(tasks);
    return each(start, n);
  },
  sleep: (n) => sleepBeyond(n, DELAY),
  'sleep-million': (n) => sleepBeyond(n, 5000),
  late: async (n) => {
    const late = [];
    for (let i = 0; i < n; i++) {
      const start = now();
      await sleep(0.1);
      late.push((now() - start) / 1e3 - 100);
    }
    return late.sort((a, b) => a - b)[Math.floor(n / 2)];
  },
};

function memory(which) {
  const status = readFileSync('/proc/self/status', 'ascii');
  return 1024 * Number(status.match(new RegExp(`^${which}:\\s+(\\d+)`, 'm'))[1]);
}

const [name, n, passes] = [process.argv[2], ...process.argv.slice(3).map(Number)];
if (!cases[name] || !n || !passes) {
  console.error('usage: node node_peer.mjs CASE N PASSES');
  process.exit(2);
}
const before = memory('VmRSS');
console.log('first', await cases[name](n));
console.log('memory', (memory('VmHWM') - before) / n);
let best = Infinity;
for (let i = 1; i < passes; i++) best = Math.min(best, await cases[name](n));
if (passes > 1) console.log('best', best);
