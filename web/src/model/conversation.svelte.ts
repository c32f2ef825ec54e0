import type { Conversation as Summary, Message, Role, Room } from "@sockeye/client";
import { SvelteMap } from "svelte/reactivity";
import type { Picks } from "./draft";
import { type Kind, type Place, placeKey } from "./place";

/** Something that happened and was not said. It is told while the page is open; histories have messages only. */
export type Happening =
  | { what: "joined" | "left"; name: string }
  | { what: "kicked" | "banned" | "unbanned" | "promoted" | "demoted"; name: string }
  | { what: "added"; count: number }
  | { what: "updated"; by: string };

interface Placed {
  id: string;
  /** Its place in the conversation's log. */
  seq: number;
  /** RFC 3339. */
  at: string;
}

export type Entry = Placed & ({ message: Message; happening?: undefined } | { happening: Happening; message?: undefined });

/** Who has read what: up to where, and, where that is not known, which message. By user. */
export interface Receipts {
  readers: Record<string, number>;
  unplaced: Record<string, string>;
}

/** A moment at which messages were asked for. */
export interface Asked {
  /** Which stretch was shown. */
  stretch: number;
  /** The newest message that had come. */
  newest: number;
}

export const keptUnseen = 100; // entries of a conversation that is not open
const largest = 100; // members of a room whose members, admins and bans come with it

/** One room or one direct conversation: a stretch of its log without holes, and what the list shows of it. */
export class Conversation implements Place {
  readonly kind: Kind;
  readonly id: string;
  readonly key: string;
  /** Of the server; unknown as long as nothing was said between two users. */
  conversationId = $state<string | undefined>();
  name = $state("");
  room = $state.raw<Room | undefined>();
  /** What this user is in a large room, as soon as that was looked up. */
  role = $state<Role | undefined>();
  entries = $state.raw<readonly Entry[]>([]);
  isLoaded = $state(false);
  isLoading = $state(false);
  hasEarlier = $state(true);
  /** The stretch ends before the log does: somebody has jumped back. */
  hasLater = $state(false);
  last = $state.raw<Message | undefined>();
  lastAt = $state("");
  unread = $state(0);
  mentions = $state(0);
  /** Up to where this user has read. */
  readSeq = $state(0);
  /** Where the unread messages began when the conversation was opened. */
  unreadAfter = $state<number | undefined>();
  /** Up to where others have read, as far as they have told. */
  readonly readers = new SvelteMap<string, number>();
  /** Receipts for messages whose place is not known before they are read again: ids, by the reader. */
  #receipts = new Map<string, string>();
  /** How often something was pinned or unpinned while the page is open. */
  pinChanges = $state(0);
  /** How often somebody was banned or a ban lifted while the page is open. */
  banChanges = $state(0);
  /** The message to bring into view. */
  target = $state<string | undefined>();
  /** What stands in the composer, and whom it names. */
  draft = $state("");
  readonly picks: Picks = new Map();
  replyTo = $state.raw<Message | undefined>();
  editing = $state.raw<Message | undefined>();
  /** How many replies the messages of the stretch have there, by the root. */
  readonly replies = $derived.by(() => {
    const counts = new Map<string, number>();
    for (const { message } of this.entries) {
      if (message?.threadId !== undefined && !message.deleted) counts.set(message.threadId, (counts.get(message.threadId) ?? 0) + 1);
    }
    return counts;
  });
  #byId = $derived(new Map(this.entries.map((entry) => [entry.id, entry])));
  /** Up to where `unread` was counted. */
  #counted = 0;
  /** The newest message that has come as an event. */
  #newest = 0;
  /** Counts the stretches: what was asked for beside one has no place in the next. */
  #stretch = 0;

  constructor(place: Place, name: string) {
    this.kind = place.kind;
    this.id = place.id;
    this.key = placeKey(place);
    this.name = name;
  }

