/**
 * The workspaces of a store: for each folder a private ref to a JSON blob. It lives as long as the store,
 * in any storage, and lets the next `Workspace.open` of the folder work without options. The folder itself
 * holds none of our files.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { CorruptObjectError, KeyExistsError } from '../errors.ts';
import { encodePath } from '../git/pathBytes.ts';
import { inSession } from '../store/commit/commit.ts';
import type { StoreContext } from '../store/context/context.ts';

const FOLDER = 'refs/gitstore/workspaces/';

/** A folder that is a workspace of a store. */
export interface WorkspaceRecord {
  /** The folder's absolute path, links resolved. */
  readonly path: string;
  /** The folder's machine. */
  readonly host: string;
  /** Short name of the branch with its checkpoints. */
  readonly branch: string;
  /** Patterns in the syntax of gitignore(5). */
  readonly exclude: readonly string[];
  readonly gitignore: boolean;
}

/** The record of a folder of this machine; undefined when it is not a workspace of the store. */
export async function findWorkspace(
  store: StoreContext,
  path: string,
): Promise<WorkspaceRecord | undefined> {
  const id = await store.refs.get(refOf(path));
  return id === undefined ? undefined : readRecord(store, id);
}

/** All workspaces that the store knows, by path. */
export async function listWorkspaces(store: StoreContext): Promise<WorkspaceRecord[]> {
  const refs = await store.listRefs(FOLDER);
  const records = await Promise.all(refs.map(({ id }) => readRecord(store, id)));
  return records.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Saves the record of a workspace. */
export async function rememberWorkspace(
  store: StoreContext,
  record: WorkspaceRecord,
): Promise<void> {
  const body = Buffer.from(JSON.stringify({ version: 1, ...record }));
  const id = await inSession(store, async (writer) => {
    const written = await writer.write('blob', body);
    await writer.finish();
    return written;
  });
  const ref = refOf(record.path);
  if ((await store.refs.get(ref)) === id) return;
  const reflog = { who: store.signature(), message: `workspace: ${record.branch}` };
  await store.refs.update([{ ref, old: undefined, new: id, reflog }]);
}

/** Removes the record of a workspace. Its branch stays. @returns whether there was one */
export async function forgetWorkspace(store: StoreContext, path: string): Promise<boolean> {
  const ref = refOf(path);
  if ((await store.refs.get(ref)) === undefined) return false;
  // Also a record that another process has written meanwhile.
  await store.refs.update([{ ref, old: undefined, new: null }]);
  return true;
}

function refOf(path: string): string {
  const key = Buffer.concat([Buffer.from(`${hostname()}\0`), encodePath(path)]);
  return FOLDER + createHash('sha1').update(key).digest('hex');
}

async function readRecord(store: StoreContext, id: string): Promise<WorkspaceRecord> {
  const object = await store.objects.read(id);
  const record: unknown = object?.type === 'blob' ? parse(object.body) : undefined;
  if (!isRecord(record)) {
    const message = `The record of a workspace (${id}) is not readable; open the folder with 'branch' to write it anew`;
    throw new CorruptObjectError(message, { objectId: id });
  }
  const { path, host, branch, exclude, gitignore } = record;
  return { path, host, branch, exclude, gitignore };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is WorkspaceRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { path, host, branch, exclude, gitignore } = value as Record<string, unknown>;
  return (
    [path, host, branch].every((text) => typeof text === 'string') &&
    typeof gitignore === 'boolean' &&
    Array.isArray(exclude) &&
    exclude.every((pattern) => typeof pattern === 'string')
  );
}

/**
 * The branch for a folder that names none: the current one, unless another folder uses it.
 * @throws KeyExistsError when one does
 */
export async function freeBranch(
  store: StoreContext,
  current: string | null,
  folder: string,
): Promise<string> {
  const all = await listWorkspaces(store);
  const other = all.find(({ branch, path, host }) => {
    return branch === current && (path !== folder || host !== hostname());
  });
  if (current !== null && other === undefined) return current;
  if (other === undefined) return 'main';
  throw new KeyExistsError(
    `Branch '${current}' holds the checkpoints of ${other.path}; give this folder a branch of its own`,
    { ref: other.branch },
  );
}
