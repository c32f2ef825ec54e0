// What travels between client and server. Written by "go test ./internal/typescript -update" from the
// server's own types. Do not edit.

/** Exactly one of the fields. */
export type OneOf<T> = { [K in keyof T]: { [P in K]: T[P] } & { [P in Exclude<keyof T, K>]?: never } }[keyof T];

export interface BannedUser {
  userId: string;
  username: string;
  login?: string;
  bannedBy: string;
  bannedAt: string;
  names?: Record<string, Named>;
}

export interface Catchup {
  gone?: boolean;
  reset?: boolean;
  firstSeq?: number;
  seq?: number;
  readSeq?: number;
  events?: LoggedEvent[];
}

export interface Contact {
  userId: string;
  username: string;
  login?: string;
  since: string;
  online?: boolean;
}

export interface ContactCounts {
  friends: number;
  sent: number;
  received: number;
  blocked: number;
}

export type ContactList = "friends" | "sent" | "received" | "blocked";

export interface Conversation {
  conversationId: string;
  room?: Room;
  peer?: Peer;
  firstSeq: number;
  seq: number;
  readSeq: number;
  lastAt: string;
  lastMessage: Message | null;
  unread: number;
  mentions: number;
}

export interface Epoch {
  epoch: string;
  node?: string;
}

export interface Failure {
  code: string;
  message: string;
}

export interface FileInfo {
  id: string;
  originalName: string;
  filename: string;
  mimetype: string;
  size: number;
  uploadedBy: string;
  uploadedAt: string;
  processed: boolean;
  metadata: FileMetadata;
  url: string;
  thumbnail?: string;
  compressed?: string;
  preview?: string;
  blurhash?: string;
}

export interface FileMetadata {
  width?: number;
  height?: number;
  format?: string;
  duration?: number;
  bitrate?: number;
  sampleRate?: number;
}

export interface FileProcessed {
  file: FileInfo;
}

export interface Head {
  conversationId: string;
  seq: number;
}

export type LeaveReason = "kicked" | "banned";

export interface Leaving {
  node: string;
  returnAfter: number;
}

export interface LoggedEvent {
  event: string;
  payload: unknown;
}

export interface Member {
  userId: string;
  username: string;
  login?: string;
  role: Role;
  joinedAt: string;
}

export interface MembersAdded {
  roomId: string;
  count: number;
  userIds: string[];
  names?: Record<string, Named>;
  conversationId: string;
  seq?: number;
  timestamp: string;
}

export interface Membership {
  roomId: string;
  userId: string;
  username: string;
  reason?: LeaveReason;
  by?: string;
  names?: Record<string, Named>;
  conversationId: string;
  seq?: number;
  timestamp: string;
}

export interface Message {
  id: string;
  conversationId: string;
  roomId?: string;
  recipientId?: string;
  senderId: string;
  senderUsername: string;
  content: string;
  type: MessageType;
  timestamp: string;
  seq: number;
  edited: boolean;
  editedAt?: string;
  deleted?: boolean;
  reactions: Record<string, string[]>;
  replyTo: string | null;
  threadId?: string;
  attachments: FileInfo[];
  mentions?: string[];
  pinnedAt?: string;
  pinnedBy?: string;
  clientMsgId?: string;
  names?: Record<string, Named>;
}

export interface MessageChange {
  message: Message;
  by: string;
  names?: Record<string, Named>;
  conversationId: string;
  seq?: number;
  timestamp: string;
}

export interface MessageDeletion {
  messageId: string;
  deletedBy: string;
  roomId?: string;
  names?: Record<string, Named>;
  conversationId: string;
  seq?: number;
  timestamp: string;
}

export type MessageType = "text" | "image" | "video" | "audio" | "voice" | "file" | "system";

export interface Named {
  username: string;
  login?: string;
}

export interface Passing {
  userId: string;
  username?: string;
  roomId?: string;
}

export interface Peer {
  userId: string;
  username: string;
  login?: string;
}

export interface Presence {
  userId: string;
  online: boolean;
  lastSeen?: string;
}

export interface PresentFriends {
  online: string[];
}

export interface ReactionChange {
  messageId: string;
  roomId?: string;
  userId: string;
  username: string;
  emoji: string;
  conversationId: string;
  seq?: number;
  timestamp: string;
}

export interface ReadMark {
  conversationId: string;
  seq: number;
}

export interface ReadReceipt {
  messageId: string;
  conversationId: string;
  readBy: string;
  names?: Record<string, Named>;
  readAt: string;
}

export interface Refusal {
  code: string;
  message: string;
  field?: string;
  limit?: number;
  retryAfter?: number;
  event?: string;
}

export type Relation = "none" | "sent" | "received" | "friends" | "blocked";

export interface RelationChange {
  userId: string;
  username: string;
  by: string;
  timestamp: string;
}

export type Role = "admin" | "member";

export interface RoleChange {
  roomId: string;
  userId: string;
  username: string;
  role: Role;
  conversationId: string;
  seq?: number;
  timestamp: string;
}

