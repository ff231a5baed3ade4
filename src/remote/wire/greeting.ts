/**
 * The initial message of a service: its capabilities, and in protocol version 0 also its refs
 * (gitprotocol-v2(5), gitprotocol-pack(5), gitprotocol-capabilities(5)).
 */
import { GitStoreError, ProtocolError, RemoteError } from '../../errors.ts';
import { isObjectId, type ObjectId, ZERO_ID } from '../../git/objectId.ts';
import type { PacketReader } from '../../git/wire/pktLine.ts';
import type { RefEntry } from '../../storage/storage.ts';

/** Bytes of a remote's list of refs, at most. */
export const MAX_REF_BYTES = 256 << 20;
/** Refs of a remote, at most. Each takes some hundred bytes of memory. */
const MAX_REFS = 1_000_000;

export interface Greeting {
  readonly version: 0 | 2;
  readonly capabilities: Capabilities;
  /** Only in version 0. */
  readonly refs: RemoteRefList;
}

/** Collects the refs of a remote. */
export class RemoteRefList {
  readonly refs: RefEntry[] = [];
  /** The branch that HEAD names. */
  head: string | undefined;
  /** Objects that the remote has without a ref. */
  readonly extra: ObjectId[] = [];

  /** @throws ProtocolError when the remote has too many refs */
  add(ref: string, id: ObjectId): void {
    if (this.refs.length + this.extra.length >= MAX_REFS) {
      throw new ProtocolError(`The remote has more than ${MAX_REFS} refs, which are not read`);
    }
    if (ref === '.have') this.extra.push(id);
    // HEAD and peeled tags are not refs of their own.
    else if (ref.startsWith('refs/') && !ref.endsWith('^{}')) this.refs.push({ ref, id });
  }
}

export class Capabilities {
  readonly #values = new Map<string, string[]>();

  constructor(words: Iterable<string>) {
    for (const word of words) {
      const at = word.indexOf('=');
      const name = at === -1 ? word : word.slice(0, at);
      const values = this.#values.get(name) ?? [];
      values.push(at === -1 ? '' : word.slice(at + 1));
      this.#values.set(name, values);
    }
    const format = this.get('object-format') ?? 'sha1';
    if (format !== 'sha1') {
      throw new GitStoreError(
        `The remote has object ids of another kind: ${format}`,
        'EUNSUPPORTED',
      );
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

/** @throws ProtocolError RemoteError */
export async function readGreeting(reader: PacketReader): Promise<Greeting> {
  reader.limit = MAX_REF_BYTES;
  if ((await reader.peek()) === 'flush') {
    // An empty repository in version 0.
    await reader.next();
    return { version: 0, capabilities: new Capabilities([]), refs: new RemoteRefList() };
  }
  let first = await reader.line();
  if (first === 'version 1') first = await reader.line();
  if (first === 'version 2') {
    const capabilities = new Capabilities(await reader.lines());
    return { version: 2, capabilities, refs: new RemoteRefList() };
  }
  if (first === undefined) {
    throw new ProtocolError('The remote sent an empty answer: is it a Git repository?');
  }
  return readRefs(first, reader);
}

async function readRefs(first: string, reader: PacketReader): Promise<Greeting> {
  const end = first.indexOf('\0');
  const words =
    end === -1
      ? []
      : first
          .slice(end + 1)
          .split(' ')
          .filter((word) => word !== '');
  const capabilities = new Capabilities(words);
  const list = new RemoteRefList();
  const lines = [end === -1 ? first : first.slice(0, end)];
  for (let line: string | undefined = lines[0]; line !== undefined; line = await reader.line()) {
    if (line.startsWith('shallow ')) throw shallowRemote();
    const id = line.slice(0, 40);
    if (!isObjectId(id) || line[40] !== ' ') {
      throw new ProtocolError(`The remote sent what is no ref: ${quote(line)}`);
    }
    if (id !== ZERO_ID) list.add(line.slice(41), id);
  }
  for (const pair of capabilities.all('symref')) {
    if (pair.startsWith('HEAD:')) list.head = pair.slice('HEAD:'.length);
  }
  return { version: 0, capabilities, refs: list };
}

/** The beginning of a remote's answer, for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

export function shallowRemote(): RemoteError {
  return new RemoteError('The remote is a shallow clone: its history is not complete');
}
