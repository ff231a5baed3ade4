/**
 * Records what this process does to one directory: names made, moved and removed, data written, and
 * what is put on stable storage. Import it before anything that takes functions of `node:fs` for itself.
 *
 * Files and directories are *nodes*, known by numbers, so that an event says the same whatever names a
 * node has by then.
 */
import fs, { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export type Node =
  | { readonly kind: 'directory'; readonly entries: Map<string, number> }
  | { readonly kind: 'file'; data: Buffer }
  | { readonly kind: 'link'; readonly target: string };

export type DiskEvent =
  | { op: 'enter'; dir: number; name: string; node: number }
  | { op: 'remove'; dir: number; name: string }
  | { op: 'rename'; dir: number; name: string; toDir: number; toName: string; node: number }
  | { op: 'write'; node: number; at: number; data: Buffer }
  | { op: 'truncate'; node: number; size: number }
  | { op: 'sync'; node: number };

export interface Recording {
  readonly base: ReadonlyMap<number, Node>;
  /** How nodes begin that the base does not have. */
  readonly made: ReadonlyMap<number, Node>;
  readonly events: readonly DiskEvent[];
}

export const ROOT = 0;

let current: Recorder | undefined;

/**
 * @param onEvent what it throws, the call throws
 * @returns how to stop, which gives the recording; a look at how many events there are; and what takes
 *   in the changes that another process has made meanwhile, none of them synced
 */
export function record(
  root: string,
  onEvent: (event: DiskEvent) => void = () => {},
): { count(): number; catchUp(): void; stop(): Recording } {
  const recorder = new Recorder(root, onEvent);
  current = recorder;
  return {
    count: () => recorder.events.length,
    catchUp: () => recorder.catchUp(),
    stop() {
      current = undefined;
      return recorder;
    },
  };
}

class Recorder implements Recording {
  readonly base = new Map<number, Node>();
  readonly made = new Map<number, Node>();
  readonly events: DiskEvent[] = [];
  /** As the directory is now. */
  readonly #now = new Map<number, Node>();
  readonly #open = new Map<number, { node: number; at: number; appends: boolean }>();
  readonly #root: string;
  #next = 0;

  readonly #onEvent: (event: DiskEvent) => void;

  constructor(root: string, onEvent: (event: DiskEvent) => void) {
    this.#root = root;
    this.#onEvent = onEvent;
    this.#take(root);
  }

  opened(fd: number, path: fs.PathLike, flags: string | number, isNew: boolean): void {
    const found = this.#lookup(path);
    if (found === undefined) return;
    let { node } = found;
    if (node === undefined) {
      if (!isNew) return;
      node = this.#make(found.dir, found.name, { kind: 'file', data: Buffer.alloc(0) });
    } else if (truncates(flags)) this.#truncate(node, 0);
    this.#open.set(fd, { node, at: 0, appends: appends(flags) });
  }

  isThere(path: fs.PathLike): boolean {
    return this.#lookup(path)?.node !== undefined;
  }

  closed(fd: number): void {
    this.#open.delete(fd);
  }

  wrote(fd: number, data: Buffer, position: unknown): void {
    const open = this.#open.get(fd);
    if (open === undefined) return;
    const file = this.#now.get(open.node);
    if (file?.kind !== 'file') return;
    const at = open.appends ? file.data.length : typeof position === 'number' ? position : open.at;
    if (typeof position !== 'number') open.at = at + data.length;
    this.#write(open.node, at, data);
  }

  wroteFile(path: fs.PathLike, data: Buffer, flags: string | number): void {
    this.opened(-1, path, flags, true);
    this.wrote(-1, data, null);
    this.closed(-1);
  }

  truncated(fd: number, size: number): void {
    const open = this.#open.get(fd);
    if (open !== undefined) this.#truncate(open.node, size);
  }

  synced(fd: number): void {
    const open = this.#open.get(fd);
    if (open === undefined) return;
    const event: DiskEvent = { op: 'sync', node: open.node };
    this.#onEvent(event);
    this.events.push(event);
  }

  renamed(from: fs.PathLike, to: fs.PathLike): void {
    const a = this.#lookup(from);
    const b = this.#lookup(to);
    if (a?.node === undefined || b === undefined || a.node === b.node) return;
    this.#apply({
      op: 'rename',
      dir: a.dir,
      name: a.name,
      toDir: b.dir,
      toName: b.name,
      node: a.node,
    });
  }

  linked(from: fs.PathLike, to: fs.PathLike): void {
    const a = this.#lookup(from);
    const b = this.#lookup(to);
    if (a?.node === undefined || b === undefined) return;
    this.#apply({ op: 'enter', dir: b.dir, name: b.name, node: a.node });
  }

  placed(path: fs.PathLike, node: Node): void {
    const found = this.#lookup(path);
    if (found !== undefined && found.node === undefined) this.#make(found.dir, found.name, node);
  }

  removed(path: fs.PathLike): void {
    const found = this.#lookup(path);
    if (found?.node === undefined) return;
    this.#apply({ op: 'remove', dir: found.dir, name: found.name });
  }

  catchUp(): void {
    this.#catchUp(ROOT, this.#root);
  }

  #catchUp(dir: number, path: string): void {
    const { entries } = this.#now.get(dir) as Node & { kind: 'directory' };
    const names = new Set(readdirSync(path));
    for (const name of [...entries.keys()]) {
      if (!names.has(name)) this.#apply({ op: 'remove', dir, name });
    }
    for (const name of names) {
      const at = `${path}/${name}`;
      const stats = lstatSync(at);
      const old = entries.get(name);
      const known = old === undefined ? undefined : this.#now.get(old);
      if (stats.isDirectory()) {
        const empty: Node = { kind: 'directory', entries: new Map() };
        this.#catchUp(known?.kind === 'directory' ? old! : this.#make(dir, name, empty), at);
      } else if (stats.isSymbolicLink()) {
        const target = readlinkSync(at);
        if (known?.kind !== 'link' || known.target !== target) {
          this.#make(dir, name, { kind: 'link', target });
        }
      } else {
        const data = readFileSync(at);
        if (known?.kind === 'file' && known.data.equals(data)) continue;
        const made = this.#make(dir, name, { kind: 'file', data: Buffer.alloc(0) });
        this.#write(made, 0, data);
      }
    }
  }

  #make(dir: number, name: string, node: Node): number {
    const id = this.#next++;
    this.made.set(id, copyOf(node));
    this.#now.set(id, node);
    this.#apply({ op: 'enter', dir, name, node: id });
    return id;
  }

  #truncate(node: number, size: number): void {
    this.#apply({ op: 'truncate', node, size });
  }

  #write(node: number, at: number, data: Buffer): void {
    this.#apply({ op: 'write', node, at, data: Buffer.from(data) });
  }

  #apply(event: DiskEvent): void {
    this.#onEvent(event);
    this.events.push(event);
    applyEvent(this.#now, event);
  }

  /** Undefined for what lies elsewhere. */
  #lookup(path: fs.PathLike): { dir: number; name: string; node: number | undefined } | undefined {
    const text = Buffer.isBuffer(path) ? path.toString('latin1') : String(path);
    if (text !== this.#root && !text.startsWith(`${this.#root}/`)) return undefined;
    const names = text.slice(this.#root.length).split('/').filter(Boolean);
    let dir = ROOT;
    for (const [i, name] of names.entries()) {
      const here = this.#now.get(dir);
      if (here?.kind !== 'directory') return undefined;
      const node = here.entries.get(name);
      if (i === names.length - 1) return { dir, name, node };
      if (node === undefined) return undefined;
      dir = node;
    }
    return { dir: -1, name: '', node: ROOT };
  }

  #take(path: string): number {
    const id = this.#next++;
    const stats = lstatSync(path);
    let node: Node;
    if (stats.isDirectory()) {
      const entries = new Map<string, number>();
      for (const name of readdirSync(path)) entries.set(name, this.#take(`${path}/${name}`));
      node = { kind: 'directory', entries };
    } else if (stats.isSymbolicLink()) node = { kind: 'link', target: readlinkSync(path) };
    else node = { kind: 'file', data: readFileSync(path) };
    this.base.set(id, copyOf(node));
    this.#now.set(id, node);
    return id;
  }
}

