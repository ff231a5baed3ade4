/** Trees of files, on disk and in stores, in one form that tests can write down and compare. */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { EMPTY_TREE_ID, type ObjectId } from '../../src/git/objectId.ts';
import { decodePath, encodePath } from '../../src/git/pathBytes.ts';
import { createMemoryStorage } from '../../src/storage/memory/memoryStorage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { copyIn } from '../../src/transfer/in/copyIn.ts';
import { copyOut } from '../../src/transfer/out/copyOut.ts';
import type { CopyInOptions, CopyOptions } from '../../src/transfer/rules/options.ts';
import type { ChangeReport } from '../../src/tree/changes.ts';
import { applyEdits, type TreeEdit } from '../../src/tree/edit.ts';
import { TreeReader } from '../../src/tree/reader.ts';
import { modeOf } from '../../src/tree/types.ts';
import { walkFiles } from '../../src/tree/walk.ts';

/** A file by its content; `{ run }` an executable one, `{ link }` a link. */
export type Content = string | { run: string } | { link: string };
export type Files = Record<string, Content>;

/** Makes the files, with the directories they need; a path that ends in `/` makes an empty one. */
export function makeFiles(folder: string, files: Files): string {
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const full = encodePath(join(folder, path));
    if (path.endsWith('/')) {
      mkdirSync(full, { recursive: true });
      continue;
    }
    mkdirSync(encodePath(dirname(join(folder, path))), { recursive: true });
    if (typeof content === 'string') writeFileSync(full, content, { mode: 0o644 });
    else if ('run' in content) writeFileSync(full, content.run, { mode: 0o755 });
    else symlinkSync(encodePath(content.link), full);
  }
  return folder;
}

/** All files of a folder, links not followed, directories left out. */
export function filesOnDisk(folder: string): Files {
  const files: Files = {};
  const visit = (directory: Buffer, prefix: string): void => {
    for (const name of readdirSync(directory, { encoding: 'buffer' })) {
      const path = Buffer.concat([directory, Buffer.from('/'), name]);
      const shown = prefix + decodePath(name);
      const stats = lstatSync(path);
      if (stats.isDirectory()) visit(path, `${shown}/`);
      else if (stats.isSymbolicLink()) {
        files[shown] = { link: decodePath(readlinkSync(path, { encoding: 'buffer' })) };
      } else if (stats.isFile()) {
        const text = decodePath(readFileSync(path));
        files[shown] = stats.mode & 0o100 ? { run: text } : text;
      }
    }
  };
  visit(Buffer.from(folder), '');
  return files;
}

/** A tree in a store that can be copied into and out of, as a snapshot would. */
export class TestTree {
  readonly storage: Storage;
  readonly trees: TreeReader;
  root: ObjectId;
  storePath: string | undefined;
  time = new Date('2020-02-02T02:02:02Z');

  constructor(storage: Storage = createMemoryStorage(), root: ObjectId = EMPTY_TREE_ID) {
    this.storage = storage;
    this.trees = new TreeReader(storage.objects);
    this.root = root;
  }

  static async of(files: Files, storage?: Storage): Promise<TestTree> {
    const tree = new TestTree(storage);
    const writer = tree.storage.objects.writer();
    const edits = new Map<string, TreeEdit>();
    for (const [path, content] of Object.entries(files)) {
      const text =
        typeof content === 'string' ? content : 'run' in content ? content.run : content.link;
      const type = typeof content === 'string' ? 'blob' : 'run' in content ? 'executable' : 'link';
      edits.set(path, { mode: modeOf(type), id: await writer.write('blob', encodePath(text)) });
    }
    tree.root = await applyEdits(tree.trees, writer, tree.root, edits);
    await writer.finish();
    return tree;
  }

  async copyIn(
    sources: string | string[],
    dest: string,
    options: CopyInOptions = {},
  ): Promise<ChangeReport> {
    const { trees, root, storePath } = this;
    const list = typeof sources === 'string' ? [sources] : sources;
    if (options.dryRun) {
      const target = { trees, root, writer: null, storePath };
      return (await copyIn(target, list, dest, options)).report;
    }
    const writer = this.storage.objects.writer();
    try {
      const result = await copyIn({ trees, root, writer, storePath }, list, dest, options);
      this.root = await applyEdits(trees, writer, root, result.edits);
      await writer.finish();
      return result.report;
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  copyOut(
    sources: string | string[],
    dest: string,
    options: CopyOptions = {},
  ): Promise<ChangeReport> {
    const { trees, root, time, storePath } = this;
    const list = typeof sources === 'string' ? [sources] : sources;
    return copyOut({ trees, storePath }, [{ root, time, sources: list }], dest, options);
  }

  async files(): Promise<Files> {
    const files: Files = {};
    for await (const { path, mode, id } of walkFiles(this.trees, this.root)) {
      const text = decodePath((await this.storage.objects.read(id))!.body);
      files[path] = mode === 0o120000 ? { link: text } : mode === 0o100755 ? { run: text } : text;
    }
    return files;
  }
}

/** The report in one line an action: `+ path`, `~ path`, `- path`. */
export function lines(report: ChangeReport): string[] {
  const sign = { add: '+', update: '~', delete: '-' };
  return report.actions().map(({ action, path }) => `${sign[action]} ${path}`);
}
