import { type Commands, type Message, type MessageType, type Named, newClientMsgId, type Outgoing, type Room, SockeyeClient, type ConnectionState } from "@sockeye/client";
import { SvelteMap } from "svelte/reactivity";
import type { SignedIn } from "../session";
import { explain, t } from "../words/words.svelte";
import { carried } from "./carried";
import { type Asked, Conversation } from "./conversation.svelte";
import { type AskedPlace, askedPlace, Device } from "./device.svelte";
import { labelFor, type Picks } from "./draft";
import { listen } from "./events";
import { Files, type Tray } from "./files.svelte";
import { Invitations } from "./invitations.svelte";
import { type Mentioned, withMentions } from "./markup";
import { type Act, People } from "./people.svelte";
import { addressee, isMade, type Kind, type Names, type Person, type Place, placeKey, source } from "./place";
import { lookUpRoom } from "./lookup";
import { forgetUser, rememberCurrent, rememberedCurrent, rememberedFailed, rememberedNames, rememberedReceipts, rememberFailed, rememberNames } from "./remembered";
import { ScheduledMessages } from "./scheduled.svelte";
import { Thread } from "./thread.svelte";
import type { Failed } from "./timeline";
import { Typing } from "./typing.svelte";

/** The server's own limit on one message, in characters. */
const maxContent = 10_000;
const pageSize = 60;
const readAtOnce = 1000; // ids of one message:read

type Page = Commands["history"]["answer"];
type Cut = Pick<Commands["history"]["payload"], "before" | "after" | "limit">;

/** What stands beside the conversation. */
export type Panel = "room" | "pins" | "files" | "search" | "thread";

/** One signed-in user in one tab: the conversations, and what the user does. */
export class Chat {
  readonly client: SockeyeClient;
  readonly people: People;
  readonly invitations: Invitations;
  readonly scheduled: ScheduledMessages;
  readonly typing: Typing;
  readonly files: Files;
  /** Notifications while the chat is closed. */
  readonly device: Device;
  me = $state.raw<Person>({ userId: "", username: "" });
  state = $state<ConnectionState>("connecting");
  conversations = $state.raw<readonly Conversation[]>([]);
  /** The list has come from the server once. */
  isListed = $state(false);
  current = $state.raw<Conversation | undefined>();
  panel = $state<Panel | undefined>();
  thread = $state.raw<Thread | undefined>();
  searchQuery = $state("");
  /** The message that the user is asked about before it is deleted. */
  deleting = $state.raw<Message | undefined>();
  /** Messages that wait to be sent. */
  queue = $state.raw<readonly Outgoing[]>([]);
  failed = $state.raw<readonly Failed[]>([]);
  /** A sentence on what went wrong last; empty when nothing did. */
  problem = $state("");
  /** What a screen reader is to say next. */
  announcement = $state("");
  /** The reader is at the newest message of the open conversation. */
  isAtEnd = true;
  /** How users are called, by their ids. */
  readonly names = new SvelteMap<string, Named>();

