/**
 * collect-loop.mjs LIBRARY STORE STOPFILE: collects, packs and verifies by turns, and reads the whole
 * of a branch meanwhile, until STOPFILE exists. Prints a line a round. Whoever else collects is waited
 * for.
 */
import { existsSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [library, path, stopFile] = process.argv.slice(2);
const { GitStore } = await import(pathToFileURL(library));
const store = await GitStore.open(path, { create: false, durability: 'fast' });

async function read() {
  while (!existsSync(stopFile)) {
    const fs = await store.fs('start');
    for (const name of await fs.ls('', { recursive: true })) await fs.read(name);
    await fs.back(5);
    // What lies in memory is read without waiting for anything: others need their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const reading = read();
for (let round = 0; !existsSync(stopFile); round++) {
  try {
    if (round % 3 === 2) await store.pack();
    else await store.gc();
  } catch (error) {
    if (error.code !== 'ELOCKED') throw error;
    await new Promise((resolve) => setTimeout(resolve, 5));
    continue;
  }
  const { faults } = await store.verify();
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  writeSync(1, `${round}\n`);
}
await reading;
await store.close();
