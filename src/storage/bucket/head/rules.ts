/**
 * The rules that prevent a collector from deleting what a writer has adopted (docs/bucket-format.md). They
 * are an object, so that tests can disable one and observe the damage.
 */
export interface Rules {
  /** Rule W: whether a key with this epoch in its name may get into a head that replaces one of `head`. */
  mayAdopt(epoch: number, head: number): boolean;
  /** Rule D: whether a sweep that has raised the epoch to `raised` may delete what is of `epoch`. */
  mayDelete(epoch: number, raised: number): boolean;
  /** Rule B: whether a writer looks again for objects that it did not upload. */
  readonly looksAgain: boolean;
  /** Whether an unknown answer is settled by the nonce, and not taken for a conflict. */
  readonly settlesUnknown: boolean;
}

export const RULES: Rules = {
  mayAdopt: (epoch, head) => epoch >= head - 1,
  mayDelete: (epoch, raised) => epoch <= raised - 2,
  looksAgain: true,
  settlesUnknown: true,
};
