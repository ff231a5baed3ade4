/**
 * What is to be done after the last test of the file that runs now. A helper is loaded once for all the
 * files that a process runs, so that an `afterAll` of its own would hold for the first of them only.
 */
const tasks: (() => void)[] = [];

export function atEndOfFile(task: () => void): void {
  tasks.push(task);
}

/** Called by test/setup.ts. */
export function endFile(): void {
  for (const task of tasks.splice(0).reverse()) task();
}
