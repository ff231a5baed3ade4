/** `redo`: take back undos of a branch. */
import type { Command } from 'commander';
import { defineMove } from '../actions/move.ts';

export function define(command: Command): void {
  defineMove(command, 'undos to take back', (fs, steps) => fs.redo(steps), [
    ['gitstore redo', 'take back the last undo'],
    ['gitstore redo 3', 'the last three'],
    ['gitstore redo -b dev', 'on another branch'],
  ]);
}
