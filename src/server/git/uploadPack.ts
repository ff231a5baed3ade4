/**
 * Answers what Git's clients ask (the server's side of gitprotocol-v2(5), gitprotocol-pack(5) and
 * gitprotocol-http(5)): one request in, one answer out, nothing kept between them but caches.
 */

import {
  Band,
  bandPackets,
  DELIMITER_PACKET,
  FLUSH_PACKET,
  type PacketReader,
  packetLine,
} from '../../git/wire/pktLine.ts';
import { Semaphore } from '../../semaphore.ts';
import { lacksObject } from '../../storage/missingObject.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { listRefs, readCommand } from './advertisement.ts';
import { asksForDepth, type FetchRequest, readFetch, readWants } from './fetchRequest.ts';
import { Negotiation } from './negotiation.ts';
import { PackPlans, type Plan } from './packPlans.ts';
import { RefTeller, type ToldRefs } from './refs.ts';
import { brokenObject, CutOff, Refusal } from './refusal.ts';
import { type ShallowUpdate, shallowUpdate } from './shallowUpdate.ts';
import { WantedObjects } from './wantedObjects.ts';

/** Packs under way at a time; each takes some dozen bytes of memory an object. */
const MAX_PACKS = 64;
/** Milliseconds between two signs of life while the client waits. */
const PROGRESS_INTERVAL = 500;
const KEEP_ALIVE_INTERVAL = 5_000;
const EMPTY_BAND_PACKET = Buffer.from('0005\x01', 'latin1');

export class UploadPack {
  readonly refs: RefTeller;
  readonly #store: GitStore;
  readonly #wanted: WantedObjects;
  readonly #plans: PackPlans;
  readonly #packing = new Semaphore(MAX_PACKS);

  constructor(store: GitStore) {
    this.#store = store;
    this.refs = new RefTeller(store);
    this.#wanted = new WantedObjects(store);
    this.#plans = new PackPlans(store);
  }

  /** @throws Refusal, ProtocolError before or between chunks */
  async *answer(
    version: 0 | 1 | 2,
    reader: PacketReader,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    if (version !== 2) return yield* this.#fetchOld(reader, signal);
    const command = await readCommand(reader);
    if (command === undefined) return;
    if (command === 'ls-refs') {
      return yield* listRefs(reader, await this.refs.read(signal));
    }
    if (command === 'fetch') return yield* this.#fetch(reader, signal);
    throw new Refusal(`invalid command '${command.slice(0, 60)}'`);
  }

  /** `fetch` of version 2. */
  async *#fetch(reader: PacketReader, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const negotiation = new Negotiation(this.#store.storage.objects, signal);
    const { request, done, sawHave } = await readFetch(reader, (id) => {
      negotiation.take(id);
      return negotiation.pause();
    });
    if (request.wants.count === 0) return;
    const told = await this.refs.read(signal);
    await this.#wanted.check(request.wants, told, signal);
    if (sawHave && !done) {
      if (!(yield* negotiation.acknowledge(request.wants, told.shallow))) return;
      yield DELIMITER_PACKET;
    }
    const update = await shallowUpdate(this.#store.storage, request, told.shallow, signal);
    if (asksForDepth(request) || request.shallow.count > 0 || told.shallow.count > 0) {
      yield packetLine('shallow-info');
      yield* update.lines;
      yield DELIMITER_PACKET;
    }
    yield packetLine('packfile');
    yield* this.#pack(request, update, negotiation, told, signal);
  }

  /** The whole request of versions 0 and 1. */
  async *#fetchOld(reader: PacketReader, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const request = await readWants(reader);
    if (request.wants.count === 0) return;
    const told = await this.refs.read(signal);
    await this.#wanted.check(request.wants, told, signal);
    const update = await shallowUpdate(this.#store.storage, request, told.shallow, signal);
    if (asksForDepth(request)) {
      yield* update.lines;
      yield FLUSH_PACKET;
    }
    const negotiation = new Negotiation(this.#store.storage.objects, signal);
    if (!(yield* negotiation.converse(reader, request, told.shallow))) return;
    yield* this.#pack(request, update, negotiation, told, signal);
  }

  async *#pack(
    request: FetchRequest,
    update: ShallowUpdate,
    { common }: Negotiation,
    told: ToldRefs,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { objects: store } = this.#store.storage;
    const entering = this.#packing.enter(0, signal) ?? Promise.resolve();
    try {
      yield* this.#whileWaiting(request, entering, () => 'Waiting for others');
      await entering;
      const plan: Plan = this.#plans.get({
        wants: [...request.wants, ...update.wants],
        haves: [...common, ...update.haves],
        shallow: update.shallow,
        filter: request.filter,
        tags: request.includeTag ? told.refs : [],
      });
      yield* this.#whileWaiting(request, plan.result, () => `Enumerating objects: ${plan.found()}`);
      const { objects, known } = await plan.result;
      yield* progress(request, `Enumerating objects: ${objects.count}, done.\n`);
      const pack = store.exportPack(objects, {
        // A client that left out objects does not have all that its commits lead to.
        known: request.thinPack && request.filter === undefined ? known : undefined,
        offsetDeltas: request.offsetDeltas,
        signal,
      });
      for await (const chunk of pack) {
        if (request.bandData === 0) yield chunk;
        else yield* bandPackets(Band.data, chunk, request.bandData);
      }
      yield* progress(request, `Total ${objects.count}\n`);
      if (request.bandData > 0) yield FLUSH_PACKET;
    } catch (error) {
      if (request.bandData > 0 && !signal.aborted) {
        const why = lacksObject(error) ? `: ${brokenObject(error)}` : '';
        const message = `The server could not make the pack${why}\n`;
        yield* bandPackets(Band.error, Buffer.from(message));
      }
      throw new CutOff(request.bandData > 0, error);
    } finally {
      // Also when it was left while waiting: its turn comes all the same, unless the signal ended it.
      entering.then(
        () => this.#packing.leave(),
        () => {},
      );
    }
  }

  /** Signs of life until the work is done, however it ends. */
  async *#whileWaiting(
    request: FetchRequest,
    work: Promise<unknown>,
    what: () => string,
  ): AsyncGenerator<Uint8Array> {
    let settled = false;
    const end = work.then(
      () => {
        settled = true;
      },
      () => {
        settled = true;
      },
    );
    let sent = performance.now();
    while (!settled) {
      let timer: NodeJS.Timeout | undefined;
      const tick = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, PROGRESS_INTERVAL);
      });
      await Promise.race([end, tick]);
      clearTimeout(timer);
      if (settled || request.bandData === 0) continue;
      if (request.progress) yield* progress(request, `${what()}\r`);
      else if (performance.now() - sent >= KEEP_ALIVE_INTERVAL) {
        sent = performance.now();
        yield EMPTY_BAND_PACKET;
      }
    }
  }
}

function* progress(request: FetchRequest, text: string): Generator<Uint8Array> {
  if (request.bandData === 0 || !request.progress) return;
  yield* bandPackets(Band.progress, Buffer.from(text), request.bandData);
}
