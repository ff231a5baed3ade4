/**
 * How hard the tests of this folder try. By default they are small enough for every run of the
 * suite; with GITSTORE_STRESS=1 they run at the counts the project promises, with GITSTORE_COUNT=N at
 * that one.
 */
export const stress = process.env.GITSTORE_STRESS === '1';

/** The count for this run, and a time limit in milliseconds that fits it. */
export function effort(usual: number, promised: number): { count: number; timeout: number } {
  const asked = Number(process.env.GITSTORE_COUNT);
  if (asked > 0) return { count: asked, timeout: 30 * 60_000 + asked * 20_000 };
  return stress ? { count: promised, timeout: 30 * 60_000 } : { count: usual, timeout: 2 * 60_000 };
}

/** The number of runs of a property that is tested in `promised` runs at full effort: a tenth of it. */
export function runs(promised: number): number {
  return effort(Math.ceil(promised / 10), promised).count;
}

/** Random numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The seed of all random tests, those of fast-check too: GITSTORE_SEED, else always the same one, and
 * with GITSTORE_STRESS=1 another one every time. Tests name it when they fail.
 */
export const seed = Number(
  process.env.GITSTORE_SEED ?? (stress ? Math.floor(Math.random() * 2 ** 31) : 1),
);
