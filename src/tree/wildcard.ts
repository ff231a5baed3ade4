/**
 * Wildcard patterns over one text: `*` is any run of characters, `?` any one character, `[a-z]` one
 * of a set (`[!a-z]` or `[^a-z]` one outside it), `\` takes the next character literally. A bracket
 * that is never closed stands for itself. A character is a Unicode code point.
 *
 * Matching goes back only to the last `*`, so it takes at most text × pattern steps whatever the
 * pattern.
 */

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'char'; readonly char: string }
  | {
      readonly kind: 'set';
      readonly negated: boolean;
      readonly ranges: readonly [number, number][];
    };

/** Compiles a pattern to a test of the whole text. */
export function compileWildcard(pattern: string): (text: string) => boolean {
  const tokens = parse(pattern);
  return (text) => matches(tokens, characters(text));
}

/** Whether the pattern has a character that means more than itself. */
export function hasWildcards(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}

/** The text, indexed by code point. */
function characters(text: string): ArrayLike<string> {
  return /[\ud800-\udbff]/.test(text) ? Array.from(text) : text;
}

function parse(pattern: string): Token[] {
  const chars = characters(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!;
    if (char === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (char === '?') {
      tokens.push({ kind: 'any' });
    } else if (char === '\\' && at + 1 < chars.length) {
      at += 1;
      tokens.push({ kind: 'char', char: chars[at]! });
    } else {
      const set = char === '[' ? parseSet(chars, at + 1) : undefined;
      tokens.push(set?.token ?? { kind: 'char', char });
      if (set !== undefined) at = set.end;
    }
  }
  return tokens;
}

/** The set that begins behind the bracket before `start`; `end` is the closing bracket. */
function parseSet(
  chars: ArrayLike<string>,
  start: number,
): { token: Token; end: number } | undefined {
  let at = start;
  const negated = chars[at] === '!' || chars[at] === '^';
  if (negated) at += 1;
  const first = at;
  const ranges: [number, number][] = [];
  const member = (): number => {
    if (chars[at] === '\\' && at + 1 < chars.length) at += 1;
    const code = chars[at]!.codePointAt(0)!;
    at += 1;
    return code;
  };
  while (at < chars.length) {
    // A closing bracket in the first place is a member.
    if (chars[at] === ']' && at > first)
      return { token: { kind: 'set', negated, ranges }, end: at };
    const low = member();
    if (chars[at] === '-' && at + 1 < chars.length && chars[at + 1] !== ']') {
      at += 1;
      ranges.push([low, member()]);
    } else {
      ranges.push([low, low]);
    }
  }
  return undefined;
}

function matches(tokens: readonly Token[], text: ArrayLike<string>): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let retry = 0;
  while (at < text.length) {
    const current = tokens[token];
    if (current?.kind === 'star') {
      star = token;
      token += 1;
      retry = at;
    } else if (current !== undefined && matchesOne(current, text[at]!)) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      token = star + 1;
      retry += 1;
      at = retry;
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === 'star') token += 1;
  return token === tokens.length;
}

function matchesOne(token: Token, char: string): boolean {
  switch (token.kind) {
    case 'char':
      return token.char === char;
    case 'set': {
      const code = char.codePointAt(0)!;
      return token.ranges.some(([low, high]) => low <= code && code <= high) !== token.negated;
    }
    default:
      return true;
  }
}
