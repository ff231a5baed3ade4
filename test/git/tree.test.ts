import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError, InvalidPathError } from '../../src/errors.ts';
import { EMPTY_TREE_ID, hashObject } from '../../src/git/objectId.ts';
import {
  compareTreeEntries,
  findTreeEntry,
  isTreeMode,
  MODE_FILE,
  MODE_GITLINK,
  MODE_TREE,
  parseTree,
  type TreeEntry,
} from '../../src/git/objects/tree.ts';
import { differingEntries, entriesNotIn } from '../../src/git/objects/treeDifference.ts';
import { type EntryEdit, editTree, serializeTree } from '../../src/git/objects/treeWriter.ts';
import { comparePaths, encodePath } from '../../src/git/pathBytes.ts';
import { runs } from '../crash/stress.ts';
import { git, gitBytes, gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { damaged, entryModes, entryNames, objectIds, survives } from './arbitraries.ts';

const ID = '1'.repeat(40);
const OTHER = '2'.repeat(40);

const entries: fc.Arbitrary<TreeEntry[]> = fc.uniqueArray(
  fc.record({ name: entryNames, mode: entryModes, id: objectIds }),
  { selector: (entry) => entry.name, maxLength: 12 },
);

function rawEntry(mode: string, name: string, id = ID): Buffer {
  return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);
}

/** The plain way: parse, change a map, write. */
function editPlainly(body: Uint8Array, edits: ReadonlyMap<string, EntryEdit>): Buffer {
  const all = new Map(parseTree(body).map((entry) => [entry.name, entry]));
  for (const [name, edit] of edits) {
    if (edit === null) all.delete(name);
    else all.set(name, { name, ...edit });
  }
  return serializeTree([...all.values()]);
}

describe('trees against Git', () => {
  let store = '';
  beforeAll(() => {
    store = scratchFolder();
    git(store, 'init', '-q', '--bare');
  });

  /** What `git mktree` makes of the entries. */
  function mktree(list: readonly TreeEntry[]): string {
    const lines = list.map(({ name, mode, id }) => {
      const type = isTreeMode(mode) ? 'tree' : mode === MODE_GITLINK ? 'commit' : 'blob';
      const head = `${mode.toString(8).padStart(6, '0')} ${type} ${id}\t`;
      return Buffer.concat([Buffer.from(head), encodePath(name), Buffer.of(0)]);
    });
    return gitBytes(store, ['mktree', '-z', '--missing'], Buffer.concat(lines)).toString().trim();
  }

  test('the same bytes as mktree', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const body = serializeTree(list);
        const id = mktree(list);
        expect(hashObject('tree', body)).toBe(id);
      }),
      { numRuns: runs(60) },
    );
  });

  test('what Git wrote is read as Git lists it', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const id = mktree(list);
        const body = gitBytes(store, ['cat-file', 'tree', id]);
        const lines = parseTree(body, id).flatMap(({ name, mode, id: object }) => {
          const type = isTreeMode(mode) ? 'tree' : mode === MODE_GITLINK ? 'commit' : 'blob';
          const head = `${mode.toString(8).padStart(6, '0')} ${type} ${object}\t`;
          return [Buffer.from(head), encodePath(name), Buffer.of(0)];
        });
        expect(Buffer.concat(lines)).toEqual(gitBytes(store, ['ls-tree', '-z', id]));
      }),
      { numRuns: runs(30) },
    );
  });

  test('edited trees pass fsck', () => {
    fc.assert(
      fc.property(entries, entries, (list, changes) => {
        const body = editTree(serializeTree(list), new Map(changes.map((e) => [e.name, e])));
        const id = gitBytes(store, ['hash-object', '-w', '-t', 'tree', '--stdin'], body);
        expect(id.toString().trim()).toBe(hashObject('tree', body));
      }),
      { numRuns: runs(40) },
    );
    const { stdout, stderr } = spawnSync('git', ['--git-dir', store, 'fsck', '--strict'], {
      encoding: 'utf8',
      env: gitEnvironment,
    });
    expect(stdout.includes('dangling tree')).toBe(true);
    // What else there may be are names that some file systems cannot hold.
    expect(stderr).not.toMatch(/treeNotSorted|duplicateEntries|fullPathname|emptyName|badTree/);
  });
});

