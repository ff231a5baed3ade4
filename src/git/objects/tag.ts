/**
 * Annotated tags: objects that give another object a name, a tagger and a message (git-mktag(1)).
 * The message includes the signature at its end.
 */
import { CorruptObjectError } from '../../errors.ts';
import { isObjectId, isObjectType, type ObjectId, type ObjectType } from '../objectId.ts';
import { decodeText } from '../textEncoding.ts';
import { headerValue, splitHeaders } from './headers.ts';
import { type Identity, parseIdentity } from './identity.ts';

export interface Tag {
  /** The tagged object. */
  readonly object: ObjectId;
  readonly type: ObjectType;
  readonly name: string;
  /** Missing in tags of very old Git versions. */
  readonly tagger?: Identity;
  readonly message: string;
}

/**
 * Reads an annotated tag.
 * @param id only for the error
 * @throws CorruptObjectError when it does not say what it tags
 */
export function parseTag(body: Uint8Array, id?: ObjectId): Tag {
  const { lines, message } = splitHeaders(body);
  const value = (key: string): string | undefined => {
    const line = lines.find((candidate) => candidate.key === key);
    return line && headerValue(line, encoding);
  };
  const encoding = lines.find((line) => line.key === 'encoding')?.value;
  const object = lines[0]?.key === 'object' ? lines[0].value : '';
  const type = lines[1]?.key === 'type' ? lines[1].value : '';
  if (!isObjectId(object) || !isObjectType(type)) {
    throw new CorruptObjectError(
      `Tag ${id ?? ''}${id ? ' ' : ''}is corrupt: it does not say what it tags`,
      { objectId: id },
    );
  }
  const tagger = value('tagger');
  return {
    object,
    type,
    name: value('tag') ?? '',
    ...(tagger !== undefined && { tagger: parseIdentity(tagger) }),
    message: decodeText(message, encoding),
  };
}
