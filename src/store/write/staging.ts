/**
 * Collects changes to a snapshot's tree before they become a commit. Later changes see *staged* ones, so
 * that the last change of a path wins. Keeps the *edits* that make the new tree, and for each changed
 * file its value *before* and *after*, for the report and for lookups.
 */
import { InvalidPathError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { type FileMode, isTreeMode, type TreeEntry } from '../../git/objects/tree.ts';
import { comparePaths } from '../../git/pathBytes.ts';
import { type ChangeProblem, ChangeReport, type FileEntry } from '../../tree/changes.ts';
import type { TreeEdit } from '../../tree/edit.ts';
import { checkDepth, normalizePath, parentPath } from '../../tree/paths.ts';
import type { TreeReader } from '../../tree/reader.ts';
import { fileTypeOf } from '../../tree/types.ts';
import { walkFiles } from '../../tree/walk.ts';
import { isADirectory, notADirectory, notFound } from '../context/pathErrors.ts';

/** Mode and id of an entry. */
interface FileValue {
  readonly mode: FileMode;
  readonly id: ObjectId;
}

interface StagedFile extends FileValue {
  /** The former path of a moved file. */
  readonly src?: string;
}

/** What exists at a path, including staged changes. */
export type Standing =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'directory' }
  | { readonly kind: 'file'; readonly mode: FileMode; readonly id: ObjectId };

const NOTHING: Standing = { kind: 'nothing' };
const DIRECTORY: Standing = { kind: 'directory' };

export class Staging {
  readonly #trees: TreeReader;
  readonly #root: ObjectId;
  readonly #warnings: ChangeProblem[] = [];
  readonly #edits = new Map<string, TreeEdit>();
  readonly #before = new Map<string, FileValue>();
  readonly #after = new Map<string, StagedFile>();
  /** Number of files of `#after` below each directory. */
  readonly #filled = new Map<string, number>();

  constructor(trees: TreeReader, root: ObjectId) {
    this.#trees = trees;
    this.#root = root;
  }

  /** Records a warning about a path, if there is one. */
  remark(path: string, text: string | undefined): void {
    if (text !== undefined) this.#warnings.push({ path, error: text });
  }

  /** The edits that make the new tree, for `applyEdits`. */
  get edits(): ReadonlyMap<string, TreeEdit> {
    return this.#edits;
  }

