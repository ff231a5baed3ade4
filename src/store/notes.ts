/**
 * Notes: changeable text about commits that leaves the commits unchanged, compatible with `git notes`. A
 * *namespace* is one ref below `refs/notes/`; its commits have a tree of notes (notesTree.ts). Every change
 * is a commit on the tip, and is retried when another writer was faster, so that concurrent writers lose
 * nothing.
 */
import { BatchClosedError, GitStoreError, KeyNotFoundError } from '../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../git/objectId.ts';
import { shortHash } from '../git/objects/commitText.ts';
import { decodePath, encodeText } from '../git/pathBytes.ts';
import { isValidRefName, validateRefName } from '../git/refs/refName.ts';
import { INSPECT } from '../inspected.ts';
import { checkFunction, checkText } from '../optionTypes.ts';
import { editNotes, findNote, listNotes, readNote } from '../tree/notesTree.ts';
import { inSession, writeCommit } from './commit/commit.ts';
import { withRetries } from './commit/retry.ts';
import type { StoreContext } from './context/context.ts';
import { ofStore } from './context/snapshot.ts';
import { FS } from './fs.ts';
import { resolveSnapshot } from './refs/resolve.ts';

/**
 * The object of a note: a snapshot, the name of a branch or tag (meaning its present commit), or a hash. A
 * full hash of 40 digits is accepted even for objects that the store lacks.
 */
export type NoteKey = FS | string;

const FOLDER = 'refs/notes/';
const FULL_HASH = /^[0-9a-f]{40}$/i;

/** Writers take turns, so an attempt fails only when Git itself changes the notes meanwhile. */
const RETRIES = 50;

/** The notes of a store, by namespace. */
export class Notes {
  readonly #store: StoreContext;
  /** The namespace that `git notes` uses by default. */
  readonly commits: NoteNamespace;

  /** @internal */
  constructor(store: StoreContext) {
    this.#store = store;
    this.commits = new NoteNamespace(store, 'commits');
  }

  /** `Notes(path)`, with the path of the store. */
  toString(): string {
    return `Notes(${this.#store.location})`;
  }

