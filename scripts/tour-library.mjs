/**
 * The library's part of the tour. It runs on the runtime that is tried, in a folder of its own.
 *
 *     tour-library.mjs                      all steps; prints `ok …` or `FAIL …` for each, and `end`
 *     tour-library.mjs update NAME TIMES    adds 1 to a number so often, beside other processes
 */
import { deepStrictEqual as same } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createMemoryStorage, FS, GitStore, StaleSnapshotError, Workspace } from 'gitstore';
import { createFileHandler, listen } from 'gitstore/server';

async function step(what, body) {
  try {
    await body();
    console.log(`ok ${what}`);
  } catch (error) {
    console.log(`FAIL ${what}\n${String(error.stack ?? error).replace(/^/gm, '    ')}`);
  }
}

async function update(name, times) {
  const store = await GitStore.open('shared.git', { durability: 'fast' });
  for (let i = 0; i < times; i++) {
    const change = async (tip) => {
      const count = (await tip.exists('count')) ? Number(await tip.readText('count')) : 0;
      return await tip.writeText('count', String(count + 1), { message: `${name} ${i}` });
    };
    await store.update('main', change, { retries: 1000 });
  }
  await store.close();
}

/** A child of the same runtime, with the same arguments before the script. */
function child(...args) {
  const script = fileURLToPath(import.meta.url);
  const run = process.versions.deno ? ['run', '--allow-all', '--quiet'] : [];
  const started = spawn(process.execPath, [...run, script, ...args], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    started.on('error', reject);
    started.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`ended with ${code}`)),
    );
  });
}

