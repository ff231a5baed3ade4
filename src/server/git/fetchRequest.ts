/**
 * What a client asks for in a fetch: in versions 0 and 1 as gitprotocol-pack(5) says, in version 2 as
 * gitprotocol-v2(5) says.
 */
import { GitStoreError } from '../../errors.ts';
import { isObjectId, type ObjectId } from '../../git/objectId.ts';
import { IdSet } from '../../git/objectSet.ts';
import {
  MAX_BAND_DATA,
  MAX_SMALL_BAND_DATA,
  type PacketReader,
  packetText,
} from '../../git/wire/pktLine.ts';
import { type ObjectFilter, parseObjectFilter } from '../../graph/filter.ts';
import { Refusal } from './refusal.ts';

export interface FetchRequest {
  readonly wants: IdSet;
  /** Commits that the client has without their parents. */
  readonly shallow: IdSet;
  /** How many commits deep the history is to be; undefined: as deep as it is. */
  depth: number | undefined;
  /** Whether `depth` counts from where the client's history ends now. */
  deepenRelative: boolean;
  /** Seconds since the epoch. */
  deepenSince: number | undefined;
  /** Names of refs. */
  readonly deepenNot: string[];
  filter: ObjectFilter | undefined;
  thinPack: boolean;
  offsetDeltas: boolean;
  includeTag: boolean;
  progress: boolean;
  /** The most payload a packet of the side band may have; 0: the pack comes without one. */
  bandData: number;
  /** How haves are acknowledged, in versions 0 and 1. */
  multiAck: 'none' | 'simple' | 'detailed';
  noDone: boolean;
}

/** "As deep as it is", as Git's clients say it. */
const INFINITE_DEPTH = 0x7fffffff;
const MAX_NOTS = 1000;
/** Where a client's history ends: some ten thousand places in the largest repositories. */
const MAX_SHALLOW = 100_000;

function emptyRequest(): FetchRequest {
  return {
    wants: new IdSet(),
    shallow: new IdSet(),
    depth: undefined,
    deepenRelative: false,
    deepenSince: undefined,
    deepenNot: [],
    filter: undefined,
    thinPack: false,
    offsetDeltas: false,
    includeTag: false,
    progress: true,
    bandData: 0,
    multiAck: 'none',
    noDone: false,
  };
}

export function asksForDepth(request: FetchRequest): boolean {
  return (
    request.depth !== undefined || request.deepenSince !== undefined || request.deepenNot.length > 0
  );
}

export function isInfinite(depth: number): boolean {
  return depth >= INFINITE_DEPTH;
}

/** Reads the wants of versions 0 and 1, up to the flush before the haves. */
export async function readWants(reader: PacketReader): Promise<FetchRequest> {
  const request = emptyRequest();
  let first = true;
  for (let line = await reader.line(); line !== undefined; line = await reader.line()) {
    if (line.startsWith('want ')) {
      request.wants.add(toId(line.slice(5, 45)));
      if (first) readCapabilities(request, line.slice(45));
      else if (line.length > 45) throw unexpected(line);
      first = false;
    } else if (!readLimit(request, line)) throw unexpected(line);
  }
  return request;
}

function readCapabilities(request: FetchRequest, text: string): void {
  const has = new Set(text.split(' '));
  request.thinPack = has.has('thin-pack');
  request.offsetDeltas = has.has('ofs-delta');
  request.includeTag = has.has('include-tag');
  request.progress = !has.has('no-progress');
  request.noDone = has.has('no-done');
  request.deepenRelative ||= has.has('deepen-relative');
  if (has.has('side-band-64k')) request.bandData = MAX_BAND_DATA;
  else if (has.has('side-band')) request.bandData = MAX_SMALL_BAND_DATA;
  if (has.has('multi_ack_detailed')) request.multiAck = 'detailed';
  else if (has.has('multi_ack')) request.multiAck = 'simple';
  for (const capability of has) {
    if (capability.startsWith('object-format=')) acceptedFormat(capability.slice(14));
  }
}

/** What is handed on of a request in version 2 while it is read. */
export interface FetchArguments {
  readonly request: FetchRequest;
  readonly done: boolean;
  readonly sawHave: boolean;
}

/**
 * Reads the arguments of `fetch` in version 2, up to the flush at their end.
 * @param takeHave gets every have, as it comes
 */
export async function readFetch(
  reader: PacketReader,
  takeHave: (id: ObjectId) => Promise<void> | undefined,
): Promise<FetchArguments> {
  const request = emptyRequest();
  request.bandData = MAX_BAND_DATA;
  let done = false;
  let sawHave = false;
  for (let line = await reader.line(); line !== undefined; line = await reader.line()) {
    if (line.startsWith('have ')) {
      sawHave = true;
      await takeHave(toId(line.slice(5)));
    } else if (line.startsWith('want ')) request.wants.add(toId(line.slice(5)));
    else if (line === 'done') done = true;
    else if (line === 'thin-pack') request.thinPack = true;
    else if (line === 'no-progress') request.progress = false;
    else if (line === 'include-tag') request.includeTag = true;
    else if (line === 'ofs-delta') request.offsetDeltas = true;
    else if (line === 'deepen-relative') request.deepenRelative = true;
    else if (!readLimit(request, line)) throw unexpected(line);
  }
  return { request, done, sawHave };
}

/** A have of versions 0 and 1. */
export type Have = ObjectId | 'done' | 'flush' | 'end';

export async function readHave(reader: PacketReader): Promise<Have> {
  const packet = await reader.next();
  if (packet === undefined) return 'end';
  if (typeof packet === 'string') return 'flush';
  const line = packetText(packet);
  if (line === 'done') return 'done';
  if (!line.startsWith('have ')) throw unexpected(line);
  return toId(line.slice(5));
}

/** Lines that all versions share; false when it is none of them. */
function readLimit(request: FetchRequest, line: string): boolean {
  const space = line.indexOf(' ');
  const value = line.slice(space + 1);
  switch (line.slice(0, space)) {
    case 'shallow':
      request.shallow.add(toId(value));
      if (request.shallow.count > MAX_SHALLOW) throw new Refusal('too many shallow lines');
      return true;
    case 'deepen':
      request.depth = toNumber(value, line);
      if (request.depth === 0) request.depth = undefined;
      return true;
    case 'deepen-since':
      request.deepenSince = toNumber(value, line);
      return true;
    case 'deepen-not':
      if (request.deepenNot.push(value) > MAX_NOTS) throw new Refusal('too many deepen-not lines');
      return true;
    case 'filter':
      request.filter = toFilter(value);
      return true;
    default:
      return false;
  }
}

/** @throws Refusal for another object format than this store's */
export function acceptedFormat(format: string): void {
  if (format !== 'sha1')
    throw new Refusal(`mismatched object format: server sha1; client ${format}`);
}

function toId(text: string): ObjectId {
  const shown = text.slice(0, 60);
  if (!isObjectId(text)) throw new Refusal(`protocol error, not an object id: '${shown}'`);
  return text;
}

function toNumber(text: string, line: string): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw unexpected(line);
  return value;
}

function toFilter(text: string): ObjectFilter {
  try {
    return parseObjectFilter(text);
  } catch (error) {
    if (error instanceof GitStoreError) throw new Refusal(error.message);
    throw error;
  }
}

function unexpected(line: string): Refusal {
  return new Refusal(`protocol error, unexpected: '${line.slice(0, 100)}'`);
}
