/**
 * Glob patterns over paths. A pattern is matched segment by segment: `*`, `?` and `[…]` within one
 * segment (`wildcard.ts`), a segment `**` for any number of directories, none included; at the end
 * of a pattern `**` means everything below. Names that begin with a dot are matched only where the
 * pattern's segment begins with one too. Links are not followed.
 *
 * As in a shell, a trailing `/` keeps directories only and stays in the results, and so does a
 * `/./`, so that results can serve as copy sources with a pivot.
 */

import { InvalidPathError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { isTreeMode } from '../git/objects/tree.ts';
import { checkText } from '../optionTypes.ts';
import { checkDepth, joinPath } from './paths.ts';
import type { TreeReader } from './reader.ts';
import { compileWildcard, hasWildcards } from './wildcard.ts';

type Segment =
  | { readonly kind: 'literal'; readonly name: string }
  | { readonly kind: 'wild'; readonly dots: boolean; matches(name: string): boolean }
  | { readonly kind: 'deep' };

/**
 * How far into a pattern a directory on the way has come: the segments that the next name may
 * match. More than one, because `**` may end anywhere.
 */
export type GlobState = readonly number[];

export interface GlobStep {
  /** Whether the path up to this name fits the whole pattern. */
  readonly matched: boolean;
  /** The state in which the search goes on inside, when it is a directory; undefined: nowhere. */
  readonly below: GlobState | undefined;
}

/** A compiled pattern, to be walked down a directory tree of any kind. */
export class GlobPattern {
  /** Only directories match: the pattern ends in `/`. */
  readonly directoriesOnly: boolean;
  /** What follows the pattern's first `/./`, to be matched below each match of this part. */
  readonly afterPivot: GlobPattern | undefined;
  /** The state at the root. */
  readonly start: GlobState;
  readonly #segments: readonly Segment[];

  constructor(pattern: string) {
    const text = withoutLead(pattern);
    const pivot = text.indexOf('/./');
    const rest = pivot < 0 ? '' : withoutLead(text.slice(pivot + 3));
    const own = rest === '' ? text : text.slice(0, pivot + 1);
    this.afterPivot = rest === '' ? undefined : new GlobPattern(rest);
    this.directoriesOnly = /\/\.?$/.test(own);
    const segments: Segment[] = [];
    for (const part of own.split('/')) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        throw new InvalidPathError(`Pattern must not contain '..': ${pattern}`, { path: pattern });
      }
      segments.push(segmentOf(part));
    }
    if (segments.at(-1)?.kind === 'deep') segments.push(segmentOf('*'));
    this.#segments = segments;
    const start: number[] = [];
    if (segments.length > 0) this.#reach(start, 0);
    this.start = start;
  }

  /** The one name that can match from here, where the pattern names it literally. */
  literal(state: GlobState): string | undefined {
    if (state.length !== 1) return undefined;
    const segment = this.#segments[state[0]!];
    return segment?.kind === 'literal' ? segment.name : undefined;
  }

  /** What a name means in a directory that was reached in `state`. */
  step(state: GlobState, name: string): GlobStep {
    const hidden = name.startsWith('.');
    const below: number[] = [];
    for (const at of state) {
      const segment = this.#segments[at]!;
      if (segment.kind === 'deep') {
        if (!hidden) this.#reach(below, at);
      } else if (
        segment.kind === 'literal'
          ? segment.name === name
          : (segment.dots || !hidden) && segment.matches(name)
      ) {
        this.#reach(below, at + 1);
      }
    }
    const matched = below.includes(this.#segments.length);
    const open = matched ? below.filter((at) => at < this.#segments.length) : below;
    return { matched, below: open.length === 0 ? undefined : open };
  }

  /** Adds a segment to a state, and the one behind it where it is a `**`, which may match nothing. */
  #reach(state: number[], at: number): void {
    if (state.includes(at)) return;
    state.push(at);
    if (this.#segments[at]?.kind === 'deep') this.#reach(state, at + 1);
  }
}

/** Without what means "here" at the start; a pivot needs something before it. */
function withoutLead(pattern: string): string {
  return pattern.replace(/^(?:\.?\/)+/, '');
}

function segmentOf(text: string): Segment {
  if (text === '**') return { kind: 'deep' };
  if (!hasWildcards(text)) return { kind: 'literal', name: text.replace(/\\(.)/gs, '$1') };
  return { kind: 'wild', dots: /^\\?\./.test(text), matches: compileWildcard(text) };
}

/** Whether a path has characters that make it a pattern. */
export function hasGlobChars(path: string): boolean {
  return hasWildcards(path);
}

/**
 * Compiles a pattern. The empty pattern matches nothing.
 * @throws InvalidPathError for a `..` segment
 */
export function compileGlob(pattern: string): GlobPattern {
  checkText(pattern, 'A pattern');
  return new GlobPattern(pattern);
}

/** The paths below `root`, files and directories, that match the pattern, each once. @throws TooDeepError */
export async function* globTree(
  trees: TreeReader,
  root: ObjectId,
  pattern: string | GlobPattern,
): AsyncGenerator<string, void, undefined> {
  const glob = typeof pattern === 'string' ? compileGlob(pattern) : pattern;
  const open: { path: string; id: ObjectId; state: GlobState }[] = [
    { path: '', id: root, state: glob.start },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, id, state } = next;
    const tree = trees.cached(id) ?? (await trees.tree(id));
    const literal = glob.literal(state);
    const only = literal === undefined ? undefined : tree.get(literal);
    const entries = literal === undefined ? tree.entries : only === undefined ? [] : [only];
    const deeper: typeof open = [];
    for (const entry of entries) {
      const step = glob.step(state, entry.name);
      const isTree = isTreeMode(entry.mode);
      const entryPath = joinPath(path, entry.name);
      if (isTree && step.below !== undefined) {
        checkDepth(entryPath, 1);
        deeper.push({ path: entryPath, id: entry.id, state: step.below });
      }
      if (!step.matched || (glob.directoriesOnly && !isTree)) continue;
      if (glob.afterPivot === undefined) {
        yield glob.directoriesOnly ? `${entryPath}/` : entryPath;
      } else {
        for await (const rest of globTree(trees, entry.id, glob.afterPivot)) {
          yield `${entryPath}/./${rest}`;
        }
      }
    }
    while (deeper.length > 0) open.push(deeper.pop()!);
  }
}
