/**
 * Lists of any length. A spread in a call takes a place on the stack for each item, which ends the process at
 * some 120,000 of them: `npm run lint` rules it out.
 */

export function addAll<T>(list: T[], items: Iterable<T>): void {
  for (const item of items) list.push(item);
}

/** The largest number, and at least `least`. */
export function largest(numbers: Iterable<number>, least = 0): number {
  let most = least;
  for (const number of numbers) if (number > most) most = number;
  return most;
}
