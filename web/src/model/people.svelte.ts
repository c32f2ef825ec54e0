import { type Contact as Listed, Refused, type Relation, type RelationChange, type SockeyeClient } from "@sockeye/client";
import { SvelteMap, SvelteSet } from "svelte/reactivity";
import type { Person } from "./place";

/** What one user can do about another. */
export type Act = "request" | "accept" | "decline" | "remove" | "block" | "unblock";

export interface Contact extends Person {
  relation: Relation;
  /** Since when it is so; RFC 3339. */
  since: string;
}

/** Whoever wants to know more than the lists show. */
export interface Onlooker {
  /** A user's name, which may be new. */
  named(person: Person): void;
  requested(person: Person): void;
  accepted(person: Person): void;
}

const listNames = ["received", "sent", "friends", "blocked"] as const;
const foundAtOnce = 12;

/** Everybody whom a user has to do with, and which of the friends are here. */
export class People {
  /** The lists have come from the server once; before that nobody's relation is known. */
  isLoaded = $state(false);
  readonly friends = $derived(this.#all("friends").sort((a, b) => a.username.localeCompare(b.username)));
  readonly received = $derived(this.#all("received"));
  readonly sent = $derived(this.#all("sent"));
  readonly blocked = $derived(this.#all("blocked"));

  #client: SockeyeClient;
  #me: string;
  #onlooker: Onlooker;
  #contacts = new SvelteMap<string, Contact>();
  #online = new SvelteSet<string>();
  #lastSeen = new SvelteMap<string, string>();
  /** Grows with every change, so that an answer which was overtaken by one is not taken for the truth. */
  #changes = 0;
  #isLoading = false;

  constructor(client: SockeyeClient, me: string, onlooker: Onlooker) {
    this.#client = client;
    this.#me = me;
    this.#onlooker = onlooker;
    this.#listen();
  }

  relation(userId: string): Relation {
    return this.#contacts.get(userId)?.relation ?? "none";
  }

  isOnline(userId: string): boolean {
    return this.#online.has(userId);
  }

  /** When a friend who is not here was here last, as far as lookUpLastSeen has found out; RFC 3339. */
  lastSeen(userId: string): string | undefined {
    return this.#lastSeen.get(userId);
  }

  /** Takes the lists from the server. Called on every connect, and when an event does not say enough. */
  async load(): Promise<void> {
    this.#changes++; // A load that is under way starts over.
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      await this.#loadUntilCurrent();
      this.isLoaded = true;
    } catch {
      // The next connect tries again.
    } finally {
      this.#isLoading = false;
    }
  }

  /** Throws Refused or Unanswered. */
  async act(act: Act, person: Person): Promise<void> {
    const before = this.#changes;
    const { friend, user } = this.#client;
    const carryOut = act === "block" || act === "unblock" ? user[act] : friend[act];
    try {
      const { relation } = await carryOut({ userId: person.userId });
      if (before === this.#changes) this.#set(person, relation, new Date().toISOString());
      else void this.load();
    } catch (error) {
      if (!(error instanceof Refused)) void this.load(); // It may have been carried out.
      throw error;
    }
  }

  /** Finds others by a part of a name, or by an exact id. Throws Refused or Unanswered. */
  async find(query: string): Promise<Person[]> {
    const [exact, { users }] = await Promise.all([this.#byId(query), this.#client.user.search({ query, limit: foundAtOnce })]);
    const found = new Map([...exact, ...users].map((person) => [person.userId, person]));
    found.delete(this.#me);
    return [...found.values()];
  }

  /** Best effort: without an answer the page does not say when. */
  async lookUpLastSeen(userId: string): Promise<void> {
    try {
      const { presence } = await this.#client.presence.get({ userId });
      for (const { lastSeen } of presence) if (lastSeen) this.#lastSeen.set(userId, lastSeen);
    } catch {
      // See above.
    }
  }

  #listen(): void {
    const client = this.#client;
    const become = (event: RelationChange, relation: Relation): void => this.#set(event, relation, event.timestamp);
    client.on("friend:requested", (event) => {
      const isMine = event.by === this.#me;
      become(event, isMine ? "sent" : "received");
      if (!isMine) this.#onlooker.requested(event);
    });
    client.on("friend:accepted", (event) => {
      become(event, "friends");
      this.#onlooker.accepted(event);
    });
    for (const ended of ["friend:cancelled", "friend:declined", "friend:removed"] as const) {
      client.on(ended, (event) => become(event, "none"));
    }
    client.on("user:blocked", (event) => become(event, "blocked"));
    // Somebody who was blocked may have asked for friendship meanwhile: that shows now.
    client.on("user:unblocked", () => void this.load());
    client.on("user:changed", (event) => this.#renamed(event));

    client.on("presence", ({ online }) => {
      for (const userId of [...this.#online]) if (!online.includes(userId)) this.#online.delete(userId);
      for (const userId of online) this.#online.add(userId);
    });
    client.on("user:online", ({ userId }) => void this.#online.add(userId));
    client.on("user:offline", ({ userId }) => {
      this.#lastSeen.delete(userId);
      this.#online.delete(userId);
    });
  }

  #all(relation: Relation): Contact[] {
    const contacts = [...this.#contacts.values()].filter((contact) => contact.relation === relation);
    return contacts.sort((a, b) => b.since.localeCompare(a.since));
  }

  #set({ userId, username, login = this.#contacts.get(userId)?.login }: Person, relation: Relation, since: string): void {
    this.#changes++;
    if (relation !== "friends" && this.relation(userId) === "friends") this.#online.delete(userId); // Nothing more will be heard.
    if (relation === "none") this.#contacts.delete(userId);
    else this.#contacts.set(userId, { userId, username, login, relation, since });
    this.#onlooker.named({ userId, username, login });
  }

  #renamed({ userId, username }: Person): void {
    this.#changes++;
    const contact = this.#contacts.get(userId);
    if (contact) this.#contacts.set(userId, { ...contact, username });
    this.#onlooker.named({ userId, username });
  }

  async #loadUntilCurrent(): Promise<void> {
    let contacts: Contact[];
    let before: number;
    do {
      before = this.#changes;
      contacts = await this.#fetch();
    } while (before !== this.#changes);
    this.#contacts.clear();
    for (const contact of contacts) {
      this.#contacts.set(contact.userId, contact);
      this.#onlooker.named(contact);
    }
  }

  async #fetch(): Promise<Contact[]> {
    const contacts: Contact[] = [];
    const { counts, ...first } = await this.#client.friend.list();
    for (const list of listNames) {
      const people: Listed[] = [...(first[list] ?? [])];
      while (people.length < counts[list]) {
        const page = (await this.#client.friend.list({ list, after: people.at(-1)!.userId }))[list] ?? [];
        if (page.length === 0) break;
        people.push(...page);
      }
      for (const { userId, username, login, since } of people) contacts.push({ userId, username, login, since, relation: list });
    }
    return contacts;
  }

  async #byId(userId: string): Promise<Person[]> {
    try {
      return [(await this.#client.user.get({ userId })).user];
    } catch (error) {
      if (error instanceof Refused) return [];
      throw error;
    }
  }
}
