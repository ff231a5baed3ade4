/** The exact names in a directory, on a disk that may also find entries by other spellings. */
import * as fs from 'node:fs';
import { localError } from '../../systemFaults.ts';
import { joinDisk, readNames, toDisk } from './diskFiles.ts';
import { mayFold } from './put/foldedNames.ts';

export class Spelling {
  readonly directory: string;
  /** Read when first needed. */
  #names: Set<string> | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * False when the disk finds an entry under that name whose real name is another. Unspecified when the
   * disk finds none.
   */
  holds(name: string): boolean {
    try {
      if (this.#names === undefined && !mayFold(fs, toDisk(joinDisk(this.directory, name)))) {
        return true;
      }
      this.#names ??= new Set(readNames(this.directory));
      return this.#names.has(name);
    } catch (error) {
      throw localError(error, this.directory);
    }
  }
}
