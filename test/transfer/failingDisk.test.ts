/** A disk that tells only when a file is closed that it has no room, as network file systems do. */
import { fstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { scratchFolder } from '../helpers/scratch.ts';
import { replaceCalls } from '../helpers/systemCalls.ts';
import { type Files, filesOnDisk, makeFiles, TestTree } from './trees.ts';

const full = { onClose: false, onWrite: false };

const noSpace = () =>
  Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

replaceCalls(['closeSync', 'writeSync'], (call, name) => (...args) => {
  if (name === 'writeSync') {
    if (full.onWrite) throw noSpace();
    return call(...args);
  }
  const isFile = fstatSync(args[0] as number).isFile();
  call(...args);
  if (full.onClose && isFile) throw noSpace();
  return undefined;
});

afterEach(() => {
  full.onClose = full.onWrite = false;
});

test.each<[string, Files, string[]]>([
  ['in a new directory', {}, ['d/a', 'd/b']],
  ['new in a directory', { 'd/c': 'c' }, ['d/a', 'd/b']],
  ['in place of others', { 'd/a': '1', 'd/b': '2' }, ['d/a', 'd/b']],
])('files %s', async (_where, before, failed) => {
  const tree = await TestTree.of({ 'd/a': 'a', 'd/b': 'b' });
  for (const onWrite of [true, false]) {
    const out = makeFiles(join(scratchFolder(), 'out'), before);
    Object.assign(full, { onClose: true, onWrite });
    const report = await tree.copyOut('', out, { ignoreErrors: true });
    await expect(tree.copyOut('', out)).rejects.toThrow('no space left on device');
    Object.assign(full, { onClose: false, onWrite: false });

    expect(report.errors.map(({ path }) => path)).toEqual(failed.map((path) => join(out, path)));
    for (const { error } of report.errors) expect(error).toContain('no space left on device');
    expect(report.update).toEqual([]);
    expect(readdirSync(out, { recursive: true }).join('\n')).not.toContain('.gs-');
    await tree.copyOut('', out);
    expect(filesOnDisk(out)).toEqual({ ...before, 'd/a': 'a', 'd/b': 'b' });
  }
});
