/** `backup`: make another repository, or a bundle, like this one. */
import type { Command } from 'commander';
import { redactUrl } from '../../git/wire/redactUrl.ts';
import {
  addMirrorOptions,
  lineOf,
  type MirrorCommandOptions,
  printDiff,
  printLeftOut,
  withMirroring,
} from '../actions/mirroring.ts';
import { printNote } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { isVerbose, withStore } from '../repository/repository.ts';

interface BackupOptions extends MirrorCommandOptions {
  squash?: boolean | undefined;
}

export function define(command: Command): void {
  addMirrorOptions(command);
  command.option('--squash', 'a bundle without history: one commit for each ref');
  addExamples(command, [
    [
      'gitstore backup https://example.com/me/data.git',
      'push everything, delete what is beyond it',
    ],
    ['gitstore backup -n /mnt/disk/data.git', 'what would change there'],
    ['gitstore backup --ref main --ref v1.0 me@host:data.git', 'only these, nothing is deleted'],
    ['gitstore backup --ref main:trunk ../data.git', 'call it trunk there'],
    ['gitstore backup data.bundle', 'everything in one file'],
    ['gitstore backup --squash --ref main now.bundle', 'the files of main without their history'],
  ]);
  command.action(async (url: string, { squash, ...options }: BackupOptions) => {
    const diff = await withStore(command, (store) =>
      withMirroring(url, options, isVerbose(command), (mirror) =>
        store.backup(url, { ...mirror, squash }),
      ),
    );
    await printDiff(diff, options, 'Nothing to push — already in sync.');
    printLeftOut(diff);
    if (isVerbose(command) && !options.dryRun) {
      for (const change of diff.changes()) printNote(lineOf(change));
      printNote(`Backed up to ${redactUrl(url)}`);
    }
  });
}
