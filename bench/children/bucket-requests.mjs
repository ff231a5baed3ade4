/**
 * bucket-requests.mjs STORE: what a library that stays open asks of an object storage, as JSON: how many
 * requests, how many of them write, and the time in ms, for each piece of work.
 */
import { library } from '../lib/build.mjs';

const { GitStore } = await import(library);
let requests = [];
const store = await GitStore.open(process.argv[2], { onRequest: (one) => requests.push(one) });

async function counted(work) {
  requests = [];
  const began = performance.now();
  const result = await work();
  const ms = performance.now() - began;
  const writing = requests.filter(({ verb }) => verb === 'put' || verb === 'remove').length;
  const received = requests.reduce((sum, one) => sum + one.received, 0);
  return { result, count: { all: requests.length, writing, received, ms } };
}

const first = await store.fs('main');
const small = await counted(() => first.write('small.txt', 'small'));
const noise = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i * 31) >> 7));
const large = await counted(() => small.result.write('large.bin', noise));
const held = await counted(() => large.result.read('small.txt'));
const unmoved = await counted(() => store.fs('main'));
for (let i = 0; i < 200; i++) await store.branches.set(`side${i}`, large.result);
const together = await counted(() =>
  Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      store.update(`side${i}`, (fs) => fs.write('mine', String(i))),
    ),
  ),
);
await store.close();
const counts = { small, large, held, unmoved, together };
console.log(
  JSON.stringify(Object.fromEntries(Object.entries(counts).map(([k, { count }]) => [k, count]))),
);
