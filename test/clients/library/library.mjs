// Clients of the library as the tests use them, and what they were told.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { SockeyeClient, memoryStorage, webSocket } from "../../../web/client/dist/index.js";
import { socketIO } from "../../../web/client/dist/socketio.js";
import { atEnd, within } from "../harness.mjs";

/** All ways to reach the server. */
export const transports = [
  { name: "WebSocket", to: (url) => webSocket(url, { WebSocket }) },
  { name: "Socket.IO", to: (url) => socketIO(url, { transports: ["websocket"] }) },
];

/** Waiting times of tests: attempts follow each other at once, and patience is as long as a slow machine needs. */
export const hasty = { firstRetry: 10, slowestRetry: 200, attempts: 5, patience: 30_000, silence: 1000 };

const logged = [
  "room:message", "message:received", "message:edited", "message:deleted", "message:pinned", "message:unpinned", "reaction:added",
  "reaction:removed", "room:user_joined", "room:user_left", "room:role", "room:updated", "room:deleted", "room:members_added",
];
const own = [
  "state", "queue", "sent", "refused", "delayed", "reconnect_failed", "unauthorized", "disconnected", "conversation", "reset", "gone",
];

/** One client, and all that it has told. */
export class Person {
  /** `told` are all events in their order: {event, payload}. */
  told = [];
  #waiting = new Set();

  /** Makes a client that ends with the test. */
  static of(t, server, user, transport, { url = server.url, ...options } = {}) {
    const settings = { token: () => server.token(user), storage: memoryStorage(), timing: hasty, autoConnect: false, ...options };
    const person = new Person(user, new SockeyeClient({ transport: transport.to(url), ...settings }));
    atEnd(t, () => person.client.close());
    return person;
  }

  /** Makes one that is online. */
  static async online(t, server, user, transport, options) {
    const person = Person.of(t, server, user, transport, options);
    await person.connect();
    return person;
  }

  constructor(user, client) {
    this.user = user;
    this.client = client;
    for (const event of [...logged, ...own]) {
      client.on(event, (payload) => {
        this.told.push({ event, payload });
        for (const check of [...this.#waiting]) check();
      });
    }
  }

  connect() {
    this.client.connect();
    return this.until(() => this.client.state === "online", () => "to be online");
  }

  /** Waits until a look at what was told finds something, and returns it. */
  until(look, what = () => String(look)) {
    const found = new Promise((resolve) => {
      const check = () => {
        const result = look();
        if (!result) return;
        this.#waiting.delete(check);
        resolve(result);
      };
      this.#waiting.add(check);
      check();
    });
    return within(found, () => `${this.user} ${what()}; the last of ${this.told.length} events: ${JSON.stringify(this.told.slice(-5))}`);
  }

  /** What was told under that name. */
  all(event) {
    return this.told.filter((each) => each.event === event).map(({ payload }) => payload);
  }

  /** The next event of that name that suits, or one that has come since `after` of them had. */
  next(event, suits = () => true, after = this.all(event).length) {
    return this.until(() => this.all(event).slice(after).find(suits), () => `to be told ${event}`);
  }

  /** The logged events of a conversation, in the order in which they were told. */
  story(conversationId) {
    return this.told
      .filter(({ event, payload }) => logged.includes(event) && payload.conversationId === conversationId)
      .map(({ event, payload }) => ({ event, ...payload }));
  }

  /** The messages of a conversation as they were told, by content. */
  heard(conversationId) {
    return this.story(conversationId).filter((each) => /message$|received$/.test(each.event)).map(({ content }) => content);
  }

  /** Holds the story of a conversation against the promise: each seq once, in order, with no hole. */
  assertWhole(conversationId) {
    const seqs = this.story(conversationId).map(({ seq }) => seq);
    seqs.forEach((seq, at) => {
      if (at > 0 && seq !== seqs[at - 1] + 1) {
        assert.fail(`${this.user} is told of seq ${seq} of ${conversationId} after seq ${seqs[at - 1]}`);
      }
    });
  }
}

/** All messages of a conversation, as the server has stored them. */
export async function history(client, where) {
  const pages = [];
  for (let before; ; ) {
    const { messages, more } = await client.history({ ...where, limit: 100, ...(before && { before }) });
    pages.unshift(messages);
    if (!more) return pages.flat();
    before = messages[0].id;
  }
}

/** Does something until it succeeds, over connections that break. */
export async function insist(act) {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (error.name !== "Unanswered") throw error;
    }
  }
}
