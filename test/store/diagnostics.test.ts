/** What subscribers of `node:diagnostics_channel` hear. */
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Channels, GitStore } from '../../src/index.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const heard: [string, unknown][] = [];
const hear = (message: unknown, name: string | symbol) => void heard.push([String(name), message]);
const names: (keyof Channels)[] = ['gitstore:commit', 'gitstore:copy', 'gitstore:gc'];
afterEach(() => {
  for (const name of names) unsubscribe(name, hear);
});

test('commits, copies and collections are told to those who subscribe', async () => {
  const base = scratchFolder();
  writeFileSync(join(base, 'a.txt'), 'a');
  const store = await GitStore.open(join(base, 'data.git'), { durability: 'fast' });
  const first = await store.fs('main');
  await first.write('unheard', '');
  for (const name of names) subscribe(name, hear);
  const before = await store.fs('main');
  const fs = await before.copyIn(join(base, 'a.txt'), '');
  await fs.copyIn(join(base, 'a.txt'), 'b', { dryRun: true });
  await fs.copyOut('', join(base, 'out'));
  await fs.undo();
  await store.gc();
  const common = { store: store.path, branch: 'main' };
  const milliseconds = expect.any(Number);
  const counts = { update: 0, delete: 0, errors: 0, milliseconds };
  const size = expect.objectContaining({ objects: expect.any(Number), bytes: expect.any(Number) });
  expect(heard).toEqual([
    [
      'gitstore:commit',
      {
        ...common,
        commitHash: fs.commitHash,
        oldHash: before.commitHash,
        reason: 'commit: + a.txt',
      },
    ],
    ['gitstore:copy', { store: store.path, direction: 'in', add: 1, ...counts }],
    ['gitstore:copy', { store: store.path, direction: 'out', add: 2, ...counts }],
    [
      'gitstore:commit',
      expect.objectContaining({ ...common, commitHash: before.commitHash, oldHash: fs.commitHash }),
    ],
    ['gitstore:gc', { store: store.path, kind: 'gc', before: size, after: size, milliseconds }],
  ]);
  expect(channel('gitstore:commit').hasSubscribers).toBe(true);
  await store.close();
});
