/**
 * Automatic collection, when there are many loose objects or packs (Git's `gc.auto` and
 * `gc.autoPackLimit`). The writer does not wait for it: another process does the work, and continues
 * after this one has ended.
 */
import { parse, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasAsset, OWN_FILE, scriptCommand } from '../runtime.ts';
import { closeSync, existsSync, openSync, readSync, startIn } from '../storage/disk/fs.ts';
import type { Storage } from '../storage/storage.ts';

/** A mark of this build, inserted when the sources are bundled, which its program has too. */
declare const GITSTORE_STAMP: string | undefined;

/** Commits between two checks whether a collection is due. */
const LOOK_EVERY = 500;

export class AutomaticCollection {
  readonly #storage: Storage;
  #writes = 0;
  #started = false;
  /** The collection running in this process, when there is no program to run it. */
  #here: { abort: AbortController; done: Promise<unknown> } | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Call after each commit. */
  wrote(): void {
    if (++this.#writes % LOOK_EVERY === 0) this.#look();
  }

  /** Call before closing the storage. */
  async close(): Promise<void> {
    if (this.#writes > 0) this.#look();
    this.#here?.abort.abort();
    await this.#here?.done;
  }

  #look(): void {
    if (this.#started) return;
    try {
      if (!this.#storage.upkeep.isCrowded()) return;
      this.#started = true;
      const command = findProgram();
      if (command === undefined) this.#startHere();
      else startProcess(command, this.#storage);
    } catch {
      // The write itself has succeeded. A later one tries again.
    }
  }

  #startHere(): void {
    const abort = new AbortController();
    const done = this.#storage.upkeep
      .collect({ automatic: true, signal: abort.signal })
      .catch(() => {});
    this.#here = { abort, done };
  }
}

/**
 * The command line program of the same build, as a command; undefined when there is none, or scripts
 * cannot be run. A program that bundles the library may have another `cli.cjs` there: ours begins with our
 * mark.
 */
function findProgram(): readonly string[] | undefined {
  if (isOurExecutable()) return [process.execPath];
  const command = scriptCommand();
  if (command === undefined || OWN_FILE === undefined) return undefined;
  const { dir } = parse(OWN_FILE.startsWith('file:') ? fileURLToPath(OWN_FILE) : OWN_FILE);
  const program = [resolve(dir, 'cli.cjs'), resolve(dir, '..', 'cli.cjs')].find(isOurs);
  return program === undefined ? undefined : [...command, program];
}

/** Whether this process is the command line as a single executable, which contains our mark. */
function isOurExecutable(): boolean {
  return typeof GITSTORE_STAMP === 'string' && hasAsset(`program ${GITSTORE_STAMP}`);
}

function isOurs(path: string): boolean {
  if (typeof GITSTORE_STAMP !== 'string' || !existsSync(path)) return false;
  const head = `#!/usr/bin/env node\n/* gitstore program ${GITSTORE_STAMP} */`;
  const bytes = Buffer.alloc(head.length);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
  return bytes.toString('latin1') === head;
}

function startProcess(command: readonly string[], storage: Storage): void {
  const [executable, ...script] = command as [string, ...string[]];
  const { spawn } = process.getBuiltinModule('node:child_process');
  // Avoid keeping a directory as the current one, unless its name cannot be passed as an argument.
  const { location } = storage;
  const [repository, folder] = location.isWellFormed()
    ? [location, parse(storage.folder ?? executable).root]
    : ['.', location];
  const child = startIn(folder, (cwd) =>
    spawn(executable, [...script, '-r', repository, 'gc', '--auto'], {
      detached: true,
      stdio: 'ignore',
      windowsHide: true,
      cwd,
    }),
  );
  child.on('error', () => {});
  child.unref();
}
