/**
 * Connections to a *service* of a remote, a Git program on the other side: `git-upload-pack` sends
 * objects, `git-receive-pack` accepts them (gitprotocol-pack(5)). A connector provides the transport: HTTP,
 * ssh or a plain connection.
 */
import type { PacketReader } from '../../git/wire/pktLine.ts';

export type Service = 'git-upload-pack' | 'git-receive-pack';

/** Returns the bytes of a request. Called again when the request must be resent. */
export type RequestBody = () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface Connection {
  /** The service's initial message. */
  readonly greeting: PacketReader;

  /** Sends a request and returns the answer, which may begin before the request is completely sent. */
  send(body: RequestBody): Promise<PacketReader>;

  /** Closes the connection, at any point of the conversation. */
  close(): Promise<void>;
}

export interface Connector {
  /** The remote's name for messages. */
  readonly name: string;

  /**
   * @param version requested protocol version, which a service may not support
   * @throws RemoteError when it cannot be reached
   */
  connect(service: Service, version: 0 | 2): Promise<Connection>;

  close(): Promise<void>;
}
