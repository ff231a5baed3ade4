/** `archive-in`: what is in an archive, of the format that its name says. */
import type { Command } from 'commander';
import { defineArchiveIn } from '../actions/archiving.ts';

export function define(command: Command): void {
  defineArchiveIn(command, undefined, [
    ['gitstore archive-in data.tar.xz', 'all members, in one commit'],
    ['gitstore archive-in -n data.zip', 'print what would change'],
    ['curl -s https://example.org/d.tar.gz | gitstore archive-in --type tar -', 'from a pipe'],
    ["gitstore archive-in -m 'Import: {default}' --tag import-1 data.zip", 'with message and tag'],
  ]);
}
