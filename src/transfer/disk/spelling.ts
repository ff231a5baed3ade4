/** The names in a directory as they are spelled, on a disk that may find them by other names too. */
import * as fs from 'node:fs';
import { localError } from '../../systemFaults.ts';
import { joinDisk, readNames, toDisk } from './diskFiles.ts';
import { mayFold } from './putFile.ts';

export class Spelling {
  readonly directory: string;
  /** Read once it is not plain without. */
  #names: Set<string> | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * False where something is found under that name which has another one. Where nothing is found,
   * either answer may come.
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
