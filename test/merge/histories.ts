/** Random pairs of histories, written straight into a store, so that thousands of them are cheap. */

import type { ObjectId } from '../../src/git/objectId.ts';
import { type Commit, serializeCommit } from '../../src/git/objects/commit.ts';
import {
  type FileMode,
  MODE_EXECUTABLE,
  MODE_FILE,
  MODE_GITLINK,
  MODE_LINK,
  MODE_TREE,
  type TreeEntry,
} from '../../src/git/objects/tree.ts';
import { serializeTree } from '../../src/git/objects/treeWriter.ts';
import type { ObjectWriter, RefUpdate, Storage } from '../../src/index.ts';
import { seededRandom } from '../crash/stress.ts';

interface File {
  readonly mode: FileMode;
  /** One character a byte; of a submodule the id of its commit. */
  readonly text: string;
}

type Files = Map<string, File>;

/** One commit of a pair and the files it has. */
interface Point {
  readonly id: ObjectId;
  readonly files: Files;
}

export interface HistoryPair {
  /** Branches without `refs/heads/`. */
  readonly ours: string;
  readonly theirs: string;
  readonly seed: number;
}

/** Writes `count` pairs, the first from `firstSeed` on, and sets two branches for each. */
export async function writePairs(
  storage: Storage,
  firstSeed: number,
  count: number,
): Promise<HistoryPair[]> {
  const writer = storage.objects.writer();
  const updates: RefUpdate[] = [];
  const pairs: HistoryPair[] = [];
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const [ours, theirs] = await new PairMaker(writer, seed).make();
    const pair = { ours: `a${seed}`, theirs: `b${seed}`, seed };
    updates.push({ ref: `refs/heads/${pair.ours}`, old: null, new: ours });
    updates.push({ ref: `refs/heads/${pair.theirs}`, old: null, new: theirs });
    pairs.push(pair);
  }
  await writer.finish();
  await storage.refs.update(updates);
  return pairs;
}

const NAMES = ['a', 'b', 'c', 'd', 'e.txt', 'f.txt', 'Makefile'];
const DIRECTORIES = ['', '', 'x', 'y', 'x/sub', 'y/deep/er', 'a', 'lib'];
const COMMON_LINES = ['', '}', '  return', 'end', '', '{'];

class PairMaker {
  readonly #writer: ObjectWriter;
  readonly #random: () => number;
  #time = 1_700_000_000;
  #word = 0;
  /**
   * Nothing is added, moved or deleted. Only then may a text end without a line end: up to Git 2.43 its last
   * line does not count for renames.
   */
  readonly #staysInPlace: boolean;
  /** Edits that one side has made, for the other to make, too. */
  readonly #made: ((files: Files) => void)[] = [];

  constructor(writer: ObjectWriter, seed: number) {
    this.#writer = writer;
    this.#random = seededRandom(seed * 7919 + 17);
    this.#staysInPlace = this.#chance(0.15);
  }

  async make(): Promise<[ObjectId, ObjectId]> {
    const files: Files = new Map();
    const count = 3 + this.#below(12);
    for (let i = 0; i < count; i++) this.#add(files, this.#path(), this.#newFile());
    const root = await this.#commit(files, []);
    let ours = await this.#goOn(root);
    let theirs = await this.#goOn(root);
    for (let crossings = this.#chance(0.3) ? 1 + this.#below(2) : 0; crossings > 0; crossings--) {
      const a = await this.#commit(united(root, ours, theirs), [ours.id, theirs.id]);
      const b = await this.#commit(united(root, theirs, ours), [theirs.id, ours.id]);
      ours = await this.#goOn(a);
      theirs = await this.#goOn(b);
    }
    return [ours.id, theirs.id];
  }

  async #goOn(from: Point): Promise<Point> {
    let at = from;
    for (let commits = this.#below(3); commits >= 0; commits--) {
      const files = new Map(at.files);
      for (let edits = this.#below(4); edits >= 0; edits--) this.#edit(files);
      at = await this.#commit(files, [at.id]);
    }
    return at;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }

