import { expect, test } from 'vitest';
import { redactUrl } from '../../src/git/wire/redactUrl.ts';
import { parseRemoteUrl } from '../../src/remote/remoteUrl.ts';
import { Secrets } from '../../src/remote/secrets.ts';

test.each<[string, unknown]>([
  ['../data.git', { kind: 'local', path: '../data.git' }],
  ['/srv/a:b', { kind: 'local', path: '/srv/a:b' }],
  ['./a:b', { kind: 'local', path: './a:b' }],
  ['C:\\data', { kind: 'local', path: 'C:\\data' }],
  ['c:/data', { kind: 'local', path: 'c:/data' }],
  ['file:///srv/a%20b', { kind: 'local', path: '/srv/a b' }],
  ['all.bundle', { kind: 'bundle', path: 'all.bundle' }],
  ['file:///srv/all.bundle', { kind: 'bundle', path: '/srv/all.bundle' }],
  ['ada@host:a/b.git', { kind: 'ssh', host: 'ada@host', port: undefined, path: 'a/b.git' }],
  ['host:/a', { kind: 'ssh', host: 'host', port: undefined, path: '/a' }],
  ['ada@[::1]:/a', { kind: 'ssh', host: 'ada@::1', port: undefined, path: '/a' }],
  ['ssh://ada@host:22/~/a', { kind: 'ssh', host: 'ada@host', port: '22', path: '~/a' }],
  ['ssh://[::1]/a%20b', { kind: 'ssh', host: '::1', port: undefined, path: '/a b' }],
  ['git://host/a', { kind: 'git', host: 'host', port: 9418, path: '/a' }],
  ['GIT://host:99/a', { kind: 'git', host: 'host', port: 99, path: '/a' }],
])('%s', (text, address) => {
  expect(parseRemoteUrl(text)).toEqual(address);
});

test('http keeps its URL; a bundle by its format', () => {
  const address = parseRemoteUrl('https://ada:word@host:8/a/b');
  expect(address.kind === 'http' && address.url.href).toBe('https://ada:word@host:8/a/b');
  expect(parseRemoteUrl('a:b', 'bundle')).toEqual({ kind: 'bundle', path: 'a:b' });
  expect(() => parseRemoteUrl('https://host/a', 'bundle')).toThrow('bundle');
});

test.each(['', 'ftp://host/a', 'https://', 'ssh:///a', 'ssh://host', 'host:', 'ssh://-x/a', '@:a'])(
  '%j is refused',
  (text) => {
    expect(() => parseRemoteUrl(text)).toThrow(/^Not the URL of a remote: /);
  },
);

test.each([
  'git://host/a%0d%0aInjected: b',
  'git://host/a%00b',
  'git://ho\nst/a',
  'ssh://host/a%0ab',
  'ssh://a%0ab@host/a',
  'host:a\nb',
  'ssh://host/%ff',
  'git://host/%zz',
  'file://other.host/a',
  'file:///a%2fb',
])('%j is refused: no line of a protocol, no raw text of Node', (text) => {
  expect(() => parseRemoteUrl(text)).toThrow(/^Not the URL of a remote: /);
});

test('user names and passwords do not show', () => {
  expect(redactUrl('https://ada:word@host/a@b')).toBe('https://host/a@b');
  expect(redactUrl('https://host/a@b')).toBe('https://host/a@b');
  expect(redactUrl('ada:word@host:a.git')).toBe('host:a.git');
  expect(redactUrl('ada@host:a.git')).toBe('ada@host:a.git');
  expect(redactUrl('host:a@b')).toBe('host:a@b');
  expect(() => parseRemoteUrl('https://ada:word@ho st/')).toThrow(/https:\/\/…@ho st\/ cannot/);
  for (const url of ['https://ada:w/rd@host/', 'https://ada:w#rd@host', 'ssh://ada:w?rd@host/a']) {
    expect(() => parseRemoteUrl(url)).toThrow(/^(?!.*rd@?host).*…@host.* cannot be parsed$/);
  }
  const secrets = new Secrets();
  secrets.add('ada', 'p@ss word');
  secrets.add('ada', 'abc');
  const error = new Error('p@ss word', { cause: new Error('p%40ss%20word, abc') });
  expect(secrets.cleanError(error)).toMatchObject({
    message: '***',
    cause: { message: '***, abc' },
  });
  expect(error.stack).not.toContain('p@ss word');
});
