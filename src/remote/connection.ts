/**
 * Talking to a *service* of a remote, a Git program on the other side: `git-upload-pack` hands out
 * objects, `git-receive-pack` takes them (gitprotocol-pack(5)). How the bytes get there is a
 * connector's business: HTTP, ssh or a plain connection.
 */
import type { PacketReader } from '../git/pktLine.ts';

export type Service = 'git-upload-pack' | 'git-receive-pack';

/** Gives the bytes of a request; called again when it has to be sent again. */
export type RequestBody = () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface Connection {
  /** What the service says first. */
  readonly greeting: PacketReader;

  /** Sends a request and gives the answer to read, which may come before all of it is sent. */
  send(body: RequestBody): Promise<PacketReader>;

  /** Ends the conversation at any point of it. */
  close(): Promise<void>;
}

export interface Connector {
  /** What to call the remote in messages. */
  readonly name: string;

  /**
   * @param version of the protocol to ask for; a service may not know it
   * @throws RemoteError when it cannot be reached
   */
  connect(service: Service, version: 0 | 2): Promise<Connection>;

  close(): Promise<void>;
}
