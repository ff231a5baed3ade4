/**
 * Every error gitstore throws on purpose. Each class has a stable `code`, names the `path` or `ref`
 * it is about where there is one, and keeps the error that caused it as `cause`.
 */

export interface ErrorDetails {
  path?: string | undefined;
  ref?: string | undefined;
  cause?: unknown;
}

/** The JSON form of an error. */
export interface ErrorJson {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly path?: string;
  readonly ref?: string;
  readonly [field: string]: unknown;
}

/** Base of all errors of this package. */
export class GitStoreError extends Error {
  readonly code: string;
  /** The path in the store, or on disk, that the error is about. */
  readonly path?: string;
  /** The branch, tag, hash or full ref name that the error is about. */
  readonly ref?: string;

  constructor(message: string, code = 'EGITSTORE', details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    if (details.path !== undefined) this.path = details.path;
    if (details.ref !== undefined) this.ref = details.ref;
  }

  /** For `JSON.stringify`: name, code, message and what else a class has, such as `path` or `paths`. */
  toJSON(): ErrorJson {
    const { name, code, message, ...others } = { ...this, message: this.message };
    return { name, code, message, ...(others as { path?: string; ref?: string }) };
  }
}

/** Missing path, missing local file, or missing store (`ENOENT`). */
export class FileNotFoundError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'ENOENT', details);
  }
}

/** A directory is in the place of an expected file (`EISDIR`). */
export class IsADirectoryError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EISDIR', details);
  }
}

/** A file is in the place of an expected directory (`ENOTDIR`). */
export class NotADirectoryError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'ENOTDIR', details);
  }
}

/** Writing to a tag or to a bare commit (`EPERM`). */
export class PermissionError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EPERM', details);
  }
}

/** A branch would move that a working tree has checked out (`ECHECKEDOUT`). */
export class CheckedOutError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'ECHECKEDOUT', details);
  }
}

/** Missing branch, tag or note (`ENOREF`). */
export class KeyNotFoundError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'ENOREF', details);
  }
}

/** A tag that exists already (`EREFEXISTS`). */
export class KeyExistsError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EREFEXISTS', details);
  }
}

/** A path that cannot be stored: `..`, empty, `.git`, NUL (`EINVAL`). */
export class InvalidPathError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EINVAL', details);
  }
}

/** Directories nested deeper than Git reads them (`ETOODEEP`). */
export class TooDeepError extends GitStoreError {
  /** The message without the path. */
  readonly reason: string;

  /** @param path whole; the message holds how it begins and ends */
  constructor(path: string, limit: number) {
    const reason = `more than ${limit} names deep, which Git does not read`;
    super(`${path.slice(0, 40)}…${path.slice(-20)}: ${reason}`, 'ETOODEEP', { path });
    this.reason = reason;
  }
}

/** A branch or tag name that Git does not allow (`EINVAL`). */
export class InvalidRefNameError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EINVAL', details);
  }
}

/** Using a finished batch, writer or store (`ECLOSED`). */
export class BatchClosedError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'ECLOSED', details);
  }
}

/** @param location of the store, for the message */
export function storeClosed(location: string): BatchClosedError {
  return new BatchClosedError(`The store is closed: ${location}`);
}

/** The branch moved on since the snapshot was taken (`ESTALE`). */
export class StaleSnapshotError extends GitStoreError {
  /**
   * With `staleWrites: 'merge'`: the paths of this write that have changed since the snapshot. Empty where
   * that was not looked at.
   */
  readonly paths: readonly string[];

  constructor(message: string, details: ErrorDetails & { paths?: readonly string[] } = {}) {
    super(message, 'ESTALE', details);
    this.paths = details.paths ?? [];
  }
}

/**
 * Why a path could not be merged. A file that one side has moved and the other has deleted counts as
 * modified and deleted.
 */
export type ConflictKind =
  | 'content'
  | 'added-twice'
  | 'modified-and-deleted'
  | 'type'
  | 'mode'
  | 'directory-and-file'
  | 'renamed-twice';

/** What one side of a merge has: its path there, Git's mode, and the id of the blob (or the tree). */
export interface ConflictEntry {
  readonly path: string;
  readonly mode: number;
  readonly id: string;
}

