/** Lists on stdout in the form that `--format` asks for: text lines, one JSON array, or JSON lines. */
import { Lines } from './output.ts';

export type OutputFormat = 'text' | 'json' | 'jsonl';

/** Takes the entries one by one; nothing of a list is kept in memory. */
export class Listing {
  readonly #format: OutputFormat;
  readonly #lines = new Lines();
  /** The last entry of a JSON array, which waits to learn whether a comma follows it. */
  #pending: string | undefined;

  constructor(format: OutputFormat) {
    this.#format = format;
  }

  /**
   * Await it, as `Lines.add`.
   * @param text the line of the text form
   * @param value what the JSON forms show; it is asked for only there
   */
  add(text: string, value: () => unknown): Promise<void> | undefined {
    if (this.#format === 'text') return this.#lines.add(text);
    if (this.#format === 'jsonl') return this.#lines.add(JSON.stringify(value()));
    const before = this.#pending;
    this.#pending = (before === undefined ? '[' : ' ') + JSON.stringify(value());
    return before === undefined ? undefined : this.#lines.add(`${before},`);
  }

  /** Ends the list and writes what is still to be written. */
  async end(): Promise<void> {
    if (this.#format === 'json') {
      await this.#lines.add(this.#pending === undefined ? '[]' : `${this.#pending}]`);
    }
    await this.#lines.flush();
  }
}