  readonly rooms = $derived(this.conversations.filter(({ kind }) => kind === "room").sort((a, b) => a.name.localeCompare(b.name)));
  /** Those with whom something was said or who are friends, the latest first. */
  readonly directs = $derived(this.#directs());
  readonly unread = $derived(this.conversations.reduce((sum, { unread }) => sum + unread, 0));

  readonly #rememberedNames: Record<string, string>;
  /** Counts the jumps: the last one counts. */
  #jumps = 0;
  #byKey = $derived(new Map(this.conversations.map((conversation) => [conversation.key, conversation])));

  constructor(signedIn: SignedIn, onSignedOut: (notice: string) => void) {
    const { user, tokens } = signedIn;
    const userId = user.id;
    this.me = { userId, username: user.name, login: user.login };
    this.client = new SockeyeClient({ token: tokens, userId, autoConnect: false });
    this.failed = rememberedFailed(userId);
    this.#rememberedNames = rememberedNames(userId);
    this.typing = new Typing(this.client);
    this.people = new People(this.client, userId, {
      named: (person) => this.named(person),
      requested: ({ username }) => (this.announcement = t().wantsToBeFriends(username)),
      accepted: ({ username }) => (this.announcement = t().areFriendsNow(username)),
    });
    this.invitations = new Invitations(this.client, userId, ({ name }) => (this.announcement = t().invitedTo(name)));
    this.scheduled = new ScheduledMessages(this.client, () => (this.announcement = t().someNotSent));
    this.device = new Device(signedIn, (place) => this.openPlace(place));
    this.files = new Files(this.client, userId, () => signedIn.token, (problem) => (this.problem = problem));
    listen(this, onSignedOut);
    const asked = askedPlace();
    const key = rememberedCurrent(userId);
    if (asked) this.openPlace(asked);
    else if (key) this.openPlace({ kind: key.startsWith("room:") ? "room" : "direct", id: key.slice(key.indexOf(":") + 1) });
  }

  /** All places to go to, in the order in which the page lists them. */
  get places(): readonly Place[] {
    return [...this.rooms, ...this.directs];
  }

  find(place: Place): Conversation | undefined {
    return this.#byKey.get(placeKey(place));
  }

  findById(conversationId: string): Conversation | undefined {
    return this.conversations.find((conversation) => conversation.conversationId === conversationId);
  }

  start(): void {
    document.addEventListener("visibilitychange", this.markRead);
    this.client.connect();
    this.device.start();
    this.files.start();
  }

  stop(): void {
    this.device.stop();
    this.files.stop(); // before the client is closed
    document.removeEventListener("visibilitychange", this.markRead);
    this.typing.clear();
    void this.client.close();
  }

  /** Leaves nothing of this user in the browser, not even what waits to be sent. Before `stop`. */
  forget(): void {
    for (const { clientMsgId } of this.queue) this.client.discard(clientMsgId);
    this.files.forget();
    forgetUser(this.me.userId);
  }

  // Going about.

  open(conversation: Conversation | undefined): void {
    if (conversation === this.current) return;
    this.problem = "";
    this.current?.release();
    if (this.panel !== "search") this.show(undefined);
    this.isAtEnd = true;
    this.current = conversation;
    rememberCurrent(this.me.userId, conversation?.key ?? "");
    if (!conversation) return;
    this.rememberNames();
    if (conversation.unread > 0) conversation.unreadAfter = conversation.readSeq;
    void this.refresh(conversation);
  }

  /** Before the server has listed the places, those of before are the better ones. */
  rememberNames(): void {
    if (this.isListed) rememberNames(this.me.userId, [...this.rooms, ...this.directs]);
  }

  openPlace({ kind, id, draft }: AskedPlace): void {
    this.open(this.conversation(kind, id).drafted(draft));
  }

  openDirect(person: Person): void {
    this.named(person);
    this.open(this.conversation("direct", person.userId, person.username));
  }

  show(panel: Panel | undefined): void {
    this.panel = panel;
    if (panel !== "thread") this.thread = undefined;
  }

  openThread(message: Message): void {
    const conversation = this.conversationOf(message);
    const thread = new Thread(this.client, conversation, message);
    this.thread = thread;
    this.panel = "thread";
    void this.attempt(() => thread.load());
  }

  /** Brings a message into view, wherever it is. */
  async jumpTo(message: Message): Promise<void> {
    const conversation = this.conversationOf(message);
    this.open(conversation);
    const jump = ++this.#jumps;
    await this.attempt(async () => {
      if (!conversation.find(message.id)) {
        const place = this.#source(conversation);
        const asked = conversation.ask();
        const [before, after] = await Promise.all([
          this.client.history({ ...place, before: message.id, limit: pageSize }),
          this.client.history({ ...place, after: message.id, limit: pageSize }),
        ]);
        if (jump !== this.#jumps || conversation !== this.current) return; // gone elsewhere meanwhile
        conversation.replaceBy([...before.messages, message, ...after.messages], before.more, after.more, asked);
      }
      conversation.target = message.id;
    });
  }

  // Reading.

  /** Reads the newest page unless it is there. By force: in any case, and instead of what is being read. */
  async refresh(conversation: Conversation, force = false): Promise<void> {
    if (this.state === "online" && conversation.kind === "room" && !conversation.room?.admins) void lookUpRoom(this, conversation);
    if (this.state !== "online" || (conversation.isLoaded && !force)) return this.markRead();
    if (force) {
      conversation.disregard();
      this.#jumps++;
    }
    await this.#load(conversation, { limit: pageSize }, ({ messages, more }, asked) => conversation.addNewest(messages, more, asked));
    if (force && conversation.hasLater) await this.showLater(conversation); // came while the page was on its way
    this.markRead();
  }

  async showEarlier(conversation: Conversation): Promise<void> {
    const before = conversation.messages[0]?.id;
    if (before === undefined || !conversation.hasEarlier) return;
    await this.#load(conversation, { before, limit: 100 }, ({ messages, more }) => conversation.addEarlier(messages, more));
  }

  async showLater(conversation: Conversation): Promise<void> {
    const after = conversation.messages.at(-1)?.id;
    if (after === undefined || !conversation.hasLater) return;
    await this.#load(conversation, { after, limit: 100 }, ({ messages, more }, asked) => conversation.addLater(messages, more, asked));
  }

  /** What is on the screen is read, and its writers are told. */
  markRead = (): void => {
    const conversation = this.current;
    if (!conversation?.isLoaded || conversation.hasLater || document.visibilityState !== "visible") return;
    if (this.state !== "online" || conversation.unread === 0 || !this.isAtEnd) return;
    const { last, conversationId, readSeq, messages } = conversation;
    const isNew = ({ seq, senderId, deleted }: Message): boolean => seq > readSeq && senderId !== this.me.userId && !deleted;
    const messageIds = messages.filter(isNew).map(({ id }) => id);
    conversation.markRead(last?.seq ?? readSeq);
    if (conversationId) this.device.close(conversationId);
    // Best effort: what the server does not hear of now is unread again on the next connect.
    if (messageIds.length > 0) this.client.message.read({ messageIds: messageIds.slice(-readAtOnce) }).catch(() => {});
    else if (conversationId && last) this.client.conversation.read({ conversationId, seq: last.seq }).catch(() => {});
  };

  // Saying.

  /** Puts a message on its way, as a reply to the one with that id; false, with a problem to show, when it cannot be one. */
  say(place: Place, text: string, replyTo?: string): boolean {
    const content = this.content(text);
    if (content === undefined) return false;
    this.#send(place, content, replyTo);
    return true;
  }

  /** The same with the files of a tray, without which there has to be a text. */
  sayWith(place: Place, text: string, tray: Tray, replyTo?: string): boolean {
    if (tray.items.length === 0) return this.say(place, text, replyTo);
    const content = text.trim() === "" ? "" : this.content(text);
    if (content === undefined || !this.files.canSend(tray)) return false;
    void this.files.sendTray(this.#draft(place, content, replyTo), tray);
    return true;
  }

  /** Sends what was recorded. */
  sayAloud(place: Place, recording: File, replyTo?: string): void {
    void this.files.sendVoice(this.#draft(place, "", replyTo), recording);
  }

  /** False, with a problem to show, when that did not work. */
  async edit(message: Message, text: string): Promise<boolean> {
    const content = this.content(text);
    if (content === undefined) return false;
    return this.attempt(async () => void (await this.client.message.edit({ messageId: message.id, content })));
  }

  tryAgain({ message }: Failed): void {
    this.discard(message.clientMsgId);
    const { roomId, recipientId = "", content, replyTo, type, attachments } = message;
    const place: Place = roomId !== undefined ? { kind: "room", id: roomId } : { kind: "direct", id: recipientId };
    this.#send(place, content, replyTo, { ...(type && { type }), ...(attachments && { attachments }) });
  }

  /** Takes back what was not stored. */
  discard(clientMsgId: string): void {
    this.client.discard(clientMsgId);
    this.setFailed(this.failed.filter(({ message }) => message.clientMsgId !== clientMsgId));
  }

  setFailed(failed: readonly Failed[]): void {
    this.failed = failed;
    rememberFailed(this.me.userId, failed);
  }

  async react({ id, reactions }: Message, emoji: string): Promise<void> {
    const isMine = reactions[emoji]?.includes(this.me.userId);
    const { reaction } = this.client;
    await this.attempt(async () => void (await (isMine ? reaction.remove : reaction.add)({ messageId: id, emoji })));
  }

  // Rooms and people.

  async joinRoom(roomId: string): Promise<boolean> {
    const isDone = await this.attempt(async () => {
      const { room, messages } = await this.client.room.join({ roomId });
      this.#enter(room, messages);
    });
    if (!isDone) void this.invitations.load(); // The room may be gone.
    return isDone;
  }

  async createRoom(draft: Commands["room:create"]["payload"]): Promise<boolean> {
    return this.attempt(async () => this.#enter((await this.client.room.create(draft)).room, []));
  }

  async leave(conversation: Conversation): Promise<void> {
    await this.attempt(async () => {
      if (conversation.kind === "room") await this.client.room.leave({ roomId: conversation.id });
      this.drop(conversation);
    });
  }

  async relate(act: Act, person: Person): Promise<boolean> {
    return this.attempt(() => this.people.act(act, person));
  }

  /** Does something; false, with a problem to show, when that did not work. */
  async attempt(work: () => Promise<void>): Promise<boolean> {
    this.problem = "";
    try {
      await work();
      return true;
    } catch (error) {
      this.problem = explain(error);
      return false;
    }
  }

  /** Whether this user is an admin of a room. */
  isAdmin(conversation: Conversation): boolean {
    return conversation.room?.admins?.includes(this.me.userId) ?? conversation.role === "admin";
  }

  /** How a user is called, who may be named beside the id. Nobody is shown an id. */
  nameOf(userId: string, names?: Names): string {
    return this.nameIfKnown(userId, names) ?? t().somebody;
  }

  nameIfKnown(userId: string, names?: Names): string | undefined {
    if (userId === this.me.userId) return this.me.username;
    return this.names.get(userId)?.username ?? names?.[userId]?.username;
  }

  loginOf(userId: string, names?: Names): string | undefined {
    return this.names.get(userId)?.login ?? names?.[userId]?.login;
  }

  /** Whom a message may name in its text. */
  mentionedIn({ mentions = [], names }: Pick<Message, "mentions" | "names">): Mentioned[] {
    return mentions.map((userId) => ({ userId, login: this.loginOf(userId, names) }));
  }

  /** Whom a text names by an id, as far as this page knows them: for texts that the server has not seen. */
  namedIn(content: string): Mentioned[] {
    const ids = Array.from(content.matchAll(/@([\p{L}\p{N}_.|:-]*[\p{L}\p{N}])/gu), ([, id]) => id!);
    return ids.filter((id) => this.names.has(id)).map((userId) => ({ userId }));
  }

  /** What a message says, with the names of those whom it mentions, or what it carries. */
  plain(message: Pick<Message, "content" | "mentions" | "names"> & Partial<Pick<Message, "type" | "attachments">>): string {
    if (!message.content) return carried(message);
    return withMentions(message.content, this.mentionedIn(message), (userId) => `@${this.nameOf(userId, message.names)}`);
  }

  /** A message as its writer has it to change: see spelled for the way back. */
  editable(message: Pick<Message, "content" | "mentions" | "names">, picks: Picks): string {
    const person = (userId: string): Person => ({ userId, username: this.nameOf(userId, message.names), login: this.loginOf(userId, message.names) });
    return withMentions(message.content, this.mentionedIn(message), (userId) => labelFor(person(userId), picks));
  }

  /** Takes how users are called. */
  learn(names: Names | undefined): void {
    for (const [userId, { username, login }] of Object.entries(names ?? {})) this.named({ userId, username, login });
  }

  named({ userId, username, login = this.names.get(userId)?.login ?? (userId === this.me.userId ? this.me.login : undefined) }: Person): void {
    if (username === "") return;
    const known = this.names.get(userId);
    if (known?.username !== username || known.login !== login) this.names.set(userId, { username, ...(login !== undefined && { login }) });
    if (userId === this.me.userId && (this.me.username !== username || this.me.login !== login)) this.me = { userId, username, login };
    const conversation = this.find({ kind: "direct", id: userId });
    if (conversation) conversation.name = username;
  }

  conversation(kind: Kind, id: string, name?: string): Conversation {
    const known = this.find({ kind, id });
    if (known) {
      if (name) known.name = name;
      return known;
    }
    const remembered = this.names.get(id)?.username ?? this.#rememberedNames[placeKey({ kind, id })];
    const conversation = new Conversation({ kind, id }, name ?? remembered ?? this.#nameless({ kind, id }));
    const { names = {}, ...receipts } = rememberedReceipts(this.me.userId, conversation.key);
    for (const [userId, named] of Object.entries(names)) if (!this.names.has(userId)) this.names.set(userId, named);
    conversation.receipts = receipts;
    this.conversations = [...this.conversations, conversation];
    return conversation;
  }

  conversationOf(message: Message): Conversation {
    const { roomId, recipientId = "", senderId, senderUsername } = message;
    if (roomId !== undefined) return this.conversation("room", roomId);
    return senderId === this.me.userId ? this.conversation("direct", recipientId) : this.conversation("direct", senderId, senderUsername);
  }

  drop(conversation: Conversation): void {
    if (this.current === conversation) this.open(undefined);
    this.conversations = this.conversations.filter((other) => other !== conversation);
  }

  /** What a place is called that this page need not know. */
  placeName(place: Place): string {
    return this.find(place)?.name ?? (place.kind === "direct" ? this.nameOf(place.id) : this.#nameless(place));
  }

  /** What a place is called until its name has come. The ids of rooms may be words of people. */
  #nameless({ kind, id }: Place): string {
    if (kind === "direct") return t().somebody;
    return isMade(id) ? t().room : id;
  }

  #enter(room: Room, messages: readonly Message[]): void {
    this.learn(room.names);
    this.invitations.drop(room.id);
    const conversation = this.conversation("room", room.id, room.name);
    conversation.renew(room);
    conversation.conversationId = room.conversationId;
    conversation.lastAt = messages.at(-1)?.timestamp ?? room.createdAt;
    conversation.addNewest(messages, messages.length >= 50);
    conversation.markRead(messages.at(-1)?.seq ?? 0);
    this.open(conversation);
    void this.refresh(conversation, true);
  }

  /** A text as that of a message; undefined, with a problem to show, when it cannot be one. */
  content(text: string): string | undefined {
    const content = text.trim();
    const length = Array.from(content).length;
    this.problem = length > maxContent ? t().tooLong(maxContent, length) : "";
    return content !== "" && this.problem === "" ? content : undefined;
  }

  #send(place: Place, content: string, replyTo?: string, more?: { type?: MessageType; attachments?: string[] }): void {
    this.client.send({ ...this.#draft(place, content, replyTo), ...more }).catch((error: unknown) => {
      if (error instanceof RangeError) this.problem = error.message;
    });
  }

  #draft(place: Place, content: string, replyTo?: string): { roomId: string; content: string } {
    const draft = { ...addressee(place), content, clientMsgId: newClientMsgId(), ...(replyTo !== undefined && { replyTo }) };
    return draft as { roomId: string; content: string };
  }

  #source(place: Place): { roomId: string } {
    return source(place) as { roomId: string };
  }

  /** Reads a page of a history, unless one is being read; takes it if it still belongs to what is shown. */
  async #load(conversation: Conversation, page: Cut, take: (page: Page, asked: Asked) => void): Promise<void> {
    if (conversation.isLoading || this.state !== "online") return;
    const asked = conversation.ask();
    conversation.isLoading = true;
    try {
      const answer = await this.client.history({ ...this.#source(conversation), ...page });
      if (conversation.awaits(asked)) take(answer, asked);
    } catch (error) {
      if (conversation === this.current && this.state === "online" && conversation.awaits(asked)) this.problem = explain(error);
    } finally {
      if (conversation.awaits(asked)) conversation.isLoading = false;
    }
  }

  #directs(): Conversation[] {
    const directs = this.conversations.filter(({ kind }) => kind === "direct");
    return directs.sort((a, b) => b.lastAt.localeCompare(a.lastAt) || a.name.localeCompare(b.name));
  }
}
