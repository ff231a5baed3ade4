/**
 * Git's wildcard patterns over paths (wildmatch.c with WM_PATHNAME). Pattern and text are byte
 * strings: each character is one byte. `*` is any run of bytes without `/`, `?` one byte but `/`,
 * `[...]` one byte of a set, and a backslash takes the next byte literally. `**` between slashes is
 * any run of directories, also none.
 *
 * All states the pattern can be in are carried along at once, so that a match takes at most
 * pattern × text steps.
 */

const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const STAR = 0x2a;

/** What a state does: it takes one byte of a set, or the marks below. */
type State = Uint8Array | typeof RUN | typeof LONG_RUN | typeof MAY_SKIP;
/** Any run of bytes without a slash. */
const RUN = 1;
/** Any run of bytes. */
const LONG_RUN = 2;
/** Goes on, or past the two states that follow: `**` and its slash, which may stand for nothing. */
const MAY_SKIP = 3;

/**
 * Compiles a pattern to a test of a whole text; undefined for a malformed one, which matches nothing.
 * @param folds the texts have no capital letters, and those of the pattern stand for small ones too
 */
export function compileWildmatch(
  pattern: string,
  folds = false,
): ((text: string) => boolean) | undefined {
  const states = parse(pattern, folds);
  if (states === undefined) return undefined;
  let now = new Uint8Array(states.length + 1);
  let next = new Uint8Array(states.length + 1);
  const last = states.at(-1);
  // The bytes that every match has: those that are taken, but the slashes that may be skipped.
  const least = states.reduce<number>(
    (sum, state) => sum + (typeof state === 'object' ? 1 : state === MAY_SKIP ? -1 : 0),
    0,
  );
  return (text) => {
    if (text.length < least) return false;
    // Most names differ here already.
    if (typeof last === 'object' && last[text.charCodeAt(text.length - 1)] !== 1) return false;
    now.fill(0);
    now[0] = 1;
    settle(states, now);
    for (let at = 0; at < text.length; at++) {
      if (!advance(states, now, next, text.charCodeAt(at))) return false;
      settle(states, next);
      [now, next] = [next, now];
    }
    return now[states.length] === 1;
  };
}

/** Adds the states that are reached without a byte. They are all further to the right. */
function settle(states: readonly State[], active: Uint8Array): void {
  for (let at = 0; at < states.length; at++) {
    if (active[at] === 0) continue;
    const state = states[at]!;
    if (typeof state === 'number') active[at + 1] = 1;
    if (state === MAY_SKIP) active[at + 3] = 1;
  }
}

/** The states after one byte; false when none is left. */
function advance(
  states: readonly State[],
  now: Uint8Array,
  next: Uint8Array,
  byte: number,
): boolean {
  next.fill(0);
  let isAlive = false;
  for (let at = 0; at < states.length; at++) {
    if (now[at] === 0) continue;
    const state = states[at]!;
    if (typeof state !== 'number') {
      if (state[byte] === 0) continue;
      next[at + 1] = 1;
    } else if (state === LONG_RUN || (state === RUN && byte !== SLASH)) {
      next[at] = 1;
    } else {
      continue;
    }
    isAlive = true;
  }
  return isAlive;
}

function parse(pattern: string, folds: boolean): State[] | undefined {
  const states: State[] = [];
  let at = 0;
  while (at < pattern.length) {
    const code = pattern.charCodeAt(at);
    if (code === STAR) {
      const start = at;
      while (pattern.charCodeAt(at) === STAR) at += 1;
      const isLong =
        at - start > 1 &&
        (start === 0 || pattern.charCodeAt(start - 1) === SLASH) &&
        (at === pattern.length || pattern[at] === '/' || pattern.startsWith('\\/', at));
      // An escaped slash is none that `**` may stand for together with nothing.
      if (isLong && pattern[at] === '/') states.push(MAY_SKIP);
      states.push(isLong ? LONG_RUN : RUN);
    } else if (code === 0x3f) {
      states.push(ANY);
      at += 1;
    } else if (code === 0x5b) {
      const set = parseSet(pattern, at + 1, folds);
      if (set === undefined) return undefined;
      states.push(set.members);
      at = set.end;
    } else {
      if (code === BACKSLASH) at += 1;
      if (at === pattern.length) return undefined;
      const byte = pattern.charCodeAt(at);
      states.push(single(folds && isCapital(byte) ? byte + TO_SMALL : byte));
      at += 1;
    }
  }
  return states;
}