async function steps() {
  const warnings = [];
  const store = await GitStore.open('library.git', {
    onWarning: (warning) => warnings.push(warning),
  });
  let fs = await store.branches.get('main');
  await step('write and read', async () => {
    fs = await fs.writeText('a/b.txt', 'text ☃');
    same(await fs.readText('a/b.txt'), 'text ☃');
    same(await fs.ls(), ['a']);
  });
  await step('bytes and a part of them', async () => {
    const bytes = new Uint8Array(200_000).map((_, at) => at % 251);
    fs = await fs.write('bytes', bytes);
    same(new Uint8Array(await fs.read('bytes')), bytes);
    same([...(await fs.read('bytes', { offset: 1000, size: 3 }))], [...bytes.subarray(1000, 1003)]);
  });
  await step('streams in and out', async () => {
    const chunk = new TextEncoder().encode('streamed '.repeat(100_000));
    const source = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 3; i++) controller.enqueue(chunk);
        controller.close();
      },
    });
    fs = await fs.write('streamed', source);
    let length = 0;
    for await (const part of await fs.readStream('streamed')) length += part.length;
    same(length, 3 * chunk.length);
  });
  await step('a writer', async () => {
    const stream = await fs.writer('written');
    const writer = stream.getWriter();
    await writer.write(new TextEncoder().encode('written'));
    await writer.close();
    fs = stream.fs;
    same(await fs.readText('written'), 'written');
  });
  await step('a batch', async () => {
    const batch = fs.batch();
    for (let i = 0; i < 500; i++) await batch.writeText(`many/${i}`, `number ${i}\n`.repeat(20));
    await batch.remove('written');
    fs = await batch.commit();
    same((await fs.ls('many')).length, 500);
    const contents = await Promise.all(
      (await fs.ls('many')).map((name) => fs.readText(`many/${name}`)),
    );
    same(
      contents.every((text) => text.startsWith('number ')),
      true,
    );
  });
  await step('a stale write is an error', async () => {
    const old = await fs.parent();
    let refused;
    await old.writeText('x', 'y').catch((error) => {
      refused = error;
    });
    same(refused instanceof StaleSnapshotError, true);
  });
  await step('history', async () => {
    const first = await fs.parent();
    same(first instanceof FS, true);
    let count = 0;
    for await (const _ of fs.log()) count++;
    same(count, 6);
    fs = await fs.undo();
    fs = await fs.redo();
    same(await fs.exists('many/1'), true);
    let differences = 0;
    for await (const _ of fs.diff(first)) differences++;
    same(differences, 501);
  });
  await step('copy in and out', async () => {
    mkdirSync('tree/deep/er', { recursive: true });
    for (let i = 0; i < 200; i++) writeFileSync(`tree/deep/er/${i}`, `${i}\n`.repeat(i * 10));
    fs = await fs.syncIn('tree', 'tree');
    same(fs.changes.add.length, 200);
    writeFileSync('tree/deep/er/7', 'seven');
    fs = await fs.syncIn('tree', 'tree');
    same(
      fs.changes.update.map(({ path }) => path),
      ['tree/deep/er/7'],
    );
    await fs.syncOut('tree', 'tree2');
    same(readFileSync('tree2/deep/er/7', 'utf8'), 'seven');
    const again = await fs.syncOut('tree', 'tree2');
    same(again.changes?.total ?? 0, 0);
  });
  await step('a workspace', async () => {
    const work = await Workspace.open('tree2', { store, branch: 'work' });
    await work.checkpoint({ message: 'First' });
    writeFileSync('tree2/deep/er/8', 'eight');
    same(
      (await work.changes()).entries.map(({ path }) => path),
      ['deep/er/8'],
    );
    await work.checkpoint({ message: 'Second' });
    await work.rewind({ back: 1 });
    same(readFileSync('tree2/deep/er/8', 'utf8'), '8\n'.repeat(80));
    await work.close();
  });
  await step('merge', async () => {
    await store.branches.set('side', fs);
    const side = await store.branches.get('side');
    await side.writeText('side.txt', 'side');
    fs = await fs.writeText('main.txt', 'main');
    fs = await fs.merge('side');
    same([await fs.readText('side.txt'), await fs.readText('main.txt')], ['side', 'main']);
  });
  await step('notes', async () => {
    await store.notes.commits.set(fs, 'noted');
    same(await store.notes.commits.get(fs), 'noted');
  });
  await step('files over HTTP', async () => {
    const server = await listen(createFileHandler(store), { port: 0 });
    const answer = await fetch(`${server.url}/side.txt`);
    same([answer.status, await answer.text()], [200, 'side']);
    await server.close();
  });
  await step('pack, gc and verify, of so much that threads are worth it', async () => {
    for (const round of [1, 2, 3]) {
      const writes = {};
      for (let i = 0; i < 1200; i++) writes[`d${i % 30}/f${i}`] = `file ${i}\n`.repeat(20) + round;
      for (let i = 0; i < 100; i++) writes[`large/${i}`] = `row ${i} ${round}\n`.repeat(3000);
      fs = await fs.apply({ writes });
    }
    await store.pack();
    await store.gc();
    same((await store.verify()).ok, true);
    const names = await fs.ls('large');
    const texts = await Promise.all(names.map((name) => fs.readText(`large/${name}`)));
    same(
      texts.every((text, at) => text.startsWith(`row ${names[at]} 3\n`)),
      true,
    );
    await fs.copyOut(['d0', 'd1', 'large'], 'out');
    same(readFileSync('out/d0/f30', 'utf8'), `${'file 30\n'.repeat(20)}3`);
  });
  await step('close', async () => {
    await store.close();
    same(warnings, []);
  });
  await step('a store in memory', async () => {
    const memory = await GitStore.over(createMemoryStorage());
    const snapshot = await (await memory.branches.get('main')).writeText('a', 'in memory');
    same(await snapshot.readText('a'), 'in memory');
    await memory.close();
  });
  await step('two processes update one store', async () => {
    await Promise.all([child('update', 'one', '25'), child('update', 'two', '25')]);
    const shared = await GitStore.open('shared.git', { create: false });
    same(await (await shared.branches.get('main')).readText('count'), '50');
    await shared.close();
  });
}

const [verb, name, times] = process.argv.slice(2);
if (verb === 'update') {
  await update(name, Number(times));
} else {
  await steps();
  console.log('end');
}
