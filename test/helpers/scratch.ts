/** Folders for a test file, removed after its last test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEndOfFile } from './endOfFile.ts';

/** A new empty folder. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gitstore-test-'));
  atEndOfFile(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}
