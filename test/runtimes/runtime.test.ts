/** What is decided by the program that runs gitstore: Node, Electron, Bun, Deno, one executable file. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sameBytes } from '../../src/bytes.ts';
import { type RuntimeFacts, runtimeOf, scriptCommand } from '../../src/runtime.ts';

const NODE: RuntimeFacts = {
  versions: { node: '22.1.0', v8: '12' },
  execPath: '/usr/bin/node',
  env: {},
  isStandalone: false,
};
const BUN = { ...NODE, versions: { ...NODE.versions, bun: '1.4.5' }, execPath: '/opt/bun' };
const DENO = { ...NODE, versions: { ...NODE.versions, deno: '2.9.6' }, execPath: '/opt/deno' };
const ELECTRON = { ...NODE, versions: { ...NODE.versions, electron: '40.0.0' }, execPath: '/App' };

test('each is told from the others, though all call themselves Node', () => {
  expect([NODE, BUN, DENO, ELECTRON].map(runtimeOf)).toEqual(['node', 'bun', 'deno', 'electron']);
});

describe('a script of ours', () => {
  test('is run by what runs this one', () => {
    expect(scriptCommand(NODE)).toEqual(['/usr/bin/node']);
    expect(scriptCommand(BUN)).toEqual(['/opt/bun']);
    expect(scriptCommand(DENO)).toEqual(['/opt/deno', 'run', '--allow-all']);
  });
  test('is never given to an application that would open a second time', () => {
    expect(scriptCommand(ELECTRON)).toBeUndefined();
    for (const facts of [NODE, BUN, DENO]) {
      expect(scriptCommand({ ...facts, isStandalone: true })).toBeUndefined();
    }
  });
  test('is run by an Electron that runs as Node already', () => {
    expect(scriptCommand({ ...ELECTRON, env: { ELECTRON_RUN_AS_NODE: '1' } })).toEqual(['/App']);
  });
});

test('two stretches are the same where their copies are', () => {
  const range = fc.tuple(fc.nat(5), fc.nat(5)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
  const bytes = fc.uint8Array({ minLength: 5, maxLength: 9, max: 1 });
  fc.assert(
    fc.property(bytes, range, bytes, range, (a, [startA, endA], b, [startB, endB]) => {
      const same = Buffer.from(a.slice(startA, endA)).equals(b.slice(startB, endB));
      expect(sameBytes(a, startA!, endA!, b, startB!, endB!)).toBe(same);
    }),
  );
});