  toJSON(): { path: string } {
    return { path: this.#store.location };
  }

  /** @internal */
  [INSPECT](): string {
    return this.toString();
  }

  /**
   * The notes of another namespace, as for `git notes --ref=NAME`. It need not exist. As in Git, `review`,
   * `notes/review` and `refs/notes/review` mean the same.
   * @throws InvalidRefNameError
   */
  namespace(name: string): NoteNamespace {
    checkText(name, 'The name of a namespace');
    const short = name.replace(/^(?:refs\/)?notes\//, '');
    validateRefName(short);
    return new NoteNamespace(this.#store, short);
  }

  /**
   * The notes that `git notes` uses in this store: those of the ref that `core.notesRef` in the
   * repository's configuration names, else `commits`.
   * @throws GitStoreError (`EINVAL`) when it names a ref outside `refs/notes/`, which Git refuses too
   */
  async default(): Promise<NoteNamespace> {
    const ref = await this.#store.storage.setting?.('core.notesRef');
    return ref === undefined ? this.commits : this.ofRef(ref, 'core.notesRef');
  }

  /**
   * The notes of a full ref name from a setting.
   * @param setting name of the setting, for the error
   * @throws GitStoreError (`EINVAL`) when it lies outside `refs/notes/`
   */
  ofRef(ref: string, setting: string): NoteNamespace {
    if (!ref.startsWith(FOLDER) || !isValidRefName(ref)) {
      throw new GitStoreError(
        `${setting} is '${ref}', no ref below ${FOLDER}; name one such, as in refs/notes/commits`,
        'EINVAL',
        { ref },
      );
    }
    return new NoteNamespace(this.#store, ref.slice(FOLDER.length));
  }

  /** The names of all existing namespaces, sorted, in the form for `namespace`. */
  async list(): Promise<string[]> {
    const refs = await this.#store.listRefs(FOLDER);
    return refs.map(({ ref }) => {
      const name = ref.slice(FOLDER.length);
      return /^(?:refs\/)?notes\//.test(name) ? ref : name;
    });
  }
}

/** The notes of one namespace: a map from objects, usually commits, to text. */
export class NoteNamespace implements AsyncIterable<[string, string]> {
  readonly name: string;
  readonly #store: StoreContext;

  /** @internal */
  constructor(store: StoreContext, name: string) {
    this.#store = store;
    this.name = name;
  }

  /** `NoteNamespace(commits)`: its name. */
  toString(): string {
    return `NoteNamespace(${this.name})`;
  }

  toJSON(): { path: string; name: string } {
    return { path: this.#store.location, name: this.name };
  }

  /** @internal */
  [INSPECT](): string {
    return this.toString();
  }

  /**
   * The text of a note, without its stored trailing line end.
   * @throws KeyNotFoundError when there is none
   */
  async get(key: NoteKey): Promise<string> {
    const about = await this.#objectOf(key);
    return (await this.#read(about)) ?? this.#missing(about);
  }

  /** As `get`, but undefined when there is none. */
  async find(key: NoteKey): Promise<string | undefined> {
    return this.#read(await this.#objectOf(key));
  }

  async has(key: NoteKey): Promise<boolean> {
    const about = await this.#objectOf(key);
    const tip = await this.#tip();
    return (await findNote(this.#store.trees, tip.tree, about)).length > 0;
  }

  /**
   * Sets the note of an object, replacing an existing one.
   * @example
   * ```ts
   * await store.notes.commits.set(fs, 'checked by Ada');
   * ```
   */
  async set(key: NoteKey, text: string): Promise<void> {
    await this.batch((batch) => batch.set(key, text));
  }

  /** @throws KeyNotFoundError when there is none */
  async delete(key: NoteKey): Promise<void> {
    await this.batch((batch) => batch.delete(key));
  }

  /**
   * Many changes in one commit, made when `fill` resolves. Changes nothing when it throws.
   * @throws KeyNotFoundError when a note to delete does not exist
   */
  async batch(fill: (batch: NotesBatch) => Promise<void> | void): Promise<void> {
    checkFunction('batch of notes', fill);
    const edits: NoteTexts = new Map();
    let open = true;
    const put = async (key: NoteKey, text: string | null): Promise<void> => {
      if (!open) throw new BatchClosedError('The batch of notes is finished');
      const about = await this.#objectOf(key);
      // A note set by the batch itself need not have existed before.
      const isCancelled = text === null && typeof edits.get(about) === 'string';
      edits.set(about, isCancelled ? undefined : text);
    };
    try {
      await fill({
        set: async (key, text) => {
          checkText(text, 'The text of a note');
          await put(key, text);
        },
        delete: (key) => put(key, null),
      });
    } finally {
      open = false;
    }
    if (edits.size > 0) await this.#change(edits);
  }

  /** The hashes of all objects that have a note, sorted. */
  async *keys(): AsyncGenerator<string, void, undefined> {
    const { tree } = await this.#tip();
    yield* (await listNotes(this.#store.trees, tree)).keys();
  }

  /** All notes, sorted by the hash of their object. */
  async list(): Promise<{ hash: string; text: string }[]> {
    const notes: { hash: string; text: string }[] = [];
    for await (const [hash, text] of this.entries()) notes.push({ hash, text });
    return notes;
  }

  /** All notes as `[hash, text]`, sorted by hash. */
  async *entries(): AsyncGenerator<[string, string], void, undefined> {
    const { tree } = await this.#tip();
    for (const [about, blobs] of await listNotes(this.#store.trees, tree)) {
      yield [about, textOf(await readNote(this.#store.objects, blobs))];
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<[string, string], void, undefined> {
    return this.entries();
  }

  /**
   * The note on the newest commit of the current branch.
   * @throws KeyNotFoundError when it has no note, or the branch has no commit
   */
  async getForCurrentBranch(): Promise<string> {
    return this.get(await this.#current());
  }

  /** @throws KeyNotFoundError when the current branch has no commit */
  async setForCurrentBranch(text: string): Promise<void> {
    await this.set(await this.#current(), text);
  }

  async #current(): Promise<ObjectId> {
    const { refs, commits } = this.#store;
    const id = await refs.get('HEAD');
    const peeled = id === undefined ? undefined : await commits.peel(id);
    if (peeled !== undefined) return peeled.id;
    throw new KeyNotFoundError('The current branch has no commit', { ref: 'HEAD' });
  }

  async #objectOf(key: NoteKey): Promise<ObjectId> {
    if (typeof key === 'string') {
      if (FULL_HASH.test(key)) return key.toLowerCase();
      return (await resolveSnapshot(this.#store, key)).id;
    }
    return ofStore(this.#store, FS.snapshotOf(key)).id;
  }

  async #read(about: ObjectId): Promise<string | undefined> {
    const { tree } = await this.#tip();
    const blobs = await findNote(this.#store.trees, tree, about);
    return blobs.length === 0 ? undefined : textOf(await readNote(this.#store.objects, blobs));
  }

  /** The newest commit of the namespace and its tree; the empty tree when there is none yet. */
  async #tip(): Promise<{ commit: ObjectId | null; tree: ObjectId }> {
    const { refs, commits } = this.#store;
    const ref = this.#ref;
    const commit = isValidRefName(ref) ? await refs.get(ref) : undefined;
    if (commit === undefined) return { commit: null, tree: EMPTY_TREE_ID };
    return { commit, tree: (await commits.get(commit)).tree };
  }

  async #change(texts: NoteTexts): Promise<void> {
    const store = this.#store;
    await withRetries(store, this.#ref, () => this.#attempt(texts), { retries: RETRIES });
  }

  async #attempt(texts: NoteTexts): Promise<void> {
    const store = this.#store;
    const tip = await this.#tip();
    await inSession(store, async (writer) => {
      const edits = new Map<ObjectId, ObjectId | null>();
      for (const [about, text] of texts) {
        if (typeof text === 'string') {
          edits.set(about, await writer.write('blob', encodeText(`${text}\n`)));
        } else if ((await findNote(store.trees, tip.tree, about)).length > 0) {
          edits.set(about, null);
        } else if (text === null) this.#missing(about);
      }
      if (edits.size === 0) return;
      const tree = await editNotes(store.trees, writer, tip.tree, edits);
      if (tree === tip.tree) return;
      const message = messageFor(texts);
      const parents = tip.commit === null ? [] : [tip.commit];
      const { id, who } = await writeCommit(store, writer, {
        tree,
        parents,
        message,
        outside: parents,
      });
      const reflog = { who, message: `notes: ${message}` };
      await store.refs.update([{ ref: this.#ref, old: tip.commit, new: id, reflog }]);
      store.wrote();
    });
  }

  get #ref(): string {
    return FOLDER + this.name;
  }

  #missing(about: ObjectId): never {
    throw new KeyNotFoundError(`No note on ${about} in '${this.name}'`, { ref: about });
  }
}

/** New values of notes: a text; null to delete, which requires a note; undefined to delete one if any. */
type NoteTexts = Map<ObjectId, string | null | undefined>;

/** Changes for one commit. The last change of an object wins. */
export interface NotesBatch {
  set(key: NoteKey, text: string): Promise<void>;
  delete(key: NoteKey): Promise<void>;
}

/** Removes the line feed that Git appends to a note. It is not part of the text. */
function textOf(bytes: Uint8Array): string {
  return decodePath(bytes).replace(/\n$/, '');
}

function messageFor(texts: NoteTexts): string {
  if (texts.size === 1) {
    for (const [about, text] of texts) {
      const lead = typeof text === 'string' ? 'Note on' : 'Remove the note on';
      return `${lead} ${shortHash(about)}`;
    }
  }
  let set = 0;
  for (const text of texts.values()) if (typeof text === 'string') set += 1;
  const counts = [set && `+${set}`, texts.size - set && `-${texts.size - set}`];
  return `Batch notes: ${counts.filter(Boolean).join(' ')}`;
}
