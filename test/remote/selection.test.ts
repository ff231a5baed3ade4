import { describe, expect, test } from 'vitest';
import { InvalidRefNameError, KeyNotFoundError } from '../../src/errors.ts';
import { diffRefs } from '../../src/remote/mirrorDiff.ts';
import { prefixesOf, selectRefs } from '../../src/remote/selection.ts';

const id = (n: number): string => String(n).repeat(40);

const refs = [
  { ref: 'refs/heads/main', id: id(1) },
  { ref: 'refs/heads/v1', id: id(2) },
  { ref: 'refs/notes/commits', id: id(3) },
  { ref: 'refs/pull/7/head', id: id(4) },
  { ref: 'refs/tags/v1', id: id(5) },
  { ref: 'refs/tags/v2', id: id(6) },
];

describe('which refs are meant', () => {
  test('without a selection branches, tags and notes', () => {
    const names = [...selectRefs({ refs, unreadable: [] }).keys()];
    expect(names).toEqual(refs.map(({ ref }) => ref).filter((ref) => !ref.includes('pull')));
  });

  test('a short name is a branch, else a tag, else notes', () => {
    expect(
      Object.fromEntries(
        selectRefs({ refs, unreadable: [] }, ['v1', 'v2', 'commits', 'refs/tags/v1']),
      ),
    ).toEqual({
      'refs/heads/v1': id(2),
      'refs/tags/v2': id(6),
      'refs/notes/commits': id(3),
      'refs/tags/v1': id(5),
    });
  });

  test('other names, of the same kind or full', () => {
    const selection = { main: 'trunk', v2: 'two', 'refs/pull/7/head': 'refs/heads/seven' };
    expect(Object.fromEntries(selectRefs({ refs, unreadable: [] }, selection))).toEqual({
      'refs/heads/trunk': id(1),
      'refs/tags/two': id(6),
      'refs/heads/seven': id(4),
    });
    expect(prefixesOf(selection)).toContain('refs/pull/7/head');
  });

  test('refused', () => {
    expect(() => selectRefs({ refs, unreadable: [] }, ['gone'])).toThrow(KeyNotFoundError);
    expect(() => selectRefs({ refs, unreadable: [] }, { main: 'a..b' })).toThrow(
      InvalidRefNameError,
    );
    expect(() => selectRefs({ refs, unreadable: [] }, { main: 'x', v1: 'x' })).toThrow(
      /refs\/heads\/x/,
    );
  });
});

test('a diff has every change once, deletions only when they are meant', () => {
  const wanted = new Map([
    ['a', id(1)],
    ['b', id(2)],
    ['c', id(3)],
  ]);
  const present = new Map([
    ['b', id(2)],
    ['c', id(4)],
    ['d', id(5)],
  ]);
  const diff = diffRefs(wanted, present, true);
  expect(diff.add).toEqual([{ ref: 'a', newTarget: id(1) }]);
  expect(diff.update).toEqual([{ ref: 'c', oldTarget: id(4), newTarget: id(3) }]);
  expect(diff.delete).toEqual([{ ref: 'd', oldTarget: id(5) }]);
  expect([diff.total, diff.inSync]).toEqual([3, false]);
  expect(diffRefs(wanted, present, false).delete).toEqual([]);
  expect(diffRefs(wanted, wanted, true).inSync).toBe(true);
});
