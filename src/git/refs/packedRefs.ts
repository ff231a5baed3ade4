/**
 * The file `packed-refs`: a line `<id> <full ref name>` for each ref, and after a ref to an
 * annotated tag a line `^<id>` with what the tag *peels* to. The first line may be a header with
 * *traits*: `peeled` (tags under refs/tags/ have their second line), `fully-peeled` (all refs that
 * can have it), `sorted`. Git's `refs/packed-backend.c` is the source of the format.
 */

import { asBuffer } from '../../bytes.ts';
import { CorruptObjectError } from '../../errors.ts';
import { isObjectId, type ObjectId } from '../objectId.ts';
import { comparePaths, decodePath, encodePath } from '../pathBytes.ts';

export interface PackedRef {
  /** Full name; not checked. */
  readonly ref: string;
  readonly id: ObjectId;
  /** The object that an annotated tag leads to, if the file has it. */
  readonly peeled?: ObjectId;
}

export interface PackedRefsTraits {
  /** Every annotated tag under refs/tags/ has `peeled`. */
  readonly peeled: boolean;
  /** Every ref to an annotated tag has `peeled`. */
  readonly fullyPeeled: boolean;
}

export interface PackedRefs extends PackedRefsTraits {
  /** In the order of the file. */
  readonly entries: readonly PackedRef[];
  /** Whether the entries are in the order of their names' bytes. The header may be wrong. */
  readonly sorted: boolean;
}

const HEADER = '# pack-refs with:';
const LINE_FEED = 0x0a;
const ID_DIGITS = 40;

/** @throws CorruptObjectError for a line that Git would not read, or a file that is cut off */
export function parsePackedRefs(file: Uint8Array): PackedRefs {
  const bytes = asBuffer(file);
  const entries: PackedRef[] = [];
  let traits: string[] = [];
  let sorted = true;
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, at);
    if (end === -1) throw corrupt('its last line is cut off');
    const line = decodePath(bytes, at, end);
    at = end + 1;
    if (line.startsWith('#')) {
      if (line.startsWith(HEADER)) traits = line.slice(HEADER.length).trim().split(' ');
    } else if (line.startsWith('^')) {
      const entry = entries.pop();
      const peeled = line.slice(1);
      if (entry === undefined || entry.peeled !== undefined || !isObjectId(peeled)) {
        throw corrupt(`unexpected line ${JSON.stringify(line)}`);
      }
      entries.push({ ...entry, peeled });
    } else {
      const id = line.slice(0, ID_DIGITS);
      const ref = line.slice(ID_DIGITS + 1);
      if (!isObjectId(id) || line[ID_DIGITS] !== ' ' || ref === '') {
        throw corrupt(`unexpected line ${JSON.stringify(line)}`);
      }
      const before = entries.at(-1);
      if (before !== undefined && comparePaths(before.ref, ref) >= 0) sorted = false;
      entries.push({ ref, id });
    }
  }
  const fullyPeeled = traits.includes('fully-peeled');
  return { entries, sorted, fullyPeeled, peeled: fullyPeeled || traits.includes('peeled') };
}

/**
 * The file for refs in any order.
 * @param traits must hold for the entries: a wrong one hides targets of tags from Git
 */
export function serializePackedRefs(
  entries: readonly PackedRef[],
  traits: PackedRefsTraits = { peeled: true, fullyPeeled: true },
): Buffer {
  const { peeled, fullyPeeled } = traits;
  const header = `${HEADER}${peeled ? ' peeled' : ''}${fullyPeeled ? ' fully-peeled' : ''} sorted \n`;
  const lines = [header];
  for (const entry of [...entries].sort((a, b) => comparePaths(a.ref, b.ref))) {
    lines.push(`${entry.id} ${entry.ref}\n`);
    if (entry.peeled !== undefined) lines.push(`^${entry.peeled}\n`);
  }
  return encodePath(lines.join(''));
}

function corrupt(why: string): CorruptObjectError {
  return new CorruptObjectError(`The file packed-refs is corrupt: ${why}`);
}
