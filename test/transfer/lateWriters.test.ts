/** Careful copies to disk beside a process that writes just as its file is replaced or removed. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nativeFiles } from '../../src/storage/disk/nativeFiles.ts';
import type { SeenFile } from '../../src/transfer/disk/put/fileJobs.ts';
import { finishFile, putFile } from '../../src/transfer/disk/put/putFile.ts';
import { removeSeen } from '../../src/transfer/disk/put/seenFile.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const OLD = 'as it was seen';
const LATE = 'and written since';
const isWindows = process.platform === 'win32';

let folder: string;
let path: string;
let seen: SeenFile;

beforeEach(() => {
  folder = scratchFolder();
  path = join(folder, 'file');
  fs.writeFileSync(path, OLD);
  fs.chmodSync(path, 0o606);
  seen = fs.lstatSync(path);
});

afterEach(() => {
  vi.restoreAllMocks();
});

type Swap = (from: string, to: string) => void;

/** Sets how two names are swapped, where they can be. */
function swapBy(swap: (swapSync: Swap) => Swap): void {
  if (native !== null) vi.spyOn(native, 'swapSync').mockImplementation(swap(swapSync!));
}

const native = nativeFiles();
const swapSync = native?.swapSync;

const cannotSwap = (): never => {
  throw Object.assign(new Error('EINVAL: invalid argument'), { code: 'EINVAL' });
};

/** Whether the disk of the tests that follow swaps names: some file systems do not. */
let swaps = false;

/** The disk, with something that happens between the last look at the file and the next change of it. */
function diskWith(late: () => void, { hasLinks = true } = {}): typeof fs {
  let isDone = false;
  const before =
    <A extends unknown[], R>(change: (...args: A) => R) =>
    (...args: A): R => {
      if (!isDone && args.some((arg) => arg === path)) {
        isDone = true;
        late();
      }
      return change(...args);
    };
  swapBy((swapSync) => (swaps ? before(swapSync) : cannotSwap));
  const linkSync = (from: fs.PathLike, to: fs.PathLike) => {
    if (hasLinks) return fs.linkSync(from, to);
    throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' });
  };
  return {
    ...fs,
    linkSync,
    renameSync: before(fs.renameSync),
    unlinkSync: before(fs.unlinkSync),
  } as typeof fs;
}

/** The disk as some network and FUSE file systems show it: each name has a number, also of the same file. */
function numberedByName(disk: typeof fs): typeof fs {
  const opened = new Map<number, string>();
  const numbered = (stats: fs.Stats | undefined, name: string) =>
    stats && Object.assign(stats, { ino: [...name].reduce((n, c) => n * 31 + c.charCodeAt(0), 7) });
  return {
    ...disk,
    lstatSync: (name: string, options: fs.StatSyncOptions) =>
      numbered(fs.lstatSync(name, options) as fs.Stats | undefined, name),
    fstatSync: (fd: number) => numbered(fs.fstatSync(fd), opened.get(fd)!),
    openSync: (name: string, ...rest: []) => {
      const fd = disk.openSync(name, ...(rest as unknown as [fs.OpenMode]));
      opened.set(fd, name);
      return fd;
    },
  } as unknown as typeof fs;
}

const append = () => fs.appendFileSync(path, LATE);

const job = (isLink: boolean) => ({
  path,
  temporary: join(folder, '.gs-0'),
  aside: join(folder, '.gs-1'),
  isLink,
  permissions: 0o666,
  exactPermissions: undefined,
  isNew: false,
  keepsOthers: true,
  replaces: seen,
  mtime: 1,
});

/** What changes the file. */
const changes: Record<string, (disk: typeof fs) => void> = {
  'is replaced': (disk) => putFile(disk, job(false), Buffer.from('new')),
  'is replaced by a large one': (disk) => {
    const { temporary } = job(false);
    try {
      fs.writeFileSync(temporary, 'new');
      finishFile(disk, job(false));
    } finally {
      fs.rmSync(temporary, { force: true });
    }
  },
  'is replaced by a link': (disk) => putFile(disk, job(true), Buffer.from('target')),
  'is removed': (disk) => removeSeen(disk, path, seen, join(folder, '.gs-1')),
};

const canSwap = !isWindows && native !== null;
const ways = canSwap ? [true, false] : [false];
const cases = Object.entries(changes).flatMap(([name, change]) =>
  ways.map((way) => [name, way, change] as const),
);

