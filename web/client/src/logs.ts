import type { Catchup } from "./wire.js";

/** An event of a conversation's log. */
export interface Entry {
  conversationId: string;
  /** Its place in the log. */
  seq: number;
  event: string;
  payload: unknown;
}

/** What is known of one conversation's log. */
interface Log {
  /** All events up to this one were delivered, or lie before what the client follows. */
  seq: number;
  /** The log goes as far as this, as was said. */
  head: number;
  /** What came too early, by seq. */
  ahead: Map<number, Entry>;
}

const mostAhead = 1000; // events of one conversation: the sync that closes the hole brings the rest
const mostNamed = 1000; // conversations in one sync

/**
 * The logs of all conversations that the client is in. Delivers the events of each in order and once, whatever order they
 * come in and however often, and knows where some are missing.
 */
export class Logs {
  readonly #deliver: (entry: Entry) => void;
  readonly #logs = new Map<string, Log>();
  /** Conversations that are not known, and what has come of them. */
  readonly #strangers = new Map<string, Entry[]>();

  constructor(deliver: (entry: Entry) => void) {
    this.#deliver = deliver;
  }

  /** How far each conversation was followed. */
  get positions(): Record<string, number> {
    return Object.fromEntries([...this.#logs].map(([id, { seq }]) => [id, seq]));
  }

  has(id: string): boolean {
    return this.#logs.has(id);
  }

  /** Follows a conversation from after seq on, or from what has come of it already. Nothing, if it is followed. */
  follow(id: string, seq: number): void {
    if (this.#logs.has(id)) return;
    const entries = this.#strangers.get(id) ?? [];
    this.#strangers.delete(id);
    const from = Math.min(seq, ...entries.map((entry) => entry.seq - 1));
    this.#logs.set(id, { seq: from, head: seq, ahead: new Map() });
    for (const entry of entries) this.take(entry);
  }

  forget(id: string): void {
    this.#strangers.delete(id);
    this.#logs.delete(id);
  }

  /** Takes an event that has come, and tells whether something is missing before it can be told. */
  take(entry: Entry): boolean {
    const log = this.#logs.get(entry.conversationId);
    if (!log) {
      const entries = this.#strangers.get(entry.conversationId) ?? [];
      if (entries.length < mostAhead) entries.push(entry);
      this.#strangers.set(entry.conversationId, entries);
      return true;
    }
    log.head = Math.max(log.head, entry.seq);
    if (entry.seq <= log.seq) return false;
    if (entry.seq === log.seq + 1 || log.ahead.size < mostAhead) log.ahead.set(entry.seq, entry);
    this.#drain(entry.conversationId, log);
    return isBehind(log);
  }

  /** Notes how far a log goes, and tells whether something of it is missing. */
  announce(id: string, seq: number): boolean {
    const log = this.#logs.get(id);
    if (!log) {
      if (!this.#strangers.has(id)) this.#strangers.set(id, []);
      return true;
    }
    log.head = Math.max(log.head, seq);
    return isBehind(log);
  }

  /** Something is missing, or not known. */
  get isBehind(): boolean {
    return this.#strangers.size > 0 || [...this.#logs.values()].some(isBehind);
  }

  /** Conversations that are not known: an answer to a sync introduces them, or they are not ours. */
  get strangers(): string[] {
    return [...this.#strangers.keys()];
  }

  /** Tells what has come of a conversation that the user is not in: of the end of a membership, for example. */
  dismiss(id: string): void {
    const entries = this.#strangers.get(id) ?? [];
    this.#strangers.delete(id);
    for (const entry of entries) this.#deliver(entry);
  }

  /** What to ask a sync about, of some or of all: those that are behind first, as many as one may name. */
  since(some?: ReadonlySet<string>): Record<string, number> {
    const all = [...this.#logs].filter(([id]) => !some?.size || some.has(id)).sort(([, a], [, b]) => Number(isBehind(b)) - Number(isBehind(a)));
    return Object.fromEntries(all.slice(0, mostNamed).map(([id, { seq }]) => [id, seq]));
  }

  /** Takes a sync's answer about one conversation. `isWhole`: nothing more is to be told up to its head. */
  catchUp(id: string, { events = [], seq = 0 }: Catchup, since: number, isWhole: boolean): void {
    const log = this.#logs.get(id);
    if (!log) return; // left meanwhile
    log.head = Math.max(log.head, seq);
    let at = since;
    for (const { event, payload } of events) {
      at++;
      if (at <= log.seq) continue;
      log.seq = at;
      log.ahead.delete(at);
      this.#deliver({ conversationId: id, seq: at, event, payload });
      if (this.#logs.get(id) !== log) return; // left by that
    }
    // What a server does not tell of an older log does not travel.
    if (isWhole) log.seq = Math.max(log.seq, seq);
    this.#drain(id, log);
  }

  /**
   * Goes on from seq: what lies between `since`, which a sync has asked about, and there cannot be told any more. False when
   * all of it has come meanwhile, as by a recovery.
   */
  restart(id: string, since: number, seq: number): boolean {
    const log = this.#logs.get(id);
    if (!log || (since <= seq && log.seq >= seq)) return false;
    log.seq = seq;
    log.head = Math.max(seq, ...log.ahead.keys()); // what has come since, with a hole before it
    this.#drain(id, log);
    return true;
  }

  /** Forgets what waits for events before it: those of another epoch never come. */
  dropAhead(): void {
    for (const log of this.#logs.values()) log.ahead.clear();
  }

  /** Goes on from seq, wherever it was: the log is another one. */
  replace(id: string, seq: number): void {
    const log = this.#logs.get(id);
    if (log) this.#logs.set(id, { seq, head: seq, ahead: new Map() });
  }

  #drain(id: string, log: Log): void {
    for (const seq of log.ahead.keys()) if (seq <= log.seq) log.ahead.delete(seq);
    for (let next = log.ahead.get(log.seq + 1); next; next = log.ahead.get(log.seq + 1)) {
      log.ahead.delete(++log.seq);
      this.#deliver(next);
      if (this.#logs.get(id) !== log) return; // left by that
    }
  }
}

function isBehind(log: Log): boolean {
  return log.head > log.seq;
}
