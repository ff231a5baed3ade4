/** Merges one file: its mode, and its content by lines or as a whole. */
import type { ObjectId } from '../git/objectId.ts';
import { MODE_GITLINK } from '../git/objects/tree.ts';
import { missingObject } from '../storage/missingObject.ts';
import type { ObjectReader, ObjectWriter } from '../storage/storage.ts';
import { type Favor, isBinary, mergeText } from './text.ts';
import { isFile, type Version } from './types.ts';

/** Larger files are merged as a whole: three of them must fit into memory. */
const LARGEST_TEXT = 128 << 20;

export type BlobWriter = Pick<ObjectWriter, 'write'>;

export interface ContentMerge {
  readonly base: Version | undefined;
  readonly ours: Version;
  readonly theirs: Version;
  /** The path of each, for the labels of markers. */
  readonly paths: readonly [base: string, ours: string, theirs: string];
  /** Characters of markers beyond the usual 7. */
  readonly widerMarkers: number;
}

export interface ContentRules {
  readonly favor: Favor | undefined;
  readonly labels: { readonly ours: string; readonly theirs: string };
  /** The result is a base for another merge: on a conflict the base's version stays. */
  readonly isBase: boolean;
}

export interface MergedContent {
  /** Undefined when the base has no version. */
  readonly version: Version | undefined;
  /** Undefined for a clean merge. */
  readonly conflict: 'content' | 'mode' | undefined;
}

/** @param merge ours and theirs are of one kind: files, links or submodules */
export async function mergeContent(
  objects: ObjectReader,
  writer: BlobWriter,
  merge: ContentMerge,
  rules: ContentRules,
): Promise<MergedContent> {
  const { base, ours, theirs } = merge;
  let { mode } = theirs;
  let modeConflicts = false;
  if (ours.mode !== theirs.mode && ours.mode !== base?.mode) {
    mode = ours.mode;
    modeConflicts = theirs.mode !== base?.mode;
  }
  const done = (id: ObjectId, isClean: boolean): MergedContent => ({
    version: { mode, id },
    conflict: isClean ? (modeConflicts ? 'mode' : undefined) : 'content',
  });
  if (ours.id === theirs.id || ours.id === base?.id) return done(theirs.id, true);
  if (theirs.id === base?.id) return done(ours.id, true);
  if (isFile(ours)) {
    const { id, isClean } = await mergeFiles(objects, writer, merge, rules);
    return done(id, isClean);
  }
  // A base takes neither side, so that the real merge sees changes on both.
  if (rules.isBase) return { version: base, conflict: 'content' };
  // `favor` can choose between links. Choosing between commits of a submodule takes its repository.
  const isDecided = ours.mode !== MODE_GITLINK && decides(rules.favor);
  return done(isDecided && rules.favor === 'theirs' ? theirs.id : ours.id, isDecided);
}

/** Whether `favor` chooses between two versions that cannot be merged. */
function decides(favor: Favor | undefined): boolean {
  return favor === 'ours' || favor === 'theirs';
}

async function mergeFiles(
  objects: ObjectReader,
  writer: BlobWriter,
  merge: ContentMerge,
  rules: ContentRules,
): Promise<{ id: ObjectId; isClean: boolean }> {
  const { ours, theirs, paths, widerMarkers } = merge;
  const { labels, isBase } = rules;
  const favor = isBase ? undefined : rules.favor;
  const base = merge.base !== undefined && isFile(merge.base) ? merge.base : undefined;
  const bodies: Uint8Array[] = [];
  for (const version of [base, ours, theirs]) {
    const body = version === undefined ? new Uint8Array(0) : await readText(objects, version.id);
    if (body === undefined) break;
    bodies.push(body);
  }
  const [old, mine, other] = bodies;
  if (old === undefined || mine === undefined || other === undefined) {
    if (isBase) {
      const id = base?.id ?? (await writer.write('blob', new Uint8Array(0)));
      return { id, isClean: true };
    }
    return { id: favor === 'theirs' ? theirs.id : ours.id, isClean: decides(favor) };
  }
  const isOnePath = paths[1] === paths[2];
  const merged = mergeText(old, mine, other, {
    favor,
    markerSize: 7 + widerMarkers,
    labels: isOnePath
      ? labels
      : { ours: `${labels.ours}:${paths[1]}`, theirs: `${labels.theirs}:${paths[2]}` },
  });
  return { id: await writer.write('blob', merged.body), isClean: merged.conflicts === 0 };
}

/** Undefined for content that is not merged by lines. */
async function readText(objects: ObjectReader, id: ObjectId): Promise<Uint8Array | undefined> {
  let object = objects.tryRead(id);
  if (object === undefined) {
    const header = await objects.header(id);
    if (header !== undefined && header.size > LARGEST_TEXT) return undefined;
    object = await objects.read(id);
  }
  if (object === undefined) throw missingObject(objects, id, 'Blob');
  return object.body.length > LARGEST_TEXT || isBinary(object.body) ? undefined : object.body;
}