export function copyOf(node: Node): Node {
  if (node.kind === 'directory') return { kind: 'directory', entries: new Map(node.entries) };
  return node.kind === 'file' ? { kind: 'file', data: node.data } : node;
}

export function applyEvent(nodes: Map<number, Node>, event: DiskEvent): void {
  const entriesOf = (id: number): Map<string, number> | undefined => {
    const node = nodes.get(id);
    return node?.kind === 'directory' ? node.entries : undefined;
  };
  if (event.op === 'enter') entriesOf(event.dir)?.set(event.name, event.node);
  else if (event.op === 'remove') entriesOf(event.dir)?.delete(event.name);
  else if (event.op === 'rename') {
    const from = entriesOf(event.dir);
    if (from?.get(event.name) === event.node) from.delete(event.name);
    entriesOf(event.toDir)?.set(event.toName, event.node);
  } else if (event.op === 'write' || event.op === 'truncate') {
    const file = nodes.get(event.node);
    if (file?.kind !== 'file') return;
    if (event.op === 'truncate') file.data = sized(file.data, event.size);
    else {
      const data = sized(file.data, Math.max(file.data.length, event.at + event.data.length));
      event.data.copy(data, event.at);
      file.data = data;
    }
  }
}

function sized(data: Buffer, size: number): Buffer {
  const copy = Buffer.alloc(size);
  data.copy(copy);
  return copy;
}

