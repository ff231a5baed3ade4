/**
 * Branches that working trees have checked out: the one of the repository, and linked ones
 * (git-worktree(1)). Moving such a branch does not update the files there, and the next commit there would
 * revert the move. So it is refused, as Git refuses to receive a push for one
 * (`receive.denyCurrentBranch`, `receive.denyDeleteCurrent`).
 */

import { basename, dirname, resolve } from 'node:path';
import { CheckedOutError, GitStoreError } from '../../../../errors.ts';
import { decodePath } from '../../../../git/pathBytes.ts';
import { type GitConfig, parseConfig } from '../../../../git/repository/config.ts';
import { type OnWarning, warnProcess } from '../../../../warnings.ts';
import { isErrno } from '../../../disk/durable.ts';
import { readdirSync, readFileSync, statSync } from '../../../disk/fs.ts';
import { readConfigText } from '../../repositoryConfig.ts';
import { readLooseRef } from '../files/looseRefs.ts';

export interface CheckedOutOptions {
  /** Move them anyway. */
  readonly moveCheckedOut?: boolean | undefined;
  /** Default: `process.emitWarning`. */
  readonly onWarning?: OnWarning | undefined;
}

/** A ref to move. */
export interface MovingRef {
  readonly ref: string;
  readonly isDeleted: boolean;
}

export class CheckedOut {
  readonly #gitDir: string;
  /** The repository's own working tree; undefined for a bare one. */
  readonly #tree: string | undefined;
  readonly #onWarning: OnWarning;
  readonly #warned = new Set<string>();

  constructor(gitDir: string, config: GitConfig, options: CheckedOutOptions) {
    this.#gitDir = gitDir;
    this.#tree = workingTree(gitDir, config);
    this.#onWarning = options.onWarning ?? warnProcess;
  }

  /** Costs a bare repository without linked working trees one system call. */
  get hasTrees(): boolean {
    return this.#tree !== undefined || this.#hasLinked();
  }

  /**
   * @param head what the repository's HEAD names
   * @throws CheckedOutError for a branch that must not move
   */
  check(moving: readonly MovingRef[], head: string | undefined): void {
    const trees = this.#trees(head);
    for (const one of moving) {
      const tree = trees.get(one.ref);
      if (tree !== undefined) this.#apply(one, tree);
    }
  }

  /**
   * Checks HEAD of a repository with a working tree, which names its checked-out branch.
   * @param head the existing branch that HEAD names now
   * @throws CheckedOutError
   */
  checkHead(head: string, next: string): void {
    if (this.#tree === undefined || head === next) return;
    const rule = ruleOf(parseConfig(readConfigText(this.#gitDir)), 'receive.denyCurrentBranch');
    if (rule !== 'refuse') return;
    const short = next.replace(/^refs\/heads\//, '');
    throw new CheckedOutError(
      `${this.#tree} has ${head} checked out, and its files would stay those of it; to change both: git -C ${this.#tree} checkout ${short}`,
      { ref: next, path: this.#tree },
    );
  }

  #apply({ ref, isDeleted }: MovingRef, tree: string): void {
    const key = isDeleted ? 'receive.denyDeleteCurrent' : 'receive.denyCurrentBranch';
    const rule = ruleOf(parseConfig(readConfigText(this.#gitDir)), key);
    if (rule === 'ignore') return;
    const what = `${ref} is checked out in ${tree}`;
    if (rule === 'refuse') {
      const command = `git -C ${this.#gitDir} config ${key} ignore`;
      throw new CheckedOutError(
        `${what}, whose files would stay behind; to ${isDeleted ? 'delete' : 'move'} it all the same: ${command}`,
        { ref, path: tree },
      );
    }
    if (this.#warned.has(what)) return;
    this.#warned.add(what);
    const message = `${what}, whose files stay behind: "git reset --hard" there brings them up to date`;
    this.#onWarning({ code: 'CHECKED_OUT', message, ref, path: tree });
  }

  /** Branch → a working tree that has it checked out. */
  #trees(head: string | undefined): ReadonlyMap<string, string> {
    const trees = new Map<string, string>();
    if (this.#hasLinked()) {
      const folder = `${this.#gitDir}/worktrees`;
      for (const name of readdirSync(folder)) {
        const own = `${folder}/${name}`;
        const linked = readLooseRef(own, 'HEAD');
        if (linked?.kind === 'symbolic') trees.set(linked.target, placeOf(own));
      }
    }
    if (this.#tree !== undefined && head !== undefined) trees.set(head, this.#tree);
    return trees;
  }

  #hasLinked(): boolean {
    const stats = statSync(`${this.#gitDir}/worktrees`, { throwIfNoEntry: false });
    return stats?.isDirectory() === true;
  }
}

/** Undefined for a bare repository. */
function workingTree(gitDir: string, config: GitConfig): string | undefined {
  // With this extension both settings of the repository are in another file.
  const own =
    config.getBool('extensions.worktreeConfig') === true
      ? parseConfig(readConfigText(gitDir, 'config.worktree'))
      : undefined;
  const isBare = own?.getBool('core.bare') ?? config.getBool('core.bare');
  const named = own?.get('core.worktree') ?? config.get('core.worktree');
  if (isBare === true) return undefined;
  if (named !== undefined) return resolve(gitDir, named);
  if (basename(gitDir) === '.git') return dirname(gitDir);
  return isBare === false ? gitDir : undefined;
}

/** The path of a linked working tree according to its folder in the repository. */
function placeOf(own: string): string {
  try {
    const file = decodePath(readFileSync(`${own}/gitdir`)).replace(/[\r\n]+$/, '');
    return dirname(resolve(own, file));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return own;
    throw error;
  }
}

type Rule = 'refuse' | 'warn' | 'ignore';

/** `updateInstead` refuses: nothing here writes to working trees. */
function ruleOf(config: GitConfig, key: string): Rule {
  const value = config.get(key)?.toLowerCase() ?? 'refuse';
  if (value === 'refuse' || value === 'updateinstead') return 'refuse';
  if (value === 'warn' || value === 'ignore') return value;
  try {
    return config.getBool(key) === false ? 'ignore' : 'refuse';
  } catch (error) {
    // Git refuses such a value, so nothing moves.
    if (error instanceof GitStoreError) return 'refuse';
    throw error;
  }
}
