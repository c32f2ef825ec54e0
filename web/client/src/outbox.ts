import { Refused, Unanswered } from "./errors.js";
import type { Outgoing, QueueStorage } from "./storage.js";
import type { Commands, Message } from "./wire.js";

/** What the server says of a message that it has stored. */
export type Sent = Commands["message:send"]["answer"];

/** What the outbox needs of the client. */
export interface Courier {
  /** Whether messages can be sent now. */
  readonly isReady: boolean;
  /** Sends one message; fails with Refused or Unanswered. */
  deliver(message: Outgoing): Promise<Sent>;
  /** The queue has changed. */
  changed(): void;
  sent(message: Outgoing, sent: Sent): void;
  /** It will not be sent. */
  refused(message: Outgoing, error: Refused): void;
  /** It will be sent again after so many seconds. */
  delayed(message: Outgoing, error: Refused, seconds: number): void;
}

/** Refusals that are about the moment, not about the message. */
const passing = new Set([
  "rate_limited", "internal", "busy", "server_at_capacity", "too_many_connections", "authentication_failed", "token_expired",
  "token_revoked", "disconnected",
]);

const largest = 900_000; // bytes; servers end connections that send a frame of a million
const longestPause = 30; // s, where the server does not say how long
const knownFor = 12 * 3600_000; // ms: well below the time for which servers know a clientMsgId

interface Promised {
  promise: Promise<Sent>;
  resolve(sent: Sent): void;
  reject(error: Error): void;
}

/**
 * Sends messages one after the other, in the order of writing, each until it is acknowledged or refused for good. What
 * waits is kept in a storage that may outlive this object.
 */
export class Outbox {
  readonly #courier: Courier;
  readonly #limit: number;
  #queue: readonly Outgoing[] = [];
  readonly #promised = new Map<string, Promised>();
  readonly #inherited = new Set<string>();
  #storage: QueueStorage | undefined;
  /** What an earlier client has left is known: it goes first. */
  #isLoaded = false;
  /** All changes of the storage so far are made. */
  #written: Promise<unknown> = Promise.resolve();
  #isRunning = false;
  #isClosed = false;
  #pauses = 0; // in a row without a word on how long
  #wake = (): void => {};

  constructor(courier: Courier, limit: number) {
    this.#courier = courier;
    this.#limit = limit;
  }

  /** What waits, in the order in which it will be sent. */
  get queue(): readonly Outgoing[] {
    return this.#queue;
  }

