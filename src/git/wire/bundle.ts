/**
 * Bundles (gitformat-bundle(5)): a file with refs, followed by the pack of everything reachable from them
 * except from its *prerequisites*, commits that the receiver must have.
 */
import { CorruptObjectError, GitStoreError } from '../../errors.ts';
import { isObjectId, type ObjectId } from '../objectId.ts';
import { decodePath, encodePath } from '../pathBytes.ts';

export interface BundleHeader {
  readonly version: 2 | 3;
  /** Lines of version 3 that begin with `@`, without it: `object-format=sha1`. */
  readonly capabilities: readonly string[];
  readonly prerequisites: readonly ObjectId[];
  /** Full names, and `HEAD`. */
  readonly refs: readonly { readonly ref: string; readonly id: ObjectId }[];
}

const SIGNATURES = { 2: '# v2 git bundle\n', 3: '# v3 git bundle\n' } as const;
const SIGNATURE_LENGTH = SIGNATURES[2].length;
/** Upper bound for the length of a header. */
const LONGEST_HEADER = 64 << 20;

/** The bytes before the pack. */
export function serializeBundleHeader(header: BundleHeader): Buffer {
  const lines = [
    ...header.capabilities.map((capability) => `@${capability}\n`),
    ...header.prerequisites.map((id) => `-${id}\n`),
    ...header.refs.map(({ ref, id }) => `${id} ${ref}\n`),
  ];
  return encodePath(`${SIGNATURES[header.version]}${lines.join('')}\n`);
}

/**
 * Reads the header at the beginning of a bundle.
 * @param bytes the bundle, or its beginning
 * @returns `length` is the offset of the pack; undefined when more bytes are needed
 * @throws CorruptObjectError when it is not a bundle of version 2 or 3
 * @throws GitStoreError (`EUNSUPPORTED`) when it needs an unsupported capability
 */
export function parseBundleHeader(
  bytes: Buffer,
): { readonly header: BundleHeader; readonly length: number } | undefined {
  const signature = bytes.toString('latin1', 0, SIGNATURE_LENGTH);
  if (signature !== SIGNATURES[2] && signature !== SIGNATURES[3]) {
    const begun = [SIGNATURES[2], SIGNATURES[3]].some((each) => each.startsWith(signature));
    if (bytes.length < SIGNATURE_LENGTH && begun) return undefined;
    throw new CorruptObjectError('Not a bundle of version 2 or 3');
  }
  // The line feed that ends the signature may be the one before the empty line.
  const end = bytes.indexOf('\n\n', SIGNATURE_LENGTH - 1, 'latin1');
  if (end === -1) {
    if (bytes.length > LONGEST_HEADER) throw new CorruptObjectError('A bundle without a pack');
    return undefined;
  }
  const capabilities: string[] = [];
  const prerequisites: ObjectId[] = [];
  const refs: { ref: string; id: ObjectId }[] = [];
  const text = decodePath(bytes, SIGNATURE_LENGTH, Math.max(SIGNATURE_LENGTH, end));
  for (const line of text === '' ? [] : text.split('\n')) {
    const isPrerequisite = line.startsWith('-');
    const id = isPrerequisite ? line.slice(1, 41) : line.slice(0, 40);
    if (line.startsWith('@')) capabilities.push(line.slice(1));
    else if (!isObjectId(id)) throw new CorruptObjectError(`Not a line of a bundle: ${line}`);
    else if (isPrerequisite) prerequisites.push(id);
    else if (line[40] === ' ' && line.length > 41) refs.push({ ref: line.slice(41), id });
    else throw new CorruptObjectError(`Not a line of a bundle: ${line}`);
  }
  for (const capability of capabilities) checkCapability(capability);
  const version = signature === SIGNATURES[2] ? 2 : 3;
  return { header: { version, capabilities, prerequisites, refs }, length: end + 2 };
}

/** As Git does, refuses a bundle that needs an unknown capability. */
function checkCapability(capability: string): void {
  if (capability === 'object-format=sha1') return;
  throw new GitStoreError(`The bundle needs what is not known here: ${capability}`, 'EUNSUPPORTED');
}
