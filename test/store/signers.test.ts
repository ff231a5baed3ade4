/** Author, committer and time, of a store and of a write. */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMemoryStorage, type FS, GitStore } from '../../src/index.ts';
import { Workspace } from '../../src/workspace/workspace.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { codeOf } from './model.ts';
import { currentOf, memoryStore, START } from './stores.ts';

const ADA = 'Ada <ada@example.org>';
const BEA = 'Bea L. <bea@example.org>';
const OLD = new Date('2020-02-03T04:05:06Z');

function signed(fs: FS): string {
  const { authorName, authorEmail, committerName, committerEmail } = fs;
  return `${authorName} <${authorEmail}>, ${committerName} <${committerEmail}>`;
}

describe('a store', () => {
  it('has an author and a committer', async () => {
    const options = { author: BEA, email: undefined, committer: 'Robot <robot@example.org>' };
    const fs = await (await currentOf(await memoryStore(options))).write('a', 'a');
    expect(signed(fs)).toBe(`${BEA}, Robot <robot@example.org>`);
  });

  it('refuses what is no person', async () => {
    const over = (options: object) => codeOf(GitStore.over(createMemoryStorage(), options));
    expect(await over({ author: 'Ada <' })).toBe('EINVAL');
    expect(await over({ author: '<a@b>' })).toBe('EINVAL');
    expect(await over({ committer: 'Ada' })).toBe('EINVAL');
  });
});

describe('a write', () => {
  const writes: [string, (fs: FS, by: { author: string; time: Date }, side: FS) => Promise<FS>][] =
    [
      ['write', (fs, by) => fs.write('x', 'y', by)],
      ['apply', (fs, by) => fs.apply({ writes: { x: 'y' }, ...by })],
      ['remove', (fs, by) => fs.remove('a', by)],
      ['move', (fs, by) => fs.move('a', 'b', by)],
      ['copyFromRef', (fs, by) => fs.copyFromRef(fs, 'a', 'c', by)],
      ['squash', (fs, by) => fs.squash(by)],
      ['merge', (fs, by, side) => fs.merge(side, { fastForward: false, ...by })],
      ['pick', (fs, by, side) => fs.pick(side, by)],
      ['revert', (fs, by) => fs.revert(fs, by)],
      ['batch', (fs, by) => fs.batch(by, async (batch) => batch.write('n', 'n'))],
    ];

  it.each(writes)('%s takes author and time', async (_, write) => {
    const store = await memoryStore();
    const fs = await (await currentOf(store)).write('a', 'a');
    const side = await (await store.branches.set('side', fs)).write('side', 's');
    const made = await write(fs, { author: BEA, time: OLD }, side);
    expect(signed(made)).toBe(`${BEA}, ${ADA}`);
    expect([made.time, made.authorTime]).toEqual([OLD, OLD]);
    const [newest] = await store.branches.reflog('main');
    // The log of the branch has the real time.
    expect(newest?.who).toMatchObject({ name: 'Ada', email: 'ada@example.org' });
    expect(newest!.who.time).toBeGreaterThanOrEqual(START);
  });

  it('that picks keeps the author of the original and the date', async () => {
    const store = await memoryStore();
    const fs = await (await currentOf(store)).write('a', 'a');
    const side = await store.branches.set('side', fs);
    const original = await side.write('side', 's', { author: BEA, time: OLD });
    const made = await fs.pick(original);
    expect([signed(made), made.authorTime]).toEqual([`${BEA}, ${ADA}`, OLD]);
    expect(made.time.getTime()).toBeGreaterThan(OLD.getTime());
  });

  it('refuses what is no person and no time', async () => {
    const fs = await currentOf(await memoryStore());
    for (const by of [
      { author: 'Bea' },
      { author: '' },
      { author: 7 as unknown as string },
      { time: new Date(Number.NaN) },
      { time: new Date(-1) },
      { time: 5 as unknown as Date },
    ]) {
      expect(await codeOf(fs.write('x', 'y', by))).toBe('EINVAL');
    }
  });
});

describe('a workspace', () => {
  it('has checkpoints by the author that is named', async () => {
    await using store = await memoryStore();
    const workspace = await Workspace.open(scratchFolder(), { store, branch: 'folder' });
    writeFileSync(`${workspace.path}/f`, 'f');
    const fs = await workspace.checkpoint({ author: BEA, time: OLD });
    expect([signed(fs), fs.time]).toEqual([`${BEA}, ${ADA}`, OLD]);
    await workspace.close();
  });
});
