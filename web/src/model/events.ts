import type { Conversation as Summary, FileInfo, Membership, Message, MessageChange, ReactionChange, ReadReceipt, Room } from "@sockeye/client";
import { explainRefusal, t } from "../words/words.svelte";
import type { Chat } from "./chat.svelte";
import { type Conversation, type Happening, keptUnseen } from "./conversation.svelte";
import { rememberReceipts } from "./remembered";

const mostOpen = 1000; // entries of the open conversation
const keptOpen = 500; // of them when there are more: much more than the list shows at a time

/** Lets what the server says change what the page shows. */
export function listen(chat: Chat, onSignedOut: (notice: string) => void): void {
  const { client } = chat;
  client.on("state", (state) => {
    chat.state = state;
    if (state === "online") void connected(chat);
  });
  client.on("unauthorized", () => onSignedOut(t().notAccepted));
  client.on("disconnected", () => onSignedOut(t().disconnectedByServer));

  client.on("queue", (queue) => {
    chat.queue = queue;
    // What an earlier page has left may wait for a place that is not known yet.
    for (const { roomId, recipientId = "" } of queue) chat.conversation(roomId !== undefined ? "room" : "direct", roomId ?? recipientId);
  });
  client.on("sent", ({ message, sent }) => stored(chat, message, sent));
  client.on("refused", ({ message, error }) => {
    chat.setFailed([...chat.failed, { message, code: error.code, reason: error.message }]);
  });
  client.on("error", (error) => {
    if (error.event) chat.problem = explainRefusal(error);
  });

  client.on("conversation", (summary) => introduced(chat, summary));
  client.on("gone", ({ conversationId }) => gone(chat, conversationId));
  client.on("reset", ({ conversationId, isRestored }) => {
    const conversation = chat.findById(conversationId);
    if (!conversation) return;
    conversation.reset();
    if (isRestored) startAfresh(chat, conversation);
    if (conversation === chat.current) void chat.refresh(conversation);
  });
  listenToMessages(chat);
  listenToRooms(chat);
}

function listenToMessages(chat: Chat): void {
  const { client } = chat;
  const replace = ({ message, names }: MessageChange): void => {
    chat.learn(names);
    change(chat, message.conversationId, message.id, () => message);
  };
  client.on("room:message", (message) => arrived(chat, message));
  client.on("message:received", (message) => arrived(chat, message));
  client.on("message:edited", replace);
  for (const event of ["message:pinned", "message:unpinned"] as const) {
    client.on(event, (changed) => {
      replace(changed);
      const conversation = chat.findById(changed.conversationId);
      if (conversation) conversation.pinChanges++;
    });
  }
  // Told as soon as the server has made something of a file.
  client.on("file:processed", ({ file }) => processed(chat, file));
  client.on("message:deleted", ({ conversationId, messageId }) => change(chat, conversationId, messageId, tombstone));
  client.on("reaction:added", (event) => reacted(chat, event, true));
  client.on("reaction:removed", (event) => reacted(chat, event, false));
  client.on("conversation:read", ({ conversationId, seq }) => {
    chat.findById(conversationId)?.markRead(seq);
    chat.device.close(conversationId);
  });
  client.on("message:read", (receipt) => wasRead(chat, receipt));
}

function listenToRooms(chat: Chat): void {
  const { client, me } = chat;
  const note = (event: { roomId: string; seq?: number; timestamp: string }, happening: Happening): Conversation | undefined => {
    const conversation = chat.find({ kind: "room", id: event.roomId });
    conversation?.happened(event.seq, event.timestamp, happening);
    if (conversation) tidy(chat, conversation);
    return conversation;
  };
  const noteOf = (event: Membership, happening: Happening): void => {
    const conversation = note(event, happening);
    if (conversation?.room) conversation.room = withMember(conversation.room, event.userId, happening.what);
    if (conversation && (happening.what === "banned" || happening.what === "unbanned")) conversation.banChanges++;
  };
  client.on("room:user_joined", (event) => {
    chat.named(event);
    if (event.userId !== me.userId) noteOf(event, { what: "joined", name: event.username });
  });
  client.on("room:user_left", (event) => left(chat, event, noteOf));
  client.on("room:user_banned", (event) => noteOf(event, { what: "banned", name: event.username }));
  client.on("room:user_unbanned", (event) => noteOf(event, { what: "unbanned", name: event.username }));
  client.on("room:role", (event) => {
    const what = event.role === "admin" ? "promoted" : "demoted";
    chat.named(event);
    const conversation = note(event, { what, name: chat.nameOf(event.userId) });
    if (conversation && event.userId === me.userId) conversation.role = event.role;
    if (conversation?.room) conversation.room = withMember(conversation.room, event.userId, what);
  });
  client.on("room:members_added", (event) => {
    chat.learn(event.names);
    note(event, { what: "added", count: event.count });
  });
  client.on("room:updated", (event) => {
    chat.learn(event.names);
    note({ ...event, roomId: event.room.id }, { what: "updated", by: chat.nameOf(event.by) })?.renew(event.room);
  });
  client.on("room:deleted", ({ roomId }) => {
    const conversation = chat.find({ kind: "room", id: roomId });
    if (!conversation) return;
    chat.drop(conversation);
    chat.problem = t().roomDeleted(conversation.name);
  });
}

