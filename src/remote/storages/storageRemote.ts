/** Another store as a remote: objects go directly from one storage to the other. */
import { FileNotFoundError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { RefUpdate, Storage } from '../../storage/storage.ts';
import { inOrder, withoutBlocked } from '../pushOrder.ts';
import type { PushRequest, RefusedRefs, Remote, RemoteRefs, TransferOptions } from '../remote.ts';
import { transferObjects } from '../transfer.ts';

const HEADS = 'refs/heads/';

export abstract class StorageRemote implements Remote {
  /** Its location. */
  readonly name: string;
  #storage: Storage | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** @throws FileNotFoundError when the store is missing */
  protected abstract open(purpose: 'fetch' | 'push'): Promise<Storage>;

  /** @param branch short name of the branch for HEAD */
  protected abstract create(branch: string | undefined, options: TransferOptions): Promise<Storage>;

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

  async push(store: Storage, request: PushRequest, options: TransferOptions): Promise<RefusedRefs> {
    const to = (await this.#open('push')) ?? (await this.#create(request.head, options));
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
    const deleted = request.diff.delete.map(({ ref }) => ref);
    const denied = (await to.refs.deniedDeletions?.(deleted)) ?? new Map<string, string>();
    const rest = [...request.diff.changes()].filter(({ ref }) => !denied.has(ref));
    const { changes, blocked } = withoutBlocked(rest, denied);
    for (const group of inOrder(changes)) {
      const updates = group.map(({ ref, oldTarget, newTarget }): RefUpdate => {
        const reflog = { who: request.who, message: 'push' };
        // A broken ref there has no value to compare.
        const old = oldTarget ?? (broken.has(ref) ? undefined : null);
        return { ref, old, new: newTarget ?? null, reflog };
      });
      await to.refs.update(updates);
    }
    return new Map([...denied, ...blocked]);
  }

  async close(): Promise<void> {
    await this.#storage?.close();
    this.#storage = undefined;
  }

  /** Undefined for a missing store that may be created. */
  async #open(purpose: 'fetch' | 'push'): Promise<Storage | undefined> {
    if (this.#storage !== undefined) return this.#storage;
    try {
      this.#storage = await this.open(purpose);
    } catch (error) {
      if (!(error instanceof FileNotFoundError)) throw error;
      if (purpose === 'push') return undefined;
      throw new FileNotFoundError(`Repository not found: ${this.name}`, { path: this.name });
    }
    return this.#storage;
  }

  async #create(head: string | undefined, options: TransferOptions): Promise<Storage> {
    const branch = head?.startsWith(HEADS) ? head.slice(HEADS.length) : undefined;
    this.#storage = await this.create(branch, options);
    return this.#storage;
  }
}
