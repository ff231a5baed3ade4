/**
 * Runs what third parties wrote over texts that strangers wrote. Regular expressions can be led to take
 * for ever; this ends them, so that one file cannot hold up a server.
 */
import { createContext, Script } from 'node:vm';

const context = createContext({ work: undefined });
const script = new Script('work()');

/** Milliseconds for one text. It usually takes a hundredth of that. */
const TIME = 500;
/** The most that one attempt takes on a machine that has other work. */
const LONGEST = 8 * TIME;
/** Texts that took longer, or failed: they are not tried again. */
const failed = new Set<string>();
const MOST_FAILED = 1_000;

/**
 * What `work` returns; undefined when it takes too long or fails: what runs here makes a text pleasant to
 * read, and the text can be shown without. Work that is broken off may leave its own state half changed.
 * @param key names the work and the text
 */
export function guarded<T>(key: string, work: () => T): T | undefined {
  if (failed.has(key)) return undefined;
  try {
    context.work = work;
    return runInTime();
  } catch {
    if (failed.size >= MOST_FAILED) failed.clear();
    failed.add(key);
    return undefined;
  } finally {
    context.work = undefined;
  }
}

/**
 * `vm` counts the time on the clock. What others' work takes of it is given again: a page does not depend on
 * how busy the machine is.
 */
function runInTime() {
  for (let timeout = TIME; ; timeout *= 2) {
    const before = process.cpuUsage();
    try {
      return script.runInContext(context, { timeout });
    } catch (error) {
      // An error of another context is no `Error` of this one.
      const { code } = Object(error) as NodeJS.ErrnoException;
      const { user, system } = process.cpuUsage(before);
      const isOver = (user + system) / 1000 > TIME / 2 || timeout >= LONGEST;
      if (isOver || code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    }
  }
}