  get messages(): Message[] {
    return this.entries.flatMap(({ message }) => (message ? [message] : []));
  }

  find(id: string): Message | undefined {
    return this.#byId.get(id)?.message;
  }

  /** Has the composer begin with that, unless something stands there. */
  drafted(text: string | undefined): this {
    this.draft ||= text ?? "";
    return this;
  }

  /** Takes what the server's list says, unless events have told more already. */
  summarise({ conversationId, room, peer, seq, readSeq, lastAt, lastMessage, unread, mentions }: Summary): void {
    this.conversationId = conversationId;
    if (room) this.renew(room);
    else this.name = peer?.username || this.name;
    if (lastAt > this.lastAt) this.lastAt = lastAt;
    if (seq < this.#counted) return;
    this.#counted = seq;
    this.last = lastMessage ?? undefined;
    this.readSeq = Math.max(this.readSeq, readSeq);
    const isReadSince = this.readSeq > readSeq;
    this.unread = isReadSince ? Math.min(this.unread, unread) : unread;
    this.mentions = isReadSince ? Math.min(this.mentions, mentions) : mentions;
  }

  /** Takes what a room is now. Lists of rooms and events leave out who is in it: that stays. */
  renew(room: Room): void {
    this.room = { ...(room.memberCount <= largest && this.room), ...room };
    this.name = room.name;
  }

  /**
   * Takes what this user has said, as soon as the server has stored it. What others have said before may still be on its
   * way, so that nothing is counted before the message comes as an event.
   */
  stored(message: Message): void {
    this.conversationId = message.conversationId;
    if (!this.hasLater) this.#insert([said(message)]);
  }

  /** Takes a message that has just come; true when it is news. */
  arrive(message: Message, me: string): boolean {
    this.conversationId = message.conversationId;
    if (!this.last || message.seq >= this.last.seq) this.last = message;
    if (message.timestamp > this.lastAt) this.lastAt = message.timestamp;
    this.#newest = Math.max(this.#newest, message.seq);
    if (!this.hasLater) this.#insert([said(message)]);
    const isNews = message.seq > this.#counted;
    this.#counted = Math.max(this.#counted, message.seq);
    if (!isNews || message.senderId === me || message.seq <= this.readSeq) return false;
    this.unread++;
    if (message.mentions?.includes(me)) this.mentions++;
    return true;
  }

  happened(seq: number | undefined, at: string, happening: Happening): void {
    if (seq !== undefined) this.#counted = Math.max(this.#counted, seq);
    if (this.hasLater || !this.isLoaded) return;
    const place = seq ?? (this.entries.at(-1)?.seq ?? 0) + 0.5;
    this.#insert([{ id: `happening:${place}`, seq: place, at, happening }]);
  }

  /** Replaces a message wherever it shows. */
  change(id: string, change: (message: Message) => Message): void {
    if (this.last?.id === id) this.last = change(this.last);
    const index = this.entries.findIndex((entry) => entry.id === id);
    const message = this.entries[index]?.message;
    if (message) this.entries = this.entries.with(index, said(change(message)));
  }

  /** Somebody has read up to that message. */
  wasRead(messageId: string, by: string): void {
    const message = this.find(messageId) ?? (this.last?.id === messageId ? this.last : undefined);
    if (message) this.#readUpTo(message.seq, by);
    else this.#receipts.set(by, messageId);
  }

  /** What is to be remembered of readers: the server tells it once. */
  get receipts(): Receipts {
    return { readers: Object.fromEntries(this.readers), unplaced: Object.fromEntries(this.#receipts) };
  }

  set receipts({ readers, unplaced }: Receipts) {
    for (const [userId, seq] of Object.entries(readers)) this.#readUpTo(seq, userId);
    for (const [userId, id] of Object.entries(unplaced)) this.wasRead(id, userId);
  }

  /** Everything up to seq is read. */
  markRead(seq: number): void {
    if (seq <= this.readSeq) return;
    this.readSeq = seq;
    if (seq >= (this.last?.seq ?? 0)) this.unread = this.mentions = 0;
  }

  /** To be called before messages are asked for, and given back with the answer. */
  ask(): Asked {
    return { stretch: this.#stretch, newest: this.#newest };
  }

  /** Whether the answer still belongs to what is shown. */
  awaits({ stretch }: Asked): boolean {
    return stretch === this.#stretch;
  }

  /** Answers to what was asked before now are not to be taken. */
  disregard(): void {
    this.#stretch++;
    this.isLoading = false;
  }

  /** Takes the newest page. `hasEarlier`: there is more before it. */
  addNewest(page: readonly Message[], hasEarlier: boolean, asked = this.ask()): void {
    if (this.hasLater) this.#clear();
    this.hasEarlier = hasEarlier;
    this.isLoaded = true;
    this.addLater(page, false, asked);
    if (!this.hasLater) this.last = this.messages.at(-1) ?? this.last;
  }

  addEarlier(page: readonly Message[], hasEarlier: boolean): void {
    this.hasEarlier = hasEarlier;
    this.#insert(page.map(said));
  }

  addLater(page: readonly Message[], hasLater: boolean, asked: Asked): void {
    this.#insert(page.map(said));
    // What has come since then may have found no place, and be too new for the answer.
    const isBehind = this.#newest > asked.newest && this.#newest > (this.entries.at(-1)?.seq ?? 0);
    this.hasLater = hasLater || isBehind;
  }

  /** Takes a stretch from the middle instead of what is there. */
  replaceBy(page: readonly Message[], hasEarlier: boolean, hasLater: boolean, asked: Asked): void {
    this.#clear();
    this.isLoaded = true;
    this.hasEarlier = hasEarlier;
    this.addLater(page, hasLater, asked);
  }

  /** Forgets what is said, which is to be read anew. */
  reset(): void {
    this.#clear();
    this.isLoaded = this.hasLater = false;
    this.hasEarlier = true;
  }

  /** The server was restored from a backup: what was known of the log, and of who has read how far, is of another one. */
  startAfresh(): void {
    this.reset();
    this.last = this.unreadAfter = this.target = undefined;
    this.lastAt = "";
    this.unread = this.mentions = this.readSeq = this.#counted = this.#newest = 0;
    this.readers.clear();
    this.#receipts.clear();
  }

  /** Nobody looks at it any more: keeps the newest part only. */
  release(): void {
    this.unreadAfter = undefined;
    this.target = undefined;
    if (this.hasLater) this.reset();
    this.trim(keptUnseen);
  }

  /** Keeps the newest entries, once there are more than `most`. */
  trim(most: number, kept = most): void {
    if (this.entries.length <= most) return;
    this.entries = this.entries.slice(-kept);
    this.hasEarlier = true;
    this.disregard();
  }

  #clear(): void {
    this.entries = [];
    this.disregard();
  }

  #readUpTo(seq: number, by: string): void {
    if (seq > (this.readers.get(by) ?? 0)) this.readers.set(by, seq);
  }

  #insert(fresh: readonly Entry[]): void {
    for (const [userId, id] of this.#receipts) {
      const entry = fresh.find((entry) => entry.id === id);
      if (!entry) continue;
      this.#receipts.delete(userId);
      this.#readUpTo(entry.seq, userId);
    }
    const [first] = fresh;
    if (fresh.length === 1 && first!.seq > (this.entries.at(-1)?.seq ?? 0)) {
      this.entries = [...this.entries, first!];
      return;
    }
    const byId = new Map(this.entries.map((entry) => [entry.id, entry]));
    for (const entry of fresh) byId.set(entry.id, entry);
    this.entries = [...byId.values()].sort((a, b) => a.seq - b.seq);
  }
}

function said(message: Message): Entry {
  return { id: message.id, seq: message.seq, at: message.timestamp, message };
}
