/** Files of exclude patterns: --exclude-from and .gitignore. */
import { decodePath } from '../git/pathBytes.ts';

/** The lines of such a file, compared with names and therefore decoded as names are. */
export function patternLines(content: Uint8Array): string[] {
  return decodePath(content)
    .replace(/^\ufeff/, '')
    .split(/\r?\n|\r$/);
}