  #path(): string {
    const directory = this.#pick(DIRECTORIES);
    const name = this.#pick(NAMES);
    return directory === '' ? name : `${directory}/${name}`;
  }

  #line(): string {
    return this.#chance(0.3) ? this.#pick(COMMON_LINES) : `line ${this.#word++} of the text`;
  }

  #newFile(): File {
    if (this.#chance(0.04)) return { mode: MODE_LINK, text: `target${this.#below(4)}` };
    if (this.#chance(0.02)) return { mode: MODE_GITLINK, text: `${1 + this.#below(8)}`.repeat(40) };
    return { mode: this.#chance(0.1) ? MODE_EXECUTABLE : MODE_FILE, text: this.#newText() };
  }

  #newText(): string {
    if (this.#chance(0.06)) return `\0${this.#line()}\n${this.#line()}\n`;
    if (this.#chance(0.04)) return '';
    const lineEnd = this.#chance(0.05) ? '\r\n' : '\n';
    const lines = Array.from({ length: 1 + this.#below(30) }, () => this.#line());
    return lines.map((line) => line + lineEnd).join('');
  }

  /** Puts a file; what is in its way goes. */
  #add(files: Files, path: string, file: File): void {
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      files.delete(path.slice(0, slash));
    }
    for (const other of [...files.keys()]) if (other.startsWith(`${path}/`)) files.delete(other);
    files.set(path, file);
  }

  #edit(files: Files): void {
    const again = this.#made.length > 0 && this.#chance(0.08) ? this.#pick(this.#made) : undefined;
    const edit = again ?? this.#newEdit(files);
    this.#made.push(edit);
    edit(files);
  }

  #newEdit(files: Files): (files: Files) => void {
    const paths = [...files.keys()];
    const dice = this.#staysInPlace ? 0.5 : this.#random();
    if (paths.length === 0 || dice < 0.1) {
      const path = this.#path();
      const copied =
        paths.length > 0 && this.#chance(0.3) ? files.get(this.#pick(paths)) : undefined;
      const file = copied ?? this.#newFile();
      return (to) => this.#add(to, path, file);
    }
    const path = this.#pick(paths);
    if (dice < 0.55) {
      const was = files.get(path)!;
      const text = this.#changed(was);
      return (to) => {
        const file = to.get(path);
        if (file !== undefined && isAlike(file, was)) to.set(path, { ...file, text });
      };
    }
    if (dice < 0.72) return this.#move(path, this.#path(), files.get(path)!);
    if (dice < 0.78) {
      const directory = path.includes('/') ? path.slice(0, path.indexOf('/')) : path;
      const target = this.#pick(['z', 'moved', 'lib', 'y']);
      return (to) => {
        for (const [old, file] of [...to]) {
          if (!old.startsWith(`${directory}/`)) continue;
          to.delete(old);
          this.#add(to, target + old.slice(directory.length), file);
        }
      };
    }
    if (dice < 0.87) return (to) => to.delete(path);
    if (dice < 0.93) {
      return (to) => {
        const file = to.get(path);
        if (file === undefined || (file.mode !== MODE_FILE && file.mode !== MODE_EXECUTABLE))
          return;
        to.set(path, { ...file, mode: file.mode === MODE_FILE ? MODE_EXECUTABLE : MODE_FILE });
      };
    }
    const file = this.#newFile();
    return this.#chance(0.5)
      ? (to) => this.#add(to, path, file)
      : (to) => this.#add(to, `${path}/${this.#pick(NAMES)}`, file);
  }

  #move(from: string, to: string, was: File): (files: Files) => void {
    const text = this.#chance(0.5) ? this.#changed(was) : undefined;
    return (files) => {
      const file = files.get(from);
      if (file === undefined || from === to) return;
      files.delete(from);
      this.#add(files, to, text === undefined || !isAlike(file, was) ? file : { ...file, text });
    };
  }

  /** A few lines more, less or other. */
  #changed({ mode, text }: File): string {
    if (mode === MODE_LINK) return `target${this.#below(6)}`;
    if (mode === MODE_GITLINK) return `${1 + this.#below(8)}`.repeat(40);
    if (text.includes('\0')) return `${text}${this.#line()}\n`;
    if (this.#chance(0.05)) return this.#newText();
    const lines = text.split('\n');
    const cr = text.includes('\r\n') ? '\r' : '';
    for (let hunks = 1 + this.#below(3); hunks > 0; hunks--) {
      const at = this.#below(lines.length);
      const gone = this.#chance(0.3) ? 0 : 1 + this.#below(3);
      const come = Array.from({ length: this.#below(4) }, () => this.#line() + cr);
      lines.splice(at, Math.min(gone, Math.max(0, lines.length - 1 - at)), ...come);
    }
    const changed = lines.join('\n');
    return this.#staysInPlace || changed === '' || changed.endsWith('\n')
      ? changed
      : `${changed}\n`;
  }

  async #commit(files: Files, parents: ObjectId[]): Promise<Point> {
    this.#time += 60;
    const who = { name: 'Ada', email: 'ada@example.org', time: this.#time, offset: 0 };
    const commit: Commit = {
      tree: await this.#tree(files),
      parents,
      author: who,
      committer: who,
      message: 'change\n',
      extraHeaders: [],
    };
    return { id: await this.#writer.write('commit', serializeCommit(commit)), files };
  }

  async #tree(files: Files): Promise<ObjectId> {
    const entries: TreeEntry[] = [];
    const below = new Map<string, Files>();
    for (const [path, file] of files) {
      const slash = path.indexOf('/');
      if (slash < 0) {
        const { mode, text } = file;
        const id =
          mode === MODE_GITLINK
            ? text
            : await this.#writer.write('blob', Buffer.from(text, 'latin1'));
        entries.push({ name: path, mode, id });
        continue;
      }
      const name = path.slice(0, slash);
      const inside = below.get(name) ?? new Map<string, File>();
      below.set(name, inside.set(path.slice(slash + 1), file));
    }
    for (const [name, inside] of below) {
      entries.push({ name, mode: MODE_TREE, id: await this.#tree(inside) });
    }
    return this.#writer.write('tree', serializeTree(entries));
  }
}

/** Whether the text of one can stand in the other. */
function isAlike(a: File, b: File): boolean {
  return a.mode >> 12 === b.mode >> 12;
}

/** What `ours` has, and what only `theirs` has changed since the base. */
function united(base: Point, ours: Point, theirs: Point): Files {
  const files: Files = new Map();
  const paths = [...ours.files.keys(), ...theirs.files.keys()];
  for (const path of new Set(paths)) {
    const old = base.files.get(path);
    const mine = ours.files.get(path);
    const other = theirs.files.get(path);
    const file = same(mine, old) ? other : mine;
    if (file === undefined) continue;
    const isBlocked = [...files.keys()].some(
      (one) => one.startsWith(`${path}/`) || path.startsWith(`${one}/`),
    );
    if (!isBlocked) files.set(path, file);
  }
  return files;
}

function same(a: File | undefined, b: File | undefined): boolean {
  return a?.mode === b?.mode && a?.text === b?.text;
}
