/**
 * Sorting suffixes by induction (SA-IS: Nong, Zhang, Chan, "Linear Suffix Array Construction by Almost
 * Pure Induced-Sorting", 2009), in time and memory that grow with the length alone: no input makes it
 * slow.
 */

/** The starts of all suffixes in their order. @param upper largest value in `text` */
export function suffixArray(text: Uint8Array | Int32Array, upper: number): Int32Array {
  const n = text.length;
  const sa = new Int32Array(n);
  if (n <= 1) return sa;
  if (n === 2) {
    sa[text[0]! < text[1]! ? 1 : 0] = 1;
    return sa;
  }
  // Whether a suffix is smaller than the one behind it.
  const rises = new Uint8Array(n);
  for (let i = n - 2; i >= 0; i--) {
    rises[i] = text[i] === text[i + 1] ? rises[i + 1]! : text[i]! < text[i + 1]! ? 1 : 0;
  }
  // Where the falling and the rising suffixes of each first value begin.
  const falling = new Int32Array(upper + 2);
  const rising = new Int32Array(upper + 2);
  for (let i = 0; i < n; i++) {
    if (rises[i] === 0) rising[text[i]!]! += 1;
    else falling[text[i]! + 1]! += 1;
  }
  for (let i = 0; i <= upper; i++) {
    rising[i]! += falling[i]!;
    if (i < upper) falling[i + 1]! += rising[i]!;
  }

  const place = new Int32Array(upper + 2);
  const induce = (starts: Int32Array): void => {
    sa.fill(-1);
    place.set(rising);
    for (const start of starts) {
      const value = text[start]!;
      sa[place[value]!] = start;
      place[value]! += 1;
    }
    place.set(falling);
    const last = text[n - 1]!;
    sa[place[last]!] = n - 1;
    place[last]! += 1;
    for (let i = 0; i < n; i++) {
      const before = sa[i]! - 1;
      if (before >= 0 && rises[before] === 0) {
        const value = text[before]!;
        sa[place[value]!] = before;
        place[value]! += 1;
      }
    }
    place.set(falling);
    for (let i = n - 1; i >= 0; i--) {
      const before = sa[i]! - 1;
      if (before >= 0 && rises[before] === 1) {
        const value = text[before]! + 1;
        place[value]! -= 1;
        sa[place[value]!] = before;
      }
    }
  };

  // Where a falling suffix is followed by a rising one: sorting those sorts all others.
  const numberOf = new Int32Array(n).fill(-1);
  let count = 0;
  for (let i = 1; i < n; i++) {
    if (rises[i - 1] === 0 && rises[i] === 1) numberOf[i] = count++;
  }
  const starts = new Int32Array(count);
  for (let i = 1; i < n; i++) if (numberOf[i] !== -1) starts[numberOf[i]!] = i;
  induce(starts);
  if (count === 0) return sa;

  const sorted = new Int32Array(count);
  for (let i = 0, at = 0; i < n; i++) if (numberOf[sa[i]!] !== -1) sorted[at++] = sa[i]!;
  const endOf = (start: number): number => {
    const next = numberOf[start]! + 1;
    return next < count ? starts[next]! : n;
  };
  const names = new Int32Array(count);
  let name = 0;
  for (let i = 1; i < count; i++) {
    let a = sorted[i - 1]!;
    let b = sorted[i]!;
    const end = endOf(a);
    let same = end - a === endOf(b) - b;
    if (same) {
      while (a < end && text[a] === text[b]) {
        a++;
        b++;
      }
      same = a < n && b < n && text[a] === text[b];
    }
    if (!same) name++;
    names[numberOf[sorted[i]!]!] = name;
  }
  const order = suffixArray(names, name);
  for (let i = 0; i < count; i++) sorted[i] = starts[order[i]!]!;
  induce(sorted);
  return sa;
}
