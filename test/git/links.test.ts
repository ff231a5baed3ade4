import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { eachNewTreeLink, eachTreeLink } from '../../src/git/objects/links.ts';
import { runs } from '../crash/stress.ts';
import { objectIds } from './arbitraries.ts';

type Entry = { name: string; id: string; mode: string };

const entries: fc.Arbitrary<Entry[]> = fc
  .uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[a-c]{1,3}$/),
      id: fc.oneof(objectIds, fc.constantFrom('0'.repeat(40), '20'.repeat(20), '00'.repeat(20))),
      mode: fc.constantFrom('100644', '40000', '160000'),
    }),
    { selector: ({ name }) => name, maxLength: 8 },
  )
  .map((list) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1)));

const tree = (list: readonly Entry[]): Buffer =>
  Buffer.concat(
    list.flatMap(({ name, id, mode }) => [
      Buffer.from(`${mode} ${name}\0`),
      Buffer.from(id, 'hex'),
    ]),
  );

function visited(body: Buffer, base?: Buffer): string[] {
  const found: string[] = [];
  const visit = (kind: string, start: number, end: number): void => {
    const id = body.toString('hex', end + 1, end + 21);
    found.push(`${kind} ${body.toString('latin1', start, end)} ${id}`);
  };
  if (base === undefined) eachTreeLink(body, visit);
  else eachNewTreeLink(body, base, visit);
  return found;
}

test('of two versions of a tree all entries that differ are visited, and no other', () => {
  fc.assert(
    fc.property(entries, entries, fc.boolean(), (a, b, alike) => {
      // Mostly alike, as two versions are: entries of the first with some of the second.
      const names = new Set(b.map(({ name }) => name));
      const second = alike
        ? [...a.filter(({ name }) => !names.has(name)), ...b.slice(0, 2)].toSorted((x, y) =>
            x.name < y.name ? -1 : 1,
          )
        : b;
      const before = new Set(visited(tree(a)));
      const all = visited(tree(second));
      expect(visited(tree(second), tree(a))).toEqual(all.filter((line) => !before.has(line)));
    }),
    { numRuns: runs(500) },
  );
});

test('out of order nothing that differs is left out', () => {
  fc.assert(
    fc.property(entries, entries, (a, b) => {
      const before = new Set(visited(tree(a.toReversed())));
      const seen = new Set([...before, ...visited(tree(b), tree(a.toReversed()))]);
      for (const line of visited(tree(b))) expect(seen.has(line)).toBe(true);
    }),
  );
});

test('what is no tree is told, wherever it stops being one', () => {
  fc.assert(
    fc.property(entries, fc.uint8Array({ minLength: 1, maxLength: 30 }), (a, bytes) => {
      const body = Buffer.concat([tree(a), bytes]);
      let sound = true;
      try {
        eachTreeLink(body, () => {});
      } catch {
        sound = false;
      }
      const look = (): void => eachNewTreeLink(body, tree(a), () => {});
      if (sound) look();
      else expect(look).toThrow(CorruptObjectError);
    }),
  );
});
