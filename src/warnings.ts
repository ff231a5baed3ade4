/**
 * What a caller should know and what stops nothing. A store hands warnings to the `onWarning` of its
 * options; without one they are warnings of the process, which Node prints on stderr.
 */

export interface StoreWarning {
  /** Stable; `UNREADABLE_REF`, for example. */
  readonly code: string;
  /** One line. */
  readonly message: string;
  /** The path that it is about. */
  readonly path?: string | undefined;
  /** The full ref name that it is about. */
  readonly ref?: string | undefined;
}

export type OnWarning = (warning: StoreWarning) => void;

/** Node's own channel: `process.on('warning')` sees it, `--no-warnings` turns it off. */
export const warnProcess: OnWarning = ({ code, message, ref, path }) => {
  const warning = Object.assign(new Error(message), { name: 'GitStoreWarning', code, ref, path });
  process.emitWarning(warning);
};
