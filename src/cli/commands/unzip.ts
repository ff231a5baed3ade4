/** `unzip`: what is in a zip archive. */
import type { Command } from 'commander';
import { defineArchiveIn } from '../actions/archiving.ts';

export function define(command: Command): void {
  defineArchiveIn(command, 'zip', [
    ['gitstore unzip photos.zip', 'all members, in one commit'],
    ['gitstore unzip -b incoming upload.zip', 'to another branch'],
    ['gitstore unzip - < photos.zip', 'from standard input'],
  ]);
}
