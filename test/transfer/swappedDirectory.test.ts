/** Somebody exchanges directories for links while a copy works in them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stress } from '../crash/stress.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Files, filesOnDisk, makeFiles, TestTree } from './trees.ts';

const DIRECTORIES = ['d0', 'd1', 'd2'];
const FILES = stress ? 1000 : 300;
const RUNS = stress ? 5 : 1;

function filesOf(content: string, directories = DIRECTORIES): Files {
  const files: Files = {};
  for (const directory of directories) {
    for (let i = 0; i < FILES; i++) files[`${directory}/f${i}`] = content;
    files[`${directory}/link`] = { link: content };
  }
  return files;
}

/** Runs `work` while the directories of `folder` are exchanged for links into `victim`. */
async function whileSwapped(folder: string, victim: string, work: () => Promise<unknown>) {
  const script = join(import.meta.dirname, 'children/swapDirectory.mjs');
  const swapper = spawn(process.execPath, [script, folder, victim, ...DIRECTORIES]);
  const gone = once(swapper, 'exit');
  try {
    await Promise.race([once(swapper.stdout, 'data'), gone]);
    await work();
  } finally {
    swapper.kill('SIGKILL');
    await gone;
  }
}

test.each(['as new files', 'in place of others', 'into found directories'])(
  'nothing is written behind a link: %s',
  async (how) => {
    for (let run = 0; run < RUNS; run++) {
      const folder = scratchFolder();
      const victim = makeFiles(join(folder, 'victim'), filesOf('theirs'));
      const before =
        how === 'as new files'
          ? {}
          : how === 'in place of others'
            ? filesOf('old')
            : { 'd0/x': '', 'd1/x': '', 'd2/x': '' };
      const out = makeFiles(join(folder, 'out'), before);
      const tree = await TestTree.of(filesOf('new'));
      await whileSwapped(out, victim, () => tree.copyOut('', out, { ignoreErrors: true }));
      expect(filesOnDisk(victim)).toEqual(filesOf('theirs'));
    }
  },
);

test('nothing is deleted behind a link', async () => {
  for (let run = 0; run < RUNS; run++) {
    const folder = scratchFolder();
    const victim = makeFiles(join(folder, 'victim'), filesOf('theirs'));
    const out = makeFiles(join(folder, 'out'), filesOf('old'));
    const tree = await TestTree.of({ a: 'new' });
    await whileSwapped(out, victim, () =>
      tree.copyOut('', out, { delete: true, ignoreErrors: true }),
    );
    expect(filesOnDisk(victim)).toEqual(filesOf('theirs'));
  }
});

test('nothing is stored from behind a link', async () => {
  for (let run = 0; run < RUNS; run++) {
    const folder = scratchFolder();
    const victim = makeFiles(join(folder, 'victim'), filesOf('theirs'));
    const source = makeFiles(join(folder, 'in'), filesOf('ours'));
    const tree = new TestTree();
    await whileSwapped(source, victim, () => tree.copyIn(`${source}/`, '', { ignoreErrors: true }));
    for (const [path, content] of Object.entries(await tree.files())) {
      // The link itself may be stored, as what stood there.
      if (!path.includes('/')) continue;
      expect([path, content]).not.toEqual([path, 'theirs']);
      expect([path, content]).not.toEqual([path, { link: 'theirs' }]);
    }
  }
});
