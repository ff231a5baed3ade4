/**
 * Whether data is already compressed, judged by three samples. Such data is stored without deflating:
 * that costs no time, and a range of it can be read directly.
 *
 * @param deflatedLength returns the deflated length of a sample
 * @param least bytes below which data is not judged; at least 4096
 */
export function isDense(
  data: Uint8Array,
  deflatedLength: (sample: Uint8Array) => number,
  least = 64 << 10,
): boolean {
  const SAMPLE = 4096;
  if (data.length < least) return false;
  let total = 0;
  for (const part of [0, 0.5, 1]) {
    const at = Math.floor((data.length - SAMPLE) * part);
    total += deflatedLength(data.subarray(at, at + SAMPLE));
  }
  return total > 3 * SAMPLE * 0.95;
}
