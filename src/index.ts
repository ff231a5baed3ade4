/** gitstore: a versioned file system in a bare Git repository. */
export { type ArchiveFormat, archiveFormatOf } from './archive/formats.ts';
export type {
  ArchiveFile,
  ArchiveInOptions,
  ArchiveLimits,
  ArchiveOutOptions,
  ArchiveProgress,
  ArchiveSink,
  ArchiveSource,
  NodeSink,
} from './archive/options.ts';
export type {
  Channels,
  CommitMessage,
  CopyMessage,
  GcMessage,
  RequestMessage,
} from './diagnostics.ts';
export * from './errors.ts';
export type { ObjectId, ObjectType } from './git/objectId.ts';
export type { Identity } from './git/objects/commit.ts';
export type { FileMode } from './git/objects/tree.ts';
export { validateRefName } from './git/refs/refName.ts';
export type { GcOptions, GcResult } from './maintenance/gc.ts';
export type {
  MaintenanceOptions,
  MaintenanceProgress,
  PackResult,
} from './maintenance/pack.ts';
export type { VerifyReport } from './maintenance/verify.ts';
export type { Resolution, Resolve, ResolvedFile } from './merge/resolve.ts';
export type { Favor } from './merge/text.ts';
export type { LocalName } from './optionTypes.ts';
export { MirrorDiff, type RefChange } from './remote/mirrorDiff.ts';
export type { MirrorOptions } from './remote/mirrorOptions.ts';
export type { AuthRequest, MirrorProgress, OnAuth } from './remote/remote.ts';
export type { RefSelection } from './remote/selection.ts';
export { createMemoryStorage, type MemoryStorageOptions } from './storage/memory/memoryStorage.ts';
export type * from './storage/storage.ts';
export type { ApplyChanges, WriteEntry } from './store/apply.ts';
export { Batch, type BatchWriteOptions } from './store/batch.ts';
export { Branches, type SetBranchOptions, type ThinResult } from './store/branches.ts';
export type { AppendChoices } from './store/commit/append.ts';
export type { Labels } from './store/commit/labels.ts';
export type {
  CommitOptions,
  MergeOptions,
  PickOptions,
  ReshapeOptions,
  WriteOptions,
} from './store/commitOptions.ts';
export type { FileData } from './store/context/data.ts';
export type { SignOptions } from './store/context/signers.ts';
export { type FillBatch, FS, type RefSources, type SnapshotJson } from './store/fs.ts';
export { GitStore } from './store/gitStore.ts';
export type { BlameLine } from './store/history/blame.ts';
export type { FindOptions, FoundPath } from './store/history/find.ts';
export type { GrepLine, GrepMatch, GrepOptions } from './store/history/grep.ts';
export type { LogFilter } from './store/history/log.ts';
export type { SnapshotSummary, SummaryJson } from './store/history/summaries.ts';
export { type NoteKey, NoteNamespace, Notes, type NotesBatch } from './store/notes.ts';
export type { OpenOptions, StoreOptions } from './store/openOptions.ts';
export type { Difference, DiffOptions } from './store/read/diff.ts';
export {
  type FilePatch,
  type PatchHunk,
  type PatchOptions,
  patchBytes,
} from './store/read/patch.ts';
export type { StatResult, WalkEntry, WalkStep } from './store/read/read.ts';
export type { DeletedRef, DeleteOptions } from './store/refMap.ts';
export {
  type LocalPath,
  parseRefPath,
  type RefPath,
  type RepositoryPath,
} from './store/refs/refPath.ts';
export { retryArchiveIn, retryWrite } from './store/retriedWrites.ts';
export { Tags } from './store/tags.ts';
export type { ForgetOptions, Forgotten } from './store/thinning/forget.ts';
export type { ThinPolicy } from './store/thinning/retention.ts';
export type { ThinnedSnapshot, ThinOptions } from './store/thinning/thin.ts';
export type { UpdateOptions } from './store/update.ts';
export { hashFile } from './store/write/localFile.ts';
export { Writer } from './store/writer.ts';
export { diskGlob } from './transfer/disk/diskGlob.ts';
export { ExcludeFilter } from './transfer/rules/excludeFilter.ts';
export type { CopyInOptions, CopyOptions, CopyProgress } from './transfer/rules/options.ts';
export type { Exclude } from './transfer/rules/patterns.ts';
export {
  type ChangeAction,
  type ChangeProblem,
  ChangeReport,
  type FileEntry,
} from './tree/changes.ts';
export { normalizePath } from './tree/paths.ts';
export { FileType } from './tree/types.ts';
export type { OnWarning, StoreWarning } from './warnings.ts';
export type * from './workspace/options.ts';
export type { WorkspaceRecord } from './workspace/registry.ts';
export { Workspace } from './workspace/workspace.ts';
