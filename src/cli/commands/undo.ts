/** `undo`: move a branch back by commits. */
import type { Command } from 'commander';
import { defineMove } from '../actions/move.ts';

export function define(command: Command): void {
  defineMove(command, 'commits to go back', (fs, steps) => fs.undo(steps), [
    ['gitstore undo', 'one commit back'],
    ['gitstore undo 3', 'three'],
    ['gitstore undo -b dev', 'on another branch'],
  ]);
}
