// What travels over the socket, as far as this page uses it. Unknown fields are ignored, and fields
// that an older server may leave out are optional here.

export interface Message {
  id: string;
  conversationId: string;
  /** Position in the conversation's log: unique there, and the order of history. */
  seq: number;
  roomId?: string;
  recipientId?: string;
  senderId: string;
  senderUsername: string;
  content: string;
  type: string;
  /** RFC 3339, UTC. */
  timestamp: string;
  clientMsgId?: string;
}

/** `message:sent`, and what the ack of either kind of sending carries. */
export interface Sent {
  id: string;
  conversationId: string;
  seq: number;
  timestamp: string;
  recipientId?: string;
  clientMsgId?: string;
}

/** `room:user_joined` and `room:user_left`. */
export interface Membership {
  userId: string;
  username: string;
  roomId?: string;
  conversationId?: string;
  seq?: number;
  timestamp?: string;
}

/** `conversation:read`: another device of this user has read up to and with seq. */
export interface ReadMark {
  conversationId: string;
  seq: number;
}

/** What another user is to this one. */
export type Relation = "none" | "sent" | "received" | "friends" | "blocked";

export interface Person {
  userId: string;
  username: string;
}

/** Somebody in a list of `friend:list`. */
export interface Listed extends Person {
  since: string;
}

export type ListName = "friends" | "sent" | "received" | "blocked";

/** `friend:…`, `user:blocked`, `user:unblocked` and `user:changed`; `by` is whose doing it is. */
export interface RelationEvent extends Person {
  by: string;
  timestamp: string;
}

/** `typing:start` and `typing:stop`; the latter comes without a name. */
export interface TypingEvent {
  userId: string;
  username?: string;
  roomId?: string;
}

/** Whether a friend is here; `lastSeen` stands with those who are not. */
export interface Presence {
  userId: string;
  online: boolean;
  lastSeen?: string;
}

export interface Room {
  id: string;
  name: string;
}

export interface Failure {
  code: string;
  message: string;
  /** Seconds until the same request may succeed. */
  retryAfter?: number;
}

/** The unprompted `error` event; `event` names the request that failed. */
export interface ErrorEvent extends Partial<Failure> {
  message: string;
  event?: string;
}

export type Ack<T> = ({ ok: true } & T) | { ok: false; error: Failure };

type Relate = { payload: { userId: string }; answer: { relation: Relation } };
type Type = { payload: { recipientId: string } | { roomId: string }; answer: object };

/** Requests by event name: their payload and what a successful ack adds to `ok`. */
export interface Requests {
  "room:create": { payload: { id: string; name: string; type: "public" }; answer: { room: Room } };
  "room:join": { payload: { roomId: string }; answer: { room?: Room; messages: Message[] } };
  "room:leave": { payload: { roomId: string }; answer: object };
  "room:message": { payload: { roomId: string; content: string; clientMsgId: string }; answer: Sent };
  "message:send": { payload: { recipientId: string; content: string; clientMsgId: string }; answer: Sent };
  "message:read": { payload: { messageIds: string[] }; answer: object };
  history: {
    payload: { userId?: string; roomId?: string; before?: string; limit: number };
    answer: { messages: Message[]; more: boolean };
  };
  "friend:request": Relate;
  "friend:accept": Relate;
  "friend:decline": Relate;
  "friend:remove": Relate;
  "user:block": Relate;
  "user:unblock": Relate;
  "friend:list": {
    payload: { list?: ListName; after?: string };
    answer: Partial<Record<ListName, Listed[]>> & { counts: Record<ListName, number> };
  };
  "user:get": { payload: { userId: string }; answer: { user: Person } };
  "user:search": { payload: { query: string; limit: number }; answer: { users: Person[] } };
  "presence:get": { payload: { userId: string }; answer: { presence: Presence[] } };
  "typing:start": Type;
  "typing:stop": Type;
}

/** The server's own limit on one message, in characters. */
export const maxContent = 10_000;

/** What `room:join` answers at most, and the page size used for `history`. */
export const pageSize = 50;

export const roomIdPattern = /^[A-Za-z0-9_.-]{1,64}$/;
