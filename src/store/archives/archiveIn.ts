/**
 * From an archive to a commit. First stores all members in one writing session, then adds them to the
 * branch's tree and commits. A failure leaves no commit.
 */

import { Allowance } from '../../archive/limits.ts';
import { type ArchiveMember, SMALL_MEMBER } from '../../archive/member.ts';
import { Brought, checkLink, forbiddenPart, memberPath } from '../../archive/memberNames.ts';
import type { ArchiveInOptions, NamedSource } from '../../archive/options.ts';
import { type ArchiveInput, readArchive } from '../../archive/readArchive.ts';
import { ArchiveError, GitStoreError } from '../../errors.ts';
import { hashObject, type ObjectId, type ObjectType, startObjectHash } from '../../git/objectId.ts';
import { type FileMode, MODE_EXECUTABLE, MODE_FILE, MODE_LINK } from '../../git/objects/tree.ts';
import { encodePath } from '../../git/pathBytes.ts';
import { closeSync, fstatSync, openSync, read } from '../../storage/disk/fs.ts';
import type { ObjectWriter } from '../../storage/storage.ts';
import { localError } from '../../systemFaults.ts';
import { CopyRun } from '../../transfer/rules/run.ts';
import type { ChangeProblem } from '../../tree/changes.ts';
import { type CommitChoices, commitEdits, type Outcome } from '../commit/commit.ts';
import type { StoreContext } from '../context/context.ts';
import { byteChunks } from '../context/data.ts';
import { branchOf, type Snapshot } from '../context/snapshot.ts';
import { Staging } from '../write/staging.ts';

interface StoredFile {
  readonly mode: FileMode;
  readonly id: ObjectId;
}

/** Stores the archive's members and commits them to the snapshot's branch. */
export function archiveIn(
  snapshot: Snapshot,
  source: NamedSource,
  options: ArchiveInOptions,
  choices: CommitChoices,
): Promise<Outcome> {
  branchOf(snapshot);
  return withStored(snapshot.store, source, options, (stored) => stored.commit(snapshot, choices));
}

/** Stores the archive's members and lets `commit` commit them, once or several times. */
export async function withStored<Result>(
  store: StoreContext,
  source: NamedSource,
  options: ArchiveInOptions,
  commit: (stored: StoredArchive) => Promise<Result>,
): Promise<Result> {
  const writer = options.dryRun === true ? new HashingWriter() : store.objects.writer();
  try {
    const stored = await storeMembers(writer, source, options);
    return await commit(stored);
  } finally {
    await writer.abort();
  }
}

/** Files and links whose blobs were passed to a writing session. */
export class StoredArchive {
  readonly #files: ReadonlyMap<string, StoredFile>;
  readonly #warnings: readonly ChangeProblem[];
  readonly #dryRun: boolean;
  #writer: ObjectWriter | undefined;

  constructor(
    files: ReadonlyMap<string, StoredFile>,
    warnings: readonly ChangeProblem[],
    writer: ObjectWriter,
    dryRun: boolean,
  ) {
    this.#files = files;
    this.#warnings = warnings;
    this.#writer = writer;
    this.#dryRun = dryRun;
  }

