/** Archives that are broken or mean harm: one error, and no commit. */
import { crc32, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ArchiveError, type ArchiveInOptions, type FS } from '../../src/index.ts';
import { currentOf, memoryStore } from '../store/stores.ts';
import { type TarMember, tarOf, type ZipMember, zipOf } from './members.ts';
import { inPieces } from './tools.ts';

async function startingPoint(): Promise<FS> {
  const main = await currentOf(await memoryStore());
  return main.apply({
    writes: { 'there.txt': 'there', 'folder/file': 'f', link: { target: 'x' } },
  });
}

/** Expects one error of our own class and the branch where it was. */
async function refuses(
  bytes: Uint8Array,
  message: RegExp,
  options: ArchiveInOptions = {},
): Promise<void> {
  for (const source of [bytes, inPieces(bytes, 777)]) {
    const main = await startingPoint();
    const error = await main.archiveIn(source, options).catch((reason) => reason);
    expect(error).toBeInstanceOf(ArchiveError);
    expect(error.code).toBe('EARCHIVE');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
    // Nothing was committed: the snapshot can still be written to.
    expect((await main.writeText('after', 'x')).parentHashes).toEqual([main.commitHash]);
  }
}

/** The same members in a tar and in a zip. */
function both(members: readonly (TarMember & { link?: string })[]): [string, Buffer][] {
  const zip = members.map(({ name, data = '', type, link, mode = 0o644 }): ZipMember => {
    const kind = type === '2' ? 0o120000 : type === '5' ? 0o040000 : 0o100000;
    return { name: name, data: link ?? data, mode: kind | mode };
  });
  return [
    ['tar', tarOf(members)],
    ['zip', zipOf(zip)],
  ];
}

const good: TarMember = { name: 'good', data: 'good' };

describe('names and links that lead out', () => {
  it.each(['/etc/passwd', '//x', 'C:/x', 'C:\\x', '\\\\host\\x'])('absolute: %s', async (name) => {
    for (const [, bytes] of both([good, { name, data: 'x' }])) {
      await refuses(bytes, /absolute name/);
    }
  });

  it.each(['../x', 'a/../../x', 'a/..', '..', './../x'])("with '..': %s", async (name) => {
    for (const [, bytes] of both([good, { name, data: 'x' }])) await refuses(bytes, /'\.\.'/);
    const folders = both([good, { name: `${name}/`, type: '5' }]);
    for (const [, bytes] of folders) await refuses(bytes, /'\.\.'/);
  });

  it("with '..' and an absolute name in an extended header", async () => {
    await refuses(tarOf([good, { name: 'x', pax: { path: '../x' } }]), /'\.\.'/);
    await refuses(tarOf([good, { name: 'x', pax: { path: '/x' } }]), /absolute/);
    await refuses(tarOf([good, { name: 'x', pax: { path: 'a\0b' } }]), /NUL/);
    const long = tarOf([good, { name: '././@LongLink', type: 'L', data: '../long\0' }, good]);
    await refuses(long, /'\.\.'/);
  });

  it.each(['/etc', '../x', 'a/../../x', 'C:\\x'])('links to %s', async (link) => {
    for (const [, bytes] of both([good, { name: 'out', type: '2', link }])) {
      await refuses(bytes, /link that leads out/);
      const fs = await (await startingPoint()).archiveIn(bytes, { outsideLinks: true });
      expect(await fs.readlink('out')).toBe(link);
    }
  });

  it('links that stay inside are taken', async () => {
    const links = { 'a/b/up': '../../good', 'a/same': './x/../y', dot: '.', dangling: 'nowhere' };
    const members = Object.entries(links).map(([name, link]) => ({ name, type: '2', link }));
    for (const [, bytes] of both([good, ...members])) {
      const fs = await (await startingPoint()).archiveIn(bytes);
      for (const [name, link] of Object.entries(links)) expect(await fs.readlink(name)).toBe(link);
    }
  });

  it('hard links to what is not in the archive', async () => {
    for (const link of ['there.txt', '/etc/passwd', '../x', 'later']) {
      const bytes = tarOf([good, { name: 'hard', type: '1', link }, { name: 'later' }]);
      await refuses(bytes, /hard link|absolute name|'\.\.'/);
    }
  });
});

