/**
 * Paths of the local disk as strings. Slashes separate on every system. On Windows input may have
 * backslashes, and an absolute path begins with a drive (`C:/`) or a share (`//server/share/`).
 */
import type { System } from '../../platform.ts';

/** `directory/name` on disk. */
export function joinDisk(directory: string, name: string): string {
  if (directory === '' || directory === '.') return name;
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

/** The parent of a local path; of a root the root itself. */
export function parentOnDisk(path: string, system: System = process.platform): string {
  const root = system === 'win32' ? rootOnWindows(path) : path.startsWith('/') ? '/' : '';
  // Without a slash after it the path is the root itself, spelled short.
  if (path.length <= root.length) return root;
  const slash = path.lastIndexOf('/');
  return slash < root.length ? root || '.' : path.slice(0, slash);
}

/** `C:` alone is the current directory of the drive, not its root. */
function rootOnWindows(path: string): string {
  const [root = ''] = /^(?:[A-Za-z]:\/?|\/\/[^/]+\/[^/]+\/?|\/)/.exec(path) ?? [];
  return root;
}

/** Replaces backslashes on Windows. */
export function withSlashes(path: string, system: System = process.platform): string {
  return system === 'win32' ? path.replaceAll('\\', '/') : path;
}
