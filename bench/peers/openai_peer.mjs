// openai_peer.mjs - the cases of bench/http.c, for OpenAI's own client from npm.
//
// usage: BENCH_URL=http://.../v1 NPM_FOLDER=build/npm \
//     node openai_peer.mjs CASE N PASSES
//
// Prints one figure a line, as bench/http.h tells.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const installed = createRequire(
  pathToFileURL(`${process.env.NPM_FOLDER}/package.json`));
const { OpenAI } = installed('openai');
const client = new OpenAI({
  apiKey: 'any', baseURL: process.env.BENCH_URL, maxRetries: 0 });

async function chat() {
  const answer = await client.chat.completions.create({
    model: 'gpt-3.5-turbo',
    messages: [{ role: 'user', content: 'What is Python?' }],
  });
  if (!answer.choices[0].message.content) throw new Error('no right answer');
}

async function pass(inFlight, n) {
  let left = n;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left-- > 0) await chat();
  }));
}

function microseconds(kind) {
  if (kind === 'wall') return performance.now() * 1e3;
  const { user, system } = process.cpuUsage();
  return user + system;
}

if (process.argv.length !== 5) {
  console.error('usage: node openai_peer.mjs CASE N PASSES');
  process.exit(2);
}
const [kind, inFlight] = process.argv[2].split('-');
const [n, passes] = process.argv.slice(3).map(Number);
const figures = [];
for (let i = 0; i < passes; i++) {
  // Beside those of the pass before, which it keeps for some seconds, it would
  // open as many connections again: 20,000.
  if (i > 0 && inFlight > 1000) await new Promise(then => setTimeout(then, 6e3));
  const start = microseconds(kind);
  await pass(Number(inFlight), n);
  figures.push((microseconds(kind) - start) / n);
}
console.log('first', figures[0]);
if (passes > 1) console.log('best', Math.min(...figures.slice(1)));
