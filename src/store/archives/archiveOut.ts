/** From a snapshot to an archive of its contents. */

import { ARCHIVE_FORMATS, type ArchiveFormat, archiveFormatOf } from '../../archive/formats.ts';
import type { NewMember } from '../../archive/member.ts';
import type { ArchiveOutOptions, NamedSink } from '../../archive/options.ts';
import { writeArchive } from '../../archive/writeArchive.ts';
import { writeZip } from '../../archive/zip/writer.ts';
import { CorruptObjectError, GitStoreError, InvalidPathError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import {
  MODE_EXECUTABLE,
  MODE_FILE,
  MODE_GITLINK,
  MODE_LINK,
  MODE_TREE,
} from '../../git/objects/tree.ts';
import { missingObject } from '../../storage/missingObject.ts';
import type { ReadAhead } from '../../storage/storage.ts';
import { localError } from '../../systemFaults.ts';
import { CopyRun } from '../../transfer/rules/run.ts';
import { ChangeReport } from '../../tree/changes.ts';
import { isForbiddenSegment, isWithin, parentPath } from '../../tree/paths.ts';
import { fileTypeOf } from '../../tree/types.ts';
import { type WalkedFile, walkFilesInBatches } from '../../tree/walk.ts';
import type { Outcome } from '../commit/commit.ts';
import type { StoreContext } from '../context/context.ts';
import type { Snapshot } from '../context/snapshot.ts';

/** Writes every file, link and directory of the snapshot. */
export async function archiveOut(
  snapshot: Snapshot,
  sink: NamedSink,
  options: ArchiveOutOptions,
): Promise<Outcome> {
  const { signal, onProgress } = options;
  const format = formatFor(sink, options);
  const run = new CopyRun({ signal, onProgress });
  const changes = new ChangeReport({ warnings: run.warnings });
  const members = membersOf(snapshot.store, snapshot.commit.tree, run, changes);
  const origin = { commit: snapshot.id, time: snapshot.commit.committer.time };
  run.begin('copy', {});
  try {
    await writeArchive(members, format, origin, sink, signal);
  } catch (error) {
    throw 'file' in sink && isSystemError(error) ? localError(error, sink.file) : error;
  }
  run.end();
  return { snapshot, changes };
}

/** The bytes of a zip archive of one tree of the snapshot. */
export function zipOf({ store, commit, id }: Snapshot, tree: ObjectId): AsyncIterable<Uint8Array> {
  const run = new CopyRun({});
  const changes = new ChangeReport({ warnings: run.warnings });
  const members = membersOf(store, tree, run, changes);
  return writeZip(members, { commit: id, time: commit.committer.time });
}

function formatFor(sink: NamedSink, { format }: ArchiveOutOptions): ArchiveFormat {
  if (format !== undefined) {
    if (ARCHIVE_FORMATS.includes(format)) return format;
    throw new GitStoreError(`Unknown archive format: ${format}`, 'EINVAL');
  }
  const named = 'file' in sink ? archiveFormatOf(sink.file) : undefined;
  if (named !== undefined) return named;
  const what = 'file' in sink ? `its name, ${sink.file}, does not tell` : 'a stream has no name';
  throw new GitStoreError(`The format of the archive is needed: ${what}`, 'EINVAL');
}

/** All directories, files and links, each directory before what is in it. */
async function* membersOf(
  store: StoreContext,
  tree: ObjectId,
  run: CopyRun,
  changes: ChangeReport,
): AsyncGenerator<NewMember[], void, undefined> {
  /** Files found by the walk that are not written yet. */
  const waiting: WalkedFile[][] = [];
  const ids = async function* () {
    for await (const files of walkFilesInBatches(store.trees, tree, BATCH)) {
      waiting.push(files);
      const blobs: ObjectId[] = [];
      for (const { path, mode, id } of files) {
        checkName(path);
        if (mode !== MODE_GITLINK) blobs.push(id);
      }
      yield blobs;
    }
  };
  const members = new MemberList(store, run, changes);
  let at = 0;
  const next = (): WalkedFile | undefined => {
    if (waiting[0] !== undefined && at === waiting[0].length) {
      waiting.shift();
      at = 0;
    }
    return waiting[0]?.[at++];
  };
  for await (const objects of store.objects.readMany(ids())) {
    if (run.tired) await run.rest();
    for (const object of objects) {
      let file = next()!;
      for (; file.mode === MODE_GITLINK; file = next()!) members.addSubmodule(file.path);
      members.add(file, object);
    }
    yield members.take();
  }
  for (let file = next(); file !== undefined; file = next()) members.addSubmodule(file.path);
  yield members.take();
}

/** Files to look up at a time. */
const BATCH = 256;

/** Turns files into members, each preceded by its directories. */
class MemberList {
  readonly #store: StoreContext;
  readonly #run: CopyRun;
  readonly #changes: ChangeReport;
  #members: NewMember[] = [];
  #directory = '';

  constructor(store: StoreContext, run: CopyRun, changes: ChangeReport) {
    this.#store = store;
    this.#run = run;
    this.#changes = changes;
  }

  take(): NewMember[] {
    const members = this.#members;
    this.#members = [];
    return members;
  }

  add(file: WalkedFile, object: ReadAhead | undefined): void {
    const member = memberOf(this.#store, file, object);
    const { path } = file;
    this.#addParents(path);
    this.#members.push(member);
    this.#changes.add.push({ path, type: fileTypeOf(file.mode) });
    this.#run.done(member.size);
  }

  /** Adds a submodule as a directory without files, as `git archive` does. */
  addSubmodule(path: string): void {
    this.#run.warn(path, 'only a directory: a submodule, whose files are not in this store');
    this.#addParents(path);
    this.#members.push(directoryMember(path));
  }

  #addParents(path: string): void {
    const parent = parentPath(path);
    if (parent === this.#directory) return;
    for (const above of newDirectories(this.#directory, parent)) {
      this.#members.push(directoryMember(above));
    }
    this.#directory = parent;
  }
}

function directoryMember(path: string): NewMember {
  return { path, mode: MODE_TREE, size: 0, data: new Uint8Array(0) };
}

/** The directories down to `to` that do not contain `from`, parents first. */
function newDirectories(from: string, to: string): string[] {
  const found: string[] = [];
  for (let at = to; !isWithin(from, at); at = parentPath(at)) found.unshift(at);
  return found;
}

function memberOf(
  store: StoreContext,
  { path, id, mode: stored }: WalkedFile,
  object: ReadAhead | undefined,
): NewMember {
  if (object === undefined) throw missingObject(store.objects, id, 'Blob', path);
  if (object.type !== 'blob') {
    const message = `Object ${id} is a ${object.type}, not a blob: ${path}`;
    throw new CorruptObjectError(message, { objectId: id, path });
  }
  const type = fileTypeOf(stored);
  const mode = type === 'link' ? MODE_LINK : type === 'executable' ? MODE_EXECUTABLE : MODE_FILE;
  const { size } = object;
  if (mode === MODE_LINK && object.body === undefined) {
    throw new CorruptObjectError(`The target of the link is too long: ${path}`, { path });
  }
  return { path, mode, size, data: object.body ?? contentOf(store, id, path) };
}

async function* contentOf(
  store: StoreContext,
  id: ObjectId,
  path: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = await store.objects.readStream(id);
  if (chunks === undefined) throw missingObject(store.objects, id, 'Blob', path);
  yield* chunks;
}

/** Names that need a full check: odd segments, aliases of `.git`, and non-ASCII names. */
const SUSPECT = /(?:^|\/)\.{0,2}(?:\/|$)|\.git|git~|[^\0-\x7f]/i;
const ODD_SEGMENT = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** @throws InvalidPathError for a name that would leave the directory where the archive is unpacked */
function checkName(path: string): void {
  if (!SUSPECT.test(path)) return;
  if (ODD_SEGMENT.test(path) || isForbiddenSegment(path)) {
    throw new InvalidPathError(`Not a name for an archive: ${path}`, { path });
  }
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException)?.syscall === 'string';
}
