/** `archive_in`: what is in an archive, of the format that its name says. */
import type { Command } from 'commander';
import { defineArchiveIn } from '../archiving.ts';

export function define(command: Command): void {
  defineArchiveIn(command, undefined, [
    ['gitstore archive_in data.tar.xz', 'all members, in one commit'],
    ['gitstore archive_in -n data.zip', 'print what would change'],
    ['curl -s https://example.org/d.tar.gz | gitstore archive_in --format tar -', 'from a pipe'],
    ["gitstore archive_in -m 'Import: {default}' --tag import-1 data.zip", 'with message and tag'],
  ]);
}
