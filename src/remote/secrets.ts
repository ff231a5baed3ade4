/** Removes used passwords and tokens from all messages, even those from the server. */

/** Shorter secrets are ignored: they occur by chance. */
const SHORTEST = 4;

export class Secrets {
  readonly #known = new Set<string>();

  /** Adds a password in all forms in which it may appear. */
  add(username: string, password: string): void {
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    for (const form of [password, encodeURIComponent(password), basic]) {
      if (form.length >= SHORTEST) this.#known.add(form);
    }
  }

  /** The text with secrets replaced by `***`. */
  clean(text: string): string {
    let cleaned = text;
    for (const secret of this.#known) cleaned = cleaned.replaceAll(secret, '***');
    return cleaned;
  }

  /** Cleans an error, its stack and its causes, in place. */
  cleanError(error: unknown): unknown {
    for (let at = error; at instanceof Error; at = at.cause) {
      this.#cleanProperty(at, 'message');
      this.#cleanProperty(at, 'stack');
    }
    return error;
  }

  /** The error may be the caller's (the reason of an abort), and its texts getters. */
  #cleanProperty(error: Error, name: 'message' | 'stack'): void {
    const text = error[name];
    if (text === undefined) return;
    const value = this.clean(text);
    if (value === text) return;
    Reflect.defineProperty(error, name, { value, writable: true, configurable: true });
  }
}
