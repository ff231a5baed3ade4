/** Moves tags and notes along when commits are rewritten. */

import type { ObjectId } from '../../git/objectId.ts';
import { serializeCommit } from '../../git/objects/commit.ts';
import { parseTag } from '../../git/objects/tag.ts';
import type { ObjectWriter, RefUpdate } from '../../storage/storage.ts';
import { editNotes, listNotes, readNote } from '../../tree/notesTree.ts';
import type { StoreContext } from '../context/context.ts';

/** A tag of a commit. */
export interface TagOf {
  readonly ref: string;
  readonly id: ObjectId;
  readonly commit: ObjectId;
  /** The tag object of an annotated tag. */
  readonly body?: Uint8Array | undefined;
}

/** The tags of these commits. */
export async function tagsOn(
  store: StoreContext,
  commits: ReadonlySet<ObjectId>,
): Promise<TagOf[]> {
  const tags: TagOf[] = [];
  for (const { ref, id } of await store.listRefs('refs/tags/')) {
    if (commits.has(id)) {
      tags.push({ ref, id, commit: id });
      continue;
    }
    const object = await store.objects.read(id);
    if (object?.type !== 'tag') continue;
    const { object: tagged } = parseTag(object.body, id);
    if (commits.has(tagged)) tags.push({ ref, id, commit: tagged, body: object.body });
  }
  return tags;
}

/** @param why message for their reflogs */
export async function moveTags(
  tags: readonly TagOf[],
  moved: ReadonlyMap<ObjectId, ObjectId>,
  writer: ObjectWriter,
  store: StoreContext,
  why: string,
): Promise<RefUpdate[]> {
  const updates: RefUpdate[] = [];
  for (const { ref, id, commit, body } of tags) {
    const to = moved.get(commit);
    if (to === undefined || to === commit) continue;
    const next = body === undefined ? to : await writer.write('tag', retarget(body, commit, to));
    const reflog = { who: store.signature(), message: why };
    updates.push({ ref, old: id, new: next, reflog, restartsLog: true });
  }
  return updates;
}

/** The tag object for another commit. Drops the signature, which covers the old one. */
function retarget(body: Uint8Array, from: ObjectId, to: ObjectId): Buffer {
  const text = Buffer.from(body).toString('latin1').replace(`object ${from}`, `object ${to}`);
  const signature = /^-----BEGIN (?:PGP|SSH) SIGNATURE-----$/m.exec(text);
  return Buffer.from(signature === null ? text : text.slice(0, signature.index), 'latin1');
}

/** Moves notes. Notes on removed commits stay. */
export async function moveNotes(
  store: StoreContext,
  moved: ReadonlyMap<ObjectId, ObjectId>,
  writer: ObjectWriter,
): Promise<RefUpdate[]> {
  const updates: RefUpdate[] = [];
  for (const { ref, id } of await store.listRefs('refs/notes/')) {
    const { tree: root } = await store.commits.get(id);
    const edits = new Map<ObjectId, ObjectId | null>();
    for (const [about, blobs] of await listNotes(store.trees, root)) {
      const to = moved.get(about);
      if (to === undefined || to === about) continue;
      edits.set(about, null);
      const [only, ...others] = blobs;
      const note =
        others.length === 0
          ? only!
          : await writer.write('blob', await readNote(store.objects, blobs));
      edits.set(to, note);
    }
    if (edits.size === 0) continue;
    const tree = await editNotes(store.trees, writer, root, edits);
    const message = 'Move notes to commits that were written anew';
    const { author, committer, who } = store.commitSignatures();
    const body = serializeCommit({
      tree,
      parents: [id],
      author,
      committer,
      message: `${message}\n`,
      extraHeaders: [],
    });
    const next = await writer.write('commit', body);
    const reflog = { who, message: `notes: ${message}` };
    updates.push({ ref, old: id, new: next, reflog });
  }
  return updates;
}
