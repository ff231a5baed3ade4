/** gitstore/server: a store's files and its repository over HTTP, for programs that bring their own server. */
export {
  type CachePolicy,
  createFileHandler,
  type FileHandler,
  type FileHandlerOptions,
} from './fileHandler.ts';
export { createGitHandler, type GitHandler, type GitHandlerOptions } from './git/handler.ts';
export { type ListenOptions, listen, type RunningServer } from './httpServer.ts';
