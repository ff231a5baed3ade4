/** What goes out comes back, and other programs read and write the same. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ARCHIVE_FORMATS, type ArchiveFormat } from '../../src/archive/formats.ts';
import { type FS, GitStore, retryArchiveIn } from '../../src/index.ts';
import { runs } from '../crash/stress.ts';
import { expectClean, git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { currentOf, memoryStore } from '../store/stores.ts';
import { inPieces, itWith, runTool } from './tools.ts';

const LONG = `${'directory-with-a-long-name/'.repeat(8)}and-a-file-name-that-is-${'long'.repeat(30)}`;

/** A snapshot with names and files of all kinds. */
async function oddSnapshot(): Promise<FS> {
  const main = await currentOf(await memoryStore());
  return main.apply({
    writes: {
      'a.txt': 'alpha\n',
      empty: '',
      'docs/guide.md': '# Guide\n'.repeat(500),
      'docs/deep/er/x': 'x',
      'run.sh': { data: '#!/bin/sh\necho hi\n', mode: 'executable' },
      'docs/link': { target: '../a.txt' },
      'long-link': { target: `docs/${'x'.repeat(150)}` },
      [LONG]: 'long\n',
      [`${'é'.repeat(60)}/ü`]: 'utf-8',
      'with space/and "quotes"': 'q',
      'new\nline': 'n',
      big: Buffer.alloc(1_500_000, 'big file '),
    },
  });
}

/** Its bytes as an archive. */
async function archived(fs: FS, format: ArchiveFormat): Promise<Buffer> {
  const parts: Buffer[] = [];
  const sink = new WritableStream<Uint8Array>({
    write(chunk) {
      parts.push(Buffer.from(chunk));
    },
  });
  await fs.archiveOut(sink, { format });
  return Buffer.concat(parts);
}

async function newMain(): Promise<FS> {
  return currentOf(await memoryStore());
}

let odd: FS;
beforeAll(async () => {
  odd = await oddSnapshot();
});

describe.each(ARCHIVE_FORMATS)('%s', (format) => {
  it('comes back as it was, from bytes and from a stream', async () => {
    const bytes = await archived(odd, format);
    const back = await (await newMain()).archiveIn(bytes);
    expect(back.treeHash).toBe(odd.treeHash);
    const piped = await (await newMain()).archiveIn(inPieces(bytes, 10_007), { format });
    expect(piped.treeHash).toBe(odd.treeHash);
    expect(back.message).toBe('Batch ar: +12');
  });

  it('has the same bytes every time, from any store', async () => {
    const once = await archived(odd, format);
    expect((await archived(odd, format)).equals(once)).toBe(true);
    const other = await oddSnapshot();
    expect(other.commitHash).toBe(odd.commitHash);
    expect((await archived(other, format)).equals(once)).toBe(true);
  });

  it('goes through files', async () => {
    const file = join(scratchFolder(), `x.${format}`);
    await odd.archiveOut({ file });
    expect(readFileSync(file).equals(await archived(odd, format))).toBe(true);
    const back = await (await newMain()).archiveIn({ file });
    expect(back.treeHash).toBe(odd.treeHash);
  });
});

describe('names that are no UTF-8', () => {
  it.each<ArchiveFormat>(['tar', 'zip'])('keep their bytes through %s', async (format) => {
    const main = await newMain();
    const raw = await main.apply({
      writes: {
        'caf\udce9': 'latin-1',
        [`${'\udcff'.repeat(120)}/${'long'.repeat(40)}`]: 'long',
        link: { target: 'caf\udce9' },
        'long-link': { target: '\udcfe'.repeat(130) },
      },
    });
    const back = await (await newMain()).archiveIn(await archived(raw, format));
    expect(back.treeHash).toBe(raw.treeHash);
  });

  itWith(['tar'], 'lie in the tar as they are', async () => {
    const raw = await (await newMain()).write('caf\udce9', 'x');
    const names = runTool('tar', ['t', '--quoting-style=literal'], {
      input: await archived(raw, 'tar'),
    });
    expect(names).toEqual(Buffer.from('caf\xe9\n', 'latin1'));
  });
});

