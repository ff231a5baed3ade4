/** A repository whose packs real Git made, and its packs taken apart by plain means. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

/** One object of a pack as `git verify-pack -v` and `git show-index` tell it. */
export interface KnownEntry {
  readonly id: string;
  /** Of the object, deltas applied. */
  readonly type: string;
  /** Of the entry's inflated data: for a delta, of the delta. */
  readonly size: number;
  readonly offset: number;
  readonly crc: number;
  /** Id of the base of a delta. */
  readonly base?: string;
}

export interface KnownPack {
  /** The path without extension. */
  readonly path: string;
  readonly pack: Buffer;
  readonly index: Buffer;
  readonly entries: readonly KnownEntry[];
}

/** An empty bare repository. */
export function emptyRepository(): string {
  const store = scratchFolder();
  git(store, 'init', '-q', '--bare');
  return store;
}

/** Writes versions of a text that are alike, and returns their ids. */
export function writeSimilarBlobs(store: string, count: number, seed: string): string[] {
  const lines = Array.from({ length: 400 }, (_, i) => `${seed} line ${i * i} of the text\n`);
  return Array.from({ length: count }, (_, i) => {
    lines[(i * 37) % lines.length] = `${seed} changed in version ${i}\n`;
    const text = Buffer.from(lines.join(''));
    return gitBytes(store, ['hash-object', '-w', '--stdin'], text).toString().trim();
  });
}

/** Packs objects with Git; `options` as for `git pack-objects`. */
export function packObjects(
  store: string,
  ids: readonly string[],
  ...options: string[]
): KnownPack {
  const base = join(store, 'objects/pack/pack');
  const input = Buffer.from(`${ids.join('\n')}\n`);
  const name = gitBytes(store, ['pack-objects', '-q', ...options, base], input)
    .toString()
    .trim();
  return readKnownPack(store, `${base}-${name}`);
}

export function packNames(store: string): string[] {
  return readdirSync(join(store, 'objects/pack'));
}

function readKnownPack(store: string, path: string): KnownPack {
  const index = readFileSync(`${path}.idx`);
  const crcs = new Map<string, number>();
  for (const line of gitBytes(store, ['show-index'], index).toString().split('\n')) {
    const [, id, crc] = /^\d+ (\w{40}) \((\w{8})\)$/.exec(line) ?? [];
    if (id !== undefined) crcs.set(id, Number.parseInt(crc!, 16));
  }
  const entries: KnownEntry[] = [];
  for (const line of git(store, 'verify-pack', '-v', `${path}.idx`).split('\n')) {
    const match = /^(\w{40}) (\w+) +(\d+) \d+ (\d+)(?: \d+ (\w{40}))?$/.exec(line);
    if (match === null) continue;
    const [, id, type, size, offset, base] = match;
    entries.push({
      id: id!,
      type: type!,
      size: Number(size),
      offset: Number(offset),
      crc: crcs.get(id!)!,
      ...(base !== undefined && { base }),
    });
  }
  return { path, pack: readFileSync(`${path}.pack`), index, entries };
}
