/** A folder of a snapshot as a zip file. */
import type { ObjectId } from '../../git/objectId.ts';
import { shortHash } from '../../git/objects/commitText.ts';
import { isTreeMode, MODE_GITLINK, type TreeEntry } from '../../git/objects/tree.ts';
import { baseName } from '../../tree/paths.ts';
import { walkFilesInBatches } from '../../tree/walk.ts';
import type { Exchange } from './exchange.ts';
import { attachment, checkSize, settleConditions, validators } from './fileAnswers.ts';
import { HttpError } from './httpError.ts';
import type { Service } from './service.ts';
import type { Place } from './snapshots.ts';

/** Files whose sizes are asked for at the same time. */
const AT_ONCE = 64;

export async function answerFolderZip(
  service: Service,
  exchange: Exchange,
  { snapshot, path }: Place,
  entry: TreeEntry,
): Promise<void> {
  if (!isTreeMode(entry.mode))
    throw new HttpError(404, `A submodule, whose files are not here: ${path}`);
  const tag = `"${snapshot.commitHash}-${entry.id}-zip"`;
  if (settleConditions(service, exchange, tag, 'Accept')) return;
  const name = `${baseName(path) || service.title}-${shortHash(snapshot.commitHash)}.zip`;
  const fields = [
    'Content-Type',
    'application/zip',
    'Content-Disposition',
    attachment(name),
    ...validators(service, tag, 'Accept'),
  ];
  if (exchange.isHead) return exchange.empty(200, fields);
  if (!service.compressions.tryEnter()) {
    throw new HttpError(503, 'Too many archives are under way; try again', ['Retry-After', '5']);
  }
  try {
    await checkSizes(service, exchange, entry.id);
    await exchange.stream(200, fields, undefined, async () => snapshot.zip(entry.id));
  } finally {
    service.compressions.leave();
  }
}

/** @throws HttpError (413) where a file in it is larger than this server gives out */
async function checkSizes(service: Service, exchange: Exchange, tree: ObjectId): Promise<void> {
  if (service.maxFileSize === Number.POSITIVE_INFINITY) return;
  const { trees, blobs } = service;
  for await (const files of walkFilesInBatches(trees, tree, AT_ONCE)) {
    if (exchange.isOver) return;
    await Promise.all(
      files.map(async ({ mode, id }) => {
        if (mode !== MODE_GITLINK) checkSize(service, await blobs.facts(id));
      }),
    );
  }
}
