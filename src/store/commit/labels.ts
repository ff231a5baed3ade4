/** Labels of checkpoints: trailers of the commit message, as in git-interpret-trailers(1). */
import { GitStoreError } from '../../errors.ts';

/** Keys to find checkpoints by, such as a run's id or a tool's name. */
export type Labels = Readonly<Record<string, string>>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9-]*$/;
const TRAILER = /^([A-Za-z0-9][A-Za-z0-9-]*)\s*:\s*(.*)$/;

/**
 * The lines to append to the message, a blank one first; empty for no labels.
 * @throws GitStoreError (`EINVAL`) for a label that is not valid in a trailer
 */
export function trailersOf(labels: Labels = {}): string {
  const lines = Object.entries(labels).map(([name, value]) => {
    if (!NAME.test(name)) {
      throw new GitStoreError(
        `Label ${JSON.stringify(name)}: letters, digits and '-' make a label's name`,
        'EINVAL',
      );
    }
    if (typeof value !== 'string' || /[\r\n\0]/.test(value) || value.trim() !== value) {
      throw new GitStoreError(
        `Label ${name}: its value is one line of text without blanks around it`,
        'EINVAL',
      );
    }
    return `${name}: ${value}`;
  });
  return lines.length === 0 ? '' : `\n\n${lines.join('\n')}`;
}

/** The trailers of a message: its last paragraph, if all its lines are trailers. */
export function labelsOf(message: string): Labels {
  const paragraph = message
    .trimEnd()
    .split(/\n[ \t]*\n/)
    .at(-1)!;
  if (paragraph === message.trimEnd()) return {};
  const labels: Record<string, string> = {};
  for (const line of paragraph.split('\n')) {
    const found = TRAILER.exec(line);
    if (found === null) return {};
    labels[found[1]!] = found[2]!;
  }
  return labels;
}

/** Whether the message has all wanted labels. As in Git, names match in any letter case. */
export function hasLabels(message: string, wanted: Labels): boolean {
  const there = new Map(
    Object.entries(labelsOf(message)).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return Object.entries(wanted).every(([name, value]) => there.get(name.toLowerCase()) === value);
}
