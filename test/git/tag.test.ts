import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { formatIdentity } from '../../src/git/objects/identity.ts';
import { parseTag, type Tag } from '../../src/git/objects/tag.ts';
import { encodeText } from '../../src/git/pathBytes.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { damaged, objectIds, survives } from './arbitraries.ts';

const ID = '1'.repeat(40);
const TAG: Tag = {
  object: ID,
  type: 'commit',
  name: 'v1.0',
  tagger: { name: 'T', email: 't@u', time: 1_700_000_000, offset: 60 },
  message: 'Version ✓\n',
};

/** The tag as Git writes it, in UTF-8. */
function bodyOf({ object, type, name, tagger, message }: Tag): Buffer {
  const lines = [`object ${object}`, `type ${type}`, `tag ${name}`];
  if (tagger !== undefined) lines.push(`tagger ${formatIdentity(tagger)}`);
  return encodeText(`${lines.join('\n')}\n\n${message}`);
}

describe('annotated tags', () => {
  test('what Git tags is read', () => {
    const store = scratchFolder();
    git(store, 'init', '-q', '--bare');
    const blob = gitBytes(store, ['hash-object', '-w', '--stdin'], Buffer.from('x'))
      .toString()
      .trim();
    git(store, 'tag', '-a', '-m', 'Größe', 'großer/tag', blob);
    const body = gitBytes(store, ['cat-file', 'tag', 'großer/tag']);
    const tag = parseTag(body);
    expect(tag).toMatchObject({
      object: blob,
      type: 'blob',
      name: 'großer/tag',
      tagger: { name: 'Test', email: 'test@localhost' },
      message: 'Größe\n',
    });
    expect(bodyOf(tag)).toEqual(body);
  });

  test('any tag is read for what it is', () => {
    const tags: fc.Arbitrary<Tag> = fc.record(
      {
        object: objectIds,
        type: fc.constantFrom('blob', 'tree', 'commit', 'tag'),
        name: fc.constantFrom('v1', 'é/ü', 'a b'),
        tagger: fc.constant(TAG.tagger!),
        message: fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
      },
      { requiredKeys: ['object', 'type', 'name', 'message'] },
    );
    fc.assert(
      fc.property(tags, (tag) => {
        expect(parseTag(bodyOf(tag))).toEqual(tag);
      }),
    );
  });

  test('an old tag without tagger, and a message in Latin-1', () => {
    const old = parseTag(Buffer.from(`object ${ID}\ntype tree\ntag v0.1\n\nOld\n`));
    expect(old).toEqual({ object: ID, type: 'tree', name: 'v0.1', message: 'Old\n' });
    const text = `object ${ID}\ntype tree\ntag v\nencoding ISO-8859-1\n\nGr\xfc\xdfe`;
    expect(parseTag(Buffer.from(text, 'latin1')).message).toBe('Grüße');
  });

  test.each(['', 'type commit\n\n', `object ${ID}\ntype thing\n\n`, `object 12\ntype blob\n\n`])(
    '%j is corrupt',
    (text) => expect(() => parseTag(Buffer.from(text), ID)).toThrow(CorruptObjectError),
  );

  test('damage is an error or another tag, nothing else', () => {
    fc.assert(fc.property(damaged(bodyOf(TAG)), (body) => survives(() => parseTag(body))));
  });
});
