/** The page of the paths below a folder that fit what is looked for. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isTreeMode, type TreeEntry } from '../../../git/objects/tree.ts';
import { checkDepth, joinPath } from '../../../tree/paths.ts';
import type { TreeReader } from '../../../tree/reader.ts';
import { fileTypeOf } from '../../../tree/types.ts';
import { compileWildcard, hasWildcards } from '../../../tree/wildcard.ts';
import { type Html, html, visible } from '../frame/html.ts';
import { placePage, type View } from '../frame/layout.ts';
import type { Rendered } from './listing.ts';

/** Paths on the page, and characters of HTML that they may take. */
const MOST_SHOWN = 100;
const BUDGET = 30_000;
/** Milliseconds that may go into looking. */
const TIME = 2_000;
/** Names that are looked at before others get their turn. */
const STRIDE = 4_096;

export async function searchPage(
  view: View,
  entry: TreeEntry,
  text: string,
  gone: AbortSignal,
): Promise<Rendered> {
  const { service, place, links } = view;
  const terms = termsOf(text);
  const { trees } = service;
  const { found, count, complete } = await search(trees, entry, terms, MOST_SHOWN, gone);
  const rows: Html[] = [];
  let used = 0;
  for (const { path, type } of found) {
    if (used > BUDGET) break;
    const full = joinPath(place.path, path);
    const url = type === 'tree' ? links.directory(full) : links.here(full, { view: true });
    const kind = type === 'tree' ? 'd' : type === 'link' ? 'l' : 'f';
    const row = html`<tr><td class="${kind}"><a href="${url}"><bdi>${marked(path, terms)}</bdi>${type === 'tree' && '/'}</a>\n`;
    used += row.text.length;
    rows.push(row);
  }
  const where = place.path === '' ? 'in this snapshot' : 'in this folder';
  const said =
    terms.length === 0
      ? 'Type a part of a path, or a pattern such as *.md.'
      : `${count === 0 ? 'No path' : count === 1 ? '1 path' : `${count} paths`} ${where}${count > rows.length ? `; the ${rows.length} that fit best are shown` : ''}.`;
  const hint =
    terms.length > 0 &&
    count === 0 &&
    html`<p class="note">Every word must be a part of the path. Capitals do not matter; * stands for any characters.</p>`;
  const late =
    !complete &&
    html`<p class="note">The search took long and was ended. There may be more; start it in a folder further down.</p>`;
  const body = html`<h2>${said}</h2>${rows.length > 0 && html`<div class="box"><table class="ls found"><tbody>\n${rows}</table></div>`}${hint}${late}`;
  const page = await placePage(view, { tab: 'find', query: { find: text }, search: text, body });
  return { page, complete };
}

/** The paths below a folder that fit best. @param most of them */
export function searchPaths(
  trees: TreeReader,
  folder: TreeEntry,
  text: string,
  most: number,
  gone: AbortSignal,
): Promise<Result> {
  return search(trees, folder, termsOf(text), most, gone);
}

interface Term {
  readonly word: string;
  /** A pattern, for a name or for a whole path. */
  readonly fits: ((text: string) => boolean) | undefined;
}

/** Words that are looked for; more are not. */
const MOST_TERMS = 8;

function termsOf(text: string): Term[] {
  return text
    .slice(0, 200)
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, MOST_TERMS)
    .map((word) => ({ word, fits: hasWildcards(word) ? compileWildcard(word) : undefined }));
}

interface Found {
  readonly path: string;
  readonly type: ReturnType<typeof fileTypeOf>;
  /** Less is better. */
  readonly rank: number;
}

export interface Result {
  /** The best, best first; paths from the folder on. */
  readonly found: readonly Found[];
  readonly count: number;
  readonly complete: boolean;
}

async function search(
  trees: TreeReader,
  root: TreeEntry,
  terms: readonly Term[],
  most: number,
  gone: AbortSignal,
): Promise<Result> {
  if (terms.length === 0) return { found: [], count: 0, complete: true };
  const deadline = performance.now() + TIME;
  let found: Found[] = [];
  let count = 0;
  let looked = 0;
  const open = isTreeMode(root.mode) ? [{ path: '', id: root.id }] : [];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const tree = trees.cached(next.id) ?? (await trees.tree(next.id));
    const below: typeof open = [];
    for (const { name, mode, id } of tree.entries) {
      looked += 1;
      if (looked % STRIDE === 0) {
        await nextTurn();
        gone.throwIfAborted();
        if (performance.now() > deadline)
          return { found: best(found, most), count, complete: false };
      }
      const path = joinPath(next.path, name);
      const rank = rankOf(path, name, terms);
      if (rank !== undefined) {
        count += 1;
        found.push({ path, type: fileTypeOf(mode), rank });
        if (found.length >= 20 * most) found = best(found, most);
      }
      if (!isTreeMode(mode)) continue;
      checkDepth(path, 1);
      below.push({ path, id });
    }
    while (below.length > 0) open.push(below.pop()!);
  }
  return { found: best(found, most), count, complete: true };
}

function best(found: readonly Found[], most: number): Found[] {
  return [...found].sort((a, b) => a.rank - b.rank).slice(0, most);
}

/** How well a path fits: the name before the folders, short before long; undefined: not at all. */
function rankOf(path: string, name: string, terms: readonly Term[]): number | undefined {
  const lowerName = name.toLowerCase();
  const lowerPath = path.toLowerCase();
  let rank = path.length / 10_000;
  for (const { word, fits } of terms) {
    if (fits !== undefined) {
      if (!fits(word.includes('/') ? lowerPath : lowerName)) return undefined;
    } else if (lowerName === word) {
      rank += 0;
    } else if (lowerName.startsWith(word)) {
      rank += 1;
    } else if (lowerName.includes(word)) {
      rank += 2;
    } else if (lowerPath.includes(word)) {
      rank += 3;
    } else return undefined;
  }
  return rank;
}

/** The path with the words in it marked. */
function marked(path: string, terms: readonly Term[]): Html {
  const lower = path.toLowerCase();
  const isMarked = new Uint8Array(path.length);
  // Where capitals are of another length than small letters, places in one are none in the other.
  if (lower.length === path.length) {
    for (const { word, fits } of terms) {
      if (fits !== undefined) continue;
      for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) {
        isMarked.fill(1, at, at + word.length);
      }
    }
  }
  const parts: Html[] = [];
  for (let start = 0; start < path.length; ) {
    let end = start + 1;
    while (end < path.length && isMarked[end] === isMarked[start]) end += 1;
    const text = visible(path.slice(start, end));
    parts.push(isMarked[start] === 1 ? html`<mark>${text}</mark>` : html`${text}`);
    start = end;
  }
  return html`${parts}`;
}
