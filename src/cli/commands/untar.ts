/** `untar`: what is in a tar archive. */
import type { Command } from 'commander';
import { defineArchiveIn } from '../actions/archiving.ts';

export function define(command: Command): void {
  defineArchiveIn(command, 'tar', [
    ['gitstore untar data.tar.gz', 'all members, in one commit'],
    ['tar c ./work | gitstore untar -', 'from a pipe'],
    ['gitstore untar --max-size 100G backup.tar.xz', 'that may unpack to so much'],
  ]);
}