/** The set behind the bracket before `start`, and where the pattern goes on. */
function parseSet(
  pattern: string,
  start: number,
  folds: boolean,
): { members: Uint8Array; end: number } | undefined {
  const members = new Uint8Array(256);
  let at = start;
  const isNegated = pattern[at] === '!' || pattern[at] === '^';
  if (isNegated) at += 1;
  /** The byte that a `-` would make a range with. */
  let low = 0;
  // A closing bracket in the first place is a member.
  for (const first = at; at === first || pattern[at] !== ']'; ) {
    if (at >= pattern.length) return undefined;
    const next = pattern.charCodeAt(at + 1);
    if (pattern[at] === '-' && low > 0 && at + 1 < pattern.length && pattern[at + 1] !== ']') {
      at += next === BACKSLASH ? 2 : 1;
      if (at >= pattern.length) return undefined;
      for (let byte = low; byte <= pattern.charCodeAt(at); byte++) members[byte] = 1;
      low = 0;
      at += 1;
      continue;
    }
    if (pattern.startsWith('[:', at)) {
      const end = pattern.indexOf(']', at + 2);
      if (end < 0) return undefined;
      if (end > at + 2 && pattern[end - 1] === ':') {
        const isMember = CLASSES.get(pattern.slice(at + 2, end - 1));
        if (isMember === undefined) return undefined;
        for (let byte = 1; byte < 256; byte++) if (isMember(byte)) members[byte] = 1;
        low = 0;
        at = end + 1;
        continue;
      }
    }
    if (pattern[at] === '\\') at += 1;
    if (at >= pattern.length) return undefined;
    low = pattern.charCodeAt(at);
    members[low] = 1;
    at += 1;
  }
  if (folds) {
    for (let byte = 0x41; byte <= 0x5a; byte++) members[byte + TO_SMALL]! |= members[byte]!;
  }
  const taken = setOf((byte) => byte !== SLASH && (members[byte] === 1) !== isNegated);
  return { members: taken, end: at + 1 };
}

const TO_SMALL = 0x20;

function isCapital(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function setOf(isMember: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (isMember(byte) ? 1 : 0));
}

const singles = new Map<number, Uint8Array>();

/** The set of one byte, the same object each time. */
function single(member: number): Uint8Array {
  let set = singles.get(member);
  if (set === undefined) {
    set = setOf((byte) => byte === member);
    singles.set(member, set);
  }
  return set;
}

const ANY = setOf((byte) => byte !== SLASH);

function isIn(...ranges: readonly [low: number, high: number][]): (byte: number) => boolean {
  return (byte) => ranges.some(([low, high]) => low <= byte && byte <= high);
}

/** The classes of Git's own character table: bytes above 127 are in none of them. */
const CLASSES = new Map<string, (byte: number) => boolean>([
  ['alnum', isIn([0x30, 0x39], [0x41, 0x5a], [0x61, 0x7a])],
  ['alpha', isIn([0x41, 0x5a], [0x61, 0x7a])],
  ['blank', isIn([0x09, 0x09], [0x20, 0x20])],
  ['cntrl', isIn([0x00, 0x1f], [0x7f, 0x7f])],
  ['digit', isIn([0x30, 0x39])],
  ['graph', isIn([0x21, 0x7e])],
  ['lower', isIn([0x61, 0x7a])],
  ['print', isIn([0x20, 0x7e])],
  ['punct', isIn([0x21, 0x2f], [0x3a, 0x40], [0x5b, 0x60], [0x7b, 0x7e])],
  ['space', isIn([0x09, 0x0a], [0x0d, 0x0d], [0x20, 0x20])],
  ['upper', isIn([0x41, 0x5a])],
  ['xdigit', isIn([0x30, 0x39], [0x41, 0x46], [0x61, 0x66])],
]);
