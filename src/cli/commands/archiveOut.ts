/** `archive-out`: a snapshot as an archive, of the format that its name says. */
import type { Command } from 'commander';
import { defineArchiveOut } from '../actions/archiving.ts';

export function define(command: Command): void {
  defineArchiveOut(command, undefined, [
    ['gitstore archive-out site.zip', 'the current branch as a zip'],
    ['gitstore archive-out --ref v1.0 v1.0.tar.gz', 'a tag, compressed'],
    ['gitstore archive-out --before 2024-05-31 may.tar.zst', 'as it was at the end of that day'],
    ['gitstore archive-out --type tar - | ssh host tar x', 'to another machine'],
  ]);
}
