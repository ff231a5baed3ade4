/** Colour on a terminal: where NO_COLOR (no-color.org) and `--color` let it be. */

import { inspect } from 'node:util';
import { type Command, Option } from 'commander';
import { fstatSync } from '../../storage/disk/fs.ts';

export type ColourChoice = 'always' | 'auto' | 'never';

export interface ColourOption {
  color?: ColourChoice | undefined;
}

export type Style = 'blue' | 'bold' | 'cyan' | 'green' | 'red' | 'yellow';

export type Paint = (style: Style, text: string) => string;

export function addColour(command: Command): Command {
  return command.addOption(
    new Option(
      '--color <when>',
      'colour the output (default: on a terminal, unless NO_COLOR)',
    ).choices(['always', 'auto', 'never']),
  );
}

/** How to paint text for stdout; without colour it stays as it is. */
export function paintFor({ color = 'auto' }: ColourOption): Paint {
  const is = color === 'always' || (color === 'auto' && isColourful());
  if (!is) return (_, text) => text;
  return (style, text) => {
    const [on, off] = inspect.colors[style]!;
    return `\x1b[${on}m${text}\x1b[${off}m`;
  };
}

function isColourful(): boolean {
  const { NO_COLOR, TERM } = process.env;
  return !NO_COLOR && TERM !== 'dumb' && fstatSync(1).isCharacterDevice();
}
