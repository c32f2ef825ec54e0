import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import type { Ack, Connection, Receiver, Transport } from "./transport.js";

/**
 * The transport of stock Socket.IO, which also passes proxies that know no WebSockets. Options are those of
 * `socket.io-client`, but for token, reconnection and sharing of connections, which are the client's.
 */
export function socketIO(url?: string, options: Partial<ManagerOptions & SocketOptions> = {}): Transport {
  let token = "";
  const settings = {
    ...options,
    auth: (give: (auth: object) => void) => give({ token }),
    autoConnect: false,
    reconnection: false,
    forceNew: true,
  };
  // One socket for all connections: it knows by what the server recovers a lost one.
  const socket = url === undefined ? io(settings) : io(url, settings);
  return {
    open(fresh, receiver) {
      token = fresh;
      return new StockConnection(socket, receiver);
    },
  };
}

class StockConnection implements Connection {
  readonly #socket: Socket;
  #isOver = false;

  constructor(socket: Socket, receiver: Receiver) {
    this.#socket = socket;
    socket.onAny((name: string, payload: unknown) => {
      receiver.heard();
      receiver.event(name, payload);
    });
    socket.on("connect", () => receiver.opened());
    socket.on("connect_error", (error: Error) => {
      this.#silence();
      socket.disconnect();
      receiver.closed(error.message === "Authentication failed" ? "unauthorized" : "lost");
    });
    socket.on("disconnect", () => {
      this.#silence();
      receiver.closed("lost");
    });
    socket.connect();
  }

  get id(): string | undefined {
    return this.#socket.id;
  }

  get transport(): string | undefined {
    return this.#socket.io.engine?.transport.name;
  }

  send(command: string, payload: object, answer: (ack: Ack) => void): void {
    this.#socket.emit(command, payload, (ack: Ack) => {
      if (!this.#isOver) answer(ack);
    });
  }

  close(): void {
    this.#silence();
    this.#socket.disconnect();
  }

  #silence(): void {
    this.#isOver = true;
    this.#socket.offAny();
    this.#socket.off("connect").off("connect_error").off("disconnect");
  }
}
