/**
 * The file `shallow` of a repository (gitrepository-layout(5)): the commits that
 * are here without their parents, because it was cloned with a limit. Git may rewrite it at any time.
 */

import { isObjectId, type ObjectId } from '../../../git/objectId.ts';
import { isErrno } from '../../disk/durable.ts';
import { readFileSync, statSync } from '../../disk/fs.ts';

const NONE: ReadonlySet<ObjectId> = new Set();

export function parseShallow(text: string): ReadonlySet<ObjectId> {
  return new Set(text.split('\n').filter(isObjectId));
}

export class ShallowFile {
  readonly #path: string;
  #version = '';
  #ids = NONE;

  constructor(path: string) {
    this.#path = path;
  }

  /** What it says now; it is read again only when it has changed. */
  read(): ReadonlySet<ObjectId> {
    try {
      const { mtimeNs, ctimeNs, ino, size } = statSync(this.#path, { bigint: true });
      const version = `${mtimeNs} ${ctimeNs} ${ino} ${size}`;
      if (version !== this.#version) {
        this.#ids = parseShallow(readFileSync(this.#path, 'latin1'));
        this.#version = version;
      }
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      this.#version = '';
      this.#ids = NONE;
    }
    return this.#ids;
  }
}
