import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { hashObject } from '../../src/git/objectId.ts';
import {
  type Commit,
  formatIdentity,
  formatOffset,
  type Identity,
  parseCommit,
  parseIdentity,
  parseOffset,
  serializeCommit,
} from '../../src/git/objects/commit.ts';
import { encodeText } from '../../src/git/pathBytes.ts';
import { runs } from '../crash/stress.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { damaged, objectIds, pathBytes, survives } from './arbitraries.ts';

const TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const WHO: Identity = { name: 'A U Thor', email: 'a@b.c', time: 1234567890, offset: 330 };

const HEAD = `tree ${TREE}\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 2 -0130\n`;

const words = fc
  .oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('Zoë', 'a', '', 'O’Hara Jr.'))
  .map((text) => text.replace(/[<>\n\0]/g, '').trim());

const identities: fc.Arbitrary<Identity> = fc.record({
  name: words,
  email: words,
  time: fc.oneof(fc.integer(), fc.integer({ min: -8.64e12, max: 8.64e12 })),
  offset: fc.integer({ min: -5999, max: 5999 }),
});

const commits: fc.Arbitrary<Commit> = fc.record(
  {
    tree: objectIds,
    parents: fc.array(objectIds, { maxLength: 3 }),
    author: identities,
    committer: identities,
    message: fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
    encoding: fc.constantFrom('UTF-8', 'utf8', 'no-such-encoding'),
    extraHeaders: fc.array(
      fc.record({
        key: fc.constantFrom('gpgsig', 'mergetag', 'x', 'HG:extra'),
        value: fc
          .array(fc.string({ unit: 'grapheme-ascii' }), { minLength: 1, maxLength: 4 })
          .map((lines) => lines.join('\n'))
          .filter((value) => !value.startsWith('\n')),
      }),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ['tree', 'parents', 'author', 'committer', 'message', 'extraHeaders'] },
);

function parse(text: string): Commit {
  return parseCommit(encodeText(text));
}

describe('commits against Git', () => {
  let store = '';
  beforeAll(() => {
    store = scratchFolder();
    git(store, 'init', '-q', '--bare');
    gitBytes(store, ['hash-object', '-w', '-t', 'tree', '--stdin']);
  });

  test('what serializeCommit writes is what Git shows', () => {
    const body = serializeCommit({
      tree: TREE,
      parents: [],
      author: { name: 'Zoë', email: 'zoë@example.org', time: 1_700_000_000, offset: -570 },
      committer: { name: '<C>\n', email: 'c@d', time: 0, offset: 345 },
      message: 'Subject\n\nBody ✓\n',
      extraHeaders: [{ key: 'x-lines', value: 'one\n two\n\nfour' }],
    });
    const id = gitBytes(store, ['hash-object', '-w', '-t', 'commit', '--stdin'], body);
    expect(id.toString().trim()).toBe(hashObject('commit', body));
    const format = '--format=%an|%ae|%ad|%cn|%ce|%cd|%s|%b';
    expect(git(store, 'log', '--date=raw', format, id.toString().trim())).toBe(
      'Zoë|zoë@example.org|1700000000 -0930|C|c@d|0 +0545|Subject|Body ✓',
    );
    expect(git(store, 'fsck', '--strict', '--no-dangling')).toBe('');
  });

  test.each([
    ['UTF-8', 'Grüße ✓'],
    ['ISO-8859-1', 'Grüße'],
    ['windows-1251', 'Привет'],
    ['Shift_JIS', '日本語'],
    ['EUC-JP', '日本語'],
  ])('a commit in %s is read, and written again the same', (encoding, text) => {
    const message = gitEncode(`${text}\n`, encoding);
    const config = ['-c', `i18n.commitEncoding=${encoding}`];
    const id = gitBytes(store, [...config, 'commit-tree', TREE], message)
      .toString()
      .trim();
    const body = gitBytes(store, ['cat-file', 'commit', id]);
    const commit = parseCommit(body, id);
    expect(commit.message).toBe(`${text}\n`);
    expect(commit.encoding).toBe(encoding === 'UTF-8' ? undefined : encoding);
    expect(serializeCommit(commit)).toEqual(body);
  });

  /** Bytes of a text in another encoding, made by iconv through Git's own log. */
  function gitEncode(text: string, encoding: string): Buffer {
    const id = gitBytes(store, ['commit-tree', TREE], Buffer.from(text)).toString().trim();
    const format = ['log', '-1', `--encoding=${encoding}`, '--format=%s', id];
    return gitBytes(store, format);
  }

  test('a merge with a signed tag keeps the tag in its header', () => {
    const parents = ['a', 'b'].map((message) =>
      gitBytes(store, ['commit-tree', TREE], Buffer.from(message)).toString().trim(),
    );
    const tag = `object ${parents[1]}\ntype commit\ntag v1\ntagger T <t@u> 5 +0000\n\nTag\n`;
    const body = serializeCommit({
      tree: TREE,
      parents,
      author: WHO,
      committer: WHO,
      message: 'Merge tag\n',
      extraHeaders: [{ key: 'mergetag', value: tag.trimEnd() }],
    });
    const id = gitBytes(store, ['hash-object', '-w', '-t', 'commit', '--stdin'], body).toString();
    expect(git(store, 'log', '-1', '--format=%P', id.trim())).toBe(parents.join(' '));
    expect(parseCommit(body).extraHeaders).toEqual([{ key: 'mergetag', value: tag.trimEnd() }]);
  });
});

describe('round trips', () => {
  test('parse gives back what serialize took', () => {
    fc.assert(
      fc.property(commits, (commit) => {
        const body = serializeCommit(commit);
        expect(parseCommit(body)).toEqual(commit);
        expect(serializeCommit(parseCommit(body)).equals(body)).toBe(true);
      }),
      { numRuns: runs(300) },
    );
  });

  test.each([
    ['a signature', `${HEAD}gpgsig -----BEGIN-----\n \n abc\n -----END-----\n \n\nM\n`],
    ['no line feed at the end', `${HEAD}\nM`],
    ['no message', `${HEAD}\n`],
    ['empty lines first', `${HEAD}\n\n\nM\n`],
    ['a header without value', `${HEAD}odd\nother 1\n\nM`],
    ['the zone -0000', `tree ${TREE}\nauthor A <a> 1 -0000\ncommitter C <c> 2 -0000\n\nM`],
    ['no name', `tree ${TREE}\nauthor  <a> 1 +0000\ncommitter  <> 2 +0000\n\nM`],
    [
      'dates far off',
      `tree ${TREE}\nauthor A <a> -99999999999 +0000\ncommitter C <c> 4295000000 +1400\n\nM`,
    ],
    [
      'white space that to Git is none',
      `tree ${TREE}\nauthor \u3000A\u00a0 <a\u3000> 1 +0000\ncommitter \ufeffC\v <c> 2 +0000\n\nM`,
    ],
    ['an encoding that is not known', `${HEAD}encoding KLINGON\n\n\udcff\n`],
    [
      'bytes that are no UTF-8',
      `tree ${TREE}\nauthor Zo\udceb <a> 1 +0000\ncommitter C <c> 2 +0000\n\nM\udcff`,
    ],
  ])('%s', (_, text) => {
    const body = encodeText(text);
    expect(serializeCommit(parseCommit(body)).toString('latin1')).toBe(body.toString('latin1'));
  });

  test('text of any bytes survives', () => {
    fc.assert(
      fc.property(pathBytes, (bytes) => {
        const message = Buffer.from(bytes.filter((byte) => byte !== 0));
        const body = Buffer.concat([Buffer.from(`${HEAD}\n`), message]);
        expect(serializeCommit(parseCommit(body)).equals(body)).toBe(true);
      }),
    );
  });

  test('text that its encoding cannot express is written as UTF-8', () => {
    const commit = { ...parse(`${HEAD}\nM`), encoding: 'ISO-8859-1', message: '✓' };
    const again = parseCommit(serializeCommit(commit));
    expect(again.message).toBe('✓');
    expect(again.encoding).toBeUndefined();
    const shift = parseCommit(serializeCommit({ ...commit, encoding: 'Shift_JIS', message: 'ø' }));
    expect(shift).toMatchObject({ message: 'ø' });
    expect(shift.encoding).toBeUndefined();
  });

  test('an encoding without ASCII does not garble the headers', () => {
    const body = serializeCommit({ ...parse(`${HEAD}\nM`), encoding: 'UTF-16LE' });
    expect(body.toString()).toBe(`${HEAD}encoding UTF-16LE\n\nM`);
  });

  test('a NUL in the message is refused', () => {
    expect(() => serializeCommit({ ...parse(`${HEAD}\nM`), message: 'a\0b' })).toThrow(/NUL/);
  });
});

describe('odd commits', () => {
  test('without author, with a second author, with an author after other headers', () => {
    const bare = parse(`tree ${TREE}\n\nM`);
    expect(bare.author).toEqual({ name: '', email: '', time: 0, offset: 0 });
    expect(bare.message).toBe('M');
    const twice = parse(`tree ${TREE}\nx 1\nauthor A <a> 1 +0000\nauthor B <b> 2 +0000\n\nM`);
    expect(twice.author.name).toBe('A');
    expect(twice.extraHeaders.map(({ key }) => key)).toEqual(['x', 'author']);
  });

  test('without an empty line there is no message', () => {
    expect(parse(HEAD.trimEnd())).toMatchObject({ tree: TREE, message: '' });
    expect(parse(HEAD)).toMatchObject({ message: '', committer: { name: 'C', offset: -90 } });
  });

  test.each([
    ['nothing', ''],
    ['no tree', 'author A <a> 1 +0000\n\nM'],
    ['a tree that is no id', 'tree 1234\n\nM'],
    ['a tree in capitals', `tree ${TREE.toUpperCase()}\n\nM`],
    ['a parent that is no id', `tree ${TREE}\nparent 12\n\nM`],
  ])('%s is corrupt', (_, text) => {
    expect(() => parseCommit(Buffer.from(text), TREE)).toThrow(CorruptObjectError);
    expect(() => parseCommit(Buffer.from(text), TREE)).toThrow(TREE);
  });

  test('damage is an error or another commit, nothing else', () => {
    fc.assert(
      fc.property(
        commits.chain((commit) => damaged(serializeCommit(commit))),
        (body) => survives(() => parseCommit(body)),
      ),
      { numRuns: runs(300) },
    );
  });

  test('long lines of one character are read in time', () => {
    for (const filler of [' ', '<', '>', '1', '\t', '1 ']) {
      const line = filler.repeat(1_000_000);
      expect(parse(`tree ${TREE}\nauthor ${line}\n${filler}\n\nM`).message).toBe('M');
    }
  });
});

describe('identities', () => {
  test.each([
    ['A <a@b> 12 +0530', { name: 'A', email: 'a@b', time: 12, offset: 330 }],
    ['A <a@b> -12 -0030', { name: 'A', email: 'a@b', time: -12, offset: -30 }],
    ['A 12 +0100', { name: 'A', email: '', time: 12, offset: 60 }],
    ['A B', { name: 'A B', email: '', time: 0, offset: 0 }],
    ['A <a@b>', { name: 'A', email: 'a@b', time: 0, offset: 0 }],
    ['A <a@b 12 +0000', { name: 'A <a@b', email: '', time: 12, offset: 0 }],
    ['A <a> b> 12 +0000', { name: 'A', email: 'a', time: 12, offset: 0 }],
    ['A<a@b> 12 +0000', { name: 'A', email: 'a@b', time: 12, offset: 0 }],
    ['> A <a@b> 12 +0000', { name: '> A', email: 'a@b', time: 12, offset: 0 }],
    ['A <a@b> 4294967296 +0000', { name: 'A', email: 'a@b', time: 4294967296, offset: 0 }],
    ['A <a@b> 99999999999999999999 +0000', { name: 'A', email: 'a@b', time: 0, offset: 0 }],
    ['A <a@b> Thu Jan 1 1970', { name: 'A', email: 'a@b', time: 0, offset: 0 }],
    ['A <a@b> 12', { name: 'A', email: 'a@b', time: 12, offset: 0 }],
    ['A <a@b> 12 UTC', { name: 'A', email: 'a@b', time: 12, offset: 0 }],
    ['', { name: '', email: '', time: 0, offset: 0 }],
  ])('%j', (line, identity) => {
    expect(parseIdentity(line)).toEqual(identity);
  });

  test('any time that is read makes a date', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (seconds) => {
        const { time } = parseIdentity(`A <a> ${seconds} +0000`);
        expect(Number.isNaN(new Date(time * 1000).getTime())).toBe(false);
      }),
    );
  });

  test('what is formatted can be read, whatever it is', () => {
    const anything = fc.record({
      name: fc.string({ unit: 'binary' }),
      email: fc.string({ unit: 'binary' }),
      time: fc.double(),
      offset: fc.double(),
    });
    fc.assert(
      fc.property(anything, (identity) => {
        const line = formatIdentity(identity);
        expect(line).toMatch(/^[^<>\n\0]* <[^<>\n\0]*> -?\d+ [+-]\d{4}$/u);
        expect(formatIdentity(parseIdentity(line))).toBe(line);
      }),
    );
  });

  test.each([
    ['+0000', 0],
    ['-0000', -0],
    ['+0530', 330],
    ['-0930', -570],
    ['+1400', 840],
    ['+0099', 99],
    ['-9959', -5999],
    ['+051800', 0],
    ['+99999999999999999999', 0],
    ['UTC', 0],
    ['', 0],
    ['0100', 0],
  ])('zone %j', (zone, minutes) => {
    expect(parseOffset(zone)).toBe(minutes);
  });

  test('zones round trip', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5999, max: 5999 }), (minutes) => {
        expect(parseOffset(formatOffset(minutes))).toBe(minutes);
      }),
    );
    expect(formatOffset(-0)).toBe('-0000');
    expect(formatOffset(Number.NaN)).toBe('+0000');
  });
});
