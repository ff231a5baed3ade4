/** Removes the unfinished files of killed copies to disk. */

import { isTreeMode } from '../../git/objects/tree.ts';
import { encodePath } from '../../git/pathBytes.ts';
import { rmdirSync, unlinkSync } from '../../storage/disk/fs.ts';
import { errorCode } from '../../systemFaults.ts';
import type { Anchors } from '../disk/anchors.ts';
import { joinDisk, readNames, toDisk } from '../disk/diskFiles.ts';
import type { DiskDestination } from '../record/diskPlaces.ts';
import { MODE_NONE } from '../rules/place.ts';

/** Removes what killed copies have left in a destination. Ignores failures. */
export function removeLeftovers(place: DiskDestination): void {
  for (const { home, entry } of place.leftovers) {
    if (entry.mode === MODE_NONE) continue;
    const path = toDisk(joinDisk(home.path, entry.name));
    try {
      if (isTreeMode(entry.mode)) removeUnfinishedDirectory(place.anchors, path);
      else unlinkSync(place.anchors.at(path));
      home.removed(entry.name);
    } catch (error) {
      // A leftover does no harm. The next copy tries again.
      if (errorCode(error) === undefined) throw error;
    }
  }
}

/** Removes a directory that still has its temporary name, with the files directly in it. */
export function removeUnfinishedDirectory(anchors: Anchors, path: string | Buffer): void {
  for (const name of readNames(anchors.directory(path))) {
    unlinkSync(anchors.at(Buffer.concat([Buffer.from(path), encodePath(`/${name}`)])));
  }
  rmdirSync(anchors.at(path));
}
