/** Checks that everything which names objects names what is there: refs, their logs, heads, indexes. */
import { CorruptObjectError, UnreadableRefError } from '../../../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../../../git/objectId.ts';
import { parsePackedRefs } from '../../../git/refs/packedRefs.ts';
import { parseReflogLine } from '../../../git/refs/reflogLine.ts';
import { isValidRefName } from '../../../git/refs/refName.ts';
import type { RefStore } from '../../storage.ts';
import { Kind, type ObjectTable } from '../inventory/objectTable.ts';
import { bytesOf, filesBelow, readRoots, strayNames } from '../inventory/roots.ts';
import { readLooseRef } from '../refs/files/looseRefs.ts';

export interface CheckedRoots {
  readonly refs: number;
  readonly reflogEntries: number;
  /** All ids that something names. */
  readonly ids: ReadonlySet<ObjectId>;
  readonly shallow: ReadonlySet<ObjectId>;
}

export interface Presence {
  readonly table: ObjectTable;
  /** Also true for what came after the table was made. */
  isPresent(id: ObjectId): Promise<boolean>;
}

const LINE_FEED = 10;
const BRANCHES = 'refs/heads/';

export async function checkRefs(
  gitDir: string,
  refs: RefStore,
  { table, isPresent }: Presence,
  report: (subject: string, problem: string) => void,
): Promise<CheckedRoots> {
  const ids = new Set<ObjectId>();
  let count = 0;
  try {
    const { refs: entries, unreadable } = await refs.list('refs/');
    for (const { ref, kind, reason } of unreadable) {
      if (kind !== 'misnamed') report(ref, `cannot be read: ${reason}`);
    }
    for (const { ref, id } of entries) {
      count++;
      ids.add(id);
      const kind = table.columns.kind[table.findId(id)] ?? Kind.unknown;
      if (!(await isPresent(id))) report(ref, `names ${id}, which is missing`);
      else if (ref.startsWith(BRANCHES) && kind !== Kind.unknown && kind !== Kind.commit) {
        report(ref, `names ${id}, which is not a commit`);
      }
    }
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error;
    report('packed-refs', error.message);
  }
  checkPackedRefs(gitDir, report);
  for (const name of strayNames(gitDir)) {
    if (name.endsWith('.lock')) continue;
    const bytes = readFor(gitDir, name, report);
    const id = /\b[0-9a-f]{40}\b/.exec(bytes?.toString('latin1') ?? '')?.[0];
    if (id !== undefined) report(name, `is no ref, but holds ${id}: no ref can have this name`);
  }
  const head = readLooseRef(gitDir, 'HEAD');
  if (head === undefined || head.kind === 'broken') report('HEAD', 'names nothing');
  else if (head.kind === 'symbolic' && !head.target.startsWith(BRANCHES)) {
    report('HEAD', `names ${head.target}, which is no branch`);
  } else if (head.kind === 'id') {
    ids.add(head.id);
    if (!(await isPresent(head.id))) report('HEAD', `names ${head.id}, which is missing`);
  }
  const reflogEntries = await checkLogs(gitDir, isPresent, ids, report);
  let shallow: ReadonlySet<ObjectId> = new Set();
  try {
    const roots = await readRoots(gitDir, refs, true);
    shallow = roots.shallow;
    for (const [id, name] of roots.firm) {
      if (name.startsWith('refs/') || id === EMPTY_TREE_ID) continue;
      ids.add(id);
      if (!(await isPresent(id))) report(name, `names ${id}, which is missing`);
    }
  } catch (error) {
    if (error instanceof UnreadableRefError) report(error.ref ?? 'refs', error.message);
    else if (error instanceof CorruptObjectError) report('index', error.message);
    else throw error;
  }
  return { refs: count, reflogEntries, ids, shallow };
}

/** Lines that a reader passes over, and Git does not. */
function checkPackedRefs(gitDir: string, report: (subject: string, problem: string) => void): void {
  const bytes = readFor(gitDir, 'packed-refs', report);
  if (bytes === undefined) return;
  const comments = bytes.toString('latin1').match(/^#.*$/gm) ?? [];
  if (comments.length > 1 || (comments[0] && !comments[0].startsWith('# pack-refs with:'))) {
    report('packed-refs', 'has a line that Git does not know');
  }
  try {
    for (const { ref } of parsePackedRefs(bytes).entries) {
      if (!isValidRefName(ref)) report('packed-refs', `has a ref of a forbidden name: ${ref}`);
    }
  } catch {
    // Reported where the refs were listed.
  }
}

/** Undefined where there is none, and where it cannot be read, which is reported. */
function readFor(
  gitDir: string,
  name: string,
  report: (subject: string, problem: string) => void,
): Buffer | undefined {
  try {
    return bytesOf(gitDir, name);
  } catch (error) {
    if (!(error instanceof UnreadableRefError)) throw error;
    report(name, error.message);
    return undefined;
  }
}

/** @returns how many entries there are */
async function checkLogs(
  gitDir: string,
  isPresent: (id: ObjectId) => Promise<boolean>,
  ids: Set<ObjectId>,
  report: (subject: string, problem: string) => void,
): Promise<number> {
  let entries = 0;
  for (const log of filesBelow(gitDir, 'logs')) {
    const bytes = readFor(gitDir, log, report);
    if (bytes === undefined) continue;
    let line = 0;
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(LINE_FEED, at);
      const lineEnd = end === -1 ? bytes.length : end;
      const entry = parseReflogLine(bytes.subarray(at, lineEnd));
      at = lineEnd + 1;
      line++;
      // Git passes over lines that it cannot read, too.
      if (entry === undefined) continue;
      entries++;
      for (const id of [entry.old, entry.new]) {
        if (id === null) continue;
        ids.add(id);
        if (!(await isPresent(id))) report(log, `line ${line} names ${id}, which is missing`);
      }
    }
  }
  return entries;
}
