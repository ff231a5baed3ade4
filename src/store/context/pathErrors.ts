/** Errors about paths, with uniform messages. */
import { FileNotFoundError, IsADirectoryError, NotADirectoryError } from '../../errors.ts';

export function notFound(path: string): FileNotFoundError {
  return new FileNotFoundError(`${path || '/'}: no such file or directory`, { path });
}

export function isADirectory(path: string): IsADirectoryError {
  return new IsADirectoryError(`${path || '/'}: is a directory`, { path });
}

export function notADirectory(path: string): NotADirectoryError {
  return new NotADirectoryError(`${path || '/'}: not a directory`, { path });
}
