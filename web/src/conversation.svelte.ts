import type { Membership, Message, ReadMark } from "./wire";
import { pageSize } from "./wire";

export type Kind = "room" | "direct";

/** Where a message goes: a room, or one other user. */
export interface Place {
  kind: Kind;
  id: string;
}

export interface Said {
  kind: "said";
  id: string;
  seq: number;
  at: string;
  message: Message;
}

/** Something that happened and was not said, such as a user joining. */
export interface Happened {
  kind: "happened";
  id: string;
  seq: number;
  at: string;
  text: string;
}

export type Entry = Said | Happened;

/** What is known of one room or of one direct conversation: its entries by seq, each id once. */
export class Conversation implements Place {
  readonly kind: Kind;
  readonly id: string;
  name = $state("");
  entries = $state.raw<readonly Entry[]>([]);
  /** Ids of others' messages that nobody has looked at yet, oldest first. */
  unread = $state.raw<readonly string[]>([]);
  /** The newest page was loaded over the present connection. */
  isFresh = $state(false);
  isLoading = $state(false);
  /** The server may have messages older than the first entry. */
  hasEarlier = $state(true);

  constructor(place: Place, name: string) {
    this.kind = place.kind;
    this.id = place.id;
    this.name = name;
  }

  get key(): string {
    return placeKey(this);
  }

  get last(): Message | undefined {
    const entry = this.entries.findLast((entry) => entry.kind === "said");
    return entry?.kind === "said" ? entry.message : undefined;
  }

  /** Adds messages that are not there yet, wherever their seq puts them; returns those. */
  add(messages: readonly Message[]): Message[] {
    const fresh = this.#insert(messages.map(said));
    return fresh.flatMap((entry) => (entry.kind === "said" ? [entry.message] : []));
  }

  addMembership(event: Membership, text: string): void {
    const seq = event.seq ?? (this.entries.at(-1)?.seq ?? 0) + 0.5;
    const at = event.timestamp ?? new Date().toISOString();
    this.#insert([{ kind: "happened", id: `membership:${seq}`, seq, at, text }]);
  }

  /**
   * Takes the newest page. When a full page does not reach back to what is known, something between
   * is missing: the older part goes, and comes back through "earlier messages".
   */
  addNewestPage(page: readonly Message[], hasEarlier: boolean): void {
    const first = page[0];
    if (!hasEarlier) {
      this.hasEarlier = false;
    } else if (first && !this.#overlaps(page)) {
      this.entries = this.entries.filter((entry) => entry.seq > first.seq);
      this.hasEarlier = true;
    }
    this.add(page);
  }

  markRead({ conversationId, seq }: ReadMark): void {
    const read = new Set<string>();
    for (const entry of this.entries) {
      if (entry.kind === "said" && entry.message.conversationId === conversationId && entry.seq <= seq) read.add(entry.id);
    }
    if (this.unread.some((id) => read.has(id))) this.unread = this.unread.filter((id) => !read.has(id));
  }

  addEarlierPage(page: readonly Message[], hasEarlier: boolean): void {
    this.hasEarlier = hasEarlier;
    this.add(page);
  }

  #overlaps(page: readonly Message[]): boolean {
    const ids = new Set(page.map((message) => message.id));
    return this.entries.some((entry) => ids.has(entry.id));
  }

  #insert(candidates: Entry[]): Entry[] {
    const known = new Set(this.entries.map((entry) => entry.id));
    const fresh = candidates.filter((entry) => !known.has(entry.id) && known.add(entry.id));
    if (fresh.length > 0) this.entries = [...this.entries, ...fresh].sort((a, b) => a.seq - b.seq);
    return fresh;
  }
}

export function placeKey(place: Place): string {
  return `${place.kind}:${place.id}`;
}

/** A page without its own word on what lies before it: a full one may have something. */
export function mayHaveEarlier(page: readonly Message[]): boolean {
  return page.length >= pageSize;
}

function said(message: Message): Entry {
  return { kind: "said", id: message.id, seq: message.seq, at: message.timestamp, message };
}
