/**
 * `sync --watch` sees everything: random changes of a folder, of the root itself and of what lies
 * above it, on a store's disk that runs full now and then. After each burst the branch comes to hold
 * what the folder holds. Real Git says what that is.
 */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { effort, seed, seededRandom } from '../crash/stress.ts';
import { expectClean, gitEnvironment } from '../helpers/git.ts';
import { canMount, mountTmpfs, unmount } from '../helpers/mount.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { makeFiles } from '../transfer/trees.ts';
import { Place } from './program.ts';
import { Watching } from './watching.ts';

const { count, timeout } = effort(6, 400);

function git(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync('git', args, {
    encoding: 'utf8',
    env: gitEnvironment,
  });
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** A second repository, in which Git keeps what the folder holds. */
class Referee {
  readonly #repo = join(scratchFolder(), 'referee.git');

  constructor() {
    git('init', '-q', '--bare', this.#repo);
  }

  /** The id of the folder's tree. */
  tree(folder: string): string {
    const at = ['--git-dir', this.#repo, '-c', 'core.bare=false', '--work-tree', folder];
    git(...at, 'add', '-A');
    return git(...at, 'write-tree');
  }
}

function stored(repo: string): string {
  const { stdout } = spawnSync('git', ['--git-dir', repo, 'rev-parse', 'main^{tree}'], {
    encoding: 'utf8',
    env: gitEnvironment,
  });
  return stdout.trim();
}

async function expectStored(watching: Watching, tree: string, what: unknown): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (stored(watching.place.repo) === tree) return;
    await sleep(50);
  }
  const { stdout, stderr } = watching;
  expect({ tree: stored(watching.place.repo), what, stdout, stderr }).toEqual({ tree });
}

/** Random changes below `ROOT`, which is a link to one of several folders below `base`. */
class Folder {
  readonly base: string;
  readonly root: string;
  readonly #random: () => number;
  readonly #mounts: boolean;
  #serial = 0;
  #mounted: string | undefined;

  constructor(base: string, random: () => number, mounts: boolean) {
    this.base = base;
    this.root = join(base, 'work');
    this.#random = random;
    this.#mounts = mounts;
    this.#fill(join(base, 'above/real'));
    this.#fill(join(base, 'other'));
    symlinkSync('above/real', this.root);
  }

  /** Makes one random change and says which. */
  change(): string {
    const changes: Record<string, () => unknown> = {
      write: () => this.#write(this.#place()),
      writeAgain: () => this.#write(this.#place()),
      append: () => this.#onFile((path) => appendFileSync(path, `${this.#serial++}`)),
      mode: () =>
        this.#onFile((path) => chmodSync(path, statSync(path).mode & 0o100 ? 0o644 : 0o755)),
      remove: () => this.#free(this.#place()),
      rename: () => this.#rename(),
      renameAgain: () => this.#rename(),
      // The inode number comes again at once on many file systems.
      recreate: () => {
        const path = this.#directory();
        this.#free(path);
        this.#fill(path);
      },
      swap: () => {
        this.#unmount();
        const path = this.#directory();
        const aside = join(this.base, `aside${this.#serial++}`);
        renameSync(path, aside);
        this.#fill(path);
        rmSync(aside, { recursive: true });
      },
      link: () => {
        const path = this.#place();
        this.#free(path);
        symlinkSync(this.#name(), path);
      },
      recreateRoot: () => {
        const real = join(this.base, this.#linked());
        this.#free(real);
        this.#fill(real);
      },
      turnRoot: () => this.#turn(this.#linked() === 'other' ? 'above/real' : 'other'),
      replaceAbove: () => {
        this.#unmount();
        const aside = join(this.base, `aside${this.#serial++}`);
        renameSync(join(this.base, 'above'), aside);
        this.#fill(join(this.base, 'above/real'));
        rmSync(aside, { recursive: true });
      },
      mount: () => {
        if (!this.#mounts) return;
        const { base } = this;
        this.#unmount();
        this.#mounted = this.#directory();
        if (!mountTmpfs(this.#mounted, '64k')) throw new Error(`cannot mount below ${base}`);
        if (this.#random() < 0.7) this.#write(join(this.#mounted, this.#name()));
        // A disk that is full takes a part.
        if (this.#random() < 0.3) {
          try {
            writeFileSync(join(this.#mounted, 'big'), Buffer.alloc(1 << 20, 'x'));
          } catch {
            // As meant.
          }
        }
      },
      unmount: () => this.#unmount(),
    };
    const names = Object.keys(changes);
    const name = names[Math.floor(this.#random() * names.length)]!;
    try {
      changes[name]!();
    } catch (error) {
      // In the small disk that was mounted.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
    return name;
  }

  close(): void {
    this.#unmount();
  }

  #unmount(): void {
    if (this.#mounted !== undefined) unmount(this.#mounted);
    this.#mounted = undefined;
  }

  #name(): string {
    return 'abcd'[Math.floor(this.#random() * 4)]!;
  }

  /** A path in the folder, at which there may be something. */
  #place(): string {
    let path = join(this.root, this.#name());
    while (isDirectory(path) && this.#random() < 0.6) path = join(path, this.#name());
    return path;
  }

  /** A directory in the folder. */
  #directory(): string {
    let path = this.#place();
    if (!isDirectory(path))
      path = dirname(path) === this.root ? join(this.root, 'd') : dirname(path);
    if (!isDirectory(path)) {
      this.#free(path);
      this.#fill(path);
    }
    return path;
  }

  #onFile(action: (path: string) => void): void {
    const path = this.#place();
    if (existsSync(path) && lstatSync(path).isFile()) action(path);
    else this.#write(path);
  }

  #write(path: string): void {
    this.#free(path);
    writeFileSync(path, `${this.#serial++}`);
  }

  #rename(): void {
    const from = this.#place();
    const to = this.#place();
    if (from === to || to.startsWith(`${from}/`) || from.startsWith(`${to}/`)) return;
    if (this.#mounted !== undefined || !existsSync(from)) {
      this.#write(to);
      return;
    }
    this.#free(to);
    renameSync(from, to);
  }

  /** Removes what is there. */
  #free(path: string): void {
    const mounted = this.#mounted;
    if (mounted !== undefined && `${mounted}/`.startsWith(`${path}/`)) this.#unmount();
    if (mounted !== undefined && path.startsWith(this.base) && !path.startsWith(this.root)) {
      this.#unmount();
    }
    rmSync(path, { recursive: true, force: true });
  }

  #fill(path: string): void {
    mkdirSync(path, { recursive: true });
    for (let i = 0; i < 3; i++) {
      const child = join(path, this.#name());
      this.#free(child);
      if (this.#random() < 0.4) mkdirSync(child);
      writeFileSync(isDirectory(child) ? join(child, 'a') : child, `${this.#serial++}`);
    }
  }

  /** Where the root leads. */
  #linked(): string {
    return existsSync(join(this.base, 'turned')) ? 'other' : 'above/real';
  }

  #turn(target: string): void {
    this.#unmount();
    const link = join(this.base, 'new');
    symlinkSync(target, link);
    renameSync(link, this.root);
    if (target === 'other') writeFileSync(join(this.base, 'turned'), '');
    else rmSync(join(this.base, 'turned'));
  }
}

function isDirectory(path: string): boolean {
  return existsSync(path) && lstatSync(path).isDirectory();
}

describe.skipIf(process.platform === 'win32')('sync --watch', () => {
  const mounts = canMount();

  it(`holds what the folder holds after every burst${mounts ? '' : ' (no mounts: not root)'}`, {
    timeout,
  }, async () => {
    const random = seededRandom(seed);
    const place = new Place();
    const disk = join(place.folder, 'disk');
    mkdirSync(disk);
    if (mounts) mountTmpfs(disk, '64m');
    const folder = new Folder(place.folder, random, mounts);
    onTestFinished(() => {
      folder.close();
      if (mounts) unmount(disk);
    });
    const watching = new Watching(Object.assign(place, { repo: join(disk, 'data.git') }));
    const referee = new Referee();
    const log: string[][] = [];
    await expectStored(watching, referee.tree(`${folder.root}/`), 'the start');
    for (let burst = 0; burst < count; burst++) {
      const changes: string[] = [];
      log.push(changes);
      const fill = mounts && random() < 0.2;
      if (fill) {
        changes.push('full');
        fillUp(disk);
      }
      for (let left = random() < 0.5 ? 1 : 8 * random(); left > 0; left--) {
        changes.push(folder.change());
        if (random() < 0.3) await sleep(random() * 150);
      }
      if (fill) {
        await sleep(random() * 700);
        rmSync(join(disk, 'filler'));
      }
      const what = { seed, burst, changes: log.slice(-3) };
      await expectStored(watching, referee.tree(`${folder.root}/`), what);
    }
    await watching.stop();
    expectClean(place.repo);
  });
});

/** Leaves no room on a disk. */
function fillUp(disk: string): void {
  const filler = join(disk, 'filler');
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    try {
      for (;;) appendFileSync(filler, Buffer.alloc(size));
    } catch {
      // No more of this size.
    }
  }
}

describe.skipIf(process.platform === 'win32')('sync --watch', () => {
  it('tries again after EMFILE and says so once', { timeout: 60_000 }, async ({ skip }) => {
    const place = new Place();
    const work = makeFiles(join(place.folder, 'work'), { a: '1', 'd/b': '1' });
    const watching = new Watching(place);
    await watching.says(/Sync: /);
    const limit = (most: string): number | null =>
      spawnSync('prlimit', ['--pid', `${watching.pid}`, `--nofile=${most}`]).status;
    if (limit('3:') !== 0) {
      await watching.stop();
      skip('needs prlimit(1)');
    }
    makeFiles(work, { 'd/c': '2', 'e/f': '3' });
    await watching.says(/trying again/);
    // Longer than the first pauses.
    await sleep(1800);
    limit('1000:');
    await watching.inSync();
    await watching.stop();
    expect(watching.stderr.match(/trying again/g)).toHaveLength(1);
    expect(readdirSync(join(place.folder))).toEqual(['data.git', 'work']);
  });

  it('ends with an error when its repository is gone', { timeout: 60_000 }, async () => {
    const place = new Place();
    makeFiles(join(place.folder, 'work'), { a: '1' });
    const watching = new Watching(place);
    await watching.says(/Sync: \+1/);
    rmSync(place.repo, { recursive: true });
    expect(await watching.ended).toBe(1);
    expect(watching.stderr).toMatch(/^Error: .*data\.git: the repository is gone[^\n]*\n$/);
    expect(existsSync(place.repo)).toBe(false);
  });

  it('ends quietly when its reader is gone', { timeout: 60_000 }, async () => {
    const place = new Place();
    const work = makeFiles(join(place.folder, 'work'), { a: '1' });
    const watching = new Watching(place);
    await watching.says(/Sync: \+1/);
    watching.hangUp();
    writeFileSync(join(work, 'b'), '2');
    expect(await watching.ended).toBe(0);
    expect(watching.stderr).toBe('');
  });

  it('does not repeat that there are no changes', { timeout: 60_000 }, async () => {
    const place = new Place();
    const work = makeFiles(join(place.folder, 'work'), { a: '1' });
    const watching = new Watching(place);
    await watching.says(/Sync: \+1/);
    const first = watching.stdout;
    for (let i = 0; i < 3; i++) {
      writeFileSync(join(work, 'a'), '1');
      await sleep(300);
    }
    writeFileSync(join(work, 'b'), '2');
    await watching.inSync();
    await watching.stop();
    expect(watching.stdout.slice(first.length)).toMatch(/^\S+ Sync: \+1 ~0 -0 [^\n]*\n$/);
  });
});
