import type { Refusal } from "./wire.js";

/** A way to reach the server. One transport serves one client. */
export interface Transport {
  /** Opens a connection and signs in with the token. The receiver is told what comes of it, never before this returns. */
  open(token: string, receiver: Receiver): Connection;
}

/** One connection, from opening to its end. */
export interface Connection {
  /** The server's id of it, once it is open. */
  readonly id?: string | undefined;
  /** What carries it at the moment: `websocket` or `polling`. */
  readonly transport?: string | undefined;
  /** Sends a command, once it is open. `answer` is called with the acknowledgement, never when the connection ends before. */
  send(command: string, payload: object, answer: (ack: Ack) => void): void;
  /** Makes the server say something. Absent where the transport itself finds out that a connection is dead. */
  probe?(): void;
  /** Ends it. The receiver is told nothing more. */
  close(): void;
}

/** Is told what happens on a connection. */
export interface Receiver {
  /** The server has taken the token. */
  opened(): void;
  /** An event has come. */
  event(name: string, payload: unknown): void;
  /** Something has come that is nobody's business but shows that the other side lives. */
  heard(): void;
  /** It is over, whatever came before. Nothing follows. */
  closed(why: Ending): void;
}

/** Why a connection ended: by itself, because the token is not good, or by the operator, who does not want it back. */
export type Ending = "lost" | "unauthorized" | "disconnected";

export type Ack = ({ ok: true } & Record<string, unknown>) | { ok: false; error: Refusal };
