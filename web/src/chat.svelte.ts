import { newClientId } from "./clientid";
import { Conversation, type Kind, mayHaveEarlier, type Place, placeKey } from "./conversation.svelte";
import { Link } from "./link.svelte";
import { Outbox, type Outgoing } from "./outbox.svelte";
import { type Act, People } from "./people.svelte";
import { rememberedCurrent, rememberedPlaces, rememberCurrent, rememberPlaces } from "./remembered";
import type { Session, User } from "./session";
import { Typing } from "./typing.svelte";
import { type ErrorEvent, maxContent, type Membership, type Message, pageSize, type Person, type ReadMark, type Sent } from "./wire";

/** How many ids one `message:read` names; the mark moves to the newest of them in any case. */
const readAtOnce = 100;

/** One signed-in user in one tab: the conversations, and the events that change them. */
export class Chat {
  me = $state.raw() as User;
  readonly link: Link;
  readonly outbox: Outbox;
  readonly people: People;
  readonly typing: Typing;
  conversations = $state.raw<readonly Conversation[]>([]);
  current = $state.raw<Conversation | undefined>();
  /** A sentence on what went wrong last, shown by the composer; empty when nothing did. */
  problem = $state("");
  /** What a screen reader is to say next. */
  announcement = $state("");

  /** Direct conversations with those who are in none of the people's lists: they have no other place. */
  readonly others = $derived.by(() => {
    const directs = this.conversations.filter((conversation) => conversation.kind === "direct");
    return this.people.isLoaded ? directs.filter(({ id }) => this.people.relation(id) === "none") : directs;
  });

  #byKey = $derived(new Map(this.conversations.map((conversation) => [conversation.key, conversation])));

