/** What `console.log` shows of an object, in the place of its fields (`util.inspect.custom`). */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;
