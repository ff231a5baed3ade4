/** `tar`: a snapshot as a tar archive. */
import type { Command } from 'commander';
import { defineArchiveOut } from '../actions/archiving.ts';

export function define(command: Command): void {
  defineArchiveOut(command, 'tar', [
    ['gitstore tar site.tar.gz', 'the current branch, compressed by its name'],
    ['gitstore tar - | tar t', 'list what is in it'],
    ['gitstore tar --ref v1.0 v1.0.tar.xz', 'a tag'],
  ]);
}