describe.each(cases)('a file that %s (by a swap: %s)', (_name, way, change) => {
  beforeEach(() => {
    swaps = way;
  });

  test('goes when nothing happens', () => {
    change(diskWith(() => {}));
    expect(fs.lstatSync(path, { throwIfNoEntry: false })?.ino).not.toBe(seen.ino);
    expect(fs.readdirSync(folder).filter((name) => name !== 'file')).toEqual([]);
  });

  test.skipIf(isWindows)('goes, or keeps late text, where names have numbers', () => {
    const quiet = numberedByName(diskWith(() => {}));
    seen = quiet.lstatSync(path);
    expect(() => change(numberedByName(diskWith(append)))).toThrow(/changed meanwhile/);
    expect(fs.readFileSync(path, 'utf8')).toBe(OLD + LATE);
    seen = quiet.lstatSync(path);
    change(quiet);
    const now = fs.lstatSync(path, { throwIfNoEntry: false });
    if (now?.isFile()) expect(fs.readFileSync(path, 'utf8')).toBe('new');
    expect(fs.readdirSync(folder).filter((name) => name !== 'file')).toEqual([]);
  });

  // Windows replaces no open file, so there is nothing to copy from.
  test.each(isWindows ? [true] : [true, false])(
    'keeps late text (with hard links: %s)',
    (hasLinks) => {
      expect(() => change(diskWith(append, { hasLinks }))).toThrow(/changed meanwhile/);
      expect(fs.readFileSync(path, 'utf8')).toBe(OLD + LATE);
      if (!isWindows) expect(fs.statSync(path).mode & 0o777).toBe(0o606);
      expect(fs.readdirSync(folder)).toEqual(['file']);
    },
  );

  test.skipIf(isWindows)('stays the file of a process that goes on writing', () => {
    const fd = fs.openSync(path, 'a');
    expect(() => change(diskWith(() => fs.writeSync(fd, LATE)))).toThrow(/changed meanwhile/);
    fs.writeSync(fd, LATE);
    fs.closeSync(fd);
    expect(fs.readFileSync(path, 'utf8')).toBe(OLD + LATE + LATE);
    expect(fs.statSync(path).ino).toBe(seen.ino);
    expect(fs.readdirSync(folder)).toEqual(['file']);
  });

  test('gives way to no file that another process has put there', () => {
    const other = join(folder, 'other');
    fs.writeFileSync(other, LATE);
    // Between the check and the first change.
    const disk = diskWith(() => {});
    let isDone = false;
    const replace =
      <A extends unknown[]>(act: (...args: A) => void) =>
      (...args: A) => {
        if (!isDone) fs.renameSync(other, path);
        isDone = true;
        act(...args);
      };
    swapBy((swapSync) => (swaps ? replace(swapSync) : cannotSwap));
    const racing = { ...disk, linkSync: replace(fs.linkSync), renameSync: replace(fs.renameSync) };
    expect(() => change(racing as typeof fs)).toThrow(/changed meanwhile/);
    expect(fs.readFileSync(path, 'utf8')).toBe(LATE);
    expect(fs.readdirSync(folder)).toEqual(['file']);
  });
});

test.each(ways)('a still later file is kept instead (by a swap: %s)', (way) => {
  swaps = way;
  const later = join(folder, 'later');
  const late = () => {
    append();
    fs.writeFileSync(later, 'later');
  };
  const disk = diskWith(late);
  const renameSync = (from: fs.PathLike, to: fs.PathLike) => {
    disk.renameSync(from, to);
    if (to === path) fs.renameSync(later, path);
  };
  swapBy((swapSync) => (from, to) => {
    if (!way) cannotSwap();
    late();
    swapSync(from, to);
    fs.renameSync(later, path);
  });
  expect(() => changes['is replaced']!({ ...disk, renameSync } as typeof fs)).toThrow(/meanwhile/);
  expect(fs.readFileSync(path, 'utf8')).toBe('later');
  expect(fs.readdirSync(folder)).toEqual(['file']);
});

test.each(cases.filter(([name]) => ['is replaced', 'is removed'].includes(name)))(
  'late text of a file that %s (by a swap: %s) lies beside it where it cannot be put back',
  (name, way) => {
    swaps = way;
    const disk = diskWith(append);
    const isBack = (from: fs.PathLike, to: fs.PathLike) =>
      to === path && String(from).endsWith(way && name === 'is replaced' ? '.gs-0' : '.gs-1');
    const refuse = (): never => {
      throw Object.assign(new Error('EIO: i/o error, rename'), { code: 'EIO' });
    };
    const failing = {
      ...disk,
      renameSync: (from: fs.PathLike, to: fs.PathLike) =>
        isBack(from, to) ? refuse() : disk.renameSync(from, to),
      linkSync: (from: fs.PathLike, to: fs.PathLike) =>
        isBack(from, to) ? refuse() : disk.linkSync(from, to),
    } as typeof fs;
    expect(() => changes[name]!(failing)).toThrow(/written last lies beside it, with \.late-/);
    const [kept] = fs.readdirSync(folder).filter((one) => one.includes('.late-'));
    expect(fs.readFileSync(join(folder, kept!), 'utf8')).toBe(OLD + LATE);
    expect(fs.readdirSync(folder).filter((one) => one.startsWith('.gs-'))).toEqual([]);
  },
);

test('a new file gets its name also where links fail in an unusual way', () => {
  const put = (code: string) => {
    const disk = {
      ...fs,
      linkSync: () => {
        throw Object.assign(new Error('no'), { code });
      },
    } as unknown as typeof fs;
    const name = join(folder, code);
    const place = { ...job(false), path: name, replaces: undefined, isNew: true };
    putFile(disk, place, Buffer.from(code));
    expect(fs.readFileSync(name, 'utf8')).toBe(code);
  };
  for (const code of ['EISDIR', 'EACCES', 'ENOTSUP']) put(code);
  expect(() => put('EEXIST')).toThrow(/another process/);
});
