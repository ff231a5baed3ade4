/** Another repository on this disk, as a remote: objects go straight from one storage to the other. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FileNotFoundError, GitStoreError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { createBareStorage, openBareStorage } from '../storage/bare/bareStorage.ts';
import { parentNames } from '../storage/refRules.ts';
import type { RefUpdate, Storage } from '../storage/storage.ts';
import type { RefChange } from './mirrorDiff.ts';
import type { PushRequest, Remote, RemoteRefs, TransferOptions } from './remote.ts';
import { transferObjects } from './transfer.ts';

const HEADS = 'refs/heads/';

export class LocalRemote implements Remote {
  readonly name: string;
  readonly #path: string;
  #storage: Storage | undefined;

  constructor(path: string) {
    this.name = path;
    this.#path = path;
  }

  async list(prefixes: readonly string[], purpose: 'fetch' | 'push'): Promise<RemoteRefs> {
    const storage = await this.#open(purpose);
    if (storage === undefined) return { refs: [] };
    const lists = await Promise.all(prefixes.map((prefix) => storage.refs.list(prefix)));
    const head = await storage.refs.head();
    return {
      refs: lists.flatMap(({ refs }) => refs),
      unreadable: lists.flatMap(({ unreadable }) => unreadable),
      head: 'ref' in head ? head.ref : undefined,
    };
  }

  async fetch(
    store: Storage,
    wants: readonly ObjectId[],
    haves: readonly ObjectId[],
    options: TransferOptions,
  ): Promise<void> {
    const from = await this.#open('fetch');
    await transferObjects(from!, store, wants, haves, options);
  }

  async push(store: Storage, request: PushRequest, options: TransferOptions): Promise<void> {
    const to = (await this.#open('push')) ?? (await this.#create(request.head));
    const wants = [...request.refs.values()];
    const { refs, unreadable } = await to.refs.list('refs/');
    await transferObjects(
      store,
      to,
      wants,
      refs.map(({ id }) => id),
      options,
    );
    const broken = new Set(unreadable.map(({ ref }) => ref));
    for (const group of inOrder(request.diff.changes())) {
      const updates = group.map(({ ref, oldTarget, newTarget }): RefUpdate => {
        const reflog = { who: request.who, message: 'push' };
        // What is broken there has no value that could be compared.
        const old = oldTarget ?? (broken.has(ref) ? undefined : null);
        return { ref, old, new: newTarget ?? null, reflog };
      });
      await to.refs.update(updates);
    }
  }

  async close(): Promise<void> {
    await this.#storage?.close();
    this.#storage = undefined;
  }

  /** Undefined for a repository that is missing and may be made. */
  async #open(purpose: 'fetch' | 'push'): Promise<Storage | undefined> {
    if (this.#storage !== undefined) return this.#storage;
    // Reading from a working tree harms nobody; moving the branch that it shows would.
    const inside = join(this.#path, '.git');
    const path = purpose === 'fetch' && existsSync(join(inside, 'HEAD')) ? inside : this.#path;
    try {
      this.#storage = await openBareStorage(path);
    } catch (error) {
      if (!(error instanceof FileNotFoundError)) throw error;
      refuseUrlWithoutScheme(this.#path);
      if (purpose === 'push') return undefined;
      throw new FileNotFoundError(`Repository not found: ${this.#path}`, { path: this.#path });
    }
    return this.#storage;
  }

  async #create(head: string | undefined): Promise<Storage> {
    const branch = head?.startsWith(HEADS) ? head.slice(HEADS.length) : undefined;
    this.#storage = await createBareStorage(this.#path, { branch });
    return this.#storage;
  }
}

/** `github.com/me/data.git`, where there is no such folder: a URL was meant, and not a copy on this disk. */
function refuseUrlWithoutScheme(path: string): void {
  const host = /^(?:[a-z0-9-]+\.)+[a-z]{2,}(?=[/\\])/i.exec(path)?.[0];
  if (host === undefined || existsSync(host)) return;
  const message = `There is no ${path} here: https://${path} is the URL, ./${path} a new folder`;
  throw new GitStoreError(message, 'EINVAL', { path });
}

/**
 * Changes in groups, each to be made at once. One group is the rule; deletions go before the rest
 * where a new name needs their place (`a` where `a/b` was, and the reverse).
 */
export function inOrder(changes: Iterable<RefChange>): RefChange[][] {
  const all = [...changes];
  const deleted = new Set(all.filter((c) => c.newTarget === undefined).map((c) => c.ref));
  const below = new Set([...deleted].flatMap(parentNames));
  const collides = all.some(
    ({ ref, newTarget }) =>
      newTarget !== undefined &&
      (below.has(ref) || parentNames(ref).some((parent) => deleted.has(parent))),
  );
  if (!collides) return all.length === 0 ? [] : [all];
  return [
    all.filter(({ newTarget }) => newTarget === undefined),
    all.filter(({ newTarget }) => newTarget !== undefined),
  ];
}