  /** Takes over what an earlier client has left in the storage, and keeps there what waits. Never fails. */
  async attach(storage: QueueStorage): Promise<void> {
    if (this.#storage) return;
    this.#storage = storage;
    for (const message of this.#queue) this.#write((storage) => storage.put(message));
    const kept = await storage.load().catch(() => []);
    const known = new Set(this.#queue.map(({ clientMsgId }) => clientMsgId));
    const left = kept.filter(({ clientMsgId }) => !known.has(clientMsgId)).sort((a, b) => a.order - b.order);
    this.#isLoaded = true;
    if (left.length > 0) this.#inherit(left);
    void this.run();
  }

  /** Puts what was left before what was written since, whatever the clock said. */
  #inherit(left: readonly Outgoing[]): void {
    for (const { clientMsgId } of left) this.#inherited.add(clientMsgId);
    let last = left.at(-1)!.order;
    const own = this.#queue.map((message) => ({ ...message, order: (last = Math.max(message.order, last + 1)) }));
    for (const message of own) this.#write((storage) => storage.put(message));
    this.#replace([...left, ...own]);
  }

  /** Puts a message into the queue. The promise fails with Refused, or with Unanswered when the client is closed before. */
  add(message: Omit<Outgoing, "at" | "order">): Promise<Sent> {
    const waiting = this.#promised.get(message.clientMsgId);
    if (waiting) return waiting.promise;
    if (this.#isClosed) return Promise.reject(new Unanswered("The client was closed", false));
    if (this.#queue.length >= this.#limit) {
      return Promise.reject(new RangeError(`${this.#limit} messages wait already: the queue takes no more`));
    }
    if (new TextEncoder().encode(JSON.stringify(message)).length > largest) {
      return Promise.reject(new RangeError(`A message may have ${largest} bytes: this one would cost the connection`));
    }
    const now = Date.now();
    const order = Math.max(now, (this.#queue.at(-1)?.order ?? 0) + 1);
    const outgoing: Outgoing = { ...message, at: new Date(now).toISOString(), order };
    const promised = promise();
    this.#promised.set(message.clientMsgId, promised);
    this.#write((storage) => storage.put(outgoing));
    this.#replace([...this.#queue, outgoing]);
    void this.run();
    return promised.promise;
  }

  /** Takes a message out of the queue. It may be on its way already. */
  discard(clientMsgId: string): void {
    this.#settle(clientMsgId)?.reject(new Unanswered("The message was discarded", false));
  }

  /** A message of the user's own has come back: it need not be sent any more. */
  recognise({ clientMsgId, id, conversationId, seq, timestamp, roomId, recipientId }: Message): void {
    const message = this.#queue.find((waiting) => waiting.clientMsgId === clientMsgId);
    if (!message || clientMsgId === undefined) return;
    const place = roomId !== undefined ? { roomId } : { recipientId: recipientId ?? "" };
    this.#sent(message, { id, conversationId, seq, timestamp, clientMsgId, ...place });
  }

  /** Sends what waits, as long as the courier is ready. */
  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (!this.#isClosed && this.#isLoaded && this.#courier.isReady && this.#queue[0]) await this.#attempt(this.#queue[0]);
    this.#isRunning = false;
  }

  /** Ends pauses: the courier is ready again, and what was refused then may be taken now. */
  wake(): void {
    this.#pauses = 0;
    this.#wake();
    void this.run();
  }

  /** Sends nothing more. What waits stays in the storage. Returns when all is written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    for (const { reject } of this.#promised.values()) reject(new Unanswered("The client was closed; the message stays in the queue", false));
    this.#promised.clear();
    await this.#written;
  }

  async #attempt(message: Outgoing): Promise<void> {
    let seconds = 0;
    const send = async (): Promise<void> => {
      if (await this.#isSettledElsewhere(message)) {
        this.#settle(message.clientMsgId)?.reject(new Unanswered("Another tab has dealt with the message", true));
        return;
      }
      seconds = await this.#send(message);
      await this.#written;
    };
    const storage = this.#storage;
    try {
      await (storage?.exclusively ? storage.exclusively(send) : send());
    } catch {
      seconds = 1; // The lock was taken away. The same message again does no harm.
    }
    if (seconds > 0) await this.#pause(seconds);
  }

  /** Sends once; returns how many seconds to wait before the next attempt. */
  async #send(message: Outgoing): Promise<number> {
    try {
      this.#sent(message, await this.#courier.deliver(message));
      this.#pauses = 0;
      return 0;
    } catch (error) {
      if (!(error instanceof Refused)) return this.#courier.isReady ? 1 : 0; // Unanswered: sent again when it is.
      if (error.retryAfter === undefined && !passing.has(error.code)) {
        this.#courier.refused(message, error);
        this.#settle(message.clientMsgId)?.reject(error);
        return 0;
      }
      const seconds = Math.max(error.retryAfter ?? Math.min(2 ** this.#pauses++, longestPause), 0.25);
      this.#courier.delayed(message, error, seconds);
      return seconds;
    }
  }

  /**
   * Tabs share a storage, and one may have sent what another has left there or still has in memory. One's own messages are
   * sent again nevertheless while the server knows their clientMsgId: its answer is the proof that they are stored.
   */
  async #isSettledElsewhere({ clientMsgId, at }: Outgoing): Promise<boolean> {
    if (!this.#inherited.has(clientMsgId) && Date.now() - Date.parse(at) < knownFor) return false;
    await this.#written;
    return !(await this.#storage?.has(clientMsgId).catch(() => true));
  }

  #sent(message: Outgoing, sent: Sent): void {
    if (!this.#queue.some(({ clientMsgId }) => clientMsgId === message.clientMsgId)) return;
    const promised = this.#settle(message.clientMsgId);
    this.#courier.sent(message, sent);
    promised?.resolve(sent);
  }

  #settle(clientMsgId: string): Promised | undefined {
    this.#write((storage) => storage.remove(clientMsgId));
    this.#replace(this.#queue.filter((waiting) => waiting.clientMsgId !== clientMsgId));
    const promised = this.#promised.get(clientMsgId);
    this.#promised.delete(clientMsgId);
    return promised;
  }

  #replace(queue: readonly Outgoing[]): void {
    this.#queue = queue;
    this.#courier.changed();
  }

  /** Begins at once, beside changes that are not made yet: the page may be left in the next moment. */
  #write(change: (storage: QueueStorage) => Promise<unknown>): void {
    const storage = this.#storage;
    if (storage) this.#written = Promise.allSettled([this.#written, (async () => change(storage))()]);
  }

  #pause(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function promise(): Promised {
  let resolve!: Promised["resolve"];
  let reject!: Promised["reject"];
  const made = new Promise<Sent>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  made.catch(() => {}); // Who does not wait for it is told by the event `refused`.
  return { promise: made, resolve, reject };
}