async function connected(chat: Chat): Promise<void> {
  chat.problem = "";
  void chat.people.load();
  void chat.invitations.load();
  void chat.scheduled.load();
  void chat.device.wishes.load();
  if (chat.current) void chat.refresh(chat.current);
  let after: string | undefined;
  try {
    do {
      const page = await chat.client.conversation.list({ limit: 100, ...(after !== undefined && { after }) });
      for (const summary of page.conversations) introduce(chat, summary);
      after = page.next;
    } while (after !== undefined);
    chat.isListed = true;
    for (const other of chat.rooms) if (!other.room) chat.drop(other); // left by another device, or deleted
    chat.rememberNames();
  } catch {
    // The next connect tries again.
  }
  chat.markRead();
}

function introduce(chat: Chat, summary: Summary): Conversation {
  const { room, peer } = summary;
  const conversation = room ? chat.conversation("room", room.id, room.name) : chat.conversation("direct", peer!.userId, peer!.username);
  conversation.summarise(summary);
  if (room) chat.invitations.drop(room.id);
  if (peer) chat.named(peer);
  if (summary.lastMessage) hear(chat, summary.lastMessage);
  return conversation;
}

/** A conversation that is new to the client: its messages come as events, and are to be counted then. */
function introduced(chat: Chat, summary: Summary): void {
  const { room, peer } = summary;
  if (room) introduce(chat, summary);
  else if (peer) {
    chat.named(peer);
    chat.conversation("direct", peer.userId, peer.username).conversationId = summary.conversationId;
  }
}

function gone(chat: Chat, conversationId: string): void {
  const conversation = chat.findById(conversationId);
  if (!conversation) return;
  chat.drop(conversation);
  chat.problem = t().noLongerIn(conversation.name);
}

function arrived(chat: Chat, message: Message): void {
  const conversation = chat.conversationOf(message);
  hear(chat, message);
  chat.typing.stopped(conversation, message.senderId);
  if (conversation.arrive(message, chat.me.userId)) {
    const where = conversation.kind === "room" ? conversation.name : undefined;
    chat.announcement = t().heard(message.senderUsername, where, chat.plain(message));
    if (isWorthASound(chat, conversation, message)) chat.device.sound.play();
  }
  tidy(chat, conversation);
  if (conversation.kind === "direct") chat.device.suggest();
  chat.thread?.arrive(message);
  if (conversation === chat.current) chat.markRead();
}

/** Whoever looks at the conversation sees it; what is not to be told by notifications is not to be heard either. */
function isWorthASound({ current, device, me }: Chat, conversation: Conversation, { mentions, conversationId }: Message): boolean {
  if (conversation === current && document.visibilityState === "visible") return false;
  const isMention = mentions?.includes(me.userId) ?? false;
  return device.wishes.wants(conversationId, conversation.kind === "direct", isMention);
}

/** Takes how those are called whom a message names. */
function hear(chat: Chat, { senderId, senderUsername, names }: Message): void {
  chat.named({ userId: senderId, username: senderUsername });
  chat.learn(names);
}

/** A page may stay open for weeks: only who has scrolled back needs all that is there. */
function tidy(chat: Chat, conversation: Conversation): void {
  if (conversation !== chat.current) conversation.trim(keptUnseen);
  else if (conversation.isLoaded && chat.isAtEnd) conversation.trim(mostOpen, keptOpen);
}

