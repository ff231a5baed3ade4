import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import {
  type BundleHeader,
  parseBundleHeader,
  serializeBundleHeader,
} from '../../src/git/wire/bundle.ts';
import { objectIds, survives } from './arbitraries.ts';

const headers: fc.Arbitrary<BundleHeader> = fc.record({
  version: fc.constantFrom(2, 3),
  capabilities: fc.constant([]),
  prerequisites: fc.array(objectIds, { maxLength: 3 }),
  refs: fc.array(
    fc.record({ id: objectIds, ref: fc.constantFrom('HEAD', 'refs/heads/a', 'refs/tags/ü') }),
    { maxLength: 3 },
  ),
});

describe('the header of a bundle', () => {
  test('is read back, with the place of the pack; its beginning asks for more', () => {
    fc.assert(
      fc.property(headers, fc.nat(), (header, cut) => {
        const bytes = serializeBundleHeader(header);
        const whole = Buffer.concat([bytes, Buffer.from('PACK')]);
        expect(parseBundleHeader(whole)).toEqual({ header, length: bytes.length });
        expect(parseBundleHeader(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
      }),
    );
  });

  test('capabilities of version 3', () => {
    const header: BundleHeader = {
      version: 3,
      capabilities: ['object-format=sha1'],
      prerequisites: [],
      refs: [],
    };
    const bytes = serializeBundleHeader(header);
    expect(bytes.toString()).toBe('# v3 git bundle\n@object-format=sha1\n\n');
    expect(parseBundleHeader(bytes)?.header).toEqual(header);
    for (const capability of ['filter=blob:none', 'object-format=sha256', 'new']) {
      const other = serializeBundleHeader({ ...header, capabilities: [capability] });
      expect(() => parseBundleHeader(other)).toThrow(capability);
    }
  });

  test.each(['# v1 git bundle\n\n', 'PACK', 'x'.repeat(99), '# v2 git bundle\nabc\n\n'])(
    'not %j',
    (text) => {
      expect(() => parseBundleHeader(Buffer.from(text))).toThrow(CorruptObjectError);
    },
  );

  test('random bytes are a header, the beginning of one, or an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        survives(() => parseBundleHeader(Buffer.concat([Buffer.from('# v2 git bundle\n'), bytes])));
      }),
    );
  });
});
