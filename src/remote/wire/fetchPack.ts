/**
 * Requests a pack from `git-upload-pack` (gitprotocol-v2(5), "fetch"; gitprotocol-pack(5) for version 0).
 * Asks for a thin pack whose deltas name their bases by distance, with progress on a side band.
 */
import { ProtocolError } from '../../errors.ts';
import { isObjectId, type ObjectId } from '../../git/objectId.ts';
import {
  DELIMITER_PACKET,
  FLUSH_PACKET,
  type PacketReader,
  packetLine,
  packetText,
} from '../../git/wire/pktLine.ts';
import type { Connection } from '../connections/connection.ts';
import {
  type Capabilities,
  type Greeting,
  MAX_REF_BYTES,
  quote,
  RemoteRefList,
  shallowRemote,
} from './greeting.ts';
import type { Negotiator } from './negotiator.ts';

export const AGENT = 'agent=gitstore';

/** Commits in the first offer. Each further offer is twice as large. */
const FIRST_OFFER = 16;
const LARGEST_OFFER = 4096;
/** Stop offering commits after this many without a match. */
const MAX_IN_VAIN = 1024;
/** Commits offered in version 0, all in one request. */
const ONE_OFFER = 512;
/** Bytes of lines in an answer before its pack, at most. */
const MAX_LINES = 64 << 20;

export interface FetchRequest {
  readonly wants: readonly ObjectId[];
  readonly negotiator: Negotiator;
  readonly onMessage?: ((text: string) => void) | undefined;
}

/** The refs of a remote that speaks version 2. */
export async function listRefs(
  connection: Connection,
  greeting: Greeting,
  prefixes: readonly string[],
): Promise<RemoteRefList> {
  if (!greeting.capabilities.has('ls-refs')) throw new ProtocolError('The remote lists no refs');
  const reader = await connection.send(() => [
    ...command('ls-refs', greeting.capabilities),
    packetLine('symrefs'),
    packetLine('ref-prefix HEAD'),
    ...prefixes.map((prefix) => packetLine(`ref-prefix ${prefix}`)),
    FLUSH_PACKET,
  ]);
  reader.limit = MAX_REF_BYTES;
  const list = new RemoteRefList();
  for (let line = await reader.line(); line !== undefined; line = await reader.line()) {
    const [, id, ref, rest = ''] = /^([0-9a-f]{40}) ([^ ]+)(.*)$/s.exec(line) ?? [];
    if (id === undefined || ref === undefined) {
      throw new ProtocolError(`The remote sent what is no ref: ${quote(line)}`);
    }
    const target = / symref-target:(\S+)/.exec(rest)?.[1];
    if (ref === 'HEAD' && target !== undefined) list.head = target;
    list.add(ref, id);
  }
  return list;
}

/** The bytes of the pack as a stream. */
export function fetchPack(
  connection: Connection,
  greeting: Greeting,
  request: FetchRequest,
): Promise<AsyncIterable<Uint8Array>> {
  return greeting.version === 2
    ? fetchVersion2(connection, greeting.capabilities, request)
    : fetchVersion0(connection, greeting.capabilities, request);
}

function command(name: string, capabilities: Capabilities): Buffer[] {
  const format = capabilities.has('object-format') ? [packetLine('object-format=sha1')] : [];
  return [packetLine(`command=${name}`), packetLine(AGENT), ...format, DELIMITER_PACKET];
}

async function fetchVersion2(
  connection: Connection,
  capabilities: Capabilities,
  { wants, negotiator, onMessage }: FetchRequest,
): Promise<AsyncIterable<Uint8Array>> {
  if (!capabilities.has('fetch')) throw new ProtocolError('The remote hands out no objects');
  // Requests are stateless, so each one repeats the common commits.
  const agreed = new Set<ObjectId>();
  let inVain = 0;
  for (let offer = FIRST_OFFER; ; offer = Math.min(offer * 2, LARGEST_OFFER)) {
    const haves = await negotiator.next(offer);
    inVain += haves.length;
    const done = haves.length < offer || inVain > MAX_IN_VAIN;
    const reader = await connection.send(() => [
      ...command('fetch', capabilities),
      packetLine('thin-pack'),
      packetLine('ofs-delta'),
      ...wants.map((id) => packetLine(`want ${id}`)),
      ...[...new Set([...agreed, ...haves])].map((id) => packetLine(`have ${id}`)),
      ...(done ? [packetLine('done')] : []),
      FLUSH_PACKET,
    ]);
    reader.limit = MAX_LINES;
    let section = await reader.line();
    if (section === 'acknowledgments') {
      const { acknowledged, ready } = await readAcknowledgments(reader);
      for (const id of acknowledged) {
        if (!agreed.has(id)) inVain = 0;
        agreed.add(id);
        await negotiator.addCommon(id);
      }
      if (!ready) continue;
      section = await reader.line();
    }
    for (; section !== undefined; section = await reader.line()) {
      if (section === 'packfile') {
        reader.limit = Number.POSITIVE_INFINITY;
        return reader.band(onMessage);
      }
      const lines = await reader.lines();
      if (section === 'shallow-info' && lines.length > 0) throw shallowRemote();
    }
    throw new ProtocolError('The remote sent no pack');
  }
}

async function readAcknowledgments(
  reader: PacketReader,
): Promise<{ acknowledged: ObjectId[]; ready: boolean }> {
  const acknowledged: ObjectId[] = [];
  let ready = false;
  for (const line of await reader.lines()) {
    if (line === 'ready') ready = true;
    else if (line.startsWith('ACK ')) acknowledged.push(idOf(line.slice(4)));
    else if (line !== 'NAK') throw new ProtocolError(`The remote sent ${quote(line)}`);
  }
  return { acknowledged, ready };
}

/** @throws ProtocolError for a malformed id, which must never become part of a path */
function idOf(text: string): ObjectId {
  if (!isObjectId(text)) throw new ProtocolError(`The remote sent no object id: ${quote(text)}`);
  return text;
}

/** Sends everything in one request, whose answer is the pack. */
async function fetchVersion0(
  connection: Connection,
  capabilities: Capabilities,
  { wants, negotiator, onMessage }: FetchRequest,
): Promise<AsyncIterable<Uint8Array>> {
  const wished = ['multi_ack_detailed', 'side-band-64k', 'side-band', 'thin-pack', 'ofs-delta'];
  const words = wished.filter((word) => capabilities.has(word));
  if (words.includes('side-band-64k')) words.splice(words.indexOf('side-band'), 1);
  if (!words.some((word) => word.startsWith('side-band'))) {
    throw new ProtocolError('The remote is too old: it knows no side band');
  }
  if (capabilities.has('agent')) words.push(AGENT);
  const haves = await negotiator.next(ONE_OFFER);
  const reader = await connection.send(() => [
    ...wants.map((id, i) => packetLine(`want ${id}${i === 0 ? ` ${words.join(' ')}` : ''}`)),
    FLUSH_PACKET,
    ...haves.map((id) => packetLine(`have ${id}`)),
    packetLine('done'),
  ]);
  reader.limit = MAX_LINES;
  for (;;) {
    const packet = await reader.peek();
    if (!Buffer.isBuffer(packet)) throw new ProtocolError('The remote sent no pack');
    const text = packetText(packet.subarray(0, 44));
    if (text.startsWith('ERR ')) await reader.line();
    if (text.startsWith('ACK ')) idOf(text.slice(4));
    else if (text !== 'NAK') break;
    await reader.next();
  }
  reader.limit = Number.POSITIVE_INFINITY;
  return reader.band(onMessage);
}
