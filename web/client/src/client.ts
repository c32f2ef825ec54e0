import { CatchUp, type CatchupOwner, type Reset } from "./catchup.js";
import { type Command, type CommandMethods, commandMethods } from "./commands.js";
import { Emitter, type Listener } from "./emitter.js";
import type { Refused } from "./errors.js";
import { newClientMsgId } from "./ids.js";
import { type ConnectionState, type ConnectionStatus, Link, type Timing, timingOf } from "./link.js";
import { type Entry, Logs } from "./logs.js";
import { Outbox, type Sent } from "./outbox.js";
import { defaultStorage, type Outgoing, type QueueStorage } from "./storage.js";
import { claimsOf, TokenKeeper, type TokenSource } from "./token.js";
import type { Transport } from "./transport.js";
import { webSocket } from "./websocket.js";
import type { Commands, Conversation, Head, Membership, Message, OneOf, RelationChange, ServerEvents } from "./wire.js";

export interface ClientOptions {
  /** Of the server, such as `https://chat.example`; in a browser the page's own is the default. For a plain WebSocket. */
  url?: string;
  /** Another way to reach the server, such as `socketIO(url)` of `@sockeye/client/socketio`. */
  transport?: Transport;
  /**
   * The user's token, or what gets one: it is called on connecting, before a token ends and when one was refused, and not
   * again before it has answered or failed.
   */
  token: TokenSource;
  /**
   * Whose client it is, if that is known before there is a token: then the queue of an earlier page is there at once, and
   * what is written is kept from the first moment. Else the first token says it. The token of another user is not taken:
   * what waits is sent by nobody else.
   */
  userId?: string;
  /** Where the queue survives a reload; IndexedDB where there is one, else memory. */
  storage?: QueueStorage | ((userId: string) => QueueStorage);
  /** How many messages may wait; 1,000. */
  queueLimit?: number;
  /** Where conversations were followed to, as an earlier client's `positions` said: events go on from there. */
  positions?: Record<string, number>;
  /** The `epoch` of that client: where the server was restored from a backup since, every conversation is told of by `reset`. */
  epoch?: string;
  /** Whether to connect by itself, as soon as the program that makes the client has come to a rest; true. Else `connect()` begins. */
  autoConnect?: boolean;
  /** Whether to come back after a failed attempt or a lost connection; true. Else the client waits for `connect()`. */
  reconnection?: boolean;
  /** After how many failed attempts in a row `reconnect_failed` is reported; 5. It goes on after that, every 30 s. */
  reconnectionAttempts?: number;
  /** How long to wait before the first attempt to come back, in ms; 500. It doubles with each, and half of it is random. */
  reconnectionDelay?: number;
  /** How long a connection or an answer may take, in ms; 10,000. */
  timeout?: number;
  /** Further waiting times, for tests mostly; they go before those above. */
  timing?: Partial<Timing>;
}

/** What to send, and where: into a room, or to another user. */
export type Draft = OneOf<{ roomId: string; recipientId: string }> & Omit<Commands["room:message"]["payload"], "roomId">;

/** What the client deals with itself. `conversation:heads` and the like say what it finds out from them in its own events. */
type Internal = "conversation:head" | "conversation:heads" | "server:epoch" | "server:leaving" | "messages:unread" | "message:sent" | "room:messages";

/** All events. Those of a conversation come in the order of its log, each once. */
export interface ClientEvents extends Omit<ServerEvents, Internal> {
  /** The state of the connection has changed. */
  state: ConnectionState;
  /** What waits to be sent has changed. */
  queue: readonly Outgoing[];
  /** A message of the queue was stored. */
  sent: { message: Outgoing; sent: Sent };
  /** A message of the queue was refused for good, and is not in it any more. */
  refused: { message: Outgoing; error: Refused };
  /** A message of the queue was refused for now, and with it those behind it wait. */
  delayed: { message: Outgoing; error: Refused; seconds: number };
  /** Some attempts to connect have failed. The client goes on, slowly. */
  reconnect_failed: { attempts: number };
  /** No good token could be had. The client waits for `connect()`. */
  unauthorized: undefined;
  /** The application or the operator has disconnected the user. The client waits for `connect()`. */
  disconnected: undefined;
  /** The user is in a conversation that was not known. */
  conversation: Conversation;
  /** Too much was missed: read the history of the conversation again. Events go on after `seq`. */
  reset: Reset;
  /** The user is no longer in a conversation. */
  gone: { conversationId: string };
}

