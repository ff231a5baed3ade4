/** Another repository on this disk, as a remote: objects go straight from one storage to the other. */

import { join } from 'node:path';
import { FileNotFoundError, GitStoreError } from '../errors.ts';
import { parseConfig } from '../git/config.ts';
import type { ObjectId } from '../git/objectId.ts';
import { createBareStorage, openBareStorage } from '../storage/bare/bareStorage.ts';
import { readConfigText } from '../storage/bare/repositoryConfig.ts';
import { existsSync, statSync } from '../storage/disk/fs.ts';
import type { RefUpdate, Storage } from '../storage/storage.ts';
import type { RefChange } from './mirrorDiff.ts';
import { inOrder, withoutBlocked } from './pushOrder.ts';
import type { PushRequest, RefusedRefs, Remote, RemoteRefs, TransferOptions } from './remote.ts';
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
    const denied = await this.#deniedDeletions(to, request.diff.delete);
    const rest = [...request.diff.changes()].filter(({ ref }) => !denied.has(ref));
    const { changes, blocked } = withoutBlocked(rest, denied);
    for (const group of inOrder(changes)) {
      const updates = group.map(({ ref, oldTarget, newTarget }): RefUpdate => {
        const reflog = { who: request.who, message: 'push' };
        // What is broken there has no value that could be compared.
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

  /** Branches that Git's own push would not be let delete there either. */
  async #deniedDeletions(to: Storage, deletions: readonly RefChange[]): Promise<RefusedRefs> {
    const branches = deletions.filter(({ ref }) => ref.startsWith(HEADS));
    if (branches.length === 0) return new Map();
    const config = parseConfig(readConfigText(this.#path));
    if (config.getBool('receive.denyDeletes')) {
      return new Map(branches.map(({ ref }) => [ref, 'deletion prohibited']));
    }
    const policy = config.get('receive.denyDeleteCurrent') ?? 'refuse';
    const isDenied =
      !/^(ignore|warn)$/i.test(policy) &&
      (/^refuse$/i.test(policy) || config.getBool('receive.denyDeleteCurrent'));
    const head = await to.refs.head();
    if (!isDenied || !('ref' in head)) return new Map();
    const current = branches.filter(({ ref }) => ref === head.ref);
    return new Map(current.map(({ ref }) => [ref, 'deletion of the current branch prohibited']));
  }

  /** Undefined for a repository that is missing and may be made. */
  async #open(purpose: 'fetch' | 'push'): Promise<Storage | undefined> {
    if (this.#storage !== undefined) return this.#storage;
    // Reading from a working tree harms nobody; moving the branch that it shows would.
    const inside = join(this.#path, '.git');
    // In linked working trees and submodules `.git` is a file, which leads to the repository.
    const isTree =
      existsSync(join(inside, 'HEAD')) || (existsSync(inside) && statSync(inside).isFile());
    const path = purpose === 'fetch' && isTree ? inside : this.#path;
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

  async #create(head: string | undefined, { onCreate }: TransferOptions): Promise<Storage> {
    const branch = head?.startsWith(HEADS) ? head.slice(HEADS.length) : undefined;
    this.#storage = await createBareStorage(this.#path, { branch, onCreate });
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
