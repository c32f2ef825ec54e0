import type { Place } from "./conversation.svelte";
import { type Link, Refused } from "./link.svelte";
import { load, save, tab } from "./storage";
import type { Failure, Sent } from "./wire";

/** A message on its way: written, and not yet known to be stored. */
export interface Outgoing extends Place {
  clientMsgId: string;
  content: string;
  /** When it was written; RFC 3339. */
  at: string;
  /** Why the server refused it; it then waits for its writer. */
  failure?: string;
  /** The code that belongs to failure. */
  failureCode?: string;
}

/**
 * Sends one message after the other, in the order of writing, each until it is acked. The same
 * clientMsgId goes with every attempt, so that the server stores a message once however often it is
 * sent. What is unsent survives a reload of the tab.
 */
export class Outbox {
  items = $state.raw<readonly Outgoing[]>([]);

  #link: Link;
  #key: string;
  #onSent: (item: Outgoing, sent: Sent) => void;
  #isRunning = false;
  #isClosed = false;

  constructor(link: Link, userId: string, onSent: (item: Outgoing, sent: Sent) => void) {
    this.#link = link;
    this.#key = `sockeye:outbox:${userId}`;
    this.#onSent = onSent;
    this.items = load(tab, this.#key, isOutgoingList, []);
  }

  add(item: Outgoing): void {
    this.#replace([...this.items, item]);
    void this.run();
  }

  /** The message is stored: nothing is left to do for it. */
  settle(clientMsgId: string): Outgoing | undefined {
    const item = this.items.find((item) => item.clientMsgId === clientMsgId);
    if (item) this.discard(clientMsgId);
    return item;
  }

  discard(clientMsgId: string): void {
    this.#replace(this.items.filter((item) => item.clientMsgId !== clientMsgId));
  }

  tryAgain(clientMsgId: string): void {
    this.#update(clientMsgId, undefined);
    void this.run();
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Sends what is waiting. Called on every connect; returns when nothing is left or the connection is gone. */
  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let item = this.#next(); item; item = this.#next()) await this.#send(item);
    } finally {
      this.#isRunning = false;
    }
  }

  #next(): Outgoing | undefined {
    if (this.#isClosed || !this.#link.socket.connected) return undefined;
    return this.items.find((item) => item.failure === undefined);
  }

  async #send(item: Outgoing): Promise<void> {
    const { clientMsgId, content } = item;
    try {
      const sent =
        item.kind === "room"
          ? await this.#link.request("room:message", { roomId: item.id, content, clientMsgId })
          : await this.#link.request("message:send", { recipientId: item.id, content, clientMsgId });
      this.#onSent(item, sent);
    } catch (error) {
      if (!(error instanceof Refused)) return; // Unanswered: sent again, now or on the next connect.
      if (error.failure.retryAfter !== undefined) return pause(error.failure.retryAfter);
      this.#update(clientMsgId, error.failure);
    }
  }

  #update(clientMsgId: string, failure: Failure | undefined): void {
    const outcome = { failure: failure?.message, failureCode: failure?.code };
    this.#replace(this.items.map((item) => (item.clientMsgId === clientMsgId ? { ...item, ...outcome } : item)));
  }

  #replace(items: readonly Outgoing[]): void {
    this.items = items;
    save(tab, this.#key, items);
  }
}

function pause(seconds: number): Promise<void> {
  const shortest = 0.25; // A server that says 0 must not be asked in a tight loop.
  return new Promise((resolve) => setTimeout(resolve, Math.max(seconds, shortest) * 1000));
}

function isOutgoingList(value: unknown): value is Outgoing[] {
  return (
    Array.isArray(value) &&
    value.every((item) => typeof item?.clientMsgId === "string" && typeof item.content === "string" && typeof item.id === "string")
  );
}