describe('any tree', () => {
  it('comes back from tar and zip', async () => {
    const name = fc.oneof(
      fc.constantFrom('a', 'b', 'c.txt', 'ö', 'x y', `n${'n'.repeat(99)}`),
      fc.stringMatching(/^[a-z0-9 _+-]{1,12}$/),
    );
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
    const entry = fc.record({
      data: fc.uint8Array({ maxLength: 2000 }),
      mode: fc.constantFrom('blob' as const, 'executable' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(path, entry, { minKeys: 1, maxKeys: 12 }), async (writes) => {
        const main = await newMain();
        const batch = main.batch();
        for (const [at, { data, mode }] of Object.entries(writes)) {
          // A path below a file, or where a directory is, is not for this test.
          await batch.write(at, data, { mode }).catch(() => {});
        }
        const tree = await batch.commit();
        for (const format of ['tar', 'zip'] as const) {
          const back = await (await newMain()).archiveIn(await archived(tree, format));
          expect(back.treeHash).toBe(tree.treeHash);
        }
      }),
      { numRuns: runs(30) },
    );
  });
});

/** A folder with files of all kinds, and the id of the tree that Git makes of it. */
function oddFolder(hasLinks = true): { folder: string; tree: string } {
  const folder = join(scratchFolder(), 'in');
  mkdirSync(join(folder, 'sub', 'deep'), { recursive: true });
  writeFileSync(join(folder, 'plain.txt'), 'plain\n'.repeat(1000));
  writeFileSync(join(folder, 'sub', 'bin'), Buffer.from([0, 1, 2, 255]));
  writeFileSync(join(folder, 'sub', 'deep', 'ünïcode'), 'u');
  writeFileSync(join(folder, 'sub', `long-${'n'.repeat(140)}`), 'long');
  writeFileSync(join(folder, 'run'), '#!/bin/sh\n');
  chmodSync(join(folder, 'run'), 0o755);
  if (hasLinks) {
    symlinkSync('plain.txt', join(folder, 'link'));
    symlinkSync('../plain.txt', join(folder, 'sub', 'up'));
  }
  linkSync(join(folder, 'plain.txt'), join(folder, 'sub', 'hard'));
  const gitDir = join(scratchFolder(), 'x.git');
  execFileSync('git', ['init', '-q', '--bare', gitDir]);
  git(gitDir, '--work-tree', folder, 'add', '-A', '-f');
  return { folder, tree: git(gitDir, 'write-tree') };
}

/** Every file below the folder, in words. */
function described(folder: string, path = ''): string[] {
  const listing = execFileSync('find', ['.', '!', '-type', 'd', '-print0'], { cwd: folder });
  return listing
    .toString()
    .split('\0')
    .filter((name) => name !== '')
    .sort()
    .map((name) => {
      const file = join(folder, path, name);
      const stat = lstatSync(file);
      if (stat.isSymbolicLink()) return `${name} -> ${readlinkSync(file)}`;
      const kind = (stat.mode & 0o100) !== 0 ? 'x' : '-';
      return `${name} ${kind} ${stat.size} ${readFileSync(file).toString('base64').slice(0, 40)}`;
    });
}

const PYTHON_TAR = `
import sys, tarfile
with tarfile.open(sys.argv[2], sys.argv[3], format=getattr(tarfile, sys.argv[4])) as t:
    t.add(sys.argv[1], arcname='.')
`;
const PYTHON_ZIP = `
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[2], 'w', getattr(zipfile, sys.argv[3])) as z:
    for top, dirs, files in os.walk(sys.argv[1]):
        for name in dirs + files:
            path = os.path.join(top, name)
            info = zipfile.ZipInfo.from_file(path, os.path.relpath(path, sys.argv[1]))
            info.compress_type = getattr(zipfile, sys.argv[3])
            if os.path.islink(path):
                info.external_attr = 0o120777 << 16
                z.writestr(info, os.readlink(path))
            elif not os.path.isdir(path):
                z.writestr(info, open(path, 'rb').read())
`;

describe('what other programs write', () => {
  const { folder, tree } = oddFolder();
  const scratch = scratchFolder();

  /** Reads the archive and expects Git's own tree of the folder. */
  async function expectTree(file: string): Promise<void> {
    const fs = await (await newMain()).archiveIn({ file });
    expect(fs.treeHash).toBe(tree);
    expect(fs.changes!.warnings).toEqual([]);
    const piped = await (await newMain()).archiveIn(inPieces(readFileSync(file), 3001));
    expect(piped.treeHash).toBe(tree);
  }

  for (const format of ['gnu', 'pax', 'ustar', 'oldgnu']) {
    itWith(['tar'], `tar --format=${format}`, async () => {
      const file = join(scratch, `${format}.tar`);
      const names = format === 'ustar' ? ['--exclude=long-*'] : [];
      runTool('tar', ['cf', file, `--format=${format}`, '-C', folder, ...names, '.']);
      if (format !== 'ustar') return expectTree(file);
      const fs = await (await newMain()).archiveIn({ file });
      expect(await fs.readText('sub/hard')).toBe(await fs.readText('plain.txt'));
    });
  }

  for (const letter of ['z', 'j', 'J']) {
    itWith(['tar'], `tar c${letter}`, () => {
      const file = join(scratch, `compressed-${letter}.tar`);
      runTool('tar', [`c${letter}f`, file, '-C', folder, '.']);
      return expectTree(file);
    });
  }

  for (const format of ['pax', 'ustar', 'gnutar', 'v7', 'zip']) {
    itWith(['bsdtar'], `bsdtar --format ${format}`, async () => {
      const file = join(scratch, `bsd-${format}`);
      const names = ['ustar', 'v7'].includes(format) ? ['--exclude=long-*'] : [];
      const locale = ['env', ['LC_ALL=C.UTF-8', 'bsdtar', 'cf', file]] as const;
      runTool(locale[0], [...locale[1], '--format', format, ...names, '-C', folder, '.']);
      if (names.length === 0) return expectTree(file);
      expect(await (await newMain()).archiveIn({ file })).toBeDefined();
    });
  }

  itWith(['zip'], 'zip, links kept', () => {
    const file = join(scratch, 'info.zip');
    runTool('zip', ['-q', '-r', '-y', file, '.'], { cwd: folder });
    return expectTree(file);
  });

  itWith(['zip'], 'zip from and to a pipe', async () => {
    // Some zips cannot put links into a pipe.
    const { folder, tree } = oddFolder(false);
    const zip = runTool('zip', ['-q', '-r', '-', '.'], { cwd: folder });
    const fs = await (await newMain()).archiveIn(zip);
    expect(fs.treeHash).toBe(tree);
  });

  for (const [mode, format] of [
    ['w', 'GNU_FORMAT'],
    ['w:gz', 'PAX_FORMAT'],
    ['w:bz2', 'PAX_FORMAT'],
    ['w:xz', 'PAX_FORMAT'],
  ] as const) {
    itWith(['python3'], `Python's tarfile, ${mode}, ${format}`, () => {
      const file = join(scratch, `python-${mode.replace(':', '-')}`);
      runTool('python3', ['-c', PYTHON_TAR, folder, file, mode, format]);
      return expectTree(file);
    });
  }

  for (const method of ['ZIP_STORED', 'ZIP_DEFLATED', 'ZIP_BZIP2', 'ZIP_LZMA']) {
    itWith(['python3'], `Python's zipfile, ${method}`, () => {
      const file = join(scratch, `python-${method}.zip`);
      runTool('python3', ['-c', PYTHON_ZIP, folder, file, method]);
      return expectTree(file);
    });
  }

  itWith(['tar', 'bsdtar'], 'sparse files, in all forms', async () => {
    const sparse = join(scratchFolder(), 'sparse');
    const fd = openSync(sparse, 'w');
    for (const at of [0, 300_000, 1_000_000, 5_000_000]) writeSync(fd, `data at ${at}`, at);
    closeSync(fd);
    const content = readFileSync(sparse);
    const where = ['-C', join(sparse, '..'), 'sparse'];
    const forms: [string, string[]][] = [
      ['tar', ['cSf', '-', '--format=gnu', ...where]],
      ...['0.0', '0.1', '1.0'].map((version): [string, string[]] => [
        'tar',
        ['cSf', '-', '--format=pax', `--sparse-version=${version}`, ...where],
      ]),
      ['bsdtar', ['cf', '-', '--format', 'pax', ...where]],
    ];
    for (const [program, args] of forms) {
      const fs = await (await newMain()).archiveIn(runTool(program, args));
      const same = Buffer.from(await fs.read('sparse')).equals(content);
      expect({ program, args, same }).toEqual({ program, args, same: true });
    }
  });
});

describe('what other programs read', () => {
  const scratch = scratchFolder();
  let file: (format: ArchiveFormat) => Promise<string>;
  let expected: string[];

  beforeAll(async () => {
    const store = await GitStore.open(join(scratchFolder(), 'x.git'), { durability: 'fast' });
    const { folder } = oddFolder();
    const fs = await (await currentOf(store)).copyIn([`${folder}/`], '');
    expected = described(folder);
    file = async (format) => {
      const path = join(scratch, `ours.${format}`);
      await fs.archiveOut({ file: path });
      return path;
    };
  });

  function emptyFolder(): string {
    const folder = join(scratchFolder(), 'out');
    mkdirSync(folder);
    return folder;
  }

  for (const format of ['tar', 'tar.gz', 'tar.bz2', 'tar.xz', 'tar.zst'] as const) {
    itWith(['tar', ...(format === 'tar.zst' ? ['zstd'] : [])], `tar x of ${format}`, async () => {
      const folder = emptyFolder();
      runTool('tar', ['xf', await file(format), '-C', folder]);
      expect(described(folder)).toEqual(expected);
    });
    itWith(['bsdtar'], `bsdtar x of ${format}`, async () => {
      const folder = emptyFolder();
      runTool('bsdtar', ['xf', await file(format), '-C', folder]);
      expect(described(folder)).toEqual(expected);
    });
  }

  itWith(['unzip'], 'unzip', async () => {
    const folder = emptyFolder();
    runTool('unzip', ['-q', await file('zip'), '-d', folder]);
    expect(described(folder)).toEqual(expected);
    runTool('unzip', ['-tq', await file('zip')]);
  });

  itWith(['bsdtar'], 'bsdtar x of zip, from a file and from a pipe', async () => {
    for (const piped of [false, true]) {
      const folder = emptyFolder();
      const zip = await file('zip');
      const input = piped ? { input: readFileSync(zip) } : {};
      runTool('bsdtar', ['xf', piped ? '-' : zip, '-C', folder], input);
      // Modes stand in the directory, which a pipe has not shown yet.
      if (!piped) expect(described(folder)).toEqual(expected);
    }
  });

  itWith(['python3'], "Python's tarfile and zipfile", async () => {
    const script = `
import sys, tarfile, zipfile
print(len(tarfile.open(sys.argv[1]).getnames()), zipfile.ZipFile(sys.argv[2]).testzip())
`;
    const out = runTool('python3', ['-c', script, await file('tar.xz'), await file('zip')]);
    expect(out.toString()).toBe('10 None\n');
  });

  it('git reads the commit out of the tar', async () => {
    const commit = execFileSync('git', ['get-tar-commit-id'], {
      input: readFileSync(await file('tar')),
    });
    expect(commit.toString()).toMatch(/^[0-9a-f]{40}\n$/);
  });
});

describe('into a store', () => {
  it('goes over what is there, in one commit, and again when the branch moves', async () => {
    const folder = join(scratchFolder(), 'x.git');
    const store = await GitStore.open(folder, { durability: 'fast' });
    const first = await (await currentOf(store)).apply({
      writes: { 'a.txt': 'old', 'keep.txt': 'kept', 'run.sh': 'plain' },
    });
    const bytes = await archived(odd, 'tar');
    const slow = (async function* () {
      yield bytes;
      await first.writeText('meanwhile', 'x');
    })();
    const fs = await retryArchiveIn(store, 'main', slow, { messageTemplate: '{op}: {default}' });
    expect(fs.message).toBe('ar: Batch ar: +10 ~2');
    expect(await fs.readText('a.txt')).toBe('alpha\n');
    expect(await fs.readText('keep.txt')).toBe('kept');
    expect(await fs.readText('meanwhile')).toBe('x');
    expect(await fs.fileType('run.sh')).toBe('executable');
    expectClean(folder);
    const again = await fs.archiveIn(bytes);
    expect(again.commitHash).toBe(fs.commitHash);
    expect(again.changes!.inSync).toBe(true);
    await store.close();
  });

  it('makes one pack of many members', async () => {
    const folder = join(scratchFolder(), 'x.git');
    const store = await GitStore.open(folder, { durability: 'fast' });
    const writes: Record<string, string> = {};
    for (let i = 0; i < 400; i++) writes[`d${i % 20}/f${i}`] = `content ${i}\n`;
    const many = await (await newMain()).apply({ writes });
    const fs = await (await currentOf(store)).archiveIn(await archived(many, 'tar.gz'));
    expect(fs.treeHash).toBe(many.treeHash);
    expect(git(folder, 'count-objects', '-v')).toContain('packs: 1\n');
    expectClean(folder);
    // And out again: that many are read ahead on threads.
    expect((await archived(fs, 'zip')).length).toBeGreaterThan(1000);
    const back = await (await newMain()).archiveIn(await archived(fs, 'tar'));
    expect(back.treeHash).toBe(many.treeHash);
    await store.close();
  });

  it('a dry run tells what would change and changes nothing', async () => {
    const main = await (await newMain()).apply({ writes: { 'a.txt': 'old', empty: '' } });
    const fs = await main.archiveIn(await archived(odd, 'zip'), { dryRun: true });
    expect(fs.commitHash).toBe(main.commitHash);
    expect(fs.changes!.update.map(({ path }) => path)).toEqual(['a.txt']);
    expect(fs.changes!.add.length).toBe(10);
  });

  it('a submodule goes out as a directory, with a warning', async () => {
    const folder = join(scratchFolder(), 'x.git');
    const store = await GitStore.open(folder, { durability: 'fast' });
    await (await currentOf(store)).writeText('a', 'x');
    const list = `160000 commit ${'1'.repeat(40)}\tsub\n100644 blob ${git(folder, 'rev-parse', 'main:a')}\ta\n`;
    const tree = execFileSync('git', ['--git-dir', folder, 'mktree', '--missing'], { input: list });
    const commit = git(folder, 'commit-tree', '-m', 'sub', tree.toString().trim());
    const fs = await store.fs(commit);
    const sink = join(folder, '..', 'o.tar');
    const { changes } = await fs.archiveOut({ file: sink });
    expect(changes!.warnings).toEqual([
      { path: 'sub', error: 'only a directory: a submodule, whose files are not in this store' },
    ]);
    expect(execFileSync('tar', ['tf', sink]).toString()).toBe('a\nsub/\n');
    await store.close();
  });
});
