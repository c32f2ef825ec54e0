import { Refused, Unanswered } from "./errors.js";
import type { Outgoing, QueueStorage } from "./storage.js";
import type { Commands, Message } from "./wire.js";

/** What the server says of a message that it has stored. */
export type Sent = Omit<Commands["message:send"]["answer"], "recipientId"> & { recipientId?: string; roomId?: string };

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
const longestFault = 3600; // s; a message that the server fails at for so long would hold up all others for ever
const knownFor = 12 * 3600_000; // ms: well below the time for which servers know a clientMsgId
const discarded = "sockeye/discarded/";

interface Promised {
  promise: Promise<Sent>;
  resolve(sent: Sent): void;
  reject(error: Error): void;
}

/** Between two attempts. One that the server has asked for is kept whatever happens. */
interface Pause {
  seconds: number;
  isAskedFor?: boolean;
  /** The server has failed, and it may be because of the message. */
  isFault?: boolean;
}

/** What is known of a message that waits, beside itself. */
interface Note {
  /** What `add` has returned, if it was written here. */
  promised?: Promised;
  /** Another client has written it, and may deal with it still. */
  isInherited: boolean;
  /** It went out, and may be stored: nothing else was heard. */
  isOut: boolean;
  /** The storage did not take it: this is all there is of it. */
  isUnkept?: boolean;
  /** So long, in s, it has waited on a connection because the server failed at it. */
  faulty: number;
}

/**
 * Sends messages one after the other, in the order of writing, each until it is acknowledged or refused for good. What
 * waits is kept in a storage that may outlive this object.
 */
export class Outbox {
  readonly #courier: Courier;
  readonly #limit: number;
  #queue: readonly Outgoing[] = [];
  readonly #notes = new Map<string, Note>(); // of the queue, by clientMsgId
  #storage: QueueStorage | undefined;
  /** What an earlier client has left is known: it goes first. */
  #isLoaded = false;
  /** All changes of the storage so far are made. */
  #written: Promise<unknown> = Promise.resolve();
  #isRunning = false;
  #isClosed = false;
  #pauses = 0; // in a row without a word on how long
  #wake = (_isEnd?: boolean): void => {};

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
    for (const message of this.#queue) this.#keep(message);
    const left = await this.#load(storage);
    this.#isLoaded = true;
    if (left.length > 0) this.#inherit(left);
    void this.run();
  }

  /** What others have left in the storage, in order. */
  async #load(storage: QueueStorage): Promise<Outgoing[]> {
    const before = new Set(this.#notes.keys()); // of these some may be settled while it reads
    const kept = await storage.load().catch(() => []);
    const [marks, messages] = [kept.filter(isMark), kept.filter((each) => !isMark(each))];
    for (const { clientMsgId } of marks.filter(isOld)) this.#write((storage) => storage.remove(clientMsgId));
    const isKnown = ({ clientMsgId: id }: Outgoing): boolean => before.has(id) || this.#notes.has(id);
    return messages.filter((message) => !isKnown(message)).sort((a, b) => a.order - b.order);
  }

