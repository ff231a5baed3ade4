import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { decodePath } from '../../src/git/pathBytes.ts';
import {
  type PackedRef,
  parsePackedRefs,
  serializePackedRefs,
} from '../../src/git/refs/packedRefs.ts';
import { runs } from '../crash/stress.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { damaged, objectIds, pathBytes, survives } from './arbitraries.ts';
import { emptyRepository } from './packFixture.ts';

const ID = '1'.repeat(40);
const OTHER = '2'.repeat(40);

const refNames = pathBytes
  .map((bytes) => bytes.filter((byte) => byte > 0x20))
  .map((bytes) => `refs/${decodePath(bytes)}`);

const entries: fc.Arbitrary<PackedRef[]> = fc.uniqueArray(
  fc.record({ ref: refNames, id: objectIds, peeled: objectIds }, { requiredKeys: ['ref', 'id'] }),
  { selector: ({ ref }) => ref, maxLength: 10 },
);

describe('packed-refs', () => {
  test('what Git packs is read and written the same, and Git reads what is written here', () => {
    const store = emptyRepository();
    const tree = gitBytes(store, ['hash-object', '-w', '-t', 'tree', '--stdin']).toString().trim();
    const commit = gitBytes(store, ['commit-tree', tree], Buffer.from('m')).toString().trim();
    for (const name of ['main', 'a-b', 'a/b', 'größe', '日本']) git(store, 'branch', name, commit);
    git(store, 'tag', 'light', commit);
    git(store, 'tag', '-a', '-m', 'm', 'heavy', commit);
    const shown = git(store, 'show-ref', '-d');
    git(store, 'pack-refs', '--all');
    const path = join(store, 'packed-refs');
    const file = readFileSync(path);
    const { entries: read, ...traits } = parsePackedRefs(file);
    expect(traits).toEqual({ sorted: true, fullyPeeled: true, peeled: true });
    expect(read.length).toBe(7);
    const heavy = read.find(({ ref }) => ref === 'refs/tags/heavy');
    expect(heavy?.peeled).toBe(commit);
    expect(heavy?.id).not.toBe(commit);
    expect(serializePackedRefs(read.toReversed())).toEqual(file);

    writeFileSync(path, serializePackedRefs(read, { peeled: false, fullyPeeled: false }));
    expect(git(store, 'show-ref', '-d')).toBe(shown);
  });

  test('round trip', () => {
    fc.assert(
      fc.property(entries, fc.boolean(), fc.boolean(), (list, fullyPeeled, peeledTags) => {
        const peeled = fullyPeeled || peeledTags;
        const file = serializePackedRefs(list, { peeled, fullyPeeled });
        const { entries: read, ...rest } = parsePackedRefs(file);
        expect(rest).toEqual({ sorted: true, peeled, fullyPeeled });
        const byName = (all: readonly PackedRef[]) =>
          new Map(all.map((entry) => [entry.ref, entry]));
        expect(byName(read)).toEqual(byName(list));
        expect(read.length).toBe(list.length);
      }),
    );
  });

  test('no file content, no header, old headers and a wrong order', () => {
    expect(parsePackedRefs(Buffer.alloc(0))).toEqual({
      entries: [],
      sorted: true,
      peeled: false,
      fullyPeeled: false,
    });
    const old = `# pack-refs with: peeled \n${ID} refs/tags/b\n^${OTHER}\n${ID} refs/heads/a\n`;
    expect(parsePackedRefs(Buffer.from(old))).toEqual({
      entries: [
        { ref: 'refs/tags/b', id: ID, peeled: OTHER },
        { ref: 'refs/heads/a', id: ID },
      ],
      sorted: false,
      peeled: true,
      fullyPeeled: false,
    });
  });

  test.each([
    `${ID} refs/heads/a`,
    `${ID} refs/heads/a\n${ID.slice(1)} refs/heads/b\n`,
    `${ID} \n`,
    `${ID}\trefs/heads/a\n`,
    `${ID}\n`,
    `^${ID}\n`,
    `${ID} refs/tags/a\n^${ID}\n^${ID}\n`,
    `${ID} refs/tags/a\n^12\n`,
    '\n',
  ])('%j is corrupt', (text) => {
    expect(() => parsePackedRefs(Buffer.from(text))).toThrow(CorruptObjectError);
  });

  test('damage is an error or other refs, nothing else', () => {
    fc.assert(
      fc.property(
        entries.chain((list) => damaged(serializePackedRefs(list))),
        (file) => survives(() => parsePackedRefs(file)),
      ),
      { numRuns: runs(300) },
    );
  });
});
