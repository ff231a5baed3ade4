/**
 * A bundle file as a remote (gitformat-bundle(5)). It is read in place. A write replaces the whole file,
 * through a temporary file beside it, so that the old one stays until the new one is complete.
 */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { CorruptObjectError, FileNotFoundError, GitStoreError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { type BundleHeader, parseBundleHeader, serializeBundleHeader } from '../git/wire/bundle.ts';
import { checkConnected } from '../graph/connected.ts';
import { reachable } from '../graph/reachable.ts';
import {
  isErrno,
  removeIfThere,
  syncDirectory,
  syncFile,
  writeFully,
} from '../storage/disk/durable.ts';
import { closeSync, createReadStream, openSync, readSync, renameSync } from '../storage/disk/fs.ts';
import type { Storage } from '../storage/storage.ts';
import type { PushRequest, RefusedRefs, Remote, RemoteRefs, TransferOptions } from './remote.ts';

const READ_CHUNK = 64 << 10;

interface OpenBundle {
  readonly header: BundleHeader;
  /** Offset of the pack. */
  readonly length: number;
}

export class BundleRemote implements Remote {
  readonly name: string;
  readonly replaces = true;
  readonly #file: string;
  readonly #version: 2 | 3;

  /** @param version of the bundle format, when one is written */
  constructor(file: string, version: 2 | 3 = 2) {
    this.name = file;
    this.#file = file;
    this.#version = version;
  }

  async list(_prefixes: readonly string[], purpose: 'fetch' | 'push'): Promise<RemoteRefs> {
    let open: OpenBundle;
    try {
      open = this.#open();
    } catch (error) {
      // Never overwrite an existing file that is not a bundle.
      if (purpose === 'push' && error instanceof FileNotFoundError) return { refs: [] };
      throw error;
    }
    const { refs } = open.header;
    const head = refs.find(({ ref }) => ref === 'HEAD')?.id;
    const branch = refs.find(({ ref, id }) => ref.startsWith('refs/heads/') && id === head);
    return { refs: refs.filter(({ ref }) => ref !== 'HEAD'), head: branch?.ref };
  }

  async fetch(
    store: Storage,
    wants: readonly ObjectId[],
    haves: readonly ObjectId[],
    options: TransferOptions,
  ): Promise<void> {
    const { header, length } = this.#open();
    const missing: ObjectId[] = [];
    for (const id of header.prerequisites) if (!(await store.objects.has(id))) missing.push(id);
    if (missing.length > 0) {
      const list = missing.slice(0, 3).join(', ') + (missing.length > 3 ? ', …' : '');
      throw new GitStoreError(
        `The bundle ${this.#file} builds on commits that the store does not have: ${list}`,
        'EPREREQUISITE',
        { path: this.#file },
      );
    }
    const { signal, onProgress } = options;
    await store.objects.importPack(createReadStream(this.#file, { start: length }), {
      signal,
      check: (incoming) => checkConnected(incoming, { tips: wants, haves, signal }),
      onProgress: (progress) => onProgress?.({ phase: 'receiving', ...progress }),
    });
  }

  async push(store: Storage, request: PushRequest, options: TransferOptions): Promise<RefusedRefs> {
    const { signal, onProgress } = options;
    const { objects } = await reachable(store.objects, {
      wants: [...request.refs.values()],
      signal,
      onProgress: (found) => onProgress?.({ phase: 'counting', objects: found, bytes: 0 }),
    });
    const head = request.head && request.refs.get(request.head);
    const refs = Array.from(request.refs, ([ref, id]) => ({ ref, id }));
    const header = serializeBundleHeader({
      version: this.#version,
      capabilities: this.#version === 3 ? ['object-format=sha1'] : [],
      prerequisites: [],
      refs: head === undefined ? refs : [...refs, { ref: 'HEAD', id: head }],
    });
    let written = 0;
    let bytes = header.length;
    const report = () =>
      onProgress?.({ phase: 'sending', objects: written, totalObjects: objects.count, bytes });
    const pack = store.objects.exportPack(objects, {
      signal,
      onProgress: (count) => {
        written = count;
      },
    });
    await this.#write(async (put) => {
      put(header);
      for await (const chunk of pack) {
        put(chunk);
        bytes += chunk.length;
        report();
      }
    });
    return new Map();
  }

  async close(): Promise<void> {}

  async #write(fill: (put: (bytes: Uint8Array) => void) => Promise<void>): Promise<void> {
    const folder = dirname(this.#file);
    const suffix = randomBytes(6).toString('hex');
    const temporary = join(folder, `.${basename(this.#file)}.${suffix}.tmp`);
    let fd: number;
    try {
      fd = openSync(temporary, 'wx');
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
      throw new FileNotFoundError(`Folder not found: ${folder}`, { path: folder, cause: error });
    }
    try {
      try {
        await fill((bytes) => writeFully(fd, bytes));
        await syncFile(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, this.#file);
    } catch (error) {
      removeIfThere(temporary);
      throw error;
    }
    await syncDirectory(folder);
  }

  #open(): OpenBundle {
    let fd: number;
    try {
      fd = openSync(this.#file, 'r');
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
      throw new FileNotFoundError(`Bundle not found: ${this.#file}`, { path: this.#file });
    }
    try {
      let bytes = Buffer.alloc(0);
      for (;;) {
        const chunk = Buffer.alloc(READ_CHUNK);
        const got = readSync(fd, chunk, 0, chunk.length, null);
        bytes = Buffer.concat([bytes, chunk.subarray(0, got)]);
        const open = parseBundleHeader(bytes);
        if (open !== undefined) return open;
        if (got === 0) throw new CorruptObjectError('A bundle without a pack');
      }
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error;
      throw new CorruptObjectError(`${this.#file}: ${error.message}`, { path: this.#file });
    } finally {
      closeSync(fd);
    }
  }
}
