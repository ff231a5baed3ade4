import { hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha1 } from '../../src/git/sha1.ts';

test('the hash that Node gives, at every length around the ends of blocks', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = new Uint8Array(length).fill(length);
    expect(sha1(bytes)).toBe(hash('sha1', bytes, 'hex'));
  }
});

test('the hash that Node gives, of any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
      expect(sha1(bytes)).toBe(hash('sha1', bytes, 'hex'));
    }),
  );
});
