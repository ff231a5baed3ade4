/**
 * The model that snapshots are tested against: a plain map from paths to files, and random
 * operations that are carried out on both. What the map says an operation does, or which error it
 * gives, is what the store must do.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Batch, FS } from '../../src/index.ts';

export interface ModelFile {
  readonly mode: 'blob' | 'executable' | 'link';
  readonly text: string;
}

export type Model = ReadonlyMap<string, ModelFile>;

export type Change =
  | { readonly kind: 'write'; readonly path: string; readonly file: ModelFile }
  | { readonly kind: 'rewrite'; readonly path: string; readonly text: string }
  | { readonly kind: 'remove'; readonly path: string; readonly recursive: boolean };

export type Operation =
  | Change
  | { readonly kind: 'batch'; readonly changes: readonly Change[] }
  | { readonly kind: 'move'; readonly sources: readonly string[]; readonly dest: string }
  | { readonly kind: 'undo' };

const name = fc.constantFrom('a', 'b', 'c', 'a.b', 'é', '\udcff');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const text = fc.constantFrom('', 'x', 'y', 'longer text');
const file: fc.Arbitrary<ModelFile> = fc.oneof(
  fc.record({ mode: fc.constantFrom('blob' as const, 'executable' as const), text }),
  fc.record({ mode: fc.constant('link' as const), text: fc.constantFrom('a', '../x') }),
);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), path, file }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rewrite' as const), path, text }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), path, recursive: fc.boolean() }),
  },
);

export const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: change },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('batch' as const),
        changes: fc.array(change, { maxLength: 8 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('move' as const),
        sources: fc.array(path, { minLength: 1, maxLength: 2 }),
        dest: fc.oneof(
          path,
          path.map((directory) => `${directory}/`),
          fc.constant(''),
        ),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'undo' as const }) },
  ),
  { minLength: 1, maxLength: 20 },
);

/** The code of the error that an operation gives. */
class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Carries operations out on the model. Every function gives a new map or throws Refused. */
export function perform(model: Model, operation: Exclude<Operation, { kind: 'undo' }>): Model {
  switch (operation.kind) {
    case 'move':
      return move(model, operation.sources, operation.dest);
    case 'batch': {
      let now = model;
      // What fails within a batch changes nothing; the batch goes on.
      for (const one of operation.changes) now = tryChange(now, one, model).model;
      return now;
    }
    default:
      return applyChange(model, operation, model);
  }
}

export function tryChange(
  model: Model,
  one: Change,
  base: Model,
): { model: Model; code: string | undefined } {
  try {
    return { model: applyChange(model, one, base), code: undefined };
  } catch (error) {
    if (error instanceof Refused) return { model, code: error.code };
    throw error;
  }
}

function applyChange(model: Model, one: Change, base: Model): Model {
  const next = new Map(model);
  if (one.kind === 'remove') {
    if (model.has(one.path)) {
      next.delete(one.path);
    } else if (isDirectory(model, one.path)) {
      if (!one.recursive) throw new Refused('EISDIR');
      for (const key of model.keys()) if (isBelow(key, one.path)) next.delete(key);
    } else if (!base.has(one.path) && !isDirectory(base, one.path)) {
      requireParents(model, one.path);
      throw new Refused('ENOENT');
    }
    return next;
  }
  if (isDirectory(model, one.path)) throw new Refused('EISDIR');
  requireParents(model, one.path);
  const before = model.get(one.path);
  const kept = before?.mode === 'executable' ? 'executable' : 'blob';
  next.set(one.path, one.kind === 'write' ? one.file : { mode: kept, text: one.text });
  return next;
}

