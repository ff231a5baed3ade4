/**
 * Whether data is compressed already, judged by three samples of it. Then it is stored as it is: that
 * costs no time, and a range of it can be read without what lies before it.
 *
 * Worker threads run it from its source text: it uses nothing from outside itself.
 * @param deflatedLength gives the length of a sample when it is deflated
 * @param least bytes, 4096 at least: less data is not worth being judged
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
