import { type CorruptObjectError, PromisedObjectError } from '../../errors.ts';

/** What a client asks for and does not get; Git shows the message as `remote error: …`. */
export class Refusal extends Error {}

/** A pack that failed on its way. Nothing may follow: it would be taken for a part of the pack. */
export class CutOff extends Error {
  /** Whether the client has been told, in a band of its own. */
  readonly isTold: boolean;

  constructor(isTold: boolean, cause: unknown) {
    super('The pack was cut off', { cause });
    this.isTold = isTold;
  }
}

/** What a client is told of an object that the server cannot read. Names no place on the server. */
export function brokenObject(error: CorruptObjectError | PromisedObjectError): string {
  const { objectId } = error;
  const which = objectId === undefined ? 'an object' : `object ${objectId}`;
  if (error instanceof PromisedObjectError) {
    return `${which} is not on the server: its repository is a partial clone`;
  }
  return `${which} is missing or broken on the server`;
}
