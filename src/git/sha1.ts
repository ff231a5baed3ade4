/**
 * SHA-1 of small inputs (FIPS 180-4, section 6.1) without Node's crypto, which takes 2 ms to load: a
 * command that checks three small objects has done so before.
 */

const K = new Int32Array([0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6]);
const words = new Int32Array(80);
const state = new Int32Array(5);

/** @returns 40 lowercase hex digits */
export function sha1(bytes: Uint8Array): string {
  state.set([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  const { length } = bytes;
  const whole = length - (length % 64);
  for (let at = 0; at < whole; at += 64) addBlock(bytes, at);
  // The rest, a bit that is set, zeros, and the length in bits in the last eight bytes of a block.
  const end = new Uint8Array(length - whole < 56 ? 64 : 128);
  end.set(bytes.subarray(whole));
  end[length - whole] = 0x80;
  const view = new DataView(end.buffer);
  view.setUint32(end.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(end.length - 4, (length << 3) >>> 0);
  for (let at = 0; at < end.length; at += 64) addBlock(end, at);
  let hex = '';
  for (const word of state) hex += (word >>> 0).toString(16).padStart(8, '0');
  return hex;
}

function addBlock(bytes: Uint8Array, start: number): void {
  for (let i = 0, at = start; i < 16; i++, at += 4) {
    words[i] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
  for (let i = 16; i < 80; i++) {
    const word = words[i - 3]! ^ words[i - 8]! ^ words[i - 14]! ^ words[i - 16]!;
    words[i] = (word << 1) | (word >>> 31);
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  for (let i = 0; i < 80; i++) {
    const f =
      i < 20 ? (b & c) | (~b & d) : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
    const next = (((a << 5) | (a >>> 27)) + f + e + K[(i / 20) | 0]! + words[i]!) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  state[0] = (state[0]! + a) | 0;
  state[1] = (state[1]! + b) | 0;
  state[2] = (state[2]! + c) | 0;
  state[3] = (state[3]! + d) | 0;
  state[4] = (state[4]! + e) | 0;
}