export interface Room {
  id: string;
  conversationId: string;
  name: string;
  description: string;
  type: RoomType;
  maxMembers: number;
  createdBy: string;
  createdAt: string;
  memberCount: number;
  members?: string[];
  admins?: string[];
  banned?: string[];
  settings: RoomSettings;
  names?: Record<string, Named>;
}

export interface RoomChange {
  room: Room;
  by: string;
  names?: Record<string, Named>;
  conversationId: string;
  seq?: number;
  timestamp: string;
}

export interface RoomDeletion {
  roomId: string;
  deletedBy: string;
  names?: Record<string, Named>;
  conversationId: string;
  seq?: number;
  timestamp: string;
}

export interface RoomSettings {
  allowFileUpload: boolean;
  allowVoiceMessage: boolean;
  messageRetention: number;
}

export type RoomType = "public" | "private" | "direct";

export interface Scheduled {
  id: string;
  roomId?: string;
  recipientId?: string;
  content: string;
  type: MessageType;
  replyTo: string | null;
  attachments: string[];
  sendAt: string;
  createdAt: string;
  clientMsgId?: string;
  state: ScheduledState;
  failure?: Failure;
}

export interface ScheduledChange {
  scheduledId: string;
  roomId?: string;
  recipientId?: string;
  state: ScheduledState;
  sendAt: string;
  messageId?: string;
  timestamp: string;
}

export type ScheduledState = "waiting" | "failed" | "sent" | "cancelled";

export interface User {
  userId: string;
  username: string;
  login?: string;
  createdAt: string;
}

/** Commands by name: what they take, and what acknowledges them beside `ok`. */
export interface Commands {
  "message:send": { payload: { recipientId: string; content?: string; type?: MessageType; clientMsgId?: string; replyTo?: string; attachments?: string[] }; answer: { id: string; recipientId: string; timestamp: string; conversationId: string; seq: number; clientMsgId?: string } };
  "room:message": { payload: { roomId: string; content?: string; type?: MessageType; clientMsgId?: string; replyTo?: string; attachments?: string[] }; answer: { id: string; roomId: string; timestamp: string; conversationId: string; seq: number; clientMsgId?: string } };
  "message:schedule": { payload: OneOf<{ roomId: string; recipientId: string }> & { content: string; type?: MessageType; sendAt: string; clientMsgId?: string; replyTo?: string; attachments?: string[] }; answer: { scheduled: Scheduled } };
  "message:scheduled": { payload: object; answer: { scheduled: Scheduled[] } };
  "message:reschedule": { payload: { scheduledId: string; content?: string; sendAt?: string; now?: boolean }; answer: { scheduled: Scheduled } };
  "message:unschedule": { payload: { scheduledId: string }; answer: object };
  "message:edit": { payload: { messageId: string; content: string }; answer: { message: Message } };
  "message:delete": { payload: { messageId: string }; answer: { message: Message } };
  "message:pin": { payload: { messageId: string }; answer: { message: Message } };
  "message:unpin": { payload: { messageId: string }; answer: { message: Message } };
  "message:pins": { payload: OneOf<{ conversationId: string; roomId: string; userId: string }>; answer: { messages: Message[] } };
  "reaction:add": { payload: { messageId: string; emoji: string }; answer: object };
  "reaction:remove": { payload: { messageId: string; emoji: string }; answer: object };
  "history": { payload: OneOf<{ conversationId: string; roomId: string; userId: string }> & { before?: string; after?: string; limit?: number }; answer: { messages: Message[]; more: boolean } };
  "thread": { payload: { messageId: string; before?: string; after?: string; limit?: number }; answer: { messages: Message[]; more: boolean; root?: Message } };
  "message:search": { payload: { query: string; conversationId?: string; before?: string; limit?: number }; answer: { messages: Message[]; more: boolean } };
  "room:create": { payload: { id?: string; name: string; description?: string; type?: RoomType; maxMembers?: number; settings?: { allowFileUpload?: boolean; allowVoiceMessage?: boolean; messageRetention?: number } }; answer: { room: Room } };
  "room:join": { payload: { roomId: string }; answer: { room: Room; messages: Message[] } };
  "room:leave": { payload: { roomId: string }; answer: object };
  "room:get": { payload: { roomId: string }; answer: { room: Room } };
  "room:list": { payload: { mine?: boolean; invited?: boolean; after?: string; limit?: number }; answer: { rooms: Room[]; next?: string } };
  "room:members": { payload: { roomId: string; after?: string; limit?: number }; answer: { members: Member[]; next?: string } };
  "room:bans": { payload: { roomId: string; after?: string; limit?: number }; answer: { users: BannedUser[]; next?: string } };
  "room:search": { payload: { query: string; limit?: number }; answer: { rooms: Room[] } };
  "room:update": { payload: { roomId: string; name?: string; description?: string; type?: RoomType; maxMembers?: number; settings?: { allowFileUpload?: boolean; allowVoiceMessage?: boolean; messageRetention?: number } }; answer: { room: Room } };
  "room:delete": { payload: { roomId: string }; answer: object };
  "room:invite": { payload: { roomId: string; userId: string }; answer: object };
  "room:kick": { payload: { roomId: string; userId: string }; answer: object };
  "room:ban": { payload: { roomId: string; userId: string }; answer: object };
  "room:unban": { payload: { roomId: string; userId: string }; answer: object };
  "room:promote": { payload: { roomId: string; userId: string }; answer: object };
  "room:demote": { payload: { roomId: string; userId: string }; answer: object };
  "message:read": { payload: { messageIds: string[] }; answer: object };
  "conversation:read": { payload: { conversationId: string; seq: number }; answer: object };
  "conversation:list": { payload: { after?: string; limit?: number }; answer: { conversations: Conversation[]; next?: string } };
  "sync": { payload: { conversations: Record<string, number>; epoch?: string }; answer: { epoch: string; conversations: Record<string, Catchup>; new: Conversation[]; more: boolean } };
  "friend:request": { payload: { userId: string }; answer: { relation: Relation } };
  "friend:accept": { payload: { userId: string }; answer: { relation: Relation } };
  "friend:decline": { payload: { userId: string }; answer: { relation: Relation } };
  "friend:remove": { payload: { userId: string }; answer: { relation: Relation } };
  "friend:list": { payload: { list?: ContactList; after?: string; limit?: number }; answer: { friends?: Contact[]; sent?: Contact[]; received?: Contact[]; blocked?: Contact[]; counts: ContactCounts } };
  "user:block": { payload: { userId: string }; answer: { relation: Relation } };
  "user:unblock": { payload: { userId: string }; answer: { relation: Relation } };
  "user:get": { payload: { userId: string }; answer: { user: User; relation?: Relation } };
  "user:search": { payload: { query: string; limit?: number }; answer: { users: User[] } };
  "presence:get": { payload: { userId?: string; userIds?: string[] }; answer: { presence: Presence[] } };
  "client:visible": { payload: { visible?: boolean; conversationId?: string }; answer: object };
  "typing:start": { payload: OneOf<{ recipientId: string; roomId: string }>; answer: object };
  "typing:stop": { payload: OneOf<{ recipientId: string; roomId: string }>; answer: object };
  "notification:subscribe": { payload: { topics: string[] }; answer: { topics: string[] } };
  "notification:unsubscribe": { payload: { topics: string[] }; answer: { topics: string[] } };
  "auth:refresh": { payload: { token: string }; answer: { expiresAt?: string } };
}

