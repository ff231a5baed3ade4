/** Another process finishes a repository just as this one looks at what is there. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { replaceCalls } from '../helpers/systemCalls.ts';

const hook = { beforeListing: (): void => {} };

replaceCalls(['readdirSync'], (call) => (...args) => {
  const act = hook.beforeListing;
  hook.beforeListing = () => {};
  act();
  return call(...args);
});

test.each([true, false])('it is opened (create: %s)', async (create) => {
  const folder = scratchFolder();
  const path = join(folder, 'data.git');
  const made = join(folder, 'made.git');
  git('.', 'init', '-q', '--bare', '-b', 'main', made);
  hook.beforeListing = () => cpSync(made, path, { recursive: true });
  await using store = await GitStore.open(path, { create });
  expect(await store.branches.currentName()).toBe('main');
});
