/** From a snapshot to an archive of all it holds. */
import { ARCHIVE_FORMATS, type ArchiveFormat, archiveFormatOf } from '../archive/formats.ts';
import { type NewMember, SMALL_MEMBER } from '../archive/member.ts';
import type { ArchiveOutOptions, ArchiveSink } from '../archive/options.ts';
import { archiveBytes, deliver } from '../archive/writeArchive.ts';
import { CorruptObjectError, GitStoreError, InvalidPathError } from '../errors.ts';
import { MODE_EXECUTABLE, MODE_FILE, MODE_GITLINK, MODE_LINK, MODE_TREE } from '../git/tree.ts';
import { localError } from '../transfer/localErrors.ts';
import { CopyRun } from '../transfer/run.ts';
import { ChangeReport } from '../tree/changes.ts';
import { isForbiddenSegment, isWithin, parentPath } from '../tree/paths.ts';
import { fileTypeOf } from '../tree/types.ts';
import { type WalkedFile, walkFiles } from '../tree/walk.ts';
import type { Outcome } from './commit.ts';
import type { Snapshot } from './snapshot.ts';

/** Writes every file, link and directory of the snapshot. */
export async function archiveOut(
  snapshot: Snapshot,
  sink: ArchiveSink,
  options: ArchiveOutOptions,
): Promise<Outcome> {
  const { signal, onProgress } = options;
  const format = formatFor(sink, options);
  const run = new CopyRun({ signal, onProgress });
  const changes = new ChangeReport({ warnings: run.warnings });
  const members = membersOf(snapshot, run, changes);
  const origin = { commit: snapshot.id, time: snapshot.commit.committer.time };
  run.begin('copy', {});
  try {
    await deliver(archiveBytes(members, format, origin), sink, signal);
  } catch (error) {
    throw 'file' in sink && isSystemError(error) ? localError(error, sink.file) : error;
  }
  run.end();
  return { snapshot, changes };
}

function formatFor(sink: ArchiveSink, { format }: ArchiveOutOptions): ArchiveFormat {
  if (format !== undefined) {
    if (ARCHIVE_FORMATS.includes(format)) return format;
    throw new GitStoreError(`Unknown archive format: ${format}`, 'EINVAL');
  }
  const named = 'file' in sink ? archiveFormatOf(sink.file) : undefined;
  if (named !== undefined) return named;
  const what = 'file' in sink ? `its name, ${sink.file}, does not tell` : 'a stream has no name';
  throw new GitStoreError(`The format of the archive is needed: ${what}`, 'EINVAL');
}

async function* membersOf(
  snapshot: Snapshot,
  run: CopyRun,
  { add }: ChangeReport,
): AsyncGenerator<NewMember, void, undefined> {
  const { store, commit } = snapshot;
  let directory = '';
  for await (const file of walkFiles(store.trees, commit.tree)) {
    if (run.tired) await run.rest();
    checkName(file.path);
    const parent = parentPath(file.path);
    if (parent !== directory) {
      for (const path of newDirectories(directory, parent)) yield directoryMember(path);
      directory = parent;
    }
    if (file.mode === MODE_GITLINK) {
      run.warn(file.path, 'only a directory: a submodule, whose files are not in this store');
      yield directoryMember(file.path);
      continue;
    }
    const member = await memberOf(snapshot, file);
    yield member;
    add.push({ path: file.path, type: fileTypeOf(file.mode) });
    run.done(member.size);
  }
}

function directoryMember(path: string): NewMember {
  return { path, mode: MODE_TREE, size: 0, data: new Uint8Array(0) };
}

/** The directories down to `to` that `from` does not lie in, each before those in it. */
function newDirectories(from: string, to: string): string[] {
  const found: string[] = [];
  for (let at = to; !isWithin(from, at); at = parentPath(at)) found.unshift(at);
  return found;
}

async function memberOf({ store }: Snapshot, file: WalkedFile): Promise<NewMember> {
  const { path, id } = file;
  const type = fileTypeOf(file.mode);
  const mode = type === 'link' ? MODE_LINK : type === 'executable' ? MODE_EXECUTABLE : MODE_FILE;
  const header = await store.objects.header(id);
  if (header === undefined) {
    throw new CorruptObjectError(`Blob ${id} is missing: ${path}`, { objectId: id, path });
  }
  if (header.type !== 'blob') {
    const message = `Object ${id} is a ${header.type}, not a blob: ${path}`;
    throw new CorruptObjectError(message, { objectId: id, path });
  }
  const { size } = header;
  const data =
    size > SMALL_MEMBER && mode !== MODE_LINK
      ? await store.objects.readStream(id)
      : (await store.objects.read(id))?.body;
  if (data === undefined) {
    throw new CorruptObjectError(`Blob ${id} is missing: ${path}`, { objectId: id, path });
  }
  return { path, mode, size, data };
}

/** @throws InvalidPathError for a name by which an archive would lead out of where it is unpacked */
function checkName(path: string): void {
  if (/(?:^|\/)\.{0,2}(?:\/|$)/.test(path) || isForbiddenSegment(path)) {
    throw new InvalidPathError(`Not a name for an archive: ${path}`, { path });
  }
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException)?.syscall === 'string';
}