describe('parseTree', () => {
  test('gives back what serializeTree took, in order', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const parsed = parseTree(serializeTree(list));
        expect(parsed).toEqual([...list].sort(compareTreeEntries));
      }),
    );
  });

  test('the empty tree', () => {
    expect(parseTree(new Uint8Array())).toEqual([]);
    expect(hashObject('tree', serializeTree([]))).toBe(EMPTY_TREE_ID);
  });

  test('old modes are those of Git; zero-padded ones and a wrong order are read as they lie', () => {
    const body = Buffer.concat([
      rawEntry('100664', 'b'),
      rawEntry('040000', 'a', OTHER),
      rawEntry('100644', 'a'),
    ]);
    expect(parseTree(body)).toEqual([
      { name: 'b', mode: MODE_FILE, id: ID },
      { name: 'a', mode: MODE_TREE, id: OTHER },
      { name: 'a', mode: MODE_FILE, id: ID },
    ]);
  });

  test.each([
    ['no octal digit', rawEntry('10064x', 'a')],
    ['no mode', rawEntry('', 'a')],
    ['a mode beyond 16 bits', rawEntry('1000000', 'a')],
    ['a mode of 0', rawEntry('0', 'a')],
    ['a mode of a device', rawEntry('20644', 'a')],
    ['an empty name', rawEntry('100644', '')],
    ['an id cut off', rawEntry('100644', 'a').subarray(0, -1)],
    ['a name cut off', Buffer.from('100644 abc')],
    ['a mode cut off', Buffer.from('100')],
    ['something behind the last entry', Buffer.concat([rawEntry('100644', 'a'), Buffer.of(0)])],
  ])('%s is corrupt', (_, body) => {
    expect(() => parseTree(body, OTHER)).toThrow(CorruptObjectError);
    expect(() => parseTree(body, OTHER)).toThrow(OTHER);
  });

  test('damage is an error or another tree, nothing else', () => {
    const someDamage = entries.chain((list) => damaged(serializeTree(list)));
    fc.assert(
      fc.property(someDamage, entryNames, (body, name) => {
        survives(() => parseTree(body));
        survives(() => findTreeEntry(body, name));
        survives(() => editTree(body, new Map([[name, { mode: MODE_FILE, id: ID }]])));
      }),
      { numRuns: runs(500) },
    );
  });
});

describe('serializeTree', () => {
  test.each(['', '.', '..', 'a/b', '/', 'a\0'])('refuses the name %j', (name) => {
    expect(() => serializeTree([{ name, mode: MODE_FILE, id: ID }])).toThrow(InvalidPathError);
    const edits = new Map([[name, { mode: MODE_FILE, id: ID }]]);
    expect(() => editTree(new Uint8Array(), edits)).toThrow(InvalidPathError);
  });

  test('refuses a name that is there twice, also as file and directory, or in two spellings', () => {
    const both = (a: string, b: string) => [
      { name: a, mode: MODE_FILE, id: ID },
      { name: 'a.b', mode: MODE_FILE, id: ID },
      { name: b, mode: MODE_TREE, id: ID },
    ];
    expect(() => serializeTree(both('a', 'a'))).toThrow(InvalidPathError);
    expect(() => serializeTree(both('é', '\udcc3\udca9'))).toThrow(InvalidPathError);
    expect(serializeTree(both('a', 'b')).length).toBeGreaterThan(0);
  });

  test.each([
    { mode: 0, id: ID },
    { mode: 0o1000000, id: ID },
    { mode: 1.5, id: ID },
    { mode: MODE_FILE, id: ID.slice(1) },
    { mode: MODE_FILE, id: `${ID}1` },
    { mode: MODE_FILE, id: 'x'.repeat(40) },
  ])('refuses %j', (entry) => {
    expect(() => serializeTree([{ name: 'a', ...entry }])).toThrow(TypeError);
  });
});

describe('compareTreeEntries', () => {
  test('is the byte order of names, directories with a slash behind', () => {
    const entry = fc.record({ name: entryNames, mode: entryModes });
    const key = (e: { name: string; mode: number }) =>
      Buffer.concat([encodePath(e.name), Buffer.from(isTreeMode(e.mode) ? '/' : '')]);
    fc.assert(
      fc.property(entry, entry, (a, b) => {
        expect(Math.sign(compareTreeEntries(a, b))).toBe(Buffer.compare(key(a), key(b)));
      }),
      { numRuns: runs(500) },
    );
  });

  test('agrees with comparePaths for files', () => {
    fc.assert(
      fc.property(entryNames, entryNames, (a, b) => {
        const order = compareTreeEntries(
          { name: a, mode: MODE_FILE },
          { name: b, mode: MODE_FILE },
        );
        expect(Math.sign(order)).toBe(Math.sign(comparePaths(a, b)));
      }),
    );
  });
});

describe('findTreeEntry', () => {
  test('finds each entry and no other', () => {
    fc.assert(
      fc.property(entries, entryNames, (list, other) => {
        const body = serializeTree(list);
        for (const entry of list) expect(findTreeEntry(body, entry.name)).toEqual(entry);
        expect(findTreeEntry(body, other)).toEqual(list.find(({ name }) => name === other));
      }),
    );
  });

  test('is not led astray by names within names and ids', () => {
    const trap = Buffer.from('xxxx100644 a\0xxxxxxx').toString('hex');
    const body = Buffer.concat([
      rawEntry('100644', '1 a', trap),
      rawEntry('100644', '100644 a', trap),
      rawEntry('100644', 'a', ID),
      rawEntry('100644', 'b', trap),
    ]);
    expect(findTreeEntry(body, 'a')).toEqual({ name: 'a', mode: MODE_FILE, id: ID });
    expect(findTreeEntry(body.subarray(0, -29 - 29), 'a')).toBeUndefined();
    expect(findTreeEntry(body, '')).toBeUndefined();
    expect(findTreeEntry(body, 'a\0xxxxxxx')).toBeUndefined();
  });

  test('of a damaged tree finds what is before the damage', () => {
    fc.assert(
      fc.property(
        entries.chain((list) => damaged(serializeTree(list))),
        entryNames,
        (body, other) => {
          let whole: TreeEntry[] | undefined;
          try {
            whole = parseTree(body);
          } catch (error) {
            expect(error).toBeInstanceOf(CorruptObjectError);
          }
          const names = body.toString('latin1').match(/[^ \0]+(?=\0)/g) ?? [];
          for (const name of [...names, other]) {
            let found: TreeEntry | undefined;
            try {
              found = findTreeEntry(body, name);
            } catch (error) {
              expect(error).toBeInstanceOf(CorruptObjectError);
              expect(whole).toBeUndefined();
            }
            if (whole) expect(found).toEqual(whole.find((entry) => entry.name === name));
          }
        },
      ),
    );
  });
});

