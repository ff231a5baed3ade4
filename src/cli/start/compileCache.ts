/**
 * Compiled code of the program, kept between runs. A short command spends more time on being compiled
 * than on its work, and Node has a compile cache of its own from version 22 on only. So the first
 * runs of a command leave what V8 made of it in the user's cache folder; later ones start from that.
 *
 * There is one file a command, build of the program and version of Node. It is never more than a
 * copy: one that is missing, damaged, not the user's own or refused by V8 means compiling as usual
 * and writing it anew. Nothing here can make a command fail.
 *
 * `NODE_DISABLE_COMPILE_CACHE=1` turns it off and `NODE_COMPILE_CACHE` names another folder, as they
 * do for Node's own.
 */
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { sameBytes } from '../../bytes.ts';
import { makeDirectories } from '../../storage/disk/makeDirectories.ts';

/** Set when the sources are bundled: names what was built, so that no build reads another's code. */
declare const GITSTORE_BUILD: string;

/**
 * V8 compiles a function when it is first called, and keeps what was compiled so far. Two runs
 * together call most of a command's functions; after that writing the file again gains nothing.
 */
const RUNS_KEPT = 2;

/** V8 drops code that has not run for a while: what a longer run leaves lacks its start. In seconds. */
const LONGEST_RUN = 5;

/** Files that no run has written for this long belong to builds that are gone. In ms. */
const KEEP_FOR = 30 * 24 * 3600 * 1000;

interface Kept {
  /** How many runs have added to the file. */
  readonly runs: number;
  /** By the name of the script. */
  readonly scripts: ReadonlyMap<string, Buffer>;
}

const NOTHING: Kept = { runs: 0, scripts: new Map() };

/** The compiled code of one run: what earlier runs of the command kept, and what it keeps itself. */
export class CompileCache {
  readonly #folder: string | undefined;
  readonly #file: string;
  readonly #kept: Kept;
  readonly #compiled = new Map<string, Script>();

  /** @param command the command that runs; what it needs is kept apart from what others need */
  constructor(command: string) {
    this.#folder = cacheFolder();
    const { version, arch } = process;
    this.#file = join(this.#folder ?? '', `${GITSTORE_BUILD}-${version}-${arch}-${command}`);
    this.#kept = (this.#folder && readKept(this.#file)) || NOTHING;
  }