describe('one thing under another', () => {
  it.each([
    ['under a link', [{ name: 'l', type: '2', link: 'good' }, { name: 'l/x' }], /under l, .* link/],
    ['under a file', [{ name: 'f', data: 'f' }, { name: 'f/x' }], /under f, .* file/],
    ['a link over a directory', [{ name: 'd/x' }, { name: 'd', type: '2', link: 'good' }], /both/],
    [
      'a directory over a link',
      [
        { name: 'd', type: '2', link: 'g' },
        { name: 'd/', type: '5' },
      ],
      /both/,
    ],
    ['a file over an empty directory', [{ name: 'd/', type: '5' }, { name: 'd' }], /both/],
  ] satisfies [string, TarMember[], RegExp][])('%s', async (_, members, message) => {
    for (const [, bytes] of both([good, ...members])) await refuses(bytes, message);
  });

  it('a .gitmodules that is a link is refused', async () => {
    const main = await startingPoint();
    const link = tarOf([{ name: '.gitmodules', type: '2', link: 'folder' }]);
    await expect(main.archiveIn(link)).rejects.toThrow(/no .gitmodules that is a symbolic link/);
  });

  it('what the snapshot has is not replaced by the other kind', async () => {
    const main = await startingPoint();
    await expect(main.archiveIn(tarOf([{ name: 'there.txt/x' }]))).rejects.toThrow(
      /not a directory/,
    );
    await expect(main.archiveIn(tarOf([{ name: 'link/x' }]))).rejects.toThrow(/not a directory/);
    await expect(main.archiveIn(tarOf([{ name: 'folder' }]))).rejects.toThrow(/is a directory/);
  });

  it('of members with one name the last counts, with a warning', async () => {
    const twice = both([{ name: 'a', data: 'first' }, good, { name: './a', data: 'last' }]);
    for (const [, bytes] of twice) {
      const fs = await (await startingPoint()).archiveIn(bytes);
      expect(await fs.readText('a')).toBe('last');
      expect(fs.changes!.warnings.map(({ path }) => path)).toEqual(['a']);
    }
  });
});

describe('members that are passed over', () => {
  it('devices, pipes and unknown kinds, each with a warning', async () => {
    const members = ['3', '4', '6', 'Q'].map((type) => ({ name: `special-${type}`, type }));
    const fs = await (await startingPoint()).archiveIn(tarOf([...members, good]));
    expect(fs.changes!.add.map(({ path }) => path)).toEqual(['good']);
    expect(fs.changes!.warnings.length).toBe(4);
    const fifo = zipOf([
      { name: 'fifo', mode: 0o010644 },
      { name: 'good', data: 'x' },
    ]);
    const zipped = await (await startingPoint()).archiveIn(fifo);
    expect(zipped.changes!.warnings).toEqual([
      { path: 'fifo', error: 'skipped: a device or a pipe' },
    ]);
  });

  it("whatever is named '.git', one warning a directory", async () => {
    const names = ['.git/config', '.git/objects/x', 'a/.GIT/hooks/y', 'b/git~1'];
    for (const [, bytes] of both([...names.map((name) => ({ name, data: 'x' })), good])) {
      const fs = await (await startingPoint()).archiveIn(bytes);
      expect(fs.changes!.add.map(({ path }) => path)).toEqual(['good']);
      expect(fs.changes!.warnings.map(({ path }) => path)).toEqual(['.git', 'a/.GIT', 'b/git~1']);
    }
  });

  it('an archive of nothing else is empty, and that is an error', async () => {
    await refuses(tarOf([]), /holds no files/);
    await refuses(zipOf([]), /holds no files/);
    await refuses(tarOf([{ name: 'd/', type: '5' }]), /holds no files/);
    await refuses(tarOf([{ name: 'p', type: '6' }]), /holds no files/);
    await refuses(Buffer.alloc(0), /not a single byte/);
  });
});

