/** Problems of a report in words. */
import { isSystemError, reasonOf } from '../../../systemFaults.ts';

/** The problem that an error stands for: a failed read is never told as damage. */
export function problemOf(error: unknown, damage: string): string {
  return isSystemError(error) ? `cannot be read: ${reasonOf(error)}` : damage;
}