/** The names of all commands. */
export const commandNames = [
  "message:send",
  "room:message",
  "message:schedule",
  "message:scheduled",
  "message:reschedule",
  "message:unschedule",
  "message:edit",
  "message:delete",
  "message:pin",
  "message:unpin",
  "message:pins",
  "reaction:add",
  "reaction:remove",
  "history",
  "thread",
  "message:search",
  "room:create",
  "room:join",
  "room:leave",
  "room:get",
  "room:list",
  "room:members",
  "room:bans",
  "room:search",
  "room:update",
  "room:delete",
  "room:invite",
  "room:kick",
  "room:ban",
  "room:unban",
  "room:promote",
  "room:demote",
  "message:read",
  "conversation:read",
  "conversation:list",
  "sync",
  "friend:request",
  "friend:accept",
  "friend:decline",
  "friend:remove",
  "friend:list",
  "user:block",
  "user:unblock",
  "user:get",
  "user:search",
  "presence:get",
  "client:visible",
  "typing:start",
  "typing:stop",
  "notification:subscribe",
  "notification:unsubscribe",
  "auth:refresh",
] as const satisfies readonly (keyof Commands)[];

/** Events by name, and what they carry. */
export interface ServerEvents {
  "conversation:head": Head;
  "conversation:heads": Head[];
  "conversation:read": ReadMark;
  "file:processed": FileProcessed;
  "friend:accepted": RelationChange;
  "friend:cancelled": RelationChange;
  "friend:declined": RelationChange;
  "friend:removed": RelationChange;
  "friend:requested": RelationChange;
  "message:deleted": MessageDeletion;
  "message:edited": MessageChange;
  "message:pinned": MessageChange;
  "message:read": ReadReceipt;
  "message:received": Message;
  "message:sent": { id: string; recipientId: string; timestamp: string; conversationId: string; seq: number; clientMsgId?: string };
  "message:unpinned": MessageChange;
  "messages:unread": Message[];
  "notification": { timestamp: string; [field: string]: unknown };
  "presence": PresentFriends;
  "reaction:added": ReactionChange;
  "reaction:removed": ReactionChange;
  "room:deleted": RoomDeletion;
  "room:invited": Membership;
  "room:members_added": MembersAdded;
  "room:message": Message;
  "room:messages": Message[];
  "room:role": RoleChange;
  "room:updated": RoomChange;
  "room:user_banned": Membership;
  "room:user_joined": Membership;
  "room:user_left": Membership;
  "room:user_unbanned": Membership;
  "scheduled:changed": ScheduledChange;
  "server:epoch": Epoch;
  "server:leaving": Leaving;
  "typing:start": Passing;
  "typing:stop": Passing;
  "user:blocked": RelationChange;
  "user:changed": RelationChange;
  "user:offline": Passing;
  "user:online": Passing;
  "user:unblocked": RelationChange;
  error: Refusal;
}
