/** The text of a file, whatever it was written in. */
import { textFacts } from '../../files/contentTypes.ts';

export interface DecodedText {
  readonly text: string;
  /** What it was read as, where that is not UTF-8. */
  readonly encoding: string | undefined;
}

/**
 * Text of bytes: UTF-16 where a mark at the start says so, else UTF-8. What is neither is read as
 * Windows-1252, in which every byte means something.
 * @param cut whether the bytes are only the beginning
 */
export function decodeText(bytes: Uint8Array, cut = false): DecodedText {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return decoded(bytes, 'utf-16le', 'UTF-16');
  if (first === 0xfe && second === 0xff) return decoded(bytes, 'utf-16be', 'UTF-16');
  if (textFacts(bytes, cut).isUtf8) {
    return { text: new TextDecoder('utf-8').decode(bytes), encoding: undefined };
  }
  return decoded(bytes, 'windows-1252', 'Windows-1252');
}

function decoded(bytes: Uint8Array, label: string, encoding: string): DecodedText {
  return { text: new TextDecoder(label).decode(bytes), encoding };
}