  /** @param filename names the code in stack traces; `name` names it in the cache */
  compile(code: string, filename: string, name: string): Script {
    const script = new Script(code, { filename, cachedData: this.#kept.scripts.get(name) });
    this.#compiled.set(name, script);
    return script;
  }

  /** Call it at the end of a run that went well: keeps the code of this run where it adds something. */
  keep(): void {
    if (this.#folder === undefined || process.uptime() > LONGEST_RUN) return;
    const isNew = [...this.#compiled].some(
      ([name, { cachedDataRejected }]) =>
        cachedDataRejected !== false || !this.#kept.scripts.has(name),
    );
    if (!isNew && this.#kept.runs >= RUNS_KEPT) return;
    try {
      // What this run had no need of, another may need again.
      const scripts = new Map(this.#kept.scripts);
      for (const [name, script] of this.#compiled) scripts.set(name, script.createCachedData());
      writeKept(this.#folder, this.#file, scripts, isNew ? 1 : this.#kept.runs + 1);
    } catch {
      // The next run is as slow as this one was.
    }
  }
}

function cacheFolder(): string | undefined {
  const { env, platform } = process;
  if (env.NODE_DISABLE_COMPILE_CACHE === '1') return undefined;
  if (env.NODE_COMPILE_CACHE) return join(env.NODE_COMPILE_CACHE, 'gitstore');
  if (platform === 'win32') return env.LOCALAPPDATA && join(env.LOCALAPPDATA, 'gitstore', 'Cache');
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'gitstore');
  if (!env.HOME || !isOwnFolder(env.HOME)) return undefined;
  return join(env.HOME, platform === 'darwin' ? 'Library/Caches' : '.cache', 'gitstore');
}

/** With `sudo` the home may be another's, who could not use what root leaves there. */
function isOwnFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.();
}

/*
 * The file: number of runs, number of scripts (32-bit, little-endian); for each script the lengths of
 * its name and of its code, in bytes; all names; all codes, each from a multiple of `ALIGNMENT` on.
 * Then all of that once more: two copies are compared in a tenth of the time that Node needs to load
 * its checksums, and whatever a crash or a disk does to a file, it does not do it to both in the same
 * way. That goes for whole pages too, as the second copy begins in the middle of one.
 */
const HEAD = 8;
const ENTRY = 8;
/** V8 makes a copy of code that lies elsewhere. */
const ALIGNMENT = 8;
const PAGE = 4096;
const PIECE = 64 << 10;

function align(at: number): number {
  return at + (-at & (ALIGNMENT - 1));
}

/** @returns undefined when there is no such file, or it cannot be trusted */
function readKept(file: string): Kept | undefined {
  try {
    const bytes = readOwnFile(file);
    const scripts = new Map<string, Buffer>();
    const count = bytes.readUInt32LE(4);
    let name = HEAD + count * ENTRY;
    let code = name;
    for (let i = 0; i < count; i++) code += bytes.readUInt32LE(HEAD + i * ENTRY);
    for (let i = 0; i < count; i++) {
      const nameEnd = name + bytes.readUInt32LE(HEAD + i * ENTRY);
      code = align(code);
      const codeEnd = code + bytes.readUInt32LE(HEAD + i * ENTRY + 4);
      scripts.set(bytes.toString('latin1', name, nameEnd), bytes.subarray(code, codeEnd));
      name = nameEnd;
      code = codeEnd;
    }
    return { runs: bytes.readUInt32LE(0), scripts };
  } catch {
    return undefined;
  }
}

/**
 * The first half of the file, if the second half is equal. The code runs unchecked, so no other user may
 * be able to write the file.
 */
function readOwnFile(file: string): Buffer {
  const fd = openSync(file, 'r');
  try {
    const { size, uid, mode } = fstatSync(fd);
    const isOwn = process.getuid === undefined || (uid === process.getuid() && !(mode & 0o022));
    if (!isOwn) throw new Error('not the user’s own');
    const half = size / 2;
    if (half % PAGE !== PAGE / 2) throw new Error('cut off');
    const bytes = Buffer.allocUnsafeSlow(half);
    if (readSync(fd, bytes) !== half) throw new Error('cut off');
    compareRest(fd, bytes);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/** @throws Error unless the file goes on with the same bytes */
function compareRest(fd: number, bytes: Buffer): void {
  // New memory costs more than another call.
  const piece = Buffer.allocUnsafeSlow(PIECE);
  for (let at = 0; at < bytes.length; ) {
    const got = readSync(fd, piece);
    if (got === 0 || !sameBytes(bytes, at, at + got, piece, 0, got)) throw new Error('damaged');
    at += got;
  }
}

function writeKept(
  folder: string,
  file: string,
  scripts: ReadonlyMap<string, Buffer>,
  runs: number,
): void {
  let at = HEAD + scripts.size * ENTRY;
  for (const name of scripts.keys()) at += name.length;
  for (const code of scripts.values()) at = align(at) + code.length;
  const half = at + ((PAGE + PAGE / 2 - (at % PAGE)) % PAGE);
  const bytes = Buffer.alloc(2 * half);
  bytes.writeUInt32LE(runs, 0);
  bytes.writeUInt32LE(scripts.size, 4);
  at = HEAD + scripts.size * ENTRY;
  let entry = HEAD;
  for (const [name, code] of scripts) {
    bytes.writeUInt32LE(name.length, entry);
    bytes.writeUInt32LE(code.length, entry + 4);
    entry += ENTRY;
    at += bytes.write(name, at, 'latin1');
  }
  for (const code of scripts.values()) {
    at = align(at);
    at += code.copy(bytes, at);
  }
  bytes.copyWithin(half, 0, half);
  const temporary = `${file}.${process.pid}.tmp`;
  let wrote = false;
  try {
    makeDirectories(folder, 0o700);
    wrote = true;
    writeFileSync(temporary, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, file);
    removeStale(folder);
  } catch (error) {
    if (wrote) rmSync(temporary, { force: true });
    throw error;
  }
}

function removeStale(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (Date.now() - statSync(path).mtimeMs > KEEP_FOR) rmSync(path, { force: true });
  }
}
