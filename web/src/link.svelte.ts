import { io, type Socket } from "socket.io-client";
import type { Ack, Failure, Requests } from "./wire";

export type LinkState = "connecting" | "connected" | "reconnecting" | "offline";

/** A request that the server refused. `message` is written for people. */
export class Refused extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}

/** No answer came: the connection broke or the server is slow. The request may have been carried out. */
export class Unanswered extends Error {
  constructor() {
    super("The server did not answer. Check the connection and try again.");
  }
}

const answerWithin = 10_000; // ms
const attemptsUntilOffline = 5;
const slowestRetry = 30_000; // ms

/**
 * One Socket.IO connection that never gives up: it goes on after a refusal by the server and tries at
 * once when the network is back. Only a bad token ends it.
 */
export class Link {
  state = $state<LinkState>("connecting");
  readonly socket: Socket;

  #refusals = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(token: string, onBadToken: () => void) {
    // Long-polling first, then the upgrade (the library's default): it passes every proxy.
    this.socket = io({
      auth: { token },
      autoConnect: false,
      reconnectionDelay: 500,
      reconnectionDelayMax: slowestRetry,
    });
    this.socket.on("connect", () => {
      this.#refusals = 0;
      this.state = "connected";
    });
    this.socket.on("connect_error", (error) => {
      if (error.message === "Authentication failed") return onBadToken();
      if (!this.socket.active) this.#retryLater();
    });
    this.socket.on("disconnect", () => {
      this.state = navigator.onLine ? "reconnecting" : "offline";
      if (!this.socket.active) this.#retryLater();
    });
    this.socket.io.on("reconnect_attempt", (attempt) => {
      this.state = attempt > attemptsUntilOffline || !navigator.onLine ? "offline" : "reconnecting";
    });
  }

  open(): void {
    window.addEventListener("online", this.reconnectNow);
    this.socket.connect();
  }

  close(): void {
    window.removeEventListener("online", this.reconnectNow);
    clearTimeout(this.#retry);
    this.socket.removeAllListeners();
    this.socket.disconnect();
  }

  /** Tries at once instead of waiting for the next attempt; nothing happens while connected. */
  reconnectNow = (): void => {
    if (this.socket.connected) return;
    clearTimeout(this.#retry);
    this.state = "reconnecting";
    this.socket.disconnect().connect();
  };

  /** Sends a request and waits for its ack. Throws Refused or Unanswered. */
  async request<E extends keyof Requests>(event: E, payload: Requests[E]["payload"]): Promise<Requests[E]["answer"]> {
    // The library would keep what is sent while disconnected and send it later, behind the caller's back.
    if (!this.socket.connected) throw new Unanswered();
    let ack: Ack<Requests[E]["answer"]>;
    try {
      ack = await this.socket.timeout(answerWithin).emitWithAck(event, payload);
    } catch {
      throw new Unanswered();
    }
    if (!ack.ok) throw new Refused(ack.error);
    return ack;
  }

  /** After a refusal or a disconnect by the server the library leaves the next attempt to its user. */
  #retryLater(): void {
    this.#refusals++;
    this.state = this.#refusals > attemptsUntilOffline ? "offline" : "reconnecting";
    const delay = Math.min(1000 * 2 ** this.#refusals, slowestRetry) * (0.5 + Math.random() / 2);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.socket.connect(), delay);
  }
}