describe('bombs', () => {
  it('the limit on bytes, and that it can be raised', async () => {
    const bytes = Buffer.alloc(300_000);
    const archives = [...both([{ name: 'zeros', data: bytes }]).map(([, archive]) => archive)];
    archives.push(gzipSync(archives[0]!));
    for (const archive of archives) {
      await refuses(archive, /more than 200000 bytes/, { maxSize: 200_000 });
      const fs = await (await startingPoint()).archiveIn(archive, { maxSize: 400_000 });
      expect(await fs.size('zeros')).toBe(300_000);
    }
  });

  it('a sparse file of a petabyte in a kilobyte', async () => {
    const sparse = tarOf([
      good,
      { name: 'hole', pax: { 'GNU.sparse.size': String(2 ** 50), 'GNU.sparse.map': '' } },
    ]);
    await refuses(sparse, /unpacks to more/, { maxSize: 1 << 24 });
  });

  it('the limit on members', async () => {
    const members = Array.from({ length: 20 }, (_, i) => ({ name: `f${i}` }));
    for (const [, bytes] of both(members)) await refuses(bytes, /more than 10/, { maxFiles: 10 });
  });

  it('zip members that lie over each other', async () => {
    const zip = zipOf([
      { name: 'a', data: 'x'.repeat(100), store: true },
      { name: 'b', data: 'y'.repeat(100), store: true },
    ]);
    // The second entry of the directory points to the first member too.
    const second = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    zip.writeUInt32LE(0, second + 42);
    await refuses(zip, /overlap/);
  });

  it('names without end', async () => {
    await refuses(tarOf([{ name: 'x', pax: { path: 'a/'.repeat(3000) } }]), /longer than 4096/);
    await refuses(zipOf([{ name: 'n'.repeat(5000) }]), /longer than 4096/);
    const huge = tarOf([{ name: 'x', type: 'L', size: 2 ** 32, data: 'x' }]);
    await refuses(huge, /too large/);
  });
});

describe('broken archives', () => {
  const members = [good, { name: 'text', data: 'some text '.repeat(300) }, { name: 'dir/last' }];

  it('cut short, wherever', async () => {
    for (const [kind, bytes] of both(members)) {
      const end = kind === 'tar' ? bytes.length - 1024 : bytes.length;
      for (let length = 1; length < end; length += 97) {
        const cut = bytes.subarray(0, length);
        await expect(
          (await startingPoint()).archiveIn(cut, { format: kind === 'zip' ? 'zip' : 'tar' }),
          `${kind} of ${length} bytes`,
        ).rejects.toThrow(ArchiveError);
      }
    }
    await refuses(tarOf(members, Buffer.alloc(0)), /no end mark/);
    await refuses(gzipSync(tarOf(members)).subarray(0, -5), /cut short/);
  });

  it('damaged anywhere: an error, or all the same', async () => {
    for (const [kind, bytes] of both(members)) {
      const whole = await (await startingPoint()).archiveIn(bytes);
      for (let at = 0; at < bytes.length; at += kind === 'tar' ? 41 : 3) {
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= 0x41;
        const fs = await (await startingPoint()).archiveIn(damaged).catch((error) => error);
        if (fs instanceof Error) {
          expect(fs, `${kind} at ${at}`).toHaveProperty('code');
        } else if (kind === 'zip' && fs.treeHash !== whole.treeHash) {
          // Names and modes have no checksum; contents have.
          const texts = await Promise.all(
            (await fs.ls('', { recursive: true })).map((path: string) => fs.readText(path)),
          );
          for (const text of texts) {
            expect(['there', 'f', 'x', 'good', '', 'some text '.repeat(300)]).toContain(text);
          }
        }
      }
    }
  });

  it('zip sizes, checksums and methods that are not true', async () => {
    const zip = (lie: Partial<ZipMember>): Buffer =>
      zipOf([
        { name: 'good', data: 'g' },
        { name: 'lie', data: 'lies and lies', ...lie },
      ]);
    await refuses(zip({ size: 5 }), /lie is larger/);
    await refuses(zip({ size: 50 }), /lie is not as large/);
    await refuses(zip({ size: 5_000_000 }), /lie is smaller/);
    await refuses(zip({ crc: 1 }), /checksum/);
    await refuses(zip({ method: 9 }), /Deflate64/);
    await refuses(zip({ method: 77 }), /number 77/);
    const encrypted = zip({});
    const entry = encrypted.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    encrypted[entry + 8]! |= 1;
    await refuses(encrypted, /lie: it is encrypted/);
  });

  it('of another format than they should be', async () => {
    const [[, tar], [, zip]] = both(members) as [[string, Buffer], [string, Buffer]];
    await refuses(tar, /Not a zip archive: it is a tar/, { format: 'zip' });
    await refuses(gzipSync(tar), /Not a zip archive: .* gzip/, { format: 'zip' });
    await refuses(zip, /Not a tar archive: it is a zip/, { format: 'tar' });
    await refuses(gzipSync(zip), /gzip that holds a zip/, { format: 'tar.gz' });
    await refuses(Buffer.from('just some text, and more of it '.repeat(40)), /Not a tar archive/);
    for (const text of ['short', 'x', 'a line\n'.repeat(70), 'a line\n'.repeat(90)]) {
      for (const format of [undefined, 'tar'] as const) {
        await refuses(Buffer.from(text), /^Not a tar archive/, { format });
        await refuses(gzipSync(text), /^Not a tar archive/, { format });
      }
    }
    await refuses(tar.subarray(0, 400), /cut short/);
    await refuses(Buffer.from('PK, but no zip'), /Not a zip archive/, { format: 'zip' });
    await refuses(Buffer.from('7z\xbc\xaf\x27\x1c more', 'latin1'), /7z archive/);
  });
});

