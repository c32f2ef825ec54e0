// Stock clients of all versions, by polling and by upgrade, on several nodes behind a balancer that sends each request to the
// next one. Run by the tests of test/cluster.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { Inbox, ask, atEnd, everyClient, next, polling, upgrade, within } from "../harness.mjs";

const { BALANCER, ADA, BOB, MESSAGES } = process.env;
const messages = Number(MESSAGES);

everyClient(
  (client, way, name) =>
    test(name, async (t) => {
      const room = randomUUID();
      const [ada, bob] = [await join(t, client, way, ADA), await join(t, client, way, BOB)];
      const [created] = await ask(ada.socket, "room:create", { id: room, name: "Hall" });
      assert.equal(created.ok, true, JSON.stringify(created));
      const [joined] = await ask(bob.socket, "room:join", { roomId: room });
      assert.equal(joined.ok, true, JSON.stringify(joined));
      for (let i = 0; i < messages; i++) {
        const by = i % 2 ? ada : bob;
        const [sent] = await ask(by.socket, "room:message", { roomId: room, content: content(i) });
        assert.equal(sent.ok, true, JSON.stringify(sent));
      }
      for (const { socket, inbox, ends } of [ada, bob]) {
        const heard = (await inbox.has(messages)).map(([message]) => message.content);
        assert.deepEqual(heard, Array.from({ length: messages }, (_, i) => content(i)));
        assert.deepEqual(ends, []);
        assert.equal(socket.io.engine.transport.name, way.settles);
      }
    }),
  { over: [polling, upgrade] },
);

/** Mostly short, and now and then too long for one packet of the network. */
function content(i) {
  return i % 10 === 9 ? `${i} ${"x".repeat(9_000)}` : `${i}`;
}

/** A socket that has signed in and is on the transport on which it is to stay. */
async function join(t, client, way, token) {
  const signIn = client.auth ? { auth: { token } } : { query: { token } };
  const socket = client.io(BALANCER, { ...way.options, ...signIn, forceNew: true, reconnection: false, timeout: 60_000 });
  atEnd(t, () => socket.disconnect());
  const ends = [];
  socket.on("disconnect", (reason) => ends.push(reason));
  const inbox = new Inbox(socket, "room:message");
  await Promise.race([
    next(socket, "connect"),
    ...["connect_error", "error"].map(async (event) => {
      const [why] = await within(new Promise((resolve) => socket.once(event, (...args) => resolve(args))), () => "a connection").catch(() => [new Error("too late")]);
      throw new Error(`not let in: ${why?.message ?? JSON.stringify(why)}`);
    }),
  ]);
  if (socket.io.engine.transport.name !== way.settles) {
    await next(socket.io.engine, "upgrade");
  }
  return { socket, inbox, ends };
}
