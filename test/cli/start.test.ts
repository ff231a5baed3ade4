/** What a command loads before it does its work: little, so that it starts in the time of Node itself. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { buildProgram } from '../helpers/build.ts';
import { git } from '../helpers/git.ts';
import { runNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let cli: string;
let store: string;
/** What Node itself loads for its asynchronous file calls: `os` since version 26. */
let ofFiles: string[];

beforeAll(async () => {
  ({ cli } = await buildProgram());
  const script = `require('node:fs/promises'); console.log(process.moduleLoadList.join('\\n'))`;
  ofFiles = (await runNode(['-e', script])).stdout.toString().split('\n');
  const folder = scratchFolder();
  for (let i = 0; i < 600; i++) writeFileSync(join(folder, `some-file-${i}.txt`), `text ${i}\n`);
  store = join(scratchFolder(), 'store.git');
  const { code } = await runNode([cli, '-r', store, 'cp', `${folder}/`, ':files']);
  expect(code).toBe(0);
});

/** Which of Node's slower parts a run has loaded, and which of the program's files. */
async function loadedBy(...args: string[]): Promise<{ parts: string[]; files: string[] }> {
  const cache = scratchFolder();
  const hook = join(cache, 'hook.cjs');
  const report = join(cache, 'report');
  writeFileSync(
    hook,
    `process.on('exit', () => require('node:fs').writeFileSync(
      ${JSON.stringify(report)}, process.moduleLoadList.join('\\n')));`,
  );
  const { code, stderr } = await runNode(['--require', hook, cli, '-r', store, ...args], {
    env: { NODE_COMPILE_CACHE: cache },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const parts = readFileSync(report, 'utf8')
    .split('\n')
    .filter((line) => !ofFiles.includes(line))
    .map((line) => line.replace('NativeModule ', ''))
    .filter((part) => ['zlib', 'crypto', 'stream', 'os', 'worker_threads'].includes(part));
  const [kept] = readdirSync(join(cache, 'gitstore'));
  const text = readFileSync(join(cache, 'gitstore', kept!), 'latin1');
  const files = text.slice(0, text.length / 2).match(/\.\/[\w-]+\.cjs/g) ?? [];
  return { parts, files: [...new Set(files)].filter((file) => text.indexOf(file) < 1000) };
}

test('to show a file, one of its own and none of the slow ones', async () => {
  const loaded = await loadedBy('cat', 'files/some-file-7.txt');
  expect(loaded).toEqual({ parts: [], files: ['./core.cjs'] });
});

test('nor to show one from deltas, in what Git packed', async () => {
  git(store, 'gc', '-q');
  const loaded = await loadedBy('cat', 'files/some-file-7.txt');
  expect(loaded).toEqual({ parts: [], files: ['./core.cjs'] });
});

test('to list files or look up a commit, nothing that writes', async () => {
  for (const args of [
    ['ls', 'files'],
    ['hash', 'main~1'],
    ['log', '--path', 'files'],
  ]) {
    const { parts, files } = await loadedBy(...args);
    expect(parts).toEqual([]);
    expect(files).toContain('./core.cjs');
    expect(files).not.toContain('./write.cjs');
    expect(files).not.toContain('./copy.cjs');
  }
});

test('to search files or a history, nothing that writes', async () => {
  for (const args of [
    ['grep', '--all', 'text 7'],
    ['blame', 'files/some-file-7.txt'],
  ]) {
    const { files } = await loadedBy(...args);
    expect(files).toContain('./core.cjs');
    expect(files).not.toContain('./write.cjs');
    expect(files).not.toContain('./copy.cjs');
  }
});