describe('names in zip archives', () => {
  it('code page 437 where nothing says UTF-8', async () => {
    const fs = await (await startingPoint()).archiveIn(
      zipOf([{ name: Buffer.from('caf\x82 \x80\x81', 'latin1'), data: 'x' }]),
    );
    expect(fs.changes!.add.map(({ path }) => path)).toEqual(['café Çü']);
  });

  it('UTF-8 where it can be nothing else', async () => {
    const fs = await (await startingPoint()).archiveIn(
      zipOf([{ name: Buffer.from('café'), data: 'x' }]),
    );
    expect(fs.changes!.add.map(({ path }) => path)).toEqual(['café']);
  });

  it.each([
    ['stand-in', 'größe.txt'],
    [Buffer.from('x\x94', 'latin1'), 'größe.txt'],
  ])('the Unicode Path field counts where it belongs to the name: %s', async (name, path) => {
    const stored = Buffer.from(name);
    const field = (sum: number): Buffer => {
      const head = Buffer.alloc(9);
      head.writeUInt16LE(0x7075, 0);
      head.writeUInt16LE(5 + Buffer.byteLength(path), 2);
      head[4] = 1;
      head.writeUInt32LE(sum, 5);
      return Buffer.concat([head, Buffer.from(path)]);
    };
    const namesIn = async (extra: Buffer): Promise<string[]> => {
      const fs = await (await startingPoint()).archiveIn(
        zipOf([{ name: stored, data: 'x', extra }]),
      );
      return fs.changes!.add.map((entry) => entry.path);
    };
    expect(await namesIn(field(crc32(stored)))).toEqual([path]);
    // Another program has given the member another name since.
    expect(await namesIn(field(crc32(stored) ^ 1))).not.toEqual([path]);
  });

  it('other bytes may stand behind the archive', async () => {
    const zip = zipOf([{ name: 'a', data: 'inside' }], 'a comment');
    for (const length of [1, 100, 70_000, 900_000]) {
      for (const comment of ['', 'PK\x05\x06 and more that is no end record of any archive']) {
        const rest = Buffer.concat([Buffer.from(comment, 'latin1'), Buffer.alloc(length)]);
        const fs = await (await startingPoint()).archiveIn(Buffer.concat([zip, rest]));
        expect(await fs.readText('a')).toBe('inside');
      }
    }
  });

  it('of an archive that is cut short no member is taken for the archive', async () => {
    const inner = zipOf([{ name: 'inner', data: 'x' }]);
    const outer = zipOf([
      { name: 'first', data: 'y' },
      { name: 'inner.zip', data: inner, store: true },
      { name: 'last', data: 'z'.repeat(100), store: true },
    ]);
    const end = outer.indexOf(inner) + inner.length;
    for (const cut of [end, end + 1, end + 60, outer.length - 1]) {
      await refuses(outer.subarray(0, cut), /cut short/);
    }
  });

  it('a program may stand before the archive', async () => {
    const zip = zipOf([{ name: 'a', data: 'inside' }], 'a comment');
    const fs = await (await startingPoint()).archiveIn(
      Buffer.concat([Buffer.from('#!/bin/sh\nexit\n'.repeat(50)), zip]),
      { format: 'zip' },
    );
    expect(await fs.readText('a')).toBe('inside');
  });
});

it('stops by its signal', async () => {
  const main = await startingPoint();
  const controller = new AbortController();
  const endless = (async function* () {
    yield tarOf([good], Buffer.alloc(0));
    for (let i = 0; ; i++) {
      if (i === 50) controller.abort(new Error('enough'));
      yield tarOf([{ name: `more${i}`, data: 'x' }], Buffer.alloc(0));
    }
  })();
  await expect(main.archiveIn(endless, { signal: controller.signal })).rejects.toThrow('enough');
});