  /** What exists at a normalized path now. */
  async standing(path: string): Promise<Standing> {
    const staged = this.#after.get(path);
    if (staged !== undefined) return { kind: 'file', mode: staged.mode, id: staged.id };
    if (path === '' || this.#filled.has(path)) return DIRECTORY;
    const base = await this.#trees.lookup(this.#root, path);
    if (base === undefined) return NOTHING;
    if (fileTypeOf(base.mode) !== 'tree') {
      return this.#before.has(path) || this.#isCovered(path)
        ? NOTHING
        : { kind: 'file', mode: base.mode, id: base.id };
    }
    return (await this.#remains(path, base)) ? DIRECTORY : NOTHING;
  }

  /**
   * Checks that a file can be put at `path` and returns what exists there.
   * @throws IsADirectoryError when that is a directory
   * @throws NotADirectoryError when the path leads through a file or a link
   */
  async checkFile(path: string): Promise<Standing> {
    const standing = await this.standing(path);
    if (standing.kind === 'directory') {
      throw isADirectory(path);
    }
    if (standing.kind === 'nothing') await this.checkParents(path);
    return standing;
  }

  /** @throws NotADirectoryError when a file or a link is in the place of a directory of `path` */
  async checkParents(path: string): Promise<void> {
    for (let at = parentPath(path); at !== '' && !this.#filled.has(at); at = parentPath(at)) {
      const standing = await this.standing(at);
      if (standing.kind === 'directory') return;
      if (standing.kind === 'file') {
        throw notADirectory(at);
      }
    }
  }

  /**
   * Puts a file or a link at `path`.
   * @param standing what `checkFile` has found there
   */
  put(path: string, mode: FileMode, id: ObjectId, standing: Standing): void {
    const file = { mode, id };
    const isUntouched = !this.#after.has(path) && !this.#before.has(path);
    if (isUntouched && standing.kind === 'file') this.#before.set(path, standing);
    this.#edits.set(path, file);
    this.#setAfter(path, file);
  }

  /**
   * Removes the entry at `path`. An entry of the snapshot that was already removed may be removed again.
   * @param path as the user wrote it; a trailing `/` means a directory
   * @throws FileNotFoundError
   * @throws IsADirectoryError for a directory without `recursive`
   * @throws NotADirectoryError for a file with a trailing `/`, or a path that leads through one
   */
  async remove(path: string, recursive: boolean): Promise<void> {
    const target = checkRemovable(path);
    const standing = await this.standing(target);
    if (standing.kind === 'directory') {
      if (!recursive) throw isADirectory(path);
      await this.#removeDirectory(target);
    } else if (standing.kind === 'file') {
      if (path.endsWith('/')) throw notADirectory(path);
      await this.#removeFile(target);
    } else if ((await this.#trees.lookup(this.#root, target)) === undefined) {
      await this.checkParents(target);
      throw notFound(path);
    }
  }

  /**
   * Puts a file or a link of the snapshot at `path`.
   * @param src its path in the snapshot
   * @param standing the result of `checkFile`
   */
  putMoved(path: string, { mode, id }: FileValue, src: string, standing: Standing): void {
    this.put(path, mode, id, standing);
    this.#setAfter(path, { mode, id, src });
  }

  /**
   * Puts a directory of the snapshot with all its contents at `path`, where nothing exists. No removal may
   * follow.
   * @param src its path in the snapshot
   * @throws TooDeepError
   */
  async graft(path: string, { mode, id: treeId }: FileValue, src: string): Promise<void> {
    // Removals that made room must not apply to the new directory.
    const below = `${path}/`;
    for (const edited of this.#edits.keys()) {
      if (edited.startsWith(below)) this.#edits.delete(edited);
    }
    this.#edits.set(path, { mode, id: treeId });
    checkDepth(path, 1);
    for await (const file of walkFiles(this.#trees, treeId, path)) {
      const { mode, id } = file;
      this.#setAfter(file.path, { mode, id, src: src + file.path.slice(path.length) });
    }
  }

  /** All added, updated and deleted files, each list sorted by path. */
  report(): ChangeReport {
    const report = new ChangeReport({ warnings: [...this.#warnings] });
    for (const [path, file] of this.#after) {
      const before = this.#before.get(path);
      const { mode, id, src } = file;
      const entry: FileEntry = { path, type: fileTypeOf(mode), ...(src !== undefined && { src }) };
      if (before === undefined) report.add.push(entry);
      else if (before.id !== id || before.mode !== mode) report.update.push(entry);
    }
    for (const [path, { mode }] of this.#before) {
      if (!this.#after.has(path)) report.delete.push({ path, type: fileTypeOf(mode) });
    }
    for (const list of [report.add, report.update, report.delete]) {
      if (list.length > 1) list.sort((a, b) => comparePaths(a.path, b.path));
    }
    return report;
  }

  async #removeFile(path: string): Promise<void> {
    const base = await this.#trees.lookup(this.#root, path);
    this.#dropAfter(path);
    if (base === undefined) {
      this.#edits.delete(path);
      return;
    }
    this.#edits.set(path, null);
    if (fileTypeOf(base.mode) !== 'tree') this.#before.set(path, base);
  }

  async #removeDirectory(path: string): Promise<void> {
    if (this.#filled.has(path)) {
      const prefix = `${path}/`;
      for (const staged of this.#after.keys()) {
        if (!staged.startsWith(prefix)) continue;
        this.#dropAfter(staged);
        this.#edits.delete(staged);
      }
    }
    const base = await this.#trees.lookup(this.#root, path);
    if (base === undefined) return;
    this.#edits.set(path, null);
    if (isTreeMode(base.mode)) {
      for await (const file of walkFiles(this.#trees, base.id, path)) {
        this.#before.set(file.path, { mode: file.mode, id: file.id });
      }
    } else {
      this.#before.set(path, base);
    }
  }

  /** Whether a directory of the snapshot still holds anything. */
  async #remains(path: string, base: TreeEntry): Promise<boolean> {
    if (this.#edits.get(path) === null || this.#isCovered(path)) return false;
    if (this.#edits.size === 0 || !isTreeMode(base.mode)) return true;
    let taken = false;
    for await (const file of walkFiles(this.#trees, base.id, path)) {
      if (!this.#before.has(file.path)) return true;
      taken = true;
    }
    // An empty tree object counts as a directory unless something was removed from it.
    return !taken;
  }

  /** Whether a directory above `path` was removed or replaced by a file. */
  #isCovered(path: string): boolean {
    if (this.#edits.size === 0) return false;
    for (let at = parentPath(path); at !== ''; at = parentPath(at)) {
      if (this.#edits.has(at)) return true;
    }
    return false;
  }

  #setAfter(path: string, file: StagedFile): void {
    if (!this.#after.has(path)) this.#count(path, 1);
    this.#after.set(path, file);
  }

  #dropAfter(path: string): void {
    if (this.#after.delete(path)) this.#count(path, -1);
  }

  #count(path: string, by: 1 | -1): void {
    for (let at = parentPath(path); at !== ''; at = parentPath(at)) {
      const files = (this.#filled.get(at) ?? 0) + by;
      if (files === 0) this.#filled.delete(at);
      else this.#filled.set(at, files);
    }
  }
}

/** @throws InvalidPathError for the root, which cannot be removed */
function checkRemovable(path: string): string {
  const target = normalizePath(path);
  if (target === '') throw new InvalidPathError('Cannot remove the root directory', { path });
  return target;
}
