/** A repository behind Git's wire protocol, as a remote. */
import type { ObjectId } from '../../git/objectId.ts';
import type { IdSet, ObjectSet } from '../../git/objectSet.ts';
import { checkConnected } from '../../graph/connected.ts';
import { reachable } from '../../graph/reachable.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Connection, Connector, RequestBody, Service } from '../connections/connection.ts';
import type { RefChange } from '../mirrorDiff.ts';
import { inOrder, withoutBlocked } from '../pushOrder.ts';
import type { PushRequest, RefusedRefs, Remote, RemoteRefs, TransferOptions } from '../remote.ts';
import { existing } from '../transfer.ts';
import { fetchPack, listRefs } from './fetchPack.ts';
import { type Greeting, type RemoteRefList, readGreeting } from './greeting.ts';
import { Negotiator } from './negotiator.ts';
import { pushPack, refusedToMove } from './pushPack.ts';

interface Open {
  readonly connection: Connection;
  readonly greeting: Greeting;
}

export class WireRemote implements Remote {
  readonly name: string;
  readonly #connector: Connector;
  readonly #open = new Map<Service, Open>();
  #listed: RemoteRefList | undefined;

  constructor(connector: Connector) {
    this.name = connector.name;
    this.#connector = connector;
  }

  async list(prefixes: readonly string[], purpose: 'fetch' | 'push'): Promise<RemoteRefs> {
    const service = purpose === 'fetch' ? 'git-upload-pack' : 'git-receive-pack';
    const { connection, greeting } = await this.#connect(service);
    const list =
      greeting.version === 2 ? await listRefs(connection, greeting, prefixes) : greeting.refs;
    this.#listed = list;
    const refs = list.refs.filter(({ ref }) => prefixes.some((prefix) => ref.startsWith(prefix)));
    return { refs, head: list.head };
  }

  async fetch(
    store: Storage,
    wants: readonly ObjectId[],
    haves: readonly ObjectId[],
    { signal, onProgress, onMessage }: TransferOptions,
  ): Promise<void> {
    const { connection, greeting } = await this.#connect('git-upload-pack');
    const negotiator = new Negotiator(store.objects);
    const theirs = new Set(this.#listed?.refs.map(({ id }) => id));
    for (const id of haves) {
      if (theirs.has(id)) await negotiator.addSharedTip(id);
      else await negotiator.addTip(id);
    }
    const request = { wants, negotiator, onMessage };
    const pack = await fetchPack(connection, greeting, request);
    await store.objects.importPack(pack, {
      signal,
      check: (incoming) => checkConnected(incoming, { tips: wants, haves, signal }),
      onProgress: (progress) => onProgress?.({ phase: 'receiving', ...progress }),
    });
  }

  async push(store: Storage, request: PushRequest, options: TransferOptions): Promise<RefusedRefs> {
    let refused: RefusedRefs = new Map();
    for (const group of inOrder(request.diff.changes())) {
      const { changes, blocked } = withoutBlocked(group, refused);
      refused = new Map([...refused, ...blocked]);
      if (changes.length === 0) continue;
      let left = await this.#push(store, changes, options);
      if (left.size === 0) continue;
      const isLeft = ({ ref }: RefChange): boolean => left.has(ref);
      const deletions = changes.filter((c) => c.newTarget === undefined).filter(isLeft);
      const others = changes.filter((c) => c.newTarget !== undefined).filter(isLeft);
      // The push was atomic: a single refused deletion may be the reason that nothing moved.
      if (deletions.length === 0) throw refusedToMove(left);
      if (others.length > 0) {
        const again = await this.#push(store, others, options);
        if (again.size > 0) throw refusedToMove(again);
      }
      if (changes.length > 1) left = await this.#push(store, deletions, options, true);
      refused = new Map([...refused, ...left]);
    }
    return refused;
  }

  async #push(
    store: Storage,
    changes: readonly RefChange[],
    options: TransferOptions,
    each = false,
  ): Promise<RefusedRefs> {
    const { connection, greeting } = await this.#connect('git-receive-pack');
    const { capabilities, refs } = greeting;
    const theirs = [...refs.refs.map(({ id }) => id), ...refs.extra];
    const wants = changes.flatMap(({ newTarget }) => newTarget ?? []);
    const { signal, onProgress, onMessage } = options;
    const { objects, known } = await reachable(store.objects, {
      wants,
      haves: await existing(store, theirs),
      signal,
      onProgress: (found) => onProgress?.({ phase: 'counting', objects: found, bytes: 0 }),
    });
    const pack = packOf(store, objects, {
      known: capabilities.has('no-thin') ? undefined : known,
      offsetDeltas: capabilities.has('ofs-delta'),
      options,
    });
    const choices = { each, onMessage };
    const refused = await pushPack(connection, capabilities, changes, pack, choices);
    // A service accepts one request per connection: the rest needs another one.
    await this.#disconnect('git-receive-pack');
    return refused;
  }

  async close(): Promise<void> {
    for (const service of [...this.#open.keys()]) await this.#disconnect(service);
    await this.#connector.close();
  }

  async #connect(service: Service): Promise<Open> {
    const known = this.#open.get(service);
    if (known !== undefined) return known;
    // There is no version 2 for pushes.
    const version = service === 'git-upload-pack' ? 2 : 0;
    const connection = await this.#connector.connect(service, version);
    try {
      const open = { connection, greeting: await readGreeting(connection.greeting) };
      this.#open.set(service, open);
      return open;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async #disconnect(service: Service): Promise<void> {
    const open = this.#open.get(service);
    this.#open.delete(service);
    await open?.connection.close();
  }
}

function packOf(
  store: Storage,
  objects: ObjectSet,
  {
    known,
    offsetDeltas,
    options: { signal, onProgress },
  }: { known: IdSet | undefined; offsetDeltas: boolean; options: TransferOptions },
): RequestBody {
  return async function* () {
    let written = 0;
    let bytes = 0;
    const onWritten = (count: number): void => {
      written = count;
    };
    const choices = { known, offsetDeltas, signal, onProgress: onWritten };
    for await (const chunk of store.objects.exportPack(objects, choices)) {
      bytes += chunk.length;
      yield chunk;
      onProgress?.({ phase: 'sending', objects: written, totalObjects: objects.count, bytes });
    }
  };
}