function move(model: Model, sources: readonly string[], dest: string): Model {
  const target = dest.replace(/\/$/, '');
  const into = isDirectory(model, target) || sources.length > 1 || dest.endsWith('/');
  if (into && model.has(target)) throw new Refused('ENOTDIR');
  const plan: { from: string; to: string }[] = [];
  for (const from of sources) {
    if (!model.has(from) && !isDirectory(model, from)) {
      requireParents(model, from);
      throw new Refused('ENOENT');
    }
    const last = from.split('/').at(-1)!;
    const to = !into ? target : target === '' ? last : `${target}/${last}`;
    if (to === from || isBelow(to, from)) throw new Refused('EINVAL');
    for (const other of plan) {
      if (other.to === to) throw new Refused('EINVAL');
      if (from === other.from || isBelow(from, other.from) || isBelow(other.from, from)) {
        throw new Refused('ENOENT');
      }
    }
    plan.push({ from, to });
  }
  const next = new Map(model);
  for (const { from } of plan) {
    for (const key of model.keys()) if (key === from || isBelow(key, from)) next.delete(key);
  }
  for (const { from, to } of plan) {
    const moved = model.get(from);
    if (isDirectory(next, to)) throw new Refused(moved ? 'EISDIR' : 'ENOTEMPTY');
    if (next.has(to) && !moved) throw new Refused('ENOTDIR');
    requireParents(next, to);
    if (moved) next.set(to, moved);
    for (const [key, value] of model) {
      if (isBelow(key, from)) next.set(to + key.slice(from.length), value);
    }
  }
  return next;
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(`${directory}/`);
}

function isDirectory(model: Model, path: string): boolean {
  if (path === '') return true;
  for (const key of model.keys()) if (isBelow(key, path)) return true;
  return false;
}

function requireParents(model: Model, path: string): void {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    if (model.has(path.slice(0, at))) throw new Refused('ENOTDIR');
  }
}

/** Does to the snapshot what `perform` does to the model. */
export function performOn(fs: FS, operation: Operation, base: Model): Promise<FS> {
  switch (operation.kind) {
    case 'write':
      return operation.file.mode === 'link'
        ? fs.writeSymlink(operation.path, operation.file.text)
        : fs.writeText(operation.path, operation.file.text, { mode: operation.file.mode });
    case 'rewrite':
      return fs.write(operation.path, Buffer.from(operation.text));
    case 'remove':
      return fs.remove(operation.path, { recursive: operation.recursive });
    case 'move':
      return fs.move(operation.sources, operation.dest, { recursive: true });
    case 'undo':
      return fs.undo();
    case 'batch':
      return fs.batch({}, (batch) => fillBatch(batch, operation.changes, base));
  }
}

async function fillBatch(batch: Batch, changes: readonly Change[], base: Model): Promise<void> {
  let model = base;
  for (const one of changes) {
    const expected = tryChange(model, one, base);
    expect(await codeOf(changeBatch(batch, one))).toBe(expected.code);
    model = expected.model;
  }
}

function changeBatch(batch: Batch, one: Change): Promise<void> {
  if (one.kind === 'remove') return batch.remove(one.path, { recursive: one.recursive });
  if (one.kind === 'rewrite') return batch.writeText(one.path, one.text);
  return one.file.mode === 'link'
    ? batch.writeSymlink(one.path, one.file.text)
    : batch.write(one.path, Buffer.from(one.file.text), { mode: one.file.mode });
}

/** The code that a promise is rejected with; undefined when it is fulfilled. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}

/** All files of a snapshot, as the model has them. */
export async function modelOf(fs: FS): Promise<Model> {
  const model = new Map<string, ModelFile>();
  for await (const { dirpath, files } of fs.walk()) {
    for (const { name, fileType } of files) {
      const path = dirpath === '' ? name : `${dirpath}/${name}`;
      const text = fileType === 'link' ? await fs.readlink(path) : await fs.readText(path);
      model.set(path, { mode: fileType as ModelFile['mode'], text });
    }
  }
  return model;
}

/** What changed between two states, as a report has it. */
export function changesBetween(before: Model, after: Model) {
  const added = [...after.keys()].filter((path) => !before.has(path));
  const deleted = [...before.keys()].filter((path) => !after.has(path));
  const updated = [...after].filter(([path, file]) => {
    const old = before.get(path);
    return old !== undefined && (old.mode !== file.mode || old.text !== file.text);
  });
  return {
    add: added.sort(),
    update: updated.map(([path]) => path).sort(),
    delete: deleted.sort(),
  };
}
