/** What is wrong with an archive, said in one line. */
import { ArchiveError } from '../errors.ts';

/** The archive breaks its format's rules. */
export function corrupt(what: string, path?: string, cause?: unknown): ArchiveError {
  return new ArchiveError(`The archive is corrupt: ${what}`, { path, cause });
}

/** The archive ends before it is whole. */
export function truncated(what: string, path?: string): ArchiveError {
  return new ArchiveError(`The archive is cut short: ${what}`, { path });
}

/** The archive uses what is not read here, or what is refused. */
export function refused(what: string, path?: string): ArchiveError {
  return new ArchiveError(what, { path });
}
