import { Refused, Unanswered } from "./errors.js";
import type { TokenKeeper } from "./token.js";
import type { Ack, Connection, Ending, Receiver, Transport } from "./transport.js";
import type { Commands, Epoch, Leaving, Refusal } from "./wire.js";

/**
 * `connecting`: for the first time. `online`: signed in and caught up. `reconnecting`: the connection was lost and is being
 * made again. `offline`: that has failed a few times, the device has no network, or the client does not try (any more).
 */
export type ConnectionState = "connecting" | "online" | "reconnecting" | "offline";

/** Waiting times, in ms. */
export interface Timing {
  /** Before the first attempt to reconnect; it doubles with each, and half of it is random. */
  firstRetry: number;
  /** Between attempts at most, and once `attempts` have failed. */
  slowestRetry: number;
  /** How many attempts fail before `reconnect_failed` is reported. */
  attempts: number;
  /** For an answer, or for a connection. */
  patience: number;
  /** After which silence the server is asked for a sign of life, where the transport does not do that. */
  silence: number;
}

const defaultTiming: Timing = { firstRetry: 500, slowestRetry: 30_000, attempts: 5, patience: 10_000, silence: 25_000 };

/** How a client was told to connect, in the words of stock clients. */
export interface Reconnection {
  reconnectionAttempts?: number;
  reconnectionDelay?: number;
  timeout?: number;
  timing?: Partial<Timing>;
}

/** Throws RangeError for times that cannot be. */
export function timingOf({ reconnectionAttempts, reconnectionDelay, timeout, timing }: Reconnection): Timing {
  const check = (name: string, value: number | undefined, least: number): void => {
    if (value !== undefined && !(value >= least)) throw new RangeError(`${name} is ${value}, it must be at least ${least}`);
  };
  check("reconnectionAttempts", reconnectionAttempts, 1);
  check("reconnectionDelay", reconnectionDelay, 0);
  check("timeout", timeout, 1);
  return {
    ...defaultTiming,
    ...(reconnectionAttempts !== undefined && { attempts: reconnectionAttempts }),
    ...(reconnectionDelay !== undefined && { firstRetry: reconnectionDelay }),
    ...(timeout !== undefined && { patience: timeout }),
    ...timing,
  };
}

/** A connection as it is at one moment. */
export interface ConnectionStatus {
  /** Signed in and caught up. */
  readonly connected: boolean;
  /** The server's id of the connection; undefined without one. */
  readonly id: string | undefined;
  /** The id of the server among those that have one database; undefined without a connection, and where there can be one server. */
  readonly node: string | undefined;
  /** `websocket` or `polling`; undefined without a connection. */
  readonly transport: string | undefined;
  /** How many attempts have failed since the client was online. */
  readonly attempts: number;
}

/** How one client connects. */
export interface LinkOptions {
  timing: Timing;
  /** Whether to come back by itself. */
  reconnection: boolean;
  /** Whose client it is, if that is known: nobody else is signed in. */
  userId: string;
}

/** What the link tells its client. */
export interface LinkOwner {
  /** It is known whose client it is: the token says so. */
  identified(userId: string): void;
  /** Signed in. What it returns is done before the link is ready; it never fails. */
  welcomed(): Promise<void>;
  ready(): void;
  /** Somebody looks, or the network is said to be back, and the link is ready still. */
  woken(): void;
  event(name: string, payload: unknown): void;
  stateChanged(state: ConnectionState): void;
  /** So many attempts have failed; more follow, slowly. */
  failing(attempts: number): void;
  /** Nobody is signed in, or the token is not good: it is given up until connect is called. */
  unauthorized(): void;
  /** The operator does not want the client back: it is given up until connect is called. */
  disconnected(): void;
}

/** Error events after which the connection ends, and how. */
const farewells: Record<string, Ending> = {
  token_expired: "unauthorized",
  token_revoked: "unauthorized",
  authentication_failed: "unauthorized",
  account_disabled: "unauthorized",
  disconnected: "disconnected",
};

/** How long the server can have a client wait, in ms, at most. */
const longestAdvice = 60_000;

type Waiter = { resolve(): void; reject(error: Error): void };

/** One connection after the other, until it is closed or the server does not want it. */
export class Link {
  readonly #transport: Transport;
  readonly #tokens: TokenKeeper;
  readonly #owner: LinkOwner;
  readonly #timing: Timing;
  readonly #comesBack: boolean;

  #state: ConnectionState = "offline";
  #wanted = false;
  #wasOnline = false;
  #connection: Connection | undefined;
  #isOpen = false;
  #isReady = false;
  #node: string | undefined; // as the server has said
  #attempt = 0; // the number of the present one: what belongs to an earlier one is stale
  #failures = 0; // attempts in a row
  #userId: string; // whose client it is; "" until that is known
  #isRefused = false; // the last token was: the next is a new one
  #farewell: Ending | undefined; // as an error event has announced
  #returnAfter: number | undefined; // as a server advised that goes, while others stay
  #heard = 0;
  readonly #unanswered = new Set<(error: Error) => void>();
  readonly #waiters = new Set<Waiter>();
  #retry: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #pulse: ReturnType<typeof setTimeout> | undefined;
  #refresh: ReturnType<typeof setTimeout> | undefined;

