/** The checksum of Zstandard's frames: the lower half of XXH64 (RFC 8878, 3.1.1). */

export interface Hash {
  update(bytes: Uint8Array): void;
  digest(): number;
}

export async function newHash(): Promise<Hash> {
  const { default: xxhash } = await import('xxhash-wasm');
  const hash = (await xxhash()).create64();
  return {
    update(bytes) {
      hash.update(bytes);
    },
    digest: () => Number(hash.digest() & 0xffffffffn),
  };
}
