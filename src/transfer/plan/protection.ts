/**
 * What a copy must neither delete nor replace in addition to what its options exclude.
 *
 * A sync from disk may exclude files (`gitignore`, `exclude`). To a sync back from the store they look
 * deleted. So the store keeps a memo of what the last sync of a directory excluded, and a sync back
 * protects the same. When the memo is lost, a .gitignore file on disk that the snapshot does not have
 * shows that such a sync came before: its rules protect.
 */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { encodePath } from '../../git/pathBytes.ts';
import { absolutePath, realpathSync } from '../../storage/disk/fs.ts';
import type { Memos } from '../../storage/storage.ts';
import { isErrorOf, localError } from '../../systemFaults.ts';
import { joinPath } from '../../tree/paths.ts';
import type { ExcludeFilter } from '../rules/excludeFilter.ts';
import { Exclusion } from '../rules/exclusion.ts';
import type { CopyOptions } from '../rules/options.ts';
import { patternsOf } from '../rules/patterns.ts';

/** What the last sync from a local directory to one path in the store excluded. */
interface LeftOut {
  readonly branch: string;
  readonly path: string;
  readonly gitignore: boolean;
  readonly exclude: readonly string[];
}

interface Rule {
  /** Path from the directory of the rules to the destination. */
  readonly lead: string;
  readonly exclusion: Exclusion;
}

export class Protection {
  /** Only .gitignore files that the sources do not have count. */
  readonly isGuess: boolean;
  readonly readsGitignore: boolean;
  /** The caller has asked for it, so no remark is needed. */
  readonly #isAsked: boolean;
  readonly #rules: readonly Rule[];
  readonly #sealed = new Set<string>();
  #kept = 0;

  private constructor(rules: readonly Rule[], how: 'asked' | 'recalled' | 'guessed') {
    this.#rules = rules;
    this.#isAsked = how === 'asked';
    this.isGuess = how === 'guessed';
    this.readsGitignore = rules.some(({ exclusion }) => exclusion.readsGitignore);
  }

  /** For a copy to the directory `local` from `path` in the store; undefined for none. */
  static async of(
    memos: Memos | undefined,
    { local, branch, path }: { local: string; branch: string | undefined; path: string },
    { delete: deletes, gitignore, recall = true }: CopyOptions,
  ): Promise<Protection | undefined> {
    const rules: Rule[] = [];
    let isKnown = false;
    if (deletes && recall && memos !== undefined) {
      const real = realDirectory(local);
      for (let [at, lead] = [real, '']; ; ) {
        const all = readLeftOut(memos, at);
        const same = all.filter((one) => one.branch === branch && one.path === path);
        if (at === real && all.length > 0) isKnown = true;
        for (const one of at === real && same.length > 0 ? same : all) {
          if (!one.gitignore && one.exclude.length === 0) continue;
          const filter = await filterOf(one.exclude);
          rules.push({ lead, exclusion: new Exclusion(filter, { gitignore: one.gitignore }) });
        }
        const above = dirname(at);
        if (above === at) break;
        lead = joinPath(at.slice(above.length).replace(/^[/\\]/, ''), lead).replace(/\/$/, '');
        at = above;
      }
    }
    const isRecalled = rules.length > 0;
    if (gitignore)
      rules.push({ lead: '', exclusion: new Exclusion(undefined, { gitignore: true }) });
    if (rules.length > 0) return new Protection(rules, isRecalled ? 'recalled' : 'asked');
    if (!deletes || !recall || isKnown) return undefined;
    return new Protection(
      [{ lead: '', exclusion: new Exclusion(undefined, { gitignore: true }) }],
      'guessed',
    );
  }

  /** Takes the content of a .gitignore file of the destination. */
  add(directory: string, content: Uint8Array): void {
    for (const { lead, exclusion } of this.#rules) {
      if (exclusion.readsGitignore) exclusion.add(below(lead, directory), content);
    }
  }

  /** Protects everything below a directory whose rules cannot be read. */
  seal(directory: string): void {
    this.#sealed.add(directory);
  }

  /** Whether the entry at the path is protected. The rules that apply there must have been added. */
  protects(path: string, isDirectory: boolean): boolean {
    const is =
      this.#isSealed(path) ||
      this.#rules.some(({ lead, exclusion }) => exclusion.excludes(below(lead, path), isDirectory));
    if (is) this.#kept += 1;
    return is;
  }

  /** The remark for the report; undefined for none. */
  get remark(): string | undefined {
    if (this.#kept === 0 || this.#isAsked) return undefined;
    const what = this.isGuess
      ? `.gitignore files that are not in the store leave out`
      : 'the last sync from here left out';
    return `kept as they are, because ${what} such files: ${this.#kept}; --no-recall takes no account of that`;
  }

  #isSealed(path: string): boolean {
    for (const at of this.#sealed) if (at === '' || path.startsWith(`${at}/`)) return true;
    return false;
  }
}

/** Keeps what a sync from `local` to `path` has excluded. */
export function rememberLeftOut(
  memos: Memos | undefined,
  { local, branch, path }: { local: string; branch: string; path: string },
  { gitignore = false, exclude }: CopyOptions,
): void {
  if (memos === undefined) return;
  const real = realDirectory(local);
  const all = readLeftOut(memos, real);
  const others = all.filter((one) => one.branch !== branch || one.path !== path);
  const one: LeftOut = { branch, path, gitignore, exclude: patternsOf(exclude) };
  const next = JSON.stringify([...others, one]);
  if (next !== JSON.stringify(all)) memos.replace(memoOf(real), Buffer.from(next));
}

async function filterOf(patterns: readonly string[]): Promise<ExcludeFilter | undefined> {
  if (patterns.length === 0) return undefined;
  const filters = await import('../rules/excludeFilter.ts');
  return new filters.ExcludeFilter(patterns);
}

/** The memo of a directory; empty when it is missing or damaged. */
function readLeftOut(memos: Memos, directory: string): LeftOut[] {
  const content = memos.read(memoOf(directory));
  if (content === undefined) return [];
  try {
    const all: unknown = JSON.parse(Buffer.from(content).toString());
    return Array.isArray(all) && all.every(isLeftOut) ? all : [];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [];
  }
}

function isLeftOut(one: unknown): one is LeftOut {
  if (typeof one !== 'object' || one === null) return false;
  const { branch, path, gitignore, exclude } = one as Record<string, unknown>;
  return (
    typeof branch === 'string' &&
    typeof path === 'string' &&
    typeof gitignore === 'boolean' &&
    Array.isArray(exclude) &&
    exclude.every((pattern) => typeof pattern === 'string')
  );
}

function memoOf(directory: string): string {
  return `sync-${createHash('sha1').update(encodePath(directory)).digest('hex')}`;
}

function realDirectory(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isErrorOf(error, 'ENOENT', 'ENOTDIR')) throw localError(error, path);
    // It does not exist yet, so it holds nothing to protect.
    return absolutePath(path);
  }
}

function below(lead: string, path: string): string {
  return path === '' ? lead : joinPath(lead, path);
}