  constructor(session: Session, onSignedOut: (notice: string) => void) {
    this.me = session.user;
    this.link = new Link(session.token, () => onSignedOut("The server did not accept this sign-in. Please sign in again."));
    this.outbox = new Outbox(this.link, this.me.id, (item, sent) => this.#sent(item, sent));
    this.conversations = rememberedPlaces(this.me.id).map((place) => new Conversation(place, place.name));
    this.current = this.conversations.find((conversation) => conversation.key === rememberedCurrent(this.me.id));
    this.people = new People(this.link, this.me.id, {
      named: (person) => this.#named(person),
      announce: (text) => (this.announcement = text),
    });
    this.typing = new Typing(this.link);
    this.#listen();
  }

  get rooms(): readonly Conversation[] {
    return this.conversations.filter((conversation) => conversation.kind === "room");
  }

  /** All places to go to, in the order in which the page lists them. */
  get places(): readonly Place[] {
    const { received, friends, sent } = this.people;
    const directly = (people: readonly Person[]): Place[] => people.map(({ userId }) => ({ kind: "direct", id: userId }));
    return [...directly(received), ...this.rooms, ...directly(friends), ...directly(sent), ...this.others];
  }

  /** What is known of a place, if it was open or something came from there. */
  find(place: Place): Conversation | undefined {
    return this.#byKey.get(placeKey(place));
  }

  start(): void {
    document.addEventListener("visibilitychange", this.#markCurrentRead);
    this.link.open();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.#markCurrentRead);
    this.typing.clear();
    this.outbox.close();
    this.link.close();
  }

  // What a user does.

  open(conversation: Conversation | undefined): void {
    this.problem = "";
    this.current = conversation;
    rememberCurrent(this.me.id, conversation?.key);
    this.#markCurrentRead();
    if (conversation && !conversation.isFresh) void this.#refresh(conversation);
  }

  openPlace({ kind, id }: Place): void {
    this.open(this.#conversation(kind, id));
  }

  /** Throws an Error whose message can be shown. */
  async joinRoom(roomId: string): Promise<void> {
    const { room, messages } = await this.link.request("room:join", { roomId });
    const conversation = this.#conversation("room", roomId, room?.name);
    conversation.addNewestPage(messages, mayHaveEarlier(messages));
    conversation.isFresh = true;
    this.open(conversation);
  }

  /** Throws an Error whose message can be shown. */
  async createRoom(roomId: string): Promise<void> {
    await this.link.request("room:create", { id: roomId, name: roomId, type: "public" });
    await this.joinRoom(roomId);
  }

  openDirect({ userId, username }: Person): void {
    this.open(this.#conversation("direct", userId, username));
  }

  /** Asks for friendship, blocks and so on; false, with a problem to show, when that did not work. */
  async relate(act: Act, person: Person): Promise<boolean> {
    this.problem = "";
    try {
      await this.people.act(act, person);
      return true;
    } catch (error) {
      this.problem = sentence(error);
      return false;
    }
  }

  /** Leaves a room, or takes a direct conversation from the list. */
  async leave(conversation: Conversation): Promise<void> {
    try {
      if (conversation.kind === "room") await this.link.request("room:leave", { roomId: conversation.id });
    } catch (error) {
      this.problem = sentence(error);
      return;
    }
    this.#drop(conversation);
  }

  /** Puts a message on its way; false, with a problem to show, when it cannot be one. */
  say(text: string): boolean {
    const content = text.trim();
    if (!this.current || content === "") return false;
    const length = Array.from(content).length;
    if (length > maxContent) {
      this.problem = `A message can have ${maxContent.toLocaleString("en")} characters; this one has ${length.toLocaleString("en")}.`;
      return false;
    }
    this.problem = "";
    const { kind, id } = this.current;
    this.outbox.add({ kind, id, content, clientMsgId: newClientId(), at: new Date().toISOString() });
    return true;
  }

  async showEarlier(conversation: Conversation): Promise<void> {
    const before = conversation.entries.find((entry) => entry.kind === "said")?.id;
    await this.#load(conversation, async () => {
      const { messages, more } = await this.link.request("history", { ...historyOf(conversation), before, limit: pageSize });
      conversation.addEarlierPage(messages, more);
    });
  }

  // What the server says.

  #listen(): void {
    const { socket } = this.link;
    socket.on("connect", () => this.#connected(socket.recovered));
    socket.on("room:message", (message: Message) => this.#arrived([message]));
    socket.on("message:received", (message: Message) => this.#arrived([message]));
    socket.on("messages:unread", (messages: Message[]) => this.#arrived(messages));
    socket.on("message:sent", (sent: Sent) => {
      const item = this.outbox.items.find((item) => item.clientMsgId === sent.clientMsgId);
      if (item) this.#sent(item, sent);
    });
    socket.on("room:user_joined", (event: Membership) => this.#membership(event, "joined"));
    socket.on("room:user_left", (event: Membership) => this.#membership(event, "left"));
    socket.on("conversation:read", (mark: ReadMark) => this.#readElsewhere(mark));
    socket.on("error", (error: ErrorEvent) => {
      if (error.event !== "message:read") this.problem = asSentence(error.message);
    });
  }

  #connected(isRecovered: boolean): void {
    this.problem = "";
    void this.people.load(); // After a recovery too: this connection is not told of what it has done itself.
    if (!isRecovered) for (const conversation of this.conversations) conversation.isFresh = false;
    if (this.current && !this.current.isFresh) void this.#refresh(this.current);
    void this.outbox.run();
  }

  #arrived(messages: readonly Message[]): void {
    for (const message of messages) {
      const conversation = this.#conversationOf(message);
      if (message.senderId === this.me.id && message.clientMsgId) this.outbox.settle(message.clientMsgId);
      this.typing.stopped(conversation, message.senderId);
      const isNew = conversation.add([message]).length > 0;
      if (!isNew || message.senderId === this.me.id) continue;
      conversation.unread = [...conversation.unread, message.id];
      const where = conversation.kind === "room" ? ` in ${conversation.name}` : "";
      this.announcement = `${message.senderUsername}${where}: ${message.content}`;
    }
    this.#markCurrentRead();
  }

  #sent(item: Outgoing, sent: Sent): void {
    const conversation = this.#conversation(item.kind, item.id);
    const { id, conversationId, seq, timestamp } = sent;
    const place = item.kind === "room" ? { roomId: item.id } : { recipientId: item.id };
    const sender = { senderId: this.me.id, senderUsername: this.me.name };
    // First in, then out: the message must not vanish from the page between the two.
    conversation.add([{ id, conversationId, seq, timestamp, ...place, ...sender, content: item.content, type: "text" }]);
    this.outbox.settle(item.clientMsgId);
  }

  #membership(event: Membership, verb: "joined" | "left"): void {
    const roomId = event.roomId ?? event.conversationId;
    const room = this.conversations.find((conversation) => conversation.kind === "room" && conversation.id === roomId);
    if (!room) return;
    if (event.userId !== this.me.id) room.addMembership(event, `${event.username} ${verb}`);
    else if (verb === "left") this.#drop(room); // in another tab, or removed by an admin
  }

  #readElsewhere(mark: ReadMark): void {
    for (const conversation of this.conversations) conversation.markRead(mark);
  }

  // Loading and remembering.

  async #refresh(conversation: Conversation): Promise<void> {
    if (!this.link.socket.connected) return; // #connected comes back to it.
    await this.#load(conversation, async () => {
      // Not by joining once more: who was removed from a room must not come back by a reload.
      const { messages, more } = await this.link.request("history", { ...historyOf(conversation), limit: pageSize });
      conversation.addNewestPage(messages, more);
      conversation.isFresh = true;
      const theirs = messages.find((message) => message.senderId === conversation.id);
      if (conversation.kind === "direct" && theirs) this.#rename(conversation, theirs.senderUsername);
    });
  }

