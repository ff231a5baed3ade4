/**
 * Changes of files line by line, in the unified format of `git diff` (git-diff(1), "Generating patch text
 * with -p"), which `git apply` and patch(1) accept.
 */
import type { ObjectId } from '../../git/objectId.ts';
import { type FileMode, MODE_GITLINK, type TreeEntry } from '../../git/objects/tree.ts';
import { encodeText } from '../../git/pathBytes.ts';
import { escapedChar } from '../../git/quoting.ts';
import { diffLines } from '../../merge/lineDiff.ts';
import { isBinary, LineTable } from '../../merge/text.ts';
import { missingObject } from '../../storage/missingObject.ts';
import { diffTrees } from '../../tree/diff.ts';
import { normalizePath } from '../../tree/paths.ts';
import type { StoreContext } from '../context/context.ts';

/** A group of changed lines with context. */
export interface PatchHunk {
  /** Number of its first old line, from 1; the line before it when `oldCount` is 0. */
  readonly oldStart: number;
  readonly oldCount: number;
  readonly newStart: number;
  readonly newCount: number;
  /**
   * Each begins with ` `, `-` or `+` and has no line end, one character per byte (Latin-1). `\` begins the
   * remark that the previous line has no line end.
   */
  readonly lines: readonly string[];
}

export interface FilePatch {
  readonly path: string;
  readonly status: 'A' | 'M' | 'D';
  /** Undefined for a missing file. */
  readonly old?: { readonly mode: FileMode; readonly id: ObjectId } | undefined;
  readonly new?: { readonly mode: FileMode; readonly id: ObjectId } | undefined;
  /** One of the two is not text, or is too large to compare by lines. */
  readonly isBinary: boolean;
  readonly hunks: readonly PatchHunk[];
  /** Lines. */
  readonly added: number;
  readonly deleted: number;
}

