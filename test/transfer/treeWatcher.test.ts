import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TreeWatcher } from '../../src/transfer/disk/treeWatcher.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { asPlainUser } from '../helpers/users.ts';
import { makeFiles } from './trees.ts';

test.skipIf(process.platform === 'win32')(
  'a directory that must not be read, and so not watched, is looked at now and then',
  async () => {
    const folder = scratchFolder();
    const closed = join(makeFiles(folder, { 'closed/a': '1' }), 'closed');
    await asPlainUser(folder, async () => {
      chmodSync(closed, 0);
      const watcher = await TreeWatcher.start(closed);
      expect(watcher.polls).toBe(true);
      chmodSync(closed, 0o755);
      await watcher.next(10);
      expect(watcher.polls).toBe(false);
      watcher.close();
    });
  },
);