/** What a merge could not decide. */
export interface MergeConflict {
  /** Where the result should stand; for a file renamed twice, its old path. */
  readonly path: string;
  /** All paths concerned: those that the result has with `conflicts: 'markers'`, as in Git's index. */
  readonly paths: readonly string[];
  readonly kind: ConflictKind;
  /** Undefined where that side has nothing. */
  readonly base?: ConflictEntry | undefined;
  readonly ours?: ConflictEntry | undefined;
  readonly theirs?: ConflictEntry | undefined;
}

/** Two sides have changed the same in different ways; nothing was committed (`ECONFLICT`). */
export class MergeConflictError extends GitStoreError {
  /** Sorted by path. */
  readonly conflicts: readonly MergeConflict[];

  constructor(message: string, conflicts: readonly MergeConflict[], details?: ErrorDetails) {
    super(message, 'ECONFLICT', details);
    this.conflicts = conflicts;
  }
}

/**
 * The change has been made, and something failed afterwards: it is not known to be on stable storage,
 * or a lock file could not be removed (`EMADE`). Who repeats the change makes it twice.
 */
export class ChangeMadeError extends GitStoreError {
  /** What `ref` points to now: the new commit. Undefined where the ref was deleted. */
  readonly objectId?: string;

  constructor(message: string, details: ErrorDetails & { objectId?: string | undefined } = {}) {
    super(message, 'EMADE', details);
    if (details.objectId !== undefined) this.objectId = details.objectId;
  }
}

/** A lock could not be had in time; the message says who holds it (`ELOCKED`). */
export class LockTimeoutError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'ELOCKED', details);
  }
}

/** An object, pack, index or ref fails its checksum or cannot be parsed (`ECORRUPT`). */
export class CorruptObjectError extends GitStoreError {
  /** The object, where it is known. */
  readonly objectId?: string;

  constructor(message: string, details: ErrorDetails & { objectId?: string | undefined } = {}) {
    super(message, 'ECORRUPT', details);
    if (details.objectId !== undefined) this.objectId = details.objectId;
  }
}

/**
 * An object that is not here because the repository is a partial clone (`EPROMISED`). Its remote has it;
 * the message says how to get it.
 */
export class PromisedObjectError extends GitStoreError {
  readonly objectId: string;

  constructor(message: string, details: ErrorDetails & { objectId: string }) {
    super(message, 'EPROMISED', details);
    this.objectId = details.objectId;
  }
}

/**
 * A ref, or a folder of refs, that is there and cannot be read (`EUNREADABLE`). Whatever would delete
 * something because no ref names it stops with this error.
 */
export class UnreadableRefError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EUNREADABLE', details);
  }
}

/** The other side does not keep to Git's wire protocol, or hung up (`EPROTO`). */
export class ProtocolError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EPROTO', details);
  }
}

/** A remote cannot be reached, or it refused; the message holds its own words (`EREMOTE`). */
export class RemoteError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EREMOTE', details);
  }
}

/** An archive that is corrupt, cut short, of another format, or that holds what is refused (`EARCHIVE`). */
export class ArchiveError extends GitStoreError {
  /** The option of `archiveIn` by which it would be taken, where there is one. */
  readonly option?: 'maxSize' | 'maxFiles' | 'outsideLinks';

  constructor(message: string, details: ErrorDetails & Pick<ArchiveError, 'option'> = {}) {
    super(message, 'EARCHIVE', details);
    if (details.option !== undefined) this.option = details.option;
  }
}

/**
 * A change was sent, and whether it was made cannot be found out before the deadline (`EUNKNOWN`). It is
 * no failure: look at the store before the change is repeated.
 */
export class OutcomeUnknownError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EUNKNOWN', details);
  }
}

/** The object storage does not answer, or asks for patience until the deadline (`EUNREACHABLE`). */
export class UnreachableError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EUNREACHABLE', details);
  }
}

/** What a snapshot was made of has been collected: no ref led to it any more (`EEXPIRED`). */
export class SnapshotExpiredError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EEXPIRED', details);
  }
}
