/** Commit messages: defaults, and placeholders in a user's template. */
import { GitStoreError } from '../../errors.ts';
import type { ChangeReport, FileEntry } from '../../tree/changes.ts';

/**
 * The message of a commit.
 *
 * Placeholders are `{default}`, `{add_count}`, `{update_count}`, `{delete_count}`, `{total_count}`
 * and `{op}`; `{{` and `}}` are literal braces.
 *
 * @param message the user's template; undefined: the default message
 * @param operation `cp`, `sync`, `rm`, `mv`, `ar`, or empty
 * @param standard the default message, if it does not follow from the changes
 * @throws GitStoreError (`EINVAL`) for an unknown placeholder or an open brace
 */
export function commitMessage(
  message: string | undefined,
  changes: ChangeReport,
  operation = '',
  standard?: string,
): string {
  if (message === undefined) return standard ?? defaultMessage(changes, operation);
  return filled(message, (value) =>
    value === defaultMessage && standard !== undefined ? standard : value(changes, operation),
  );
}

/** The template that yields exactly this text. */
export function literalMessage(text: string): string {
  return text.replace(/[{}]/g, '$&$&');
}

/**
 * The template for a message on a command line: the message itself when all its placeholders are known,
 * else its literal text.
 */
export function templateOf(message: string): string {
  let isTemplate = false;
  try {
    filled(message, () => {
      isTemplate = true;
      return '';
    });
  } catch (error) {
    if (!(error instanceof GitStoreError)) throw error;
    isTemplate = false;
  }
  return isTemplate ? message : literalMessage(message);
}

type Value = (changes: ChangeReport, operation: string) => string;

const VALUES: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['default', defaultMessage],
  ['add_count', ({ add }) => String(add.length)],
  ['update_count', ({ update }) => String(update.length)],
  ['delete_count', (changes) => String(changes.delete.length)],
  ['total_count', ({ total }) => String(total)],
  ['op', (_, operation) => operation],
]);

function filled(message: string, text: (value: Value) => string): string {
  if (!/[{}]/.test(message)) return message;
  return message.replace(/\{\{|\}\}|\{([^{}]*)\}|\{/g, (found: string, name?: string) => {
    if (found === '{{') return '{';
    if (found === '}}') return '}';
    const value = name === undefined ? undefined : VALUES.get(name);
    if (value !== undefined) return text(value);
    throw new GitStoreError(
      name === undefined
        ? "A '{' in the message begins no placeholder ('{{' stands for a brace)"
        : `Unknown placeholder in the message: {${name}}`,
      'EINVAL',
    );
  });
}

function defaultMessage(changes: ChangeReport, operation: string): string {
  const { add, update, delete: deleted } = changes;
  if (changes.total === 0) return 'Record parents';
  if (changes.total === 1) {
    if (add[0] !== undefined) return `+ ${described(add[0])}`;
    if (update[0] !== undefined) return `~ ${described(update[0])}`;
    return `- ${deleted[0]!.path}`;
  }
  const counts: string[] = [];
  if (add.length > 0) counts.push(`+${add.length}`);
  if (update.length > 0) counts.push(`~${update.length}`);
  if (deleted.length > 0) counts.push(`-${deleted.length}`);
  return `Batch${operation === '' ? '' : ` ${operation}`}: ${counts.join(' ')}`;
}

function described({ path, type }: FileEntry): string {
  return type === 'executable' || type === 'link' ? `${path} (${type})` : path;
}