  /**
   * Adds the files to the snapshot, replacing existing ones, and commits.
   * @throws IsADirectoryError, NotADirectoryError where the snapshot has the other kind
   */
  async commit(snapshot: Snapshot, choices: CommitChoices): Promise<Outcome> {
    const { store } = snapshot;
    const staging = new Staging(store.trees, snapshot.commit.tree);
    for (const [path, { mode, id }] of this.#files) {
      staging.put(path, mode, id, await staging.checkFile(path));
    }
    const changes = staging.report();
    for (const warning of this.#warnings) changes.warnings.push(warning);
    if (this.#dryRun) return { snapshot, changes };
    // The first attempt uses the session of the blobs. After it the blobs are in the store.
    const writer = this.#writer ?? store.objects.writer();
    this.#writer = undefined;
    try {
      return await commitEdits(snapshot, writer, staging.edits, changes, choices);
    } finally {
      await writer.abort();
    }
  }
}

async function storeMembers(
  writer: ObjectWriter,
  source: NamedSource,
  options: ArchiveInOptions,
): Promise<StoredArchive> {
  const { format, dryRun = false, signal, onProgress } = options;
  const run = new CopyRun({ signal, onProgress });
  const allowance = new Allowance(options);
  const intake = new Intake(writer, run, allowance, options);
  run.begin('copy', {});
  const { input, name, close } = openSource(source, signal);
  try {
    const members = readArchive(input, {
      format,
      onRead: (bytes) => allowance.packed(bytes),
      onUnpacked: (bytes) => allowance.decompressed(bytes),
    });
    for await (const member of members) {
      if (run.tired) await run.rest();
      await intake.take(member);
    }
    if (intake.files.size === 0) throw new ArchiveError('The archive holds no files');
    run.end();
  } catch (error) {
    throw name === undefined ? error : about(name, error);
  } finally {
    close();
  }
  return new StoredArchive(intake.files, run.warnings, writer, dryRun);
}

/** The error with the local file's name added. */
function about(name: string, error: unknown): unknown {
  if (error instanceof ArchiveError) {
    const { message, path, option } = error;
    const details = { path: path ?? name, cause: error, ...(option !== undefined && { option }) };
    return new ArchiveError(`${name}: ${message}`, details);
  }
  return (error as NodeJS.ErrnoException).syscall === 'read' ? localError(error, name) : error;
}

/** Takes members one by one, validates their headers and stores their contents. */
class Intake {
  readonly #brought = new Brought<StoredFile>();
  readonly #writer: ObjectWriter;
  readonly #run: CopyRun;
  readonly #allowance: Allowance;
  readonly #outsideLinks: boolean;
  readonly #skipped = new Set<string>();

  constructor(
    writer: ObjectWriter,
    run: CopyRun,
    allowance: Allowance,
    { outsideLinks = false }: ArchiveInOptions,
  ) {
    this.#writer = writer;
    this.#run = run;
    this.#allowance = allowance;
    this.#outsideLinks = outsideLinks;
  }

  get files(): ReadonlyMap<string, StoredFile> {
    return this.#brought.files;
  }

  async take(member: ArchiveMember): Promise<void> {
    this.#allowance.member();
    const path = memberPath(member.path);
    const forbidden = forbiddenPart(path);
    if (forbidden !== undefined) {
      this.#skip(forbidden, "skipped: a name that stands for '.git'");
      return;
    }
    if (member.type === 'directory') {
      this.#brought.addDirectory(path);
      return;
    }
    if (member.type === 'other') {
      this.#skip(path, `skipped: ${member.what}`);
      return;
    }
    if (path === '') throw new ArchiveError('A file without a name in the archive');
    const file = await this.#store(path, member);
    const earlier = this.files.get(path);
    if (earlier !== undefined && (earlier.id !== file.id || earlier.mode !== file.mode)) {
      this.#run.warn(path, 'more than once in the archive: the last one counts');
    }
    this.#brought.add(path, file);
    this.#run.done(member.size);
  }

  #skip(path: string, remark: string): void {
    if (this.#skipped.has(path)) return;
    this.#skipped.add(path);
    this.#run.warn(path, remark);
  }

  async #store(path: string, member: ArchiveMember): Promise<StoredFile> {
    if (member.type === 'hardlink') return this.#linked(path, member.target ?? '');
    if (member.type === 'link') {
      const target = member.target ?? '';
      checkLink(path, target, this.#outsideLinks);
      return { mode: MODE_LINK, id: await this.#writer.write('blob', encodePath(target)) };
    }
    const mode = member.executable ? MODE_EXECUTABLE : MODE_FILE;
    if (member.size > SMALL_MEMBER) {
      return { mode, id: await this.#writer.writeStream(this.#counted(member), member.size) };
    }
    this.#allowance.content(member.size);
    return { mode, id: await this.#writer.write('blob', await member.read()) };
  }

  async *#counted(member: ArchiveMember): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of member.chunks()) {
      this.#allowance.content(chunk.length);
      this.#run.moved(chunk.length);
      if (this.#run.tired) await this.#run.rest();
      yield chunk;
    }
  }

  /** A hard link to an earlier member. */
  #linked(path: string, target: string): StoredFile {
    const file = this.files.get(memberPath(target));
    if (file === undefined) {
      const message = `${path}: a hard link to ${target}, which is not in the archive before it`;
      throw new ArchiveError(message, { path });
    }
    return file;
  }
}

/** Computes ids and stores nothing, for a dry run. */
class HashingWriter implements ObjectWriter {
  async write(type: ObjectType, body: Uint8Array): Promise<ObjectId> {
    return hashObject(type, body);
  }

  async writeStream(source: AsyncIterable<Uint8Array>, size = 0): Promise<ObjectId> {
    const hash = startObjectHash('blob', size);
    for await (const chunk of source) hash.update(chunk);
    return hash.digest('hex');
  }

  async finish(): Promise<void> {}

  async abort(): Promise<void> {}
}

interface OpenSource {
  readonly input: ArchiveInput;
  /** The local file, for messages. */
  readonly name?: string;
  close(): void;
}

function openSource(source: NamedSource, signal: AbortSignal | undefined): OpenSource {
  if (source instanceof Uint8Array) return { input: source, close() {} };
  if (!('file' in source)) {
    if (!(Symbol.asyncIterator in source)) {
      throw new GitStoreError(
        'An archive is read from bytes, a stream of bytes, or { file }',
        'EINVAL',
      );
    }
    return { input: byteChunks(source, signal), close() {} };
  }
  const name = source.file;
  try {
    const fd = openSync(name, 'r');
    const close = (): void => closeSync(fd);
    if (fstatSync(fd).isFile()) return { input: { fd }, name, close };
    return { input: byteChunks(readPipe(fd), signal), name, close };
  } catch (error) {
    throw localError(error, name);
  }
}

/** A pipe or a device by its descriptor. */
async function* readPipe(fd: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(256 << 10);
    const length = await new Promise<number>((resolve, reject) => {
      read(fd, buffer, 0, buffer.length, null, (error, count) => {
        if (error) reject(error);
        else resolve(count);
      });
    });
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}