/** What was sent shows at once as what it is now; its event follows and says the rest. */
function stored(chat: Chat, outgoing: Chat["queue"][number], sent: { id: string; conversationId: string; seq: number; timestamp: string }): void {
  const { roomId, recipientId, content, type = "text", replyTo = null, clientMsgId } = outgoing;
  const attachments = chat.files.known(outgoing.attachments);
  const place = roomId !== undefined ? { roomId } : { recipientId: recipientId ?? "" };
  const { id, conversationId, seq, timestamp } = sent;
  const conversation = chat.conversation(roomId !== undefined ? "room" : "direct", roomId ?? recipientId ?? "");
  if (conversation.find(id)) return;
  conversation.stored({
    id, conversationId, seq, timestamp, ...place, content, type, replyTo, clientMsgId, senderId: chat.me.userId,
    senderUsername: chat.me.username, edited: false, reactions: {}, attachments, mentions: chat.namedIn(content).map(({ userId }) => userId),
  });
}

function change(chat: Chat, conversationId: string, id: string, work: (message: Message) => Message): void {
  chat.findById(conversationId)?.change(id, work);
  chat.thread?.change(id, work);
}

/** Replaces a file in all messages that carry it. */
function processed(chat: Chat, file: FileInfo): void {
  const isCarrier = (message: Message | undefined): message is Message => message?.attachments.some(({ id }) => id === file.id) ?? false;
  const replace = (message: Message): Message => ({ ...message, attachments: message.attachments.map((each) => (each.id === file.id ? file : each)) });
  if (chat.files.known([file.id]).length > 0) chat.files.learn(file);
  for (const conversation of chat.conversations) {
    for (const message of new Set([...conversation.messages, conversation.last].filter(isCarrier))) conversation.change(message.id, replace);
  }
  for (const reply of chat.thread ? [chat.thread.root, ...chat.thread.replies].filter(isCarrier) : []) chat.thread?.change(reply.id, replace);
}

function tombstone(message: Message): Message {
  const { pinnedAt, pinnedBy, mentions, ...rest } = message;
  return { ...rest, deleted: true, content: "", attachments: [], reactions: {} };
}

function reacted(chat: Chat, { conversationId, messageId, userId, username, emoji }: ReactionChange, isAdded: boolean): void {
  chat.named({ userId, username });
  if (emoji === "") return;
  change(chat, conversationId, messageId, (message) => {
    const { [emoji]: before = [], ...others } = message.reactions;
    const without = before.filter((id) => id !== userId);
    const users = isAdded ? [...without, userId] : without;
    if (users.length === 0) return { ...message, reactions: others };
    return { ...message, reactions: { ...message.reactions, [emoji]: users } };
  });
}

function wasRead(chat: Chat, { conversationId, messageId, readBy, names }: ReadReceipt): void {
  chat.learn(names);
  const conversation = chat.findById(conversationId);
  if (!conversation) return;
  conversation.wasRead(messageId, readBy);
  keepReceipts(chat, conversation);
}

/** What the list says of it comes when the client is online. */
function startAfresh(chat: Chat, conversation: Conversation): void {
  conversation.startAfresh();
  keepReceipts(chat, conversation);
}

function keepReceipts(chat: Chat, conversation: Conversation): void {
  const { receipts } = conversation;
  const readers = [...Object.keys(receipts.readers), ...Object.keys(receipts.unplaced)];
  const known = readers.flatMap((userId) => (chat.names.has(userId) ? [[userId, chat.names.get(userId)!] as const] : []));
  rememberReceipts(chat.me.userId, conversation.key, { ...receipts, names: Object.fromEntries(known) });
}

function left(chat: Chat, event: Membership, note: (event: Membership, happening: Happening) => unknown): void {
  const conversation = chat.find({ kind: "room", id: event.roomId });
  if (event.userId !== chat.me.userId) return void note(event, { what: event.reason ?? "left", name: event.username });
  if (!conversation) return;
  chat.drop(conversation);
  if (event.reason) chat.problem = t().removedFrom(conversation.name);
}

/** A room after something has happened to a user. The lists are those of small rooms; large ones have a number only. */
function withMember(room: Room, userId: string, what: Happening["what"]): Room {
  const { members, admins = [], banned = [], memberCount } = room;
  if (!members) return { ...room, memberCount: memberCount + (what === "joined" ? 1 : isEnd(what) ? -1 : 0) };
  const without = (list: readonly string[]): string[] => list.filter((id) => id !== userId);
  const now = what === "joined" ? [...without(members), userId] : isEnd(what) ? without(members) : members;
  return {
    ...room,
    members: now,
    memberCount: now.length,
    admins: what === "promoted" ? [...without(admins), userId] : what === "demoted" || isEnd(what) ? without(admins) : admins,
    banned: what === "banned" ? [...without(banned), userId] : what === "unbanned" ? without(banned) : banned,
  };
}

function isEnd(what: Happening["what"]): boolean {
  return what === "left" || what === "kicked" || what === "banned";
}