export interface PatchOptions {
  /** Only these paths and everything below them. */
  readonly paths?: readonly string[] | undefined;
  /** Lines around each change; default 3. */
  readonly context?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Larger files are not compared by lines. Bytes. */
export const LARGEST_TEXT = 64 << 20;

const CONTEXT = 3;

/** @param before a tree @param after another */
export async function* patchesBetween(
  store: StoreContext,
  before: ObjectId,
  after: ObjectId,
  { paths = [''], context = CONTEXT, signal }: PatchOptions,
): AsyncGenerator<FilePatch, void, undefined> {
  const seen = new Set<string>();
  for (const given of paths) {
    const path = normalizePath(given);
    for await (const difference of diffTrees(store.trees, before, after, { path })) {
      signal?.throwIfAborted();
      if (paths.length > 1 && seen.has(difference.path)) continue;
      if (paths.length > 1) seen.add(difference.path);
      const { old, new: next } = difference;
      // A change of kind is a deletion and an addition.
      if (old !== undefined && next !== undefined && kindOf(old) !== kindOf(next)) {
        yield patchOf(store, difference.path, old, undefined, context);
        yield patchOf(store, difference.path, undefined, next, context);
      } else yield patchOf(store, difference.path, old, next, context);
    }
  }
}

function kindOf({ mode }: TreeEntry): number {
  return mode & 0o170000;
}

/** One side of a patch: an entry of a tree, or a file outside the store. */
export interface PatchSide {
  readonly mode: FileMode;
  readonly id: ObjectId;
  /** Undefined when it is in the store; null when it is too large. */
  readonly body?: Uint8Array | null | undefined;
}

/** The patch of a file between its old and new state; undefined when they are equal. */
export async function patchOf(
  store: StoreContext,
  path: string,
  old: PatchSide | undefined,
  next: PatchSide | undefined,
  context = CONTEXT,
): Promise<FilePatch> {
  const head = {
    path,
    status: old === undefined ? 'A' : next === undefined ? 'D' : 'M',
    old: old && { mode: old.mode, id: old.id },
    new: next && { mode: next.mode, id: next.id },
  } as const;
  if (old?.id === next?.id) return { ...head, isBinary: false, hunks: [], added: 0, deleted: 0 };
  const [before, after] = [await contentOf(store, old, path), await contentOf(store, next, path)];
  if (before === undefined || after === undefined || isBinary(before) || isBinary(after)) {
    return { ...head, isBinary: true, hunks: [], added: 0, deleted: 0 };
  }
  return { ...head, isBinary: false, ...hunksBetween(before, after, context) };
}

/** Undefined for a file that is too large. */
async function contentOf(
  store: StoreContext,
  entry: PatchSide | undefined,
  path: string,
): Promise<Uint8Array | undefined> {
  if (entry === undefined) return new Uint8Array(0);
  if (entry.body !== undefined) return entry.body ?? undefined;
  if (entry.mode === MODE_GITLINK) return Buffer.from(`Subproject commit ${entry.id}\n`);
  const small = store.objects.tryRead(entry.id, { keep: true });
  if (small !== undefined) return small.body;
  const header = await store.objects.header(entry.id);
  if (header !== undefined && header.size > LARGEST_TEXT) return undefined;
  const object = await store.objects.read(entry.id);
  if (object === undefined) throw missingObject(store.objects, entry.id, 'Blob', path);
  return object.body;
}

/** The hunks that turn one text into another. @param context lines around each change */
export function hunksBetween(
  before: Uint8Array,
  after: Uint8Array,
  context = CONTEXT,
): { hunks: PatchHunk[]; added: number; deleted: number } {
  const table = new LineTable();
  const old = table.lines(before);
  const next = table.lines(after, old);
  const changes = diffLines(old.ids, next.ids, table.size);
  const hunks: PatchHunk[] = [];
  let added = 0;
  let deleted = 0;
  for (let first = 0; first < changes.length; ) {
    let last = first;
    // Changes with adjoining context form one hunk.
    while (last + 1 < changes.length) {
      const end = changes[last]!.old + changes[last]!.oldCount;
      if (changes[last + 1]!.old - end > 2 * context) break;
      last += 1;
    }
    const [start, end] = [changes[first]!, changes[last]!];
    const lead = Math.min(context, start.old);
    const tail = Math.min(context, old.text.length - (end.old + end.oldCount));
    const lines: string[] = [];
    const put = (sign: string, text: string): void => {
      if (text.endsWith('\n')) lines.push(sign + text.slice(0, -1));
      else lines.push(sign + text, '\\ No newline at end of file');
    };
    let at = start.old - lead;
    for (const change of changes.slice(first, last + 1)) {
      for (; at < change.old; at++) put(' ', old.text[at]!);
      for (let i = 0; i < change.oldCount; i++) put('-', old.text[at++]!);
      for (let i = 0; i < change.newCount; i++) put('+', next.text[change.new + i]!);
      deleted += change.oldCount;
      added += change.newCount;
    }
    for (let i = 0; i < tail; i++) put(' ', old.text[at++]!);
    const oldCount = at - (start.old - lead);
    const newCount = end.new + end.newCount + tail - (start.new - lead);
    hunks.push({
      oldStart: start.old - lead + (oldCount === 0 ? 0 : 1),
      oldCount,
      newStart: start.new - lead + (newCount === 0 ? 0 : 1),
      newCount,
      lines,
    });
    first = last + 1;
  }
  return { hunks, added, deleted };
}

/** A line of a printed patch, with its kind for highlighting. */
export interface PatchLine {
  readonly kind: 'head' | 'hunk' | 'added' | 'deleted' | 'context';
  /** One character a byte (Latin-1). */
  readonly text: string;
}

/** The patch of a file as Git prints it. */
export function* patchLines(patch: FilePatch): Generator<PatchLine> {
  const { path, old, new: next, isBinary: binary, hunks } = patch;
  const head = (text: string): PatchLine => ({ kind: 'head', text });
  const [from, to] = [quoted(`a/${path}`), quoted(`b/${path}`)];
  yield head(`diff --git ${from} ${to}`);
  if (old === undefined) yield head(`new file mode ${octal(next!.mode)}`);
  else if (next === undefined) yield head(`deleted file mode ${octal(old.mode)}`);
  else if (old.mode !== next.mode) {
    yield head(`old mode ${octal(old.mode)}`);
    yield head(`new mode ${octal(next.mode)}`);
  }
  if (old?.id === next?.id) return;
  const same = old !== undefined && next !== undefined && old.mode === next.mode;
  const ids = [old, next].map((one) => (one === undefined ? '0000000' : one.id.slice(0, 7)));
  yield head(`index ${ids.join('..')}${same ? ` ${octal(old.mode)}` : ''}`);
  const [before, after] = [old && from, next && to].map((name) => name ?? '/dev/null');
  if (binary) {
    yield head(`Binary files ${before} and ${after} differ`);
    return;
  }
  if (hunks.length === 0) return;
  // A tab after a name with a blank lets patch(1) find its end.
  const end = path.includes(' ') ? '\t' : '';
  yield head(`--- ${before}${old === undefined ? '' : end}`);
  yield head(`+++ ${after}${next === undefined ? '' : end}`);
  for (const hunk of hunks) {
    const span = (start: number, count: number) => (count === 1 ? `${start}` : `${start},${count}`);
    const spans = `-${span(hunk.oldStart, hunk.oldCount)} +${span(hunk.newStart, hunk.newCount)}`;
    yield { kind: 'hunk', text: `@@ ${spans} @@` };
    for (const text of hunk.lines) {
      const kind = text[0] === '+' ? 'added' : text[0] === '-' ? 'deleted' : 'context';
      yield { kind, text };
    }
  }
}

/** The patch of a file as bytes. */
export function patchBytes(patch: FilePatch): Uint8Array {
  return Buffer.from(Array.from(patchLines(patch), ({ text }) => `${text}\n`).join(''), 'latin1');
}

function octal(mode: FileMode): string {
  return mode.toString(8).padStart(6, '0');
}

/** The bytes of a name, one character each, quoted as in Git when it has special characters. */
function quoted(name: string): string {
  const bytes = encodeText(name).toString('latin1');
  if (!/[\0-\x1f"\\\x7f]/.test(bytes)) return bytes;
  return `"${bytes.replace(/[\0-\x1f"\\\x7f]/g, escapedChar)}"`;
}
