/** `gitserve`: the repository to Git's clients over HTTP, read-only. */
import type { Command } from 'commander';
import { createGitHandler } from '../../server/git/handler.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { addListen, type ListenChoices, runServer } from '../actions/serving.ts';
import { errorLine, messageOf } from '../errors.ts';
import { printNote } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

export function define(command: Command): void {
  addListen(command);
  addExamples(command, [
    ['gitstore gitserve', 'then: git clone http://127.0.0.1:8000/ notes'],
    ['gitstore gitserve -p 0', 'on any free port'],
    ['gitstore gitserve --host 0.0.0.0', 'for other machines; there is no password'],
  ]);
  command.action(async (options: ListenChoices) => {
    const work = async (store: GitStore): Promise<void> => {
      const handler = createGitHandler(store, {
        onError: (error, { method, url }) => {
          printNote(errorLine(new Error(`${method} ${url}: ${messageOf(error)}`)));
        },
      });
      await runServer(handler, options, 'Git clients');
    };
    await withStore(command, work, { live: true });
  });
}