export interface SockeyeClient extends CommandMethods {}

/** A client of one user. */
export class SockeyeClient {
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #tokens: TokenKeeper;
  readonly #link: Link;
  readonly #outbox: Outbox;
  readonly #logs: Logs;
  readonly #catchUp: CatchUp;
  readonly #storage: (userId: string) => QueueStorage;
  readonly #conversationOf = new Map<string, string>(); // by room
  /**
   * Conversations of rooms that were just joined. That the user has left them before is about to be told, and old: the
   * joining comes behind it. A leaving that no joining follows is held here until it is clear which it is.
   */
  readonly #rejoined = new Map<string, Entry | undefined>();
  #topics: readonly string[] = [];
  #me: { userId: string; username: string } | undefined;
  /** Positions are known: what is new from now on is to be told. */
  #isFollowing: boolean;
  #isClosed = false;

  constructor(options: ClientOptions) {
    const { storage = defaultStorage, positions, epoch, token } = options;
    this.#storage = typeof storage === "function" ? storage : () => storage;
    this.#tokens = new TokenKeeper(token);
    this.#logs = new Logs((entry) => this.#deliver(entry));
    for (const [id, seq] of Object.entries(positions ?? {})) this.#logs.follow(id, seq);
    this.#isFollowing = positions !== undefined;
    const emit = this.#emitter.emit.bind(this.#emitter);
    const userId = options.userId ?? (typeof token === "string" ? claimsOf(token).userId : "");
    const transport = options.transport ?? webSocket(options.url);
    this.#link = new Link(
      transport,
      this.#tokens,
      {
        identified: (userId) => void this.#outbox.attach(this.#storage(userId)),
        welcomed: () => this.#welcomed(),
        ready: () => this.#ready(),
        woken: () => this.#outbox.wake(),
        event: (name, payload) => this.#take(name, payload),
        stateChanged: (state) => emit("state", state),
        failing: (attempts) => emit("reconnect_failed", { attempts }),
        unauthorized: () => emit("unauthorized", undefined),
        disconnected: () => emit("disconnected", undefined),
      },
      { timing: timingOf(options), reconnection: options.reconnection ?? true, userId },
    );
    const owner: CatchupOwner = {
      ask: (command, payload) => this.#link.ask(command, payload),
      introduced: (conversation) => emit("conversation", conversation),
      reset: (reset) => emit("reset", reset),
      gone: (conversationId) => emit("gone", { conversationId }),
    };
    this.#catchUp = new CatchUp(this.#logs, owner, epoch);
    const link = this.#link;
    this.#outbox = new Outbox(
      {
        get isReady() {
          return link.isReady;
        },
        deliver: (message) => this.#transmit(message),
        changed: () => emit("queue", this.queue),
        sent: (message, sent) => emit("sent", { message, sent }),
        refused: (message, error) => emit("refused", { message, error }),
        delayed: (message, error, seconds) => emit("delayed", { message, error, seconds }),
      },
      options.queueLimit ?? 1000,
    );
    if (typeof storage !== "function" || userId !== "") void this.#outbox.attach(this.#storage(userId));
    Object.assign(this, commandMethods((command, payload) => this.#carryOut(command, payload)));
    // Not before listeners have been added.
    if (options.autoConnect ?? true) queueMicrotask(() => this.#isClosed || this.connect());
  }

  /** Who is signed in; undefined before the first connection. */
  get me(): { readonly userId: string; readonly username: string } | undefined {
    return this.#me;
  }

  get state(): ConnectionState {
    return this.#link.state;
  }

  /** The connection of now. The event `state` tells of changes. */
  get connectionStatus(): ConnectionStatus {
    return this.#link.status;
  }

  /** The messages that wait to be sent, in order. */
  get queue(): readonly Outgoing[] {
    return this.#outbox.queue;
  }

  /** How far each conversation was told, by its id: for the `positions` of a later client. */
  get positions(): Record<string, number> {
    return this.#logs.positions;
  }

  /** The life of the server's database: another one after a restore from a backup. For the `epoch` of a later client. */
  get epoch(): string | undefined {
    return this.#catchUp.epoch;
  }

  /** Connects, and stays so until `close()`. Also tries at once when it is waiting to try again. */
  connect(): void {
    this.#link.connect();
  }

  /** Ends the connection. What waits stays in the queue's storage, for the next client. The client is of no more use. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#catchUp.stop();
    this.#link.close();
    await this.#outbox.close();
  }

  /**
   * Sends a message, now or when there is a connection: in the order of calling, once, and also after a reload. Fails with
   * Refused when the server does not want it; waits for as long as it takes otherwise. There is no need to wait for it: the
   * events `sent` and `refused` tell the same, and nothing happens when the failure is not caught.
   */
  send(draft: Draft): Promise<Sent> {
    return this.#outbox.add({ content: "", ...draft, clientMsgId: draft.clientMsgId ?? newClientMsgId() });
  }

  /**
   * Takes a message out of the queue, in all tabs that share it. It may have gone out before: the promise of `send` fails
   * with Unanswered, and its `transmitted` tells.
   */
  discard(clientMsgId: string): void {
    this.#outbox.discard(clientMsgId);
  }

  /** Adds a listener; what it returns removes it again. */
  on<E extends keyof ClientEvents>(event: E, listener: Listener<ClientEvents[E]>): () => void {
    return this.#emitter.on(event, listener);
  }

  off<E extends keyof ClientEvents>(event: E, listener: Listener<ClientEvents[E]>): void {
    this.#emitter.off(event, listener);
  }

  /** Like `on`, for the next event only. */
  once<E extends keyof ClientEvents>(event: E, listener: Listener<ClientEvents[E]>): () => void {
    const off = this.on(event, (payload) => {
      off();
      listener(payload);
    });
    return off;
  }

  // Commands.

  async #carryOut(command: Command, payload: object): Promise<unknown> {
    if (command === "message:send" || command === "room:message") return this.send(payload as Draft);
    const answer = await this.#link.request(command, payload as never);
    this.#followUp(command, payload, answer);
    return answer;
  }

  /** Does what no event tells the device that asked for it. */
  #followUp(command: Command, payload: object, answer: object): void {
    switch (command) {
      case "room:create":
      case "room:join": {
        const { room, messages = [] } = answer as { room: { id: string; conversationId: string }; messages?: Message[] };
        this.#conversationOf.set(room.id, room.conversationId);
        if (this.#logs.has(room.conversationId)) return;
        this.#logs.follow(room.conversationId, messages.at(-1)?.seq ?? 0);
        this.#rejoined.set(room.conversationId, undefined);
        void this.#catchUp.now().then(() => this.#settleJoining(room.conversationId));
        return;
      }
      case "room:leave":
        return this.#left((payload as { roomId: string }).roomId);
      case "notification:subscribe":
      case "notification:unsubscribe":
        this.#topics = (answer as { topics: string[] }).topics;
    }
  }

  async #transmit(message: Outgoing): Promise<Sent> {
    const { at, order, ...payload } = message;
    if (message.roomId !== undefined) return this.#link.ask("room:message", payload as Commands["room:message"]["payload"]);
    const sent = await this.#link.ask("message:send", payload as Commands["message:send"]["payload"]);
    this.#tellOwn(message, sent);
    return sent;
  }

  /** Other devices are told of a direct message of one's own, but not the one that has sent it. What it cannot know it asks for. */
  #tellOwn(message: Outgoing, sent: Sent): void {
    const { conversationId, seq } = sent;
    const { recipientId = "", content, clientMsgId, type = "text", replyTo, attachments } = message;
    if (!this.#me || replyTo !== undefined || attachments?.length || content.includes("@")) {
      this.#lookFor(this.#logs.announce(conversationId, seq));
      return;
    }
    const { id, timestamp } = sent;
    const [senderId, senderUsername] = [this.#me.userId, this.#me.username];
    const whole: Message = {
      id, conversationId, recipientId, senderId, senderUsername, content, type, timestamp, seq, edited: false, reactions: {},
      replyTo: null, attachments: [], clientMsgId,
    };
    this.#enter({ conversationId, seq, event: "message:received", payload: whole });
  }

  // The connection.

  async #welcomed(): Promise<void> {
    const { userId, username } = this.#tokens.claims;
    this.#me ??= { userId, username };
    // The first answer comes behind all that is told on connecting. On the first connection that says where the logs end,
    // and events go on from there; later there may be something to catch up with.
    await Promise.all([this.#askName(), this.#isFollowing && this.#catchUp.now()]);
  }

  async #askName(): Promise<void> {
    try {
      const { user } = await this.#link.ask("user:get", { userId: this.#me!.userId });
      this.#me = { userId: user.userId, username: user.username };
    } catch {
      // It was in the token, too.
    }
  }

  #ready(): void {
    this.#isFollowing = true;
    if (this.#topics.length > 0) this.#link.ask("notification:subscribe", { topics: [...this.#topics] }).catch(() => {});
    if (this.#logs.isBehind) this.#catchUp.later();
    this.#outbox.wake();
  }

  // Events.

  #take(name: string, payload: unknown): void {
    switch (name) {
      case "conversation:heads":
        return (payload as Head[]).forEach((head) => this.#announced(head));
      case "server:epoch":
        return this.#catchUp.learn((payload as ServerEvents["server:epoch"]).epoch);
      case "conversation:head":
        return this.#announced(payload as Head);
      case "server:leaving": // the link has heard it
      case "messages:unread": // in the list of conversations
      case "message:sent": // the acknowledgement says the same
      case "room:messages":
        return;
      case "user:changed":
        this.#renamed(payload as RelationChange);
    }
    const { conversationId, seq, userId } = payload as { conversationId?: unknown; seq?: unknown; userId?: unknown };
    const isLogged = typeof conversationId === "string" && typeof seq === "number" && name !== "conversation:read";
    // Who is no member is told of a ban, and of nothing else.
    const isForeign = /^room:user_(un)?banned$/.test(name) && userId === this.#me?.userId;
    if (isLogged && !isForeign) this.#enter({ conversationId, seq, event: name, payload });
    else this.#emitter.emit(name as keyof ClientEvents, payload as never);
  }

  #announced({ conversationId, seq }: Head): void {
    if (!this.#isFollowing) this.#logs.follow(conversationId, seq);
    this.#lookFor(this.#logs.announce(conversationId, seq));
  }

  #enter(entry: Entry): void {
    this.#lookFor(this.#logs.take(entry));
  }

  /** Before the client follows, what is not known is to be told by the first connection still. */
  #lookFor(isMissing: boolean): void {
    if (isMissing && this.#isFollowing) this.#catchUp.later();
  }

  /** Tells the application of an event whose turn it is. */
  #deliver(entry: Entry): void {
    const { conversationId, event, payload } = entry;
    const { roomId, userId, senderId } = payload as Partial<Membership & Message>;
    if (roomId !== undefined) this.#conversationOf.set(roomId, conversationId);
    const isMine = userId === this.#me?.userId;
    if (isMine && this.#rejoined.has(conversationId)) {
      const isLeaving = event === "room:user_left";
      if (isLeaving || event === "room:user_joined") this.#rejoined.set(conversationId, isLeaving ? entry : undefined);
      if (isLeaving) return;
    }
    if ((event === "room:user_left" && isMine) || event === "room:deleted") this.#left(roomId!);
    const isMessage = event === "room:message" || event === "message:received";
    this.#emitter.emit(event as keyof ClientEvents, payload as never);
    if (isMessage && senderId === this.#me?.userId) this.#outbox.recognise(payload as Message);
  }

  /** What came after the last message is told: a leaving behind which no joining came is news. */
  #settleJoining(conversationId: string): void {
    const left = this.#rejoined.get(conversationId);
    this.#rejoined.delete(conversationId);
    if (left !== undefined) this.#deliver(left);
  }

  #left(roomId: string): void {
    const conversationId = this.#conversationOf.get(roomId);
    if (conversationId === undefined) return;
    this.#conversationOf.delete(roomId);
    this.#logs.forget(conversationId);
  }

  #renamed({ userId, username }: RelationChange): void {
    if (userId === this.#me?.userId) this.#me = { userId, username };
  }
}
