import { Refused, Unanswered } from "./errors.js";
import type { Logs } from "./logs.js";
import type { Commands, Conversation } from "./wire.js";

/** A conversation that was missed too much of, and how far its log goes. */
export interface Reset {
  conversationId: string;
  firstSeq: number;
  seq: number;
  /** The server was restored from a backup: a `seq` of before, also of a read mark, says nothing any more. */
  isRestored: boolean;
}

export interface CatchupOwner {
  ask(command: "sync", payload: Commands["sync"]["payload"]): Promise<Commands["sync"]["answer"]>;
  /** A conversation that was not known. */
  introduced(conversation: Conversation): void;
  reset(reset: Reset): void;
  /** The user is in it no longer. */
  gone(conversationId: string): void;
}

// What seems to be missing is often on its way: answers and events come in either order.
const grace = 100; // ms
const secondsAfterFailure = 5;

/** Asks for what is missing in the logs. One sync at a time is under way. */
export class CatchUp {
  readonly #logs: Logs;
  readonly #owner: CatchupOwner;
  #running: Promise<void> | undefined;
  #isWanted = false;
  #isStopped = false;
  #epoch: string | undefined; // of the server's database, as it was told last
  #former: string | undefined; // the one before, of which the positions of outdated conversations are
  readonly #outdated = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `epoch` is that of which the logs' positions are, if that is known. */
  constructor(logs: Logs, owner: CatchupOwner, epoch: string | undefined) {
    this.#logs = logs;
    this.#owner = owner;
    this.#epoch = epoch;
  }

  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** The server's epoch was told on connecting. Where another one is known, the sync that follows tells what that means. */
  learn(epoch: string): void {
    this.#epoch ??= epoch;
  }

  /** Something is missing: it is asked for, unless it comes by itself in a moment. */
  later(): void {
    this.#after(grace, () => this.#logs.isBehind);
  }

  /** Asks until nothing is missing. Never fails: what cannot be had now is asked for later. */
  now(): Promise<void> {
    this.#isWanted = true;
    return (this.#running ??= this.#run().finally(() => (this.#running = undefined)));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #after(wait: number, isNeeded: () => boolean): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (isNeeded()) void this.now();
    }, wait);
  }

  async #run(): Promise<void> {
    try {
      while (this.#isWanted) {
        this.#isWanted = false; // until it is wanted again meanwhile: this sync does not ask about what is new then
        while (await this.#sync());
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Asks again later, if nobody has until then. */
  #failed(error: unknown): void {
    // Where there is no connection, the next one begins with a sync.
    const isOffline = error instanceof Unanswered && !error.transmitted;
    if (isOffline || this.#isStopped) return;
    this.#isWanted = true;
    const seconds = (error instanceof Refused ? error.retryAfter : undefined) ?? secondsAfterFailure;
    clearTimeout(this.#timer); // of a look that would come too early
    this.#timer = undefined;
    this.#after(seconds * 1000, () => this.#isWanted);
  }

  /** Asks once, and tells whether to ask again at once. */
  async #sync(): Promise<boolean> {
    const isOutdated = this.#outdated.size > 0;
    const since = this.#logs.since(this.#outdated);
    const { strangers } = this.#logs;
    const epoch = isOutdated ? this.#former : this.#epoch;
    const answer = await this.#owner.ask("sync", { conversations: since, ...(epoch !== undefined && { epoch }) });
    if (this.#enter(epoch, answer.epoch)) return this.#startAfresh(since, answer);
    let isAdvancing = answer.new.filter((conversation) => this.#introduce(conversation)).length > 0;
    for (const [id, catchup] of Object.entries(answer.conversations)) {
      if (!this.#logs.has(id)) continue; // left meanwhile
      if (catchup.gone) {
        this.#logs.forget(id);
        this.#owner.gone(id);
      } else if (catchup.reset) {
        const { firstSeq = 0, seq = 0 } = catchup;
        if (!this.#logs.restart(id, since[id] ?? 0, seq)) continue;
        this.#owner.reset({ conversationId: id, firstSeq, seq, isRestored: false });
        isAdvancing = true;
      } else {
        this.#logs.catchUp(id, catchup, since[id] ?? 0, !answer.more);
        isAdvancing ||= (catchup.events?.length ?? 0) > 0;
      }
    }
    if (isAdvancing && answer.more) return true;
    for (const id of strangers) this.#logs.dismiss(id); // those that were not introduced
    return isAdvancing && this.#logs.isBehind;
  }

  /** Takes the epoch of an answer to a question of an epoch, and tells whether the positions of the question say nothing in it. */
  #enter(asked: string | undefined, now: string | undefined): boolean {
    if (now === undefined) return false; // a server that knows of none
    const isNew = asked !== undefined && now !== asked;
    if (isNew && now !== this.#epoch) {
      this.#former = asked;
      this.#outdated.clear();
      for (const id of Object.keys(this.#logs.positions)) this.#outdated.add(id);
      this.#logs.dropAhead();
    }
    this.#epoch = now;
    return isNew;
  }

  /** The server was restored from a backup: every conversation is read again. What has come since is asked for once more. */
  #startAfresh(since: Record<string, number>, { conversations, new: unknown }: Commands["sync"]["answer"]): boolean {
    for (const id of Object.keys(since)) {
      this.#outdated.delete(id);
      const { gone, firstSeq = 0, seq = 0 } = conversations[id] ?? { gone: true };
      if (!this.#logs.has(id)) continue; // left meanwhile
      if (gone) {
        this.#logs.forget(id);
        this.#owner.gone(id);
      } else {
        this.#logs.replace(id, seq);
        this.#owner.reset({ conversationId: id, firstSeq, seq, isRestored: true });
      }
    }
    for (const id of this.#outdated) if (!this.#logs.has(id)) this.#outdated.delete(id);
    for (const conversation of unknown) this.#introduce(conversation);
    return true;
  }

  /**
   * Of a room that the user has become a member of, what was said before is its history. A direct conversation is new as a
   * whole: all of it is told.
   */
  #introduce(conversation: Conversation): boolean {
    const { conversationId, seq } = conversation;
    const isNew = !this.#logs.has(conversationId);
    if (isNew) {
      this.#owner.introduced(conversation);
      this.#logs.follow(conversationId, conversation.peer ? 0 : seq);
    }
    this.#logs.announce(conversationId, seq);
    return isNew;
  }
}
