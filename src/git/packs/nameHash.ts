/**
 * Git's hash of a path (`pack_name_hash` in pack-objects.h). `git pack-objects` sorts by it, so that similar
 * objects are neighbours when it searches for deltas. Depends mostly on the last sixteen characters, and not on
 * white space. The hash of a directory is the start of those of its entries.
 */
const SLASH = 0x2f;

/**
 * The hash of a path that ends in the bytes from `start` to `end`.
 * @param parent the hash of the directory that the name is in; 0 for the root
 */
export function nameHash(parent: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = parent === 0 ? 0 : step(parent, SLASH);
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) hash = step(hash, byte);
  }
  return hash >>> 0;
}

function step(hash: number, byte: number): number {
  return ((hash >>> 2) + (byte << 24)) | 0;
}
