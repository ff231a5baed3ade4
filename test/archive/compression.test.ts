/** gzip, bzip2, xz and Zstandard: against the real programs, at odd sizes, damaged and cut short. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compress, decompress } from '../../src/archive/compression.ts';
import type { Compression } from '../../src/archive/formats.ts';
import { compressZstd } from '../../src/archive/zstd/compress.ts';
import { ArchiveError } from '../../src/errors.ts';
import { effort, runs, stress } from '../crash/stress.ts';
import { gathered, inPieces, itWith, runTool } from './tools.ts';

const TOOLS: Record<Compression, string> = { gz: 'gzip', bz2: 'bzip2', xz: 'xz', zst: 'zstd' };
const ALL = Object.keys(TOOLS) as Compression[];

/** Bytes that look random and are the same every time. */
function noise(length: number, seed = 'noise'): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) {
    parts.push(createHash('sha256').update(`${seed}${i}`).digest());
  }
  return Buffer.concat(parts).subarray(0, length);
}

const text = Buffer.from(
  Array.from({ length: 8000 }, (_, i) => `line ${i}: ${(i * i * 7919) % 1013} words\n`).join(''),
);

const SAMPLES: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from('a'),
  'four equal bytes': Buffer.alloc(4, 97),
  'a run of 259': Buffer.alloc(259, 97),
  zeros: Buffer.alloc(1_000_000),
  periodic: Buffer.alloc(300_001, 'abcabd'),
  text,
  noise: noise(200_000),
  'noise in text': Buffer.concat([text, noise(90_000), text.subarray(0, 100_000), noise(70_000)]),
};

describe.each(ALL)('%s', (compression) => {
  const tool = TOOLS[compression];

  itWith([tool], 'what it writes, the program reads, and we', async () => {
    for (const [name, sample] of Object.entries(SAMPLES)) {
      const packed = await gathered(compress(inPieces(sample, 100_003), compression));
      const theirs = runTool(tool, ['-dc'], { input: packed });
      expect({ name, same: theirs.equals(sample) }).toEqual({ name, same: true });
      const ours = await gathered(decompress(inPieces(packed, 4099), compression));
      expect({ name, same: ours.equals(sample) }).toEqual({ name, same: true });
    }
  });

  itWith([tool], 'what the program writes, it reads', async () => {
    const all = compression === 'zst' ? ['-1', '-3', '-19', '--fast=3'] : ['-1', '-9'];
    const levels = all.slice(0, effort(2, 4).count);
    for (const [name, sample] of Object.entries(SAMPLES)) {
      for (const level of levels) {
        const packed = runTool(tool, ['-c', level], { input: sample });
        const ours = await gathered(decompress(inPieces(packed, 4099), compression));
        expect({ name, level, same: ours.equals(sample) }).toEqual({ name, level, same: true });
      }
    }
  });

  itWith([tool], 'streams one behind the other are one', async () => {
    const packed = Buffer.concat([
      runTool(tool, ['-c'], { input: Buffer.from('one ') }),
      runTool(tool, ['-c'], { input: Buffer.from('two') }),
    ]);
    const ours = await gathered(decompress(inPieces(packed, 7), compression));
    expect(ours.toString()).toBe('one two');
  });

  it('gives the same bytes for the same bytes, in whatever pieces they come', async () => {
    const once = await gathered(compress(inPieces(text, 1 << 20), compression));
    const again = await gathered(compress(inPieces(text, 999), compression));
    expect(again.equals(once)).toBe(true);
  });

  it('brings back any bytes', async () => {
    const bytes = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }).map((part) => Buffer.from(part)),
        fc
          .record({ byte: fc.nat(255), count: fc.nat(3000) })
          .map(({ byte, count }) => Buffer.alloc(count, byte)),
        fc.constantFrom(text.subarray(0, 5000), text.subarray(100, 900)),
      ),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 5000 }), async (parts, size) => {
        const whole = Buffer.concat(parts);
        const packed = await gathered(compress(inPieces(whole, size), compression));
        const back = await gathered(decompress(inPieces(packed, size), compression));
        expect(back.equals(whole)).toBe(true);
      }),
      { numRuns: runs(25) },
    );
  });

  it('refuses data that is cut short, wherever', async () => {
    const packed = await gathered(compress(inPieces(text.subarray(0, 3000), 3000), compression));
    for (let length = 1; length < packed.length; length += 1 + (length >> 3)) {
      const cut = gathered(decompress(inPieces(packed.subarray(0, length), 64), compression));
      await expect(cut, `${length} of ${packed.length} bytes`).rejects.toThrow(ArchiveError);
    }
  });

  it('never gives out damaged data as good', async () => {
    const sample = text.subarray(0, 3000);
    const packed = await gathered(compress(inPieces(sample, 3000), compression));
    const step = stress ? 1 : 5;
    for (let at = 0; at < packed.length; at += step + (at >> 4)) {
      for (const flip of [1, 0x80]) {
        const damaged = Buffer.from(packed);
        damaged[at]! ^= flip;
        const result = await gathered(decompress(inPieces(damaged, 512), compression)).catch(
          (error) => error,
        );
        if (Buffer.isBuffer(result)) {
          // Flags, times and names in a header do not change the data.
          expect({ at, flip, same: result.equals(sample) }).toEqual({ at, flip, same: true });
        } else expect(result).toBeInstanceOf(ArchiveError);
      }
    }
  });
});