describe('editTree', () => {
  const edits = fc.array(
    fc.tuple(
      entryNames,
      fc.option(fc.record({ mode: entryModes, id: objectIds })),
      fc.option(fc.nat(11)),
    ),
    { maxLength: 8 },
  );

  test('is parse, edit and serialize', () => {
    fc.assert(
      fc.property(entries, edits, (list, changes) => {
        const body = serializeTree(list);
        // About half of the edits hit an entry.
        const map = new Map(
          changes.map(([name, edit, hit]) => [list[hit ?? -1]?.name ?? name, edit]),
        );
        expect(editTree(body, map).equals(editPlainly(body, map))).toBe(true);
      }),
      { numRuns: runs(500) },
    );
  });

  test('puts a body in order that is not', () => {
    const body = Buffer.concat([
      rawEntry('100644', 'b'),
      rawEntry('40000', 'a'),
      rawEntry('100644', 'c'),
    ]);
    const edited = editTree(body, new Map([['a', null]]));
    expect(edited).toEqual(Buffer.concat([rawEntry('100644', 'b'), rawEntry('100644', 'c')]));
  });

  test('keeps odd names of a body that is not in order, and knows both spellings of a name', () => {
    const odd = [rawEntry('100644', 'x/y'), rawEntry('40000', '..')];
    const body = Buffer.concat([odd[0]!, rawEntry('100644', 'é'), odd[1]!]);
    const edited = editTree(body, new Map([['\udcc3\udca9', { mode: MODE_FILE, id: OTHER }]]));
    expect(edited).toEqual(Buffer.concat([odd[1]!, odd[0]!, rawEntry('100644', 'é', OTHER)]));
  });

  test('removes a name that stands there as file and as directory', () => {
    const body = Buffer.concat([
      rawEntry('100644', 'a'),
      rawEntry('100644', 'a.'),
      rawEntry('40000', 'a'),
    ]);
    expect(editTree(body, new Map([['a', null]]))).toEqual(rawEntry('100644', 'a.'));
    const edit = { mode: MODE_TREE, id: OTHER };
    expect(editTree(body, new Map([['a', edit]]))).toEqual(
      Buffer.concat([rawEntry('100644', 'a.'), rawEntry('40000', 'a', OTHER)]),
    );
  });

  test('keeps odd entries that no edit names', () => {
    const body = Buffer.concat([rawEntry('040000', '..'), rawEntry('100664', 'a')]);
    const edited = editTree(body, new Map([['b', { mode: MODE_FILE, id: OTHER }]]));
    expect(edited).toEqual(Buffer.concat([body, rawEntry('100644', 'b', OTHER)]));
    expect(editTree(body, new Map([['..', null]]))).toEqual(rawEntry('100664', 'a'));
  });

  test('refuses one name in two spellings', () => {
    const edit = { mode: MODE_FILE, id: ID };
    const map = new Map([
      ['é', edit],
      ['\udcc3\udca9', edit],
    ]);
    expect(() => editTree(new Uint8Array(), map)).toThrow(InvalidPathError);
  });
});

test('the entries that an older tree lacks', () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.option(objectIds, { nil: undefined })), {
    maxLength: 3,
  });
  fc.assert(
    fc.property(entries, entries, edits, (list, others, changes) => {
      const all = new Map(list.map((entry) => [entry.name, entry]));
      for (const [at, id] of changes) {
        const entry = list[at % Math.max(1, list.length)];
        if (entry === undefined) continue;
        if (id === undefined) all.delete(entry.name);
        else all.set(entry.name, { ...entry, id });
      }
      const bodies = [list, [...all.values()], others].map((one) => serializeTree(one));
      for (const before of bodies) {
        for (const after of bodies) {
          const pair = [before, after].map((body) => ({ id: ID, body }));
          const found = entriesNotIn(pair[0]!, pair[1]!);
          expect(found).toEqual(differingEntries(pair)[1]);
          const key = ({ name, mode, id }: TreeEntry) => `${name}\0${mode} ${id}`;
          const had = new Set(parseTree(before).map(key));
          expect(found).toEqual(parseTree(after).filter((entry) => !had.has(key(entry))));
        }
      }
    }),
    { numRuns: runs(1000) },
  );
});
