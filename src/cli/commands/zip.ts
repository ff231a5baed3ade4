/** `zip`: a snapshot as a zip archive. */
import type { Command } from 'commander';
import { defineArchiveOut } from '../actions/archiving.ts';

export function define(command: Command): void {
  defineArchiveOut(command, 'zip', [
    ['gitstore zip site.zip', 'the current branch'],
    ['gitstore zip --ref v1.0 - > v1.0.zip', 'a tag, to standard output'],
    ['gitstore zip --back 3 before.zip', 'as it was three commits ago'],
  ]);
}
