/** Names that a file system may treat as `.git`, which Git refuses in trees. */

/** Segments that NTFS opens as `.git` (is_ntfs_dotgit in Git's path.c; a backslash separates too). */
const NTFS_DOT_GIT = /(?:^|[/\\])(?:\.git|git~1)[. ]*(?:[/\\:]|$)/i;

/** Code points that HFS+ ignores in names (next_hfs_char in Git's utf8.c). */
const HFS_IGNORED = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

const DOT_GIT = /(?:^|\/)\.git(?:\/|$)/i;

/** Any character from which a name may look different on HFS+. */
const ABOVE_ASCII = /[\u0080-\uffff]/;

/**
 * Whether Git refuses an entry of this name: `.git` in any letter case, and names that NTFS or HFS+ treat
 * as the same (`.git.`, `git~1`, `.git::$DATA`, ignorable code points in between). For a whole path: whether
 * any segment is such a name.
 */
export function isForbiddenSegment(name: string): boolean {
  if (NTFS_DOT_GIT.test(name)) return true;
  return ABOVE_ASCII.test(name) && DOT_GIT.test(name.replace(HFS_IGNORED, ''));
}

/** Segments that a file system may take for `.gitmodules`. */
const GIT_MODULES = /^(?:\.gitmodules|gitmod~[1-4]|gi7eba~[1-9])[. ]*(?::.*)?$/i;

/** Whether Git refuses a symbolic link of this name (gitmodulesSymlink, git-fsck(1)). */
export function isModulesFile(name: string): boolean {
  return GIT_MODULES.test(name.replace(HFS_IGNORED, ''));
}
