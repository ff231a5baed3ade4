/**
 * What a server says about itself and its refs: the answer to `GET info/refs` (gitprotocol-http(5)) and
 * to the command `ls-refs` (gitprotocol-v2(5)).
 */
import { ZERO_ID } from '../../git/objectId.ts';
import { FLUSH_PACKET, type PacketReader, packet, packetLine } from '../../git/wire/pktLine.ts';
import { acceptedFormat } from './fetchRequest.ts';
import type { ToldRef, ToldRefs } from './refs.ts';
import { Refusal } from './refusal.ts';

export const AGENT = 'gitstore';

/** Of protocol versions 0 and 1. */
const CAPABILITIES = [
  'multi_ack',
  'thin-pack',
  'side-band',
  'side-band-64k',
  'ofs-delta',
  'shallow',
  'deepen-since',
  'deepen-not',
  'deepen-relative',
  'no-progress',
  'include-tag',
  'multi_ack_detailed',
  'allow-tip-sha1-in-want',
  'allow-reachable-sha1-in-want',
  'no-done',
  'filter',
];

/** More prefixes than this are not looked at: the client gets all refs, and picks itself. */
const MAX_PREFIXES = 4096;

/** The answer to `info/refs`, in versions 0 and 1. */
export function* advertiseRefs(version: 0 | 1, told: ToldRefs): Generator<Buffer> {
  yield packetLine('# service=git-upload-pack');
  yield FLUSH_PACKET;
  if (version === 1) yield packetLine('version 1');
  const capabilities = [
    ...CAPABILITIES,
    ...(told.head !== undefined && told.headTarget !== undefined
      ? [`symref=HEAD:${told.headTarget}`]
      : []),
    'object-format=sha1',
    `agent=${AGENT}`,
  ].join(' ');
  let first = true;
  const line = (id: string, name: string): Buffer => {
    const text = first ? `${id} ${name}\0${capabilities}` : `${id} ${name}`;
    first = false;
    return packetLine(text);
  };
  for (const { ref, id, peeled } of withHead(told)) {
    yield line(id, ref);
    if (peeled !== undefined) yield line(peeled, `${ref}^{}`);
  }
  if (first) yield line(ZERO_ID, 'capabilities^{}');
  for (const id of told.shallow) yield packetLine(`shallow ${id}`);
  yield FLUSH_PACKET;
}

/** The answer to `info/refs`, in version 2: what can be asked. */
export function advertiseCommands(): Buffer {
  return Buffer.concat([
    packetLine('version 2'),
    packetLine(`agent=${AGENT}`),
    packetLine('ls-refs=unborn'),
    packetLine('fetch=shallow filter'),
    packetLine('server-option'),
    packetLine('object-format=sha1'),
    FLUSH_PACKET,
  ]);
}

interface LsRefs {
  peel: boolean;
  symrefs: boolean;
  unborn: boolean;
  prefixes: string[];
}

/** Answers `ls-refs`, whose arguments come next. */
export async function* listRefs(reader: PacketReader, told: ToldRefs): AsyncGenerator<Buffer> {
  const { peel, symrefs, unborn, prefixes } = await readLsRefs(reader);
  const wanted = (ref: string): boolean =>
    prefixes.length === 0 || prefixes.some((prefix) => ref.startsWith(prefix));
  const headTarget = symrefs && told.headTarget !== undefined ? told.headTarget : undefined;
  if (unborn && told.head === undefined && headTarget !== undefined && wanted('HEAD')) {
    yield packetLine(`unborn HEAD symref-target:${headTarget}`);
  }
  for (const { ref, id, peeled } of withHead(told)) {
    if (!wanted(ref)) continue;
    const symref = ref === 'HEAD' && headTarget !== undefined ? ` symref-target:${headTarget}` : '';
    const tagged = peel && peeled !== undefined ? ` peeled:${peeled}` : '';
    yield packet(`${id} ${ref}${symref}${tagged}\n`);
  }
  yield FLUSH_PACKET;
}

async function readLsRefs(reader: PacketReader): Promise<LsRefs> {
  const asked: LsRefs = { peel: false, symrefs: false, unborn: false, prefixes: [] };
  let tooMany = false;
  for (let line = await reader.line(); line !== undefined; line = await reader.line()) {
    if (line === 'peel') asked.peel = true;
    else if (line === 'symrefs') asked.symrefs = true;
    else if (line === 'unborn') asked.unborn = true;
    else if (line.startsWith('ref-prefix ')) {
      if (asked.prefixes.length < MAX_PREFIXES) asked.prefixes.push(line.slice(11));
      else tooMany = true;
    } else throw new Refusal(`unexpected line: '${line.slice(0, 100)}'`);
  }
  if (tooMany) asked.prefixes = [];
  return asked;
}

/**
 * Reads a command of version 2 and its capabilities, up to its arguments.
 * @returns undefined when the client sends nothing more
 */
export async function readCommand(reader: PacketReader): Promise<string | undefined> {
  let command: string | undefined;
  for (;;) {
    const next = await reader.peek();
    if (next === undefined || next === 'flush') {
      if (command === undefined) {
        await reader.next();
        return undefined;
      }
      // No arguments: what reads them finds the flush.
      return command;
    }
    if (typeof next === 'string') {
      await reader.next();
      if (command === undefined) throw new Refusal('no command requested');
      return command;
    }
    const line = (await reader.line()) as string;
    if (line.startsWith('command=')) {
      if (command !== undefined) throw new Refusal('more than one command');
      command = line.slice('command='.length);
    } else if (line.startsWith('object-format=')) acceptedFormat(line.slice(14));
  }
}

function withHead({ head, refs }: ToldRefs): readonly ToldRef[] {
  return head === undefined ? refs : [head, ...refs];
}