  constructor(transport: Transport, tokens: TokenKeeper, owner: LinkOwner, { timing, reconnection, userId }: LinkOptions) {
    this.#transport = transport;
    this.#tokens = tokens;
    this.#owner = owner;
    this.#timing = timing;
    this.#comesBack = reconnection;
    this.#userId = userId;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get status(): ConnectionStatus {
    const { id, transport } = (this.#isOpen && this.#connection) || {};
    return { connected: this.#isReady, id, node: this.#node, transport, attempts: this.#failures };
  }

  /** Signed in and caught up. */
  get isReady(): boolean {
    return this.#isReady;
  }

  connect(): void {
    if (this.#wanted) return this.wake();
    this.#wanted = true;
    this.#failures = 0;
    globalThis.addEventListener?.("online", this.wake);
    globalThis.addEventListener?.("offline", this.#networkLost);
    globalThis.document?.addEventListener("visibilitychange", this.wake);
    this.#setState(this.#wasOnline ? "reconnecting" : "connecting");
    void this.#try();
  }

  close(): void {
    this.#stop();
    const connection = this.#connection;
    this.#end();
    connection?.close();
  }

  /** The network may be back: tries at once instead of waiting, or looks whether the connection still lives. */
  readonly wake = (): void => {
    if (!this.#wanted) return;
    if (this.#isReady) {
      this.#listen(0);
      return this.#owner.woken();
    }
    if (this.#retry === undefined) return;
    if (this.#wasOnline) this.#setState("reconnecting");
    void this.#try();
  };

  /** The device says that it has no network: the connection would not notice for a while. Where it lives on, the next attempt finds so. */
  readonly #networkLost = (): void => {
    if (this.#connection) this.#drop();
  };

  /** Carries a command out once the client is ready. Fails with Refused or Unanswered. */
  async request<C extends keyof Commands>(command: C, payload: Commands[C]["payload"]): Promise<Commands[C]["answer"]> {
    if (!this.#isReady) await this.#untilReady();
    return this.ask(command, payload);
  }

  /** Carries a command out on the present connection, ready or not. */
  ask<C extends keyof Commands>(command: C, payload: Commands[C]["payload"]): Promise<Commands[C]["answer"]> {
    const connection = this.#connection;
    if (!connection || !this.#isOpen) return Promise.reject(new Unanswered("There is no connection", false));
    return new Promise((resolve, reject) => {
      const heard = this.#heard;
      const settle = (): void => {
        clearTimeout(timer);
        this.#unanswered.delete(fail);
      };
      const fail = (error: Error): void => {
        settle();
        reject(error);
      };
      const timer = setTimeout(() => {
        fail(new Unanswered("The server does not answer", true));
        if (heard === this.#heard && connection === this.#connection) this.#drop();
      }, this.#timing.patience);
      this.#unanswered.add(fail);
      connection.send(command, payload, (ack: Ack) => {
        this.#heard++;
        settle();
        if (ack.ok) resolve(ack as Commands[C]["answer"]);
        else reject(new Refused(ack.error));
      });
    });
  }

  #untilReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        resolve: () => (done(), resolve()),
        reject: (error) => (done(), reject(error)),
      };
      const timer = setTimeout(() => waiter.reject(new Unanswered("There is no connection", false)), this.#timing.patience);
      this.#waiters.add(waiter);
    });
  }

  async #try(): Promise<void> {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const attempt = ++this.#attempt;
    const isStale = (): boolean => attempt !== this.#attempt;
    const isFresh = this.#isRefused;
    this.#deadline = setTimeout(() => isStale() || this.#drop(), this.#timing.patience);
    let token: string;
    try {
      token = await this.#tokens.get(false);
    } catch {
      if (!isStale()) this.#lost();
      return;
    }
    if (isStale()) return;
    const { userId } = this.#tokens.claims;
    const isOthers = this.#userId !== "" && userId !== "" && this.#userId !== userId; // one that says nothing is the server's to judge
    if (token === "" || isOthers) {
      this.#tokens.forget(); // whoever connects again may have another
      return this.#giveUp("unauthorized");
    }
    if (userId !== "" && this.#userId === "") this.#owner.identified((this.#userId = userId));
    this.#isRefused = false;
    this.#farewell = this.#returnAfter = undefined;
    const receiver: Receiver = {
      opened: () => {
        if (isStale()) return;
        this.#heard++;
        void this.#welcome(attempt);
      },
      event: (name, payload) => {
        if (isStale()) return;
        this.#heard++;
        if (name === "server:epoch") this.#node = (payload as Epoch).node;
        if (name === "error") this.#farewell ??= farewells[(payload as Refusal).code];
        if (name === "server:leaving") this.#returnAfter = Math.min(Math.max(Number((payload as Leaving).returnAfter) || 0, 0), longestAdvice);
        this.#owner.event(name, payload);
      },
      heard: () => void this.#heard++,
      closed: (why) => {
        if (!isStale()) this.#closed(this.#farewell ?? why, isFresh && !this.#isOpen);
      },
    };
    try {
      this.#connection = this.#transport.open(token, receiver);
    } catch {
      this.#lost(); // The page's policy forbids the address, for example.
    }
  }

  async #welcome(attempt: number): Promise<void> {
    clearTimeout(this.#deadline);
    this.#isOpen = true;
    this.#refreshLater();
    await this.#owner.welcomed();
    if (attempt !== this.#attempt || !this.#isOpen) return;
    this.#isReady = this.#wasOnline = true;
    this.#failures = 0;
    this.#listen(this.#timing.silence);
    this.#setState("online");
    this.#owner.ready();
    for (const { resolve } of this.#waiters) resolve();
  }

  /** Asks for a sign of life after a silence, and gives the connection up when there is none. */
  #listen(silence: number): void {
    const connection = this.#connection;
    if (!connection?.probe) return;
    clearTimeout(this.#pulse);
    const heard = this.#heard;
    const goOn = (): void => this.#listen(this.#timing.silence);
    this.#pulse = setTimeout(() => {
      if (heard !== this.#heard) return goOn();
      connection.probe?.();
      this.#pulse = setTimeout(() => (heard === this.#heard ? this.#drop() : goOn()), this.#timing.patience);
    }, silence);
  }

  /** Has the token of the connection renewed before it ends. */
  #refreshLater(): void {
    clearTimeout(this.#refresh);
    const wait = this.#tokens.refreshIn;
    if (wait === undefined) return;
    const attempt = this.#attempt;
    this.#refresh = setTimeout(async () => {
      try {
        const token = await this.#tokens.get(true);
        if (attempt === this.#attempt) await this.ask("auth:refresh", { token });
      } catch {
        // The next try, or the end of the token, comes in time.
      }
      if (attempt === this.#attempt && this.#isOpen) this.#refreshLater();
    }, wait);
  }

  /** Gives up a connection that is dead, or takes too long. */
  #drop(): void {
    this.#connection?.close();
    this.#lost();
  }

  #closed(why: Ending, isFreshRefused: boolean): void {
    if (why === "unauthorized") {
      this.#isRefused = true;
      this.#tokens.forget();
    }
    if (why === "disconnected" || (why === "unauthorized" && (isFreshRefused || !this.#tokens.canRenew))) return this.#giveUp(why);
    if (why === "unauthorized" && !this.#isOpen) {
      this.#end();
      return void this.#try(); // at once, with a fresh token
    }
    this.#lost();
  }

  /** The connection is gone, or could not be made: tries again, later each time. */
  #lost(): void {
    const { attempts, firstRetry, slowestRetry } = this.#timing;
    const failed = !this.#isReady;
    const advice = this.#returnAfter;
    this.#end();
    if (failed) this.#failures++;
    if (!this.#comesBack) return this.#stop();
    const pause = this.#failures >= attempts ? slowestRetry : Math.min(firstRetry * 2 ** this.#failures, slowestRetry);
    const wait = advice === undefined ? pause * (0.5 + Math.random() / 2) : advice * (1 + Math.random() / 2);
    this.#retry = setTimeout(() => void this.#try(), wait);
    const isOff = this.#failures >= attempts || globalThis.navigator?.onLine === false;
    this.#setState(isOff ? "offline" : this.#wasOnline ? "reconnecting" : "connecting");
    if (failed && this.#failures === attempts) this.#owner.failing(attempts);
  }

  #giveUp(why: "unauthorized" | "disconnected"): void {
    this.#stop();
    this.#end();
    this.#owner[why]();
  }

  #stop(): void {
    this.#wanted = false;
    globalThis.removeEventListener?.("online", this.wake);
    globalThis.removeEventListener?.("offline", this.#networkLost);
    globalThis.document?.removeEventListener("visibilitychange", this.wake);
    for (const { reject } of this.#waiters) reject(new Unanswered("The client is not connected", false));
    this.#setState("offline");
  }

  /** Forgets all that belongs to the present connection. */
  #end(): void {
    this.#attempt++;
    for (const timer of [this.#retry, this.#deadline, this.#pulse, this.#refresh]) clearTimeout(timer);
    this.#retry = this.#connection = this.#node = this.#returnAfter = undefined;
    this.#isOpen = this.#isReady = false;
    for (const fail of this.#unanswered) fail(new Unanswered("The connection was lost", true));
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#owner.stateChanged(state);
  }
}
