/**
 * Sends a pack to `git-receive-pack` and moves refs (gitprotocol-pack(5), "Pushing Data To a Server"): all
 * in one request, atomically if the remote supports that.
 */
import { ProtocolError, RemoteError } from '../../errors.ts';
import { ZERO_ID } from '../../git/objectId.ts';
import { FLUSH_PACKET, PacketReader, packet } from '../../git/wire/pktLine.ts';
import type { Connection, RequestBody } from '../connections/connection.ts';
import type { RefChange } from '../mirrorDiff.ts';
import type { RefusedRefs } from '../remote.ts';
import { AGENT } from './fetchPack.ts';
import type { Capabilities } from './greeting.ts';

/** Bytes of the remote's report, at most. */
const MAX_REPORT = 64 << 20;

export interface PushChoices {
  /** Move each ref independently, even if the remote supports atomic pushes. */
  readonly each?: boolean | undefined;
  readonly onMessage?: ((text: string) => void) | undefined;
}

/**
 * @param pack returns the pack; not called for a push with only deletions
 * @returns refs that the remote refused to move, with its reasons
 */
export async function pushPack(
  connection: Connection,
  capabilities: Capabilities,
  changes: readonly RefChange[],
  pack: RequestBody,
  { each = false, onMessage }: PushChoices = {},
): Promise<RefusedRefs> {
  const deletes = changes.filter(({ newTarget }) => newTarget === undefined);
  if (deletes.length > 0 && !capabilities.has('delete-refs')) {
    return new Map(changes.map(({ ref }) => [ref, 'it deletes no refs']));
  }
  const atomic = changes.length > 1 && !each;
  const wished = ['report-status', 'side-band-64k', ...(atomic ? ['atomic'] : [])];
  const words = wished.filter((word) => capabilities.has(word));
  if (capabilities.has('object-format')) words.push('object-format=sha1');
  if (capabilities.has('agent')) words.push(AGENT);
  const reader = await connection.send(async function* () {
    let extra = `\0 ${words.join(' ')}`;
    for (const { ref, oldTarget = ZERO_ID, newTarget = ZERO_ID } of changes) {
      yield packet(`${oldTarget} ${newTarget} ${ref}${extra}`);
      extra = '';
    }
    yield FLUSH_PACKET;
    if (deletes.length < changes.length) yield* pack();
  });
  reader.limit = MAX_REPORT;
  if (!words.includes('report-status')) return new Map();
  const band = words.includes('side-band-64k');
  const report = band ? new PacketReader(reader.band(onMessage)) : reader;
  const refused = await readReport(report, changes);
  // Progress may still arrive, and the service must not be cut off while it writes.
  if (band) while ((await report.next()) !== undefined);
  return refused;
}

export function refusedToMove(refused: RefusedRefs): RemoteError {
  const [[ref, why] = ['', '']] = refused;
  const others = refused.size === 1 ? '' : `, and ${refused.size - 1} more`;
  return new RemoteError(`The remote refused to move ${ref} (${why})${others}`, { ref });
}

async function readReport(
  report: PacketReader,
  changes: readonly RefChange[],
): Promise<RefusedRefs> {
  const first = await report.line();
  if (first === undefined) throw new ProtocolError('The remote hung up without a report');
  if (!first.startsWith('unpack ')) {
    throw new ProtocolError(`The remote reports ${JSON.stringify(first)}`);
  }
  const lines = await report.lines();
  if (first !== 'unpack ok') {
    throw new RemoteError(`The remote did not take the objects: ${first.slice('unpack '.length)}`);
  }
  const refused = new Map<string, string>();
  const done = new Set<string>();
  for (const line of lines) {
    const [, word, ref, why = ''] = /^(ok|ng) (\S+) ?(.*)$/s.exec(line) ?? [];
    if (ref === undefined) continue;
    if (word === 'ok') done.add(ref);
    else refused.set(ref, why);
  }
  for (const { ref } of changes) {
    if (!done.has(ref) && !refused.has(ref)) refused.set(ref, 'no word about it');
  }
  return refused;
}
