/**
 * Conditional and range requests (RFC 9110, 13 and 14). The tag of an answer is made of an object
 * id, so it can be compared before anything is read. There is no `Last-Modified`: content decides.
 */

/** A part of a body: from `start` to before `end`. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

/** An element of a list, which may be empty (RFC 9110, 5.6.1.2). */
const ENTITY_TAG = /\s*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*"))?\s*(?:,|$)/y;

/**
 * Whether a field of entity tags, or `*`, names this one.
 * @param tag in quotes, without `W/`
 * @param weakly whether a weak tag counts (RFC 9110, 8.8.3.2)
 */
export function namesTag(field: string, tag: string, weakly: boolean): boolean {
  if (field === tag) return true;
  if (field.trim() === '*') return true;
  ENTITY_TAG.lastIndex = 0;
  for (let at = 0; at < field.length; at = ENTITY_TAG.lastIndex) {
    const found = ENTITY_TAG.exec(field);
    if (found === null) return false;
    if (found[2] === tag && (weakly || found[1] === undefined)) return true;
    // Without progress it is the empty element at the end.
    if (found[0] === '') return false;
  }
  return false;
}

/**
 * What a Range field asks of a body of `size` bytes: a slice; `'unsatisfiable'` when it begins behind
 * the end; undefined, the whole body, for several ranges, other units, what is no range, and of an empty
 * body, of which clients that always ask for a range (players, downloads resumed) expect all.
 */
export function parseRange(field: string, size: number): Slice | 'unsatisfiable' | undefined {
  const match = /^\s*bytes\s*=[\s,]*([0-9]*)\s*-\s*([0-9]*)[\s,]*$/i.exec(field);
  if (match === null || size === 0) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size : Math.min(size, Number(last) + 1) };
}

/**
 * Whether If-Range lets the range be served: its tag is strong and the same. A date never fits, as
 * there is no `Last-Modified` that it could have come from.
 */
export function rangeApplies(ifRange: string | undefined, tag: string): boolean {
  return ifRange === undefined || ifRange.trim() === tag;
}
