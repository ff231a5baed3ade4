/** Alternates as gitrepository-layout(5) has them, real Git beside it. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { parseAlternates } from '../../src/git/repository/alternates.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

test.each<[string, string[]]>([
  ['/a\n# no\n\n../b\n', ['/a', '../b']],
  ['"/a b\\n\\"\\\\"\n"/\\303\\244\\377"', ['/a b\n"\\', '/ä\udcff']],
  ['"/not closed\n"/bad \\q"\n', ['"/not closed', '"/bad \\q"']],
  ['/a \r\n', ['/a \r']],
  [' # a path', [' # a path']],
])('%j', (text, paths) => {
  expect(parseAlternates(Buffer.from(text))).toEqual(paths);
});

function bare(path: string | Buffer): void {
  mkdirSync(path);
  for (const name of ['objects', 'objects/info', 'objects/pack', 'refs']) {
    mkdirSync(Buffer.concat([Buffer.from(path), Buffer.from(`/${name}`)]));
  }
  writeFileSync(Buffer.concat([Buffer.from(path), Buffer.from('/HEAD')]), 'ref: refs/heads/main\n');
}

test.skipIf(process.platform !== 'linux')('what Git finds in them is found', async () => {
  const folder = scratchFolder();
  const names = [Buffer.from('plain'), Buffer.from('new\nline "q"'), Buffer.from([0x62, 0xff])];
  const store = join(folder, 'store.git');
  bare(store);
  const ids: string[] = [];
  for (const [i, name] of names.entries()) {
    const path = Buffer.concat([Buffer.from(`${folder}/`), name]);
    bare(path);
    // Git takes no such path as an argument.
    symlinkSync(path, join(folder, `link${i}`));
    const link = join(folder, `link${i}`);
    ids.push(gitBytes(link, ['hash-object', '-w', '--stdin'], name).toString().trim());
  }
  const objects = join(store, 'objects');
  const lines = [
    `${relative(objects, join(folder, 'plain/objects'))}\n`,
    `"${folder}/new\\nline \\"q\\"/objects"\n/not/there\n`,
    Buffer.concat([Buffer.from(`${folder}/`), names[2]!, Buffer.from('/objects\n')]),
  ];
  writeFileSync(join(objects, 'info/alternates'), Buffer.concat(lines.map((l) => Buffer.from(l))));
  const storage = await openBareStorage(store);
  for (const [i, id] of ids.entries()) {
    expect(gitBytes(store, ['cat-file', 'blob', id])).toEqual(names[i]);
    expect(Buffer.from((await storage.objects.read(id))!.body)).toEqual(names[i]);
  }
  await storage.close();
});

test('alternates of alternates end where they end for Git', async () => {
  const folder = scratchFolder();
  const ids: string[] = [];
  for (let i = 0; i < 9; i++) {
    const path = join(folder, `${i}`);
    bare(path);
    ids.push(
      gitBytes(path, ['hash-object', '-w', '--stdin'], Buffer.from(`${i}`))
        .toString()
        .trim(),
    );
    writeFileSync(join(path, 'objects/info/alternates'), `../../${i + 1}/objects\n`);
  }
  const storage = await openBareStorage(join(folder, '0'));
  for (const id of ids) {
    let known = true;
    try {
      git(join(folder, '0'), 'cat-file', '-e', id);
    } catch {
      known = false;
    }
    expect([id, await storage.objects.has(id)]).toEqual([id, known]);
  }
  await storage.close();
});

test('directories are made where a parent is there and says it is not', async () => {
  if (process.platform !== 'linux') return;
  const { createBareStorage } = await import('../../src/storage/bare/bareStorage.ts');
  await expect(createBareStorage('/proc/x.git')).rejects.toThrow();
  await expect(createBareStorage('/proc/1/x/y.git')).rejects.toThrow();
});
