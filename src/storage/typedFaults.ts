/**
 * Converts system failures to our errors at the seam of a storage: raw errors leave it with a code, the
 * path and the next step. Code inside the storage inspects the raw errors.
 */
import type { ObjectId, ObjectType } from '../git/objectId.ts';
import type { ImportOptions, ObjectStore, ObjectWriter, RefStore, Storage } from './storage.ts';

/** A failure of the system as one of ours; any other error as it is. */
export type Convert = (error: unknown) => unknown;

type AnyCall = (...args: unknown[]) => unknown;

/** Runs `work`; a failure of the system becomes one of ours. */
export function withFaults<T>(convert: Convert, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw convert(error);
  }
}

/** The storage with all its failures converted. */
export function withTypedFaults(storage: Storage, convert: Convert): Storage {
  const { objects, refs, upkeep } = storage;
  const guard = new Guard(convert);
  const guarded = {
    objects: guard.over<ObjectStore>(objects, {
      ...(objects.history && { history: guard.over(objects.history) }),
      // Walks call it for each object. It returns undefined on failure instead of throwing.
      tryRead: objects.tryRead.bind(objects),
      writer: () =>
        new GuardedWriter(
          withFaults(convert, () => objects.writer()),
          convert,
        ),
      importPack: (source: AsyncIterable<Uint8Array>, options?: ImportOptions) => {
        const watched = new Watched(source);
        return objects.importPack(watched, options).catch((error: unknown) => {
          throw watched.hasThrown(error) ? error : convert(error);
        });
      },
    }),
    refs: guard.over<RefStore>(refs),
    upkeep: guard.over(upkeep),
  };
  return Object.defineProperties(guard.over(storage), Object.getOwnPropertyDescriptors(guarded));
}

class Guard {
  readonly #convert: Convert;

  constructor(convert: Convert) {
    this.#convert = convert;
  }

  /** @param own calls to use unchanged */
  over<T extends object>(target: T, own: Partial<T> = {}): T {
    const guarded: Record<string, PropertyDescriptor> = {};
    for (const name of namesOf(target)) {
      const value = name in own ? own[name as keyof T] : undefined;
      if (value !== undefined) guarded[name] = { value, configurable: true };
      else if (isCall(target, name))
        guarded[name] = { value: this.#call(target, name), configurable: true };
      else
        guarded[name] = {
          get: () => target[name as keyof T],
          enumerable: true,
          configurable: true,
        };
    }
    return Object.create(Object.prototype, guarded) as T;
  }

  #call(target: object, name: string): AnyCall {
    const call = (target as Record<string, AnyCall>)[name]!;
    return (...args) => {
      const result = withFaults(this.#convert, () => call.apply(target, args));
      return result instanceof Promise
        ? result.then(this.#guardStream, this.#fail)
        : this.#guardStream(result);
    };
  }

  readonly #fail = (error: unknown): never => {
    throw this.#convert(error);
  };

  readonly #guardStream = (result: unknown): unknown =>
    isStream(result) ? this.#stream(result) : result;

  async *#stream(source: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    try {
      yield* source;
    } catch (error) {
      this.#fail(error);
    }
  }
}

/** Written by hand, because every commit creates one. */
class GuardedWriter implements ObjectWriter {
  readonly #writer: ObjectWriter;
  readonly #convert: Convert;

  constructor(writer: ObjectWriter, convert: Convert) {
    this.#writer = writer;
    this.#convert = convert;
  }

  get hasIdleThreads(): boolean {
    return this.#writer.hasIdleThreads ?? false;
  }

  write(type: ObjectType, body: Uint8Array): Promise<ObjectId> {
    return this.#writer.write(type, body).catch(this.#fail);
  }

  writeStream(source: AsyncIterable<Uint8Array>, size?: number): Promise<ObjectId> {
    const watched = new Watched(source);
    return this.#writer.writeStream(watched, size).catch((error: unknown) => {
      throw watched.hasThrown(error) ? error : this.#convert(error);
    });
  }

  finish(outside?: Iterable<ObjectId>, named?: Iterable<ObjectId>): Promise<void> {
    return this.#writer.finish(outside, named).catch(this.#fail);
  }

  abort(): Promise<void> {
    return this.#writer.abort().catch(this.#fail);
  }

  readonly #fail = (error: unknown): never => {
    throw this.#convert(error);
  };
}

/** A caller's stream, whose errors are the caller's and not converted. */
class Watched implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterable<Uint8Array>;
  #thrown: { readonly error: unknown } | undefined;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source;
  }

  hasThrown(error: unknown): boolean {
    return this.#thrown !== undefined && this.#thrown.error === error;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#source;
    } catch (error) {
      this.#thrown = { error };
      throw error;
    }
  }
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** All property names of an object, including those of its class. */
function namesOf(target: object): Set<string> {
  const names = new Set<string>();
  for (let at = target; at !== Object.prototype && at !== null; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) if (name !== 'constructor') names.add(name);
  }
  return names;
}

/** Whether a property is a method. Does not call getters. */
function isCall(target: object, name: string): boolean {
  for (let at = target; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found !== undefined) return typeof found.value === 'function';
  }
  return false;
}
