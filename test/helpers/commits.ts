/** Commits for tests of refs: real ones, so that Git can be asked whether all is well, made without Git. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';

/** Makes `count` commits of the empty tree, each the parent of the next, as loose objects. */
export function makeCommits(store: string, count: number): string[] {
  const tree = writeLoose(store, 'tree', '');
  const who = 'Test <test@localhost> 1700000000 +0000';
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const parent = ids.length === 0 ? '' : `parent ${ids.at(-1)}\n`;
    const text = `tree ${tree}\n${parent}author ${who}\ncommitter ${who}\n\ncommit ${i}\n`;
    ids.push(writeLoose(store, 'commit', text));
  }
  return ids;
}

function writeLoose(store: string, type: string, body: string): string {
  const bytes = Buffer.from(`${type} ${Buffer.byteLength(body)}\0${body}`);
  const id = createHash('sha1').update(bytes).digest('hex');
  const folder = join(store, 'objects', id.slice(0, 2));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, id.slice(2)), deflateSync(bytes), { mode: 0o444 });
  return id;
}
