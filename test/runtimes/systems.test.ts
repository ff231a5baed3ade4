/** What Windows and macOS do differently, asked for on any system. */
import { win32 } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { endingSignals, foldsCase, refuseName } from '../../src/platform.ts';
import { whileFree } from '../../src/storage/disk/busyFiles.ts';
import { reasonAndStep } from '../../src/systemFaults.ts';
import { joinDisk, parentOnDisk, withSlashes } from '../../src/transfer/disk/localPaths.ts';

const failing = (code: string, times: number) => {
  const call = vi.fn((from: string, to: string) => {
    if (call.mock.calls.length <= times) throw Object.assign(new Error(code), { code });
    return `${from} ${to}`;
  });
  return call;
};

describe('a file that another program has open', () => {
  test.each(['EPERM', 'EACCES', 'EBUSY'])('is waited for on Windows: %s', (code) => {
    const pauses: number[] = [];
    const rename = failing(code, 4);
    const patient = whileFree(rename, 'win32', (milliseconds) => pauses.push(milliseconds));
    expect(patient('a', 'b')).toBe('a b');
    expect(pauses).toEqual([1, 2, 4, 8]);
  });
  test('is an error when that does not end, after a third of a second', () => {
    let waited = 0;
    const rename = failing('EBUSY', Number.POSITIVE_INFINITY);
    const patient = whileFree(rename, 'win32', (milliseconds) => {
      waited += milliseconds;
    });
    expect(() => patient('a', 'b')).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    expect(waited).toBeLessThan(400);
  });
  test('is not waited for elsewhere, nor for other reasons', () => {
    const rename = failing('EBUSY', 1);
    expect(whileFree(rename, 'linux')).toBe(rename);
    const missing = failing('ENOENT', 1);
    expect(() => whileFree(missing, 'win32')('a', 'b')).toThrow('ENOENT');
    expect(missing).toHaveBeenCalledTimes(1);
  });
});

describe('local paths', () => {
  test('lead up to the root of a drive or a share, and no further', () => {
    const up = (path: string) => parentOnDisk(path, 'win32');
    expect(['C:/a/b', 'C:/a', 'C:/', 'C:a', '/a', 'a/b', 'a'].map(up)).toEqual([
      'C:/a',
      'C:/',
      'C:/',
      'C:',
      '/',
      'a',
      '.',
    ]);
    expect(['//server/share/a', '//server/share/', '//server/share'].map(up)).toEqual([
      '//server/share/',
      '//server/share/',
      '//server/share',
    ]);
    expect(['/a/b', '/a', '/', 'a', 'C:/a'].map((path) => parentOnDisk(path, 'linux'))).toEqual([
      '/a',
      '/',
      '/',
      '.',
      'C:',
    ]);
  });
  test('are what Node makes of them', () => {
    const name = fc.stringMatching(/^[a-z]{1,3}$/);
    const root = fc.constantFrom('C:/', 'd:/', '//server/share/', '/');
    fc.assert(
      fc.property(root, fc.array(name, { minLength: 1, maxLength: 4 }), (start, names) => {
        const path = names.reduce(joinDisk, start);
        const up = withSlashes(win32.dirname(path), 'win32');
        expect(parentOnDisk(path, 'win32')).toBe(up);
        expect(joinDisk(parentOnDisk(path, 'win32'), names.at(-1)!)).toBe(path);
      }),
    );
  });
  test('are as they are where a backslash is a part of a name', () => {
    expect([withSlashes('a\\b', 'win32'), withSlashes('a\\b', 'linux')]).toEqual(['a/b', 'a\\b']);
  });
});

test('names of devices and streams are refused on Windows alone', () => {
  const wrong = ['con', 'NUL.txt', 'aux .c', 'COM1', 'lpt¹.log', 'CONIN$', 'a:b', 'a.', 'a ', 'a?'];
  const right = ['console', 'nullable', 'com', 'COM10', 'a.con', '.git-x', 'ä', 'a b.c'];
  for (const name of wrong) {
    expect({ name, why: refuseName(name, 'win32') }).toEqual({
      name,
      why: 'not a name on Windows',
    });
    expect(refuseName(name, 'linux')).toBeUndefined();
  }
  for (const name of right) expect({ name, why: refuseName(name, 'win32') }).toEqual({ name });
});

test('a link that may not be made says what to do on Windows', () => {
  const error = Object.assign(new Error("EPERM: operation not permitted, symlink 'a' -> 'b'"), {
    code: 'EPERM',
    syscall: 'symlink',
  });
  expect(reasonAndStep(error, 'win32')).toBe(
    'operation not permitted; Windows makes links for administrators only: turn on its Developer Mode',
  );
  expect(reasonAndStep(error, 'linux')).toBe(
    'operation not permitted; check who may read and write it',
  );
});

test('a program is ended by what the system has for that', () => {
  expect(endingSignals('win32')).not.toContain('SIGTERM');
  expect(endingSignals('win32')).toContain('SIGBREAK');
  expect(endingSignals('linux')).toEqual(['SIGINT', 'SIGTERM', 'SIGHUP']);
  expect((['win32', 'darwin', 'linux'] as const).map((system) => foldsCase(system))).toEqual([
    true,
    true,
    false,
  ]);
});
