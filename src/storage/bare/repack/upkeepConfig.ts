/** What a repository's configuration says about packing and collecting (git-config(1)). */

import { type GitConfig, parseConfig } from '../../../git/repository/config.ts';
import { promisorOf } from '../partialClone.ts';
import { readConfigText } from '../repositoryConfig.ts';
import type { SearchSettings } from './deltas/deltaSearch.ts';

export interface UpkeepConfig {
  readonly settings: SearchSettings;
  /** Bytes. */
  readonly bigFileThreshold: number;
  /** The raw value: `now`, `never`, `2.weeks.ago` or a date. */
  readonly pruneExpire: string | undefined;
  /** Loose objects and packs above which objects are gathered by themselves; 0: never. */
  readonly auto: number;
  readonly autoPackLimit: number;
  readonly writeCommitGraph: boolean;
  readonly packRefs: boolean;
  readonly writeMultiPackIndex: boolean;
  /**
   * Prunes nothing: another repository may rely on objects that are unreachable here, or this is a partial
   * clone, where what a missing object leads to is unknown.
   */
  readonly keepsAll: boolean;
}

/** As git-pack-objects(1) has them. */
const DEFAULT_WINDOW = 10;
const DEFAULT_DEPTH = 50;
const DEFAULT_BIG_FILE = 512 << 20;
const WINDOW_MEMORY = 96 << 20;
const LARGEST_DEPTH = 4095;
const LARGEST_WINDOW = 1000;

export function readUpkeepConfig(gitDir: string): UpkeepConfig {
  const config = parseConfig(readConfigText(gitDir));
  const level = config.getInt('pack.compression') ?? config.getInt('core.compression') ?? -1;
  return {
    settings: {
      window: within(config.getInt('pack.window') ?? DEFAULT_WINDOW, 1, LARGEST_WINDOW),
      depth: within(config.getInt('pack.depth') ?? DEFAULT_DEPTH, 0, LARGEST_DEPTH),
      level: within(level, -1, 9),
      memory: Math.min(config.getInt('pack.windowMemory') || WINDOW_MEMORY, WINDOW_MEMORY),
    },
    bigFileThreshold: config.getInt('core.bigFileThreshold') ?? DEFAULT_BIG_FILE,
    pruneExpire: config.get('gc.pruneExpire'),
    auto: Math.max(0, config.getInt('gc.auto') ?? 6700),
    autoPackLimit: Math.max(0, config.getInt('gc.autoPackLimit') ?? 50),
    writeCommitGraph: config.getBool('gc.writeCommitGraph') ?? true,
    packRefs: packsRefs(config),
    writeMultiPackIndex: config.getBool('core.multiPackIndex') ?? true,
    keepsAll: config.getBool('extensions.preciousObjects') || promisorOf(gitDir) !== undefined,
  };
}

function packsRefs(config: GitConfig): boolean {
  if (config.get('gc.packRefs') === 'notbare') return !(config.getBool('core.bare') ?? false);
  return config.getBool('gc.packRefs') ?? true;
}

function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