function truncates(flags: string | number): boolean {
  return typeof flags === 'number' ? (flags & fs.constants.O_TRUNC) !== 0 : flags.startsWith('w');
}

function appends(flags: string | number): boolean {
  return typeof flags === 'number' ? (flags & fs.constants.O_APPEND) !== 0 : flags.startsWith('a');
}

type Callback = (error: Error | null, ...rest: unknown[]) => void;
// biome-ignore lint/suspicious/noExplicitAny: functions of node:fs have many signatures
type Any = any;

/** Puts a function of ours in the place of one of `node:fs`. */
function wrap(name: string, wrapper: (original: Any) => Any): void {
  const module = fs as Any;
  const original = module[name];
  const ours = wrapper(original);
  for (const symbol of Object.getOwnPropertySymbols(original)) {
    Object.defineProperty(ours, symbol, { value: original[symbol] });
  }
  module[name] = ours;
}

function bytesOf(data: Any, offset?: Any, length?: Any): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  const whole = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const start = typeof offset === 'number' ? offset : 0;
  return whole.subarray(start, typeof length === 'number' ? start + length : undefined);
}

wrap('openSync', (original) => (path: Any, flags: Any = 'r', ...rest: Any[]) => {
  const wasThere = current?.isThere(path);
  const fd = original(path, flags, ...rest);
  current?.opened(fd, path, flags, !wasThere);
  return fd;
});
wrap('closeSync', (original) => (fd: number) => {
  original(fd);
  current?.closed(fd);
});
wrap('writeSync', (original) => (fd: number, data: Any, ...rest: Any[]) => {
  const done = original(fd, data, ...rest);
  const [offset, , position] = rest;
  if (typeof data === 'string') current?.wrote(fd, bytesOf(data), offset);
  else current?.wrote(fd, bytesOf(data, offset, done), position);
  return done;
});
wrap('write', (original) => (fd: number, data: Any, ...rest: Any[]) => {
  const callback = rest.at(-1) as Callback;
  const [offset, , position] = rest.slice(0, -1);
  return original(
    fd,
    data,
    ...rest.slice(0, -1),
    (error: Error | null, done: number, used: Any) => {
      if (error === null) current?.wrote(fd, bytesOf(data, offset, done), position);
      callback(error, done, used);
    },
  );
});
wrap('writeFileSync', (original) => (path: Any, data: Any, options?: Any) => {
  original(path, data, options);
  const flags = options?.flag ?? 'w';
  if (typeof path === 'number') current?.wrote(path, bytesOf(data), null);
  else current?.wroteFile(path, bytesOf(data), flags);
});
wrap('ftruncateSync', (original) => (fd: number, size = 0) => {
  original(fd, size);
  current?.truncated(fd, size);
});
wrap('fsyncSync', (original) => (fd: number) => {
  original(fd);
  current?.synced(fd);
});
wrap(
  'fsync',
  (original) => (fd: number, callback: Callback) =>
    original(fd, (error: Error | null) => {
      let failure = error;
      try {
        if (error === null) current?.synced(fd);
      } catch (thrown) {
        failure = thrown as Error;
      }
      callback(failure);
    }),
);
wrap('renameSync', (original) => (from: Any, to: Any) => {
  original(from, to);
  current?.renamed(from, to);
});
wrap('linkSync', (original) => (from: Any, to: Any) => {
  original(from, to);
  current?.linked(from, to);
});
wrap('symlinkSync', (original) => (target: Any, path: Any, ...rest: Any[]) => {
  original(target, path, ...rest);
  current?.placed(path, { kind: 'link', target: String(target) });
});
wrap('mkdirSync', (original) => (path: Any, options?: Any) => {
  const first = original(path, options);
  const recursive = typeof options === 'object' && options?.recursive === true;
  if (current === undefined || (recursive && first === undefined)) return first;
  const text = String(path);
  const names = recursive ? text.slice(String(first).length).split('/').filter(Boolean) : [];
  let at = recursive ? String(first) : text;
  current.placed(at, { kind: 'directory', entries: new Map() });
  for (const name of names) {
    at += `/${name}`;
    current.placed(at, { kind: 'directory', entries: new Map() });
  }
  return first;
});
for (const name of ['unlinkSync', 'rmdirSync']) {
  wrap(name, (original) => (path: Any, ...rest: Any[]) => {
    original(path, ...rest);
    current?.removed(path);
  });
}
wrap('rmSync', (original) => (path: Any, options?: Any) => {
  original(path, options);
  current?.removed(path);
});
syncBuiltinESMExports();
