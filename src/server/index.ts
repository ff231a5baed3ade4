/** gitstore/server: a store's files over HTTP, for programs that bring their own server. */
export {
  type CachePolicy,
  createFileHandler,
  type FileHandler,
  type FileHandlerOptions,
} from './files/handler.ts';
export { type ListenOptions, listen, type RunningServer } from './httpServer.ts';