  async #load(conversation: Conversation, work: () => Promise<void>): Promise<void> {
    if (conversation.isLoading) return;
    conversation.isLoading = true;
    try {
      await work();
    } catch (error) {
      if (conversation === this.current && this.link.socket.connected) this.problem = sentence(error);
    } finally {
      conversation.isLoading = false;
    }
  }

  #markCurrentRead = (): void => {
    const conversation = this.current;
    if (!conversation || conversation.unread.length === 0 || document.visibilityState !== "visible") return;
    const messageIds = conversation.unread.slice(-readAtOnce);
    conversation.unread = [];
    // Best effort: what the server does not hear of now, it lists as unread on the next connect.
    this.link.request("message:read", { messageIds }).catch(() => {});
  };

  #conversationOf(message: Message): Conversation {
    if (message.roomId !== undefined) return this.#conversation("room", message.roomId);
    const isMine = message.senderId === this.me.id;
    return isMine
      ? this.#conversation("direct", message.recipientId ?? "")
      : this.#conversation("direct", message.senderId, message.senderUsername);
  }

  #conversation(kind: Kind, id: string, name?: string): Conversation {
    const place: Place = { kind, id };
    let conversation = this.find(place);
    if (!conversation) {
      const known = kind === "direct" ? this.people.name(id) : undefined;
      conversation = new Conversation(place, name ?? known ?? id);
      this.#setConversations([...this.conversations, conversation]);
    } else if (name) {
      this.#rename(conversation, name);
    }
    return conversation;
  }

  #named({ userId, username }: Person): void {
    if (userId === this.me.id) this.me = { id: userId, name: username };
    const conversation = this.find({ kind: "direct", id: userId });
    if (conversation) this.#rename(conversation, username);
  }

  #rename(conversation: Conversation, name: string): void {
    if (name === "" || conversation.name === name) return;
    conversation.name = name;
    rememberPlaces(this.me.id, this.conversations);
  }

  #drop(conversation: Conversation): void {
    this.#setConversations(this.conversations.filter((other) => other !== conversation));
    if (this.current === conversation) this.open(undefined);
  }

  #setConversations(conversations: readonly Conversation[]): void {
    this.conversations = conversations;
    rememberPlaces(this.me.id, conversations);
  }
}

function historyOf(place: Place): { roomId: string } | { userId: string } {
  return place.kind === "room" ? { roomId: place.id } : { userId: place.id };
}

/** An error as a sentence to show. */
export function sentence(error: unknown): string {
  return asSentence(error instanceof Error ? error.message : String(error));
}

function asSentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
