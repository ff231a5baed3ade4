/** The local file system's errors in our own classes, with a message a person can read. */
import {
  FileNotFoundError,
  GitStoreError,
  IsADirectoryError,
  NotADirectoryError,
  TooDeepError,
} from '../../errors.ts';

/** Why something failed, without the path it is about. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof TooDeepError) return error.reason;
  // Node writes "ENOENT: no such file or directory, open 'x'".
  const system = /^E[A-Z0-9]+: (.*?)(?:, [a-z]+(?: '.*)?)?$/s.exec(error.message);
  if (system !== null) return system[1]!;
  const path = error instanceof GitStoreError ? error.path : undefined;
  const lead = path === undefined ? '' : `${path}: `;
  return error.message.startsWith(lead) ? error.message.slice(lead.length) : error.message;
}

/** The error as one of ours, about a local path. Errors that are ours already stay as they are. */
export function localError(error: unknown, path: string): GitStoreError {
  if (error instanceof GitStoreError) return error;
  const message = `${path}: ${reasonOf(error)}`;
  const details = { path, cause: error };
  const code = errorCode(error);
  if (code === 'ENOENT') return new FileNotFoundError(message, details);
  if (code === 'EISDIR') return new IsADirectoryError(message, details);
  if (code === 'ENOTDIR') return new NotADirectoryError(message, details);
  return new GitStoreError(message, code, details);
}

/** The system's code (`ENOENT`) where the error has one. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Whether it is a system error with one of these codes. */
export function isErrorOf(error: unknown, ...codes: string[]): boolean {
  const code = errorCode(error);
  return code !== undefined && codes.includes(code);
}
