/** Sizes as people write them: `5G`, `300 MiB`, `1000`. */

/** @returns bytes; undefined for what is no size. K, M, G and T are powers of 1,024 */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const power = ' kmgt'.indexOf(match[2]!.toLowerCase() || ' ');
  return Math.floor(Number(match[1]) * 1024 ** power);
}
