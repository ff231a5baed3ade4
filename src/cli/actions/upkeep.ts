/** What `pack`, `gc` and `verify` share: progress, an end by Ctrl-C that tidies up, sizes in words. */
import type { MaintenanceOptions, MaintenanceProgress } from '../../maintenance/pack.ts';
import type { StorageSize } from '../../storage/storageUpkeep.ts';
import { withSignals } from '../interruption.ts';
import { Progress } from '../output/progress.ts';
import { sizeText } from '../output/quantities.ts';

const LABELS: Readonly<Record<MaintenanceProgress['phase'], string>> = {
  count: 'Counting',
  compress: 'Compressing',
  write: 'Writing',
  check: 'Checking',
};

/** Runs long work with a progress line. A signal ends the work first, and then the process. */
export async function withUpkeep<T>(work: (options: MaintenanceOptions) => Promise<T>): Promise<T> {
  const progress = new Progress('Counting');
  try {
    const result = await withSignals(
      (signal) =>
        work({
          signal,
          onProgress: ({ phase, objects, totalObjects }) => {
            const state = { files: objects, totalFiles: totalObjects, unit: 'objects' };
            progress.update(state, LABELS[phase]);
          },
        }),
      () => 'nothing was harmed',
    );
    progress.done();
    return result;
  } finally {
    progress.stop();
  }
}

/** `16543 objects (12 loose, 1 pack), 42.1 MB` */
export function storageText({ objects, looseObjects, packs, bytes }: StorageSize): string {
  const loose = `${looseObjects} loose, ${counted(packs, 'pack')}`;
  return `${counted(objects, 'object')} (${loose}), ${sizeText(bytes)}`;
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