  /** Puts what was left before what was written since, whatever the clock said. */
  #inherit(left: readonly Outgoing[]): void {
    this.#noteInherited(left);
    let last = left.at(-1)!.order;
    const own = this.#queue.map((message) => ({ ...message, order: (last = Math.max(message.order, last + 1)) }));
    for (const message of own) this.#keep(message);
    this.#replace([...left, ...own]);
  }

  #noteInherited(left: readonly Outgoing[]): void {
    for (const { clientMsgId } of left) this.#notes.set(clientMsgId, { isInherited: true, isOut: true, faulty: 0 });
  }

  /** Takes over what others have left in the storage since. */
  async #look(): Promise<void> {
    if (!this.#storage || !this.#isLoaded) return;
    const left = await this.#load(this.#storage);
    if (left.length === 0 || this.#isClosed) return;
    this.#noteInherited(left);
    this.#replace([...this.#queue, ...left]);
    void this.run();
  }

  /** Puts a message into the queue. The promise fails with Refused, or with Unanswered when the client is closed before. */
  add(message: Omit<Outgoing, "at" | "order">): Promise<Sent> {
    if (this.#isClosed) return Promise.reject(new Unanswered("The client was closed", false));
    const waiting = this.#notes.get(message.clientMsgId);
    if (waiting) return (waiting.promised ??= promise()).promise;
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
    this.#notes.set(message.clientMsgId, { promised, isInherited: false, isOut: false, faulty: 0 });
    this.#keep(outgoing); // before all else: the page may end at any moment
    this.#write((storage) => storage.remove(markOf(outgoing.clientMsgId))); // what was discarded may be written again
    this.#replace([...this.#queue, outgoing]);
    void this.run();
    return promised.promise;
  }

  /** Takes a message out of the queue. The promise tells whether it may be stored nevertheless: it went out before. */
  discard(clientMsgId: string): void {
    const note = this.#notes.get(clientMsgId);
    if (!note) return;
    if (note.isInherited) {
      const mark: Outgoing = { clientMsgId: markOf(clientMsgId), content: "", at: new Date().toISOString(), order: 0 };
      this.#write((storage) => storage.put(mark)); // for the one that has written it
    }
    this.#settle(clientMsgId);
    note.promised?.reject(new Unanswered("The message was discarded", note.isOut));
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

  /**
   * The courier is ready again, or somebody looks: ends pauses that the server has not asked for, and takes over what other
   * clients have left meanwhile.
   */
  wake(): void {
    this.#pauses = 0;
    this.#wake();
    void this.run();
    void this.#look();
  }

  /** Sends nothing more. What waits stays in the storage. Returns when all is written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake(true);
    const fate = this.#storage ? "; the message stays in the queue" : " before it was known whose the message is";
    for (const note of this.#notes.values()) note.promised?.reject(new Unanswered(`The client was closed${fate}`, note.isOut));
    await this.#written;
  }

  async #attempt(message: Outgoing): Promise<void> {
    let pause: Pause | undefined;
    const send = async (): Promise<void> => {
      if (await this.#isSettledElsewhere(message)) {
        this.#settle(message.clientMsgId)?.reject(new Unanswered("Another tab has dealt with the message", true));
      }
      const note = this.#notes.get(message.clientMsgId);
      if (!note || this.#isClosed) return; // that was settled meanwhile
      pause = await this.#send(message, note);
      await this.#written;
    };
    const storage = this.#storage;
    try {
      await (storage?.exclusively ? storage.exclusively(send) : send());
    } catch {
      pause = { seconds: 1 }; // The lock was taken away. The same message again does no harm.
    }
    if (!pause) return;
    const hasPassed = await this.#pause(pause);
    const note = this.#notes.get(message.clientMsgId);
    if (note && pause.isFault && hasPassed && this.#courier.isReady) note.faulty += pause.seconds;
  }

  /** Sends once; returns what to wait for before the next attempt. */
  async #send(message: Outgoing, note: Note): Promise<Pause | undefined> {
    const wasOut = note.isOut;
    note.isOut = true;
    try {
      this.#sent(message, await this.#courier.deliver(message));
      this.#pauses = 0;
      return;
    } catch (error) {
      if (error instanceof Refused || !(error as Partial<Unanswered>).transmitted) note.isOut = wasOut;
      if (!this.#notes.has(message.clientMsgId)) return; // discarded, or known to be stored
      if (!(error instanceof Refused)) return this.#courier.isReady ? { seconds: 1 } : undefined; // Unanswered: sent again when it is.
      const isFault = error.code === "internal";
      const isPassing = error.retryAfter !== undefined || passing.has(error.code);
      if (!isPassing || (isFault && note.faulty >= longestFault)) {
        this.#courier.refused(message, error);
        this.#settle(message.clientMsgId)?.reject(error);
        return;
      }
      const wait = Math.max(error.retryAfter ?? Math.min(2 ** this.#pauses++, longestPause), 0.25);
      const seconds = isFault ? Math.min(wait, longestFault - note.faulty) : wait;
      this.#courier.delayed(message, error, seconds);
      return { seconds, isAskedFor: error.retryAfter !== undefined, isFault };
    }
  }

  /**
   * Tabs share a storage, and one may have sent or discarded what another has left there or still has in memory. One's own
   * messages are sent again nevertheless while the server knows their clientMsgId: its answer is the proof that they are
   * stored. So it takes a mark to know what was discarded.
   */
  async #isSettledElsewhere(message: Outgoing): Promise<boolean> {
    const { clientMsgId } = message;
    const isOwn = !this.#notes.get(clientMsgId)?.isInherited;
    const mark = markOf(clientMsgId);
    if (isOwn && (await this.#storage?.has(mark).catch(() => false))) {
      this.#write((storage) => storage.remove(mark));
      return true;
    }
    if (isOwn && !isOld(message)) return false;
    await this.#written;
    if (this.#notes.get(clientMsgId)?.isUnkept) return false;
    return !(await this.#storage?.has(clientMsgId).catch(() => true));
  }

  #sent(message: Outgoing, sent: Sent): void {
    if (!this.#notes.has(message.clientMsgId)) return;
    const promised = this.#settle(message.clientMsgId);
    this.#courier.sent(message, sent);
    promised?.resolve(sent);
  }

  #settle(clientMsgId: string): Promised | undefined {
    this.#write((storage) => storage.remove(clientMsgId));
    this.#replace(this.#queue.filter((waiting) => waiting.clientMsgId !== clientMsgId));
    const promised = this.#notes.get(clientMsgId)?.promised;
    this.#notes.delete(clientMsgId);
    return promised;
  }

  #replace(queue: readonly Outgoing[]): void {
    this.#queue = queue;
    this.#courier.changed();
  }

  #keep(message: Outgoing): void {
    this.#write(async (storage) => {
      const isUnkept = await storage.put(message).then(() => false, () => true);
      const note = this.#notes.get(message.clientMsgId);
      if (note) note.isUnkept = isUnkept;
    });
  }

  /** Begins at once, beside changes that are not made yet: the page may be left in the next moment. */
  #write(change: (storage: QueueStorage) => Promise<unknown>): void {
    const storage = this.#storage;
    if (storage) this.#written = Promise.allSettled([this.#written, (async () => change(storage))()]);
  }

  /** Returns whether the whole pause has passed. */
  #pause({ seconds, isAskedFor }: Pause): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(true), seconds * 1000);
      this.#wake = (isEnd) => {
        if (isAskedFor && !isEnd) return;
        clearTimeout(timer);
        resolve(false);
      };
    });
  }
}

/** Under this a storage keeps that a message was discarded, as a message that is none. */
const markOf = (clientMsgId: string): string => discarded + clientMsgId;
const isMark = ({ clientMsgId }: Outgoing): boolean => clientMsgId.startsWith(discarded);
const isOld = ({ at }: Outgoing): boolean => Date.now() - Date.parse(at) >= knownFor;

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