describe('xz', () => {
  itWith(['xz'], 'reads blocks, checks and properties of all kinds', async () => {
    const sample = SAMPLES['noise in text']!;
    for (const args of [
      ['--check=none'],
      ['--check=crc32'],
      ['--check=sha256', '--block-size=100000'],
      ['--lzma2=preset=1,lc=0,lp=4,pb=0'],
      ['--lzma2=preset=0,dict=4KiB'],
    ]) {
      const packed = runTool('xz', ['-c', ...args], { input: sample });
      const ours = await gathered(decompress(inPieces(packed, 5000), 'xz'));
      expect({ args, same: ours.equals(sample) }).toEqual({ args, same: true });
    }
  });

  itWith(['xz'], 'says which filters and dictionaries it does not take', async () => {
    const x86 = runTool('xz', ['-c', '--x86', '--lzma2'], { input: text });
    await expect(gathered(decompress(inPieces(x86, 5000), 'xz'))).rejects.toThrow(/filter x86/);
    const large = runTool('xz', ['-c', '--lzma2=preset=0,dict=256MiB'], { input: text });
    await expect(gathered(decompress(inPieces(large, 5000), 'xz'))).rejects.toThrow(/dictionary/);
  });
});

describe('Zstandard', () => {
  itWith(['zstd'], 'the compressor for Nodes without one writes what all read', async () => {
    for (const [name, sample] of Object.entries(SAMPLES)) {
      const packed = await gathered(compressZstd(inPieces(sample, 100_003)));
      const theirs = runTool('zstd', ['-dc'], { input: packed });
      const ours = await gathered(decompress(inPieces(packed, 4099), 'zst'));
      expect({ name, theirs: theirs.equals(sample), ours: ours.equals(sample) }).toEqual({
        name,
        theirs: true,
        ours: true,
      });
    }
  });

  itWith(['zstd'], 'reads skippable frames, long windows, blocks of all kinds', async () => {
    const skippable = Buffer.from('\x50\x2a\x4d\x18\x03\0\0\0abc', 'latin1');
    for (const args of [['--long=24'], ['--no-check'], ['--no-compress-literals'], ['-B50000']]) {
      const packed = runTool('zstd', ['-c', ...args], { input: SAMPLES['noise in text']! });
      const ours = await gathered(
        decompress(inPieces(Buffer.concat([skippable, packed]), 5000), 'zst'),
      );
      const same = ours.equals(SAMPLES['noise in text']!);
      expect({ args, same }).toEqual({ args, same: true });
    }
  });

  it('ends also where a damaged table of its own leads in a circle', async () => {
    const damaged = readFileSync(join(import.meta.dirname, 'endless.tar.zst'));
    await expect(gathered(decompress(inPieces(damaged, 4096), 'zst'))).rejects.toThrow(
      /Zstandard data cannot be read/,
    );
  });

  it('says which windows it does not take', async () => {
    const windowOf256MiB = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x90, 1, 0, 0]);
    const read = gathered(decompress(inPieces(windowOf256MiB, 5), 'zst'));
    await expect(read).rejects.toThrow(/a window of 256 MiB/);
  });
});
