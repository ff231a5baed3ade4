/**
 * Random work on a folder against a plain model: whatever was in the folder at a checkpoint or before a
 * rewind can be had again, what is ignored is never touched, and Git finds the store sound.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { type FS, GitStore, Workspace } from '../../src/index.ts';
import { effort, seed, seededRandom } from '../crash/stress.ts';
import { expectClean } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

type Files = Map<string, string>;

const NAMES = [
  'a',
  'b',
  'c',
  'd/a',
  'd/b',
  'd/e/f',
  'e',
  'e/x',
  'e/x/y',
  'ü',
  'log/z.log',
  'z.log',
];

function filesIn(folder: string, below = ''): Files {
  const files: Files = new Map();
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) for (const file of filesIn(folder, path)) files.set(...file);
    else files.set(path, readFileSync(join(folder, path), 'utf8'));
  }
  return files;
}

function isIgnored(path: string): boolean {
  return path.endsWith('.log');
}

function stored(files: Files): Files {
  return new Map([...files].filter(([path]) => !isIgnored(path)));
}

const { count, timeout } = effort(6, 400);

test('nothing that was ever in a checkpoint is lost, and nothing ignored is touched', {
  timeout,
}, async () => {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  for (let round = 0; round < count; round++) {
    const base = scratchFolder();
    const folder = join(base, 'work');
    mkdirSync(folder);
    const store = await GitStore.open(join(base, 'data.git'), { durability: 'fast' });
    const work = await Workspace.open(folder, { store });
    writeFileSync(join(folder, '.gitignore'), '*.log\n');
    const history: { fs: FS; files: Files }[] = [];
    for (let step = 0; step < 25; step++) {
      const path = pick(NAMES);
      const at = join(folder, path);
      const kind = random();
      if (kind < 0.45) {
        // A file may come to stand where a folder is, and the reverse, unless something ignored is there.
        for (let above = dirname(at); above !== folder; above = dirname(above)) {
          if (existsSync(above) && !existsSync(`${above}/.`)) rmSync(above);
        }
        if (existsSync(`${at}/.`)) rmSync(at, { recursive: true });
        mkdirSync(dirname(at), { recursive: true });
        writeFileSync(at, `${step}`.repeat(1 + Math.floor(random() * 3)));
      } else if (kind < 0.6) {
        if (existsSync(at)) rmSync(at, { recursive: true });
      } else if (kind < 0.8) {
        const before = filesIn(folder);
        const fs = await work.checkpoint();
        expect(filesIn(folder)).toEqual(before);
        history.push({ fs, files: stored(before) });
      } else if (history.length > 0) {
        const before = filesIn(folder);
        const target = pick(history);
        const paths = random() < 0.4 ? [path] : undefined;
        const isKnown = existsSync(at) || (await target.fs.exists(path));
        if (paths !== undefined && !isKnown) continue;
        const { saved, changes, snapshot } = await work.rewind(target.fs, { paths });
        const after = filesIn(folder);
        for (const [name, text] of before) if (isIgnored(name)) expect(after.get(name)).toBe(text);
        if (paths === undefined) {
          history.push({ fs: saved, files: stored(before) });
          if (changes.errors.length === 0) expect(stored(after)).toEqual(target.files);
          if (changes.errors.length === 0) history.push({ fs: snapshot, files: stored(after) });
        } else if (changes.errors.length === 0) {
          const selects = (name: string) => name === path || name.startsWith(`${path}/`);
          const expected = new Map([
            ...[...stored(before)].filter(([name]) => !selects(name)),
            ...[...target.files].filter(([name]) => selects(name)),
          ]);
          // A file of the target may have come to where a folder of others was.
          for (const [name, text] of expected) {
            if (after.get(name) !== text) expect(selects(name)).toBe(false);
          }
        }
      }
    }
    for (const { fs, files } of history) {
      const found: Files = new Map();
      for (const name of await fs.ls('', { recursive: true })) {
        found.set(name, await fs.readText(name));
      }
      expect(found).toEqual(files);
    }
    expectClean(store.path);
    await work.close();
    await store.close();
  }
});
