/** An answer that is an error, and which answer an error of the store becomes. */
import {
  FileNotFoundError,
  GitStoreError,
  InvalidPathError,
  KeyNotFoundError,
  NotADirectoryError,
} from '../../errors.ts';

export class HttpError extends Error {
  readonly status: number;
  /** More header fields: name, value, name, value. */
  readonly fields: readonly string[];
  /** Heading of the page that says so; undefined: the usual one of the status. */
  readonly title: string | undefined;

  constructor(
    status: number,
    message: string,
    fields: readonly string[] = [],
    title: string | undefined = undefined,
  ) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
    this.fields = fields;
    this.title = title;
  }
}

/** Of a store whose current branch is still to get its first commit. @param branch undefined for none */
export function nothingYet(branch: string | null): HttpError {
  const where = branch === null ? 'The current branch' : `Branch '${branch}'`;
  return new HttpError(
    404,
    `${where} has no commit yet. The files appear here with the first one.`,
    [],
    'Nothing here yet',
  );
}

/** Errors of the system that pass: too many open files, no memory. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/** What the client is told. Of a fault of ours it learns only that there is one. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof InvalidPathError) return new HttpError(400, error.message);
  if (
    error instanceof FileNotFoundError ||
    error instanceof NotADirectoryError ||
    error instanceof KeyNotFoundError
  ) {
    return new HttpError(404, error.message);
  }
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  // A tag of a tree or a blob has nothing that could be served as a snapshot.
  if (error instanceof GitStoreError && error.code === 'ENOTCOMMIT') {
    return new HttpError(404, error.message);
  }
  if (code !== undefined && PASSING.has(code)) {
    return new HttpError(503, 'The server is short of resources; try again', ['Retry-After', '1']);
  }
  return new HttpError(500, 'The server could not read this');
}
