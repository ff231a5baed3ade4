/** What differs between systems and is asked for in several places. Functions take the system, for tests. */

export type System = NodeJS.Platform;

/** Whether disks of the system mostly take names for the same that differ in letter case. */
export function foldsCase(system: System = process.platform): boolean {
  return system === 'win32' || system === 'darwin';
}

/**
 * What ends a program from outside. Windows knows no SIGTERM; there the closed window of a console is
 * SIGHUP, and Ctrl-Break SIGBREAK.
 */
export function endingSignals(system: System = process.platform): readonly NodeJS.Signals[] {
  return system === 'win32' ? ['SIGINT', 'SIGBREAK', 'SIGHUP'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];
}

/**
 * Why a file of that name cannot be on a disk of the system, or would be something else there. Windows
 * gives names of devices a meaning in every directory and with any ending, a colon leads to another
 * stream of the file, and dots and blanks at the end are dropped.
 */
export function refuseName(name: string, system: System = process.platform): string | undefined {
  return system === 'win32' && WINDOWS_UNSAFE.test(name) ? 'not a name on Windows' : undefined;
}

const WINDOWS_UNSAFE =
  /[\\:*?"<>|\x00-\x1f]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i;
