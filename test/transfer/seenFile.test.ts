/** A file that is replaced while a person saves it: at no moment is what the person has written lost. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nativeFiles } from '../../src/storage/disk/nativeFiles.ts';
import { replaceSeen } from '../../src/transfer/disk/put/seenFile.ts';
import { scratchFolder } from '../helpers/scratch.ts';

/** Saves as editors do: into the file, or by a rename of a new one. */
const SAVES = {
  'in place': (path: string) => fs.writeFileSync(path, 'what a person writes'),
  'by a rename': (path: string) => {
    fs.writeFileSync(`${path}.swap`, 'what a person writes');
    fs.renameSync(`${path}.swap`, path);
  },
};

/** Node's calls, with `act` right before one of them. */
function actingBefore(call: number, act: () => void): { disk: typeof fs; calls: () => number } {
  let calls = 0;
  const disk = new Proxy(fs, {
    get(target, name: keyof typeof fs) {
      const found = target[name];
      if (typeof found !== 'function') return found;
      return (...args: unknown[]) => {
        if (calls++ === call) act();
        return (found as (...args: unknown[]) => unknown)(...args);
      };
    },
  });
  return { disk, calls: () => calls };
}

/** Replaces a stored file while `save` runs before a call. @returns the texts by name, and the calls made */
function replaceWhile(save: (path: string) => void, call: number, asBytes: boolean) {
  const folder = scratchFolder();
  const [path, temporary, aside] = ['file', '.new', '.aside'].map((name) => join(folder, name));
  const given = (name: string | undefined) => (asBytes ? Buffer.from(name!) : name!);
  fs.writeFileSync(path!, 'stored');
  const seen = fs.lstatSync(path!);
  fs.writeFileSync(temporary!, 'from a snapshot');
  const fd = fs.openSync(temporary!, 'r+');
  const acting = actingBefore(call, () => save(path!));
  try {
    replaceSeen(acting.disk, given(temporary), given(path), seen, given(aside), fd);
  } catch (error) {
    expect(error).toMatchObject({ code: 'MOVED_ON' });
    // As the caller does.
    fs.rmSync(temporary!, { force: true });
  } finally {
    fs.closeSync(fd);
  }
  const texts = fs.readdirSync(folder).map((name) => {
    return [name, fs.readFileSync(join(folder, name), 'utf8')] as const;
  });
  return { texts: Object.fromEntries(texts), calls: acting.calls() };
}

const cases = Object.entries(SAVES).flatMap(([name, save]) =>
  [false, true].map((asBytes) => [name, asBytes, save] as const),
);

test.skipIf(process.platform === 'win32' || nativeFiles() === null).each(cases)(
  '%s (paths as bytes: %s)',
  (_, asBytes, save) => {
    const undisturbed = replaceWhile(save, -1, asBytes);
    expect(undisturbed.texts).toEqual({ file: 'from a snapshot' });
    for (let call = 0; call < undisturbed.calls; call++) {
      const { texts } = replaceWhile(save, call, asBytes);
      expect([call, texts]).toEqual([call, { file: 'what a person writes' }]);
    }
  },
);
