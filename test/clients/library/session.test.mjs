// Signing in, staying signed in, and what an interface is told of the connection.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commandNames } from "../../../web/client/dist/index.js";
import { atEnd, within } from "../harness.mjs";
import { Sockeye, nameOf } from "../together/sockeye.mjs";
import { FaultProxy } from "./faultproxy.mjs";
import { Person, hasty, insist, transports } from "./library.mjs";

describe("sessions", { concurrency: true }, () => {
  for (const transport of transports) test(`a session over ${transport.name}`, async (t) => {
    const server = await Sockeye.start(t);

    await t.test("states, and who one is", async (t) => {
      const proxy = await new FaultProxy(new URL(server.url).host, 1).listen();
      proxy.calm();
      atEnd(t, () => proxy.stop());
      const ada = Person.of(t, server, "ada", transport, { url: proxy.url });
      assert.deepEqual([ada.client.state, ada.client.me], ["offline", undefined]);
      const list = ada.client.room.list(); // waits until it is online
      await ada.connect();
      assert.deepEqual(await list.then(({ rooms }) => rooms), []);
      assert.deepEqual(ada.client.me, { userId: "ada", username: nameOf("ada") });
      proxy.close();
      assert.deepEqual(await ada.next("reconnect_failed", () => true, 0), { attempts: 5 });
      assert.deepEqual(ada.all("state"), ["connecting", "online", "reconnecting", "offline"]);
      proxy.open();
      await ada.until(() => ada.client.state === "online");
      await ada.client.close();
      assert.equal(ada.client.state, "offline");
      await assert.rejects(ada.client.send({ roomId: "hall", content: "too late" }), { name: "Unanswered" });
    });

    await t.test("a token is renewed before it ends, on the same connection", async (t) => {
      let given = 0;
      let renewed;
      const fourth = new Promise((resolve) => (renewed = resolve));
      const token = () => {
        if (++given === 4) renewed();
        return server.token("ada", 10);
      };
      const ada = await Person.online(t, server, "ada", transport, { token });
      const subscribed = await ada.client.notification.subscribe({ topics: ["news"] });
      await within(fourth, () => "the token to be renewed three times"); // after half their time each: the first has ended
      assert.deepEqual(await ada.client.notification.subscribe({ topics: ["sports"] }).then(({ topics }) => topics), ["news", "sports"]);
      assert.deepEqual([subscribed.topics, ada.all("state")], [["news"], ["connecting", "online"]]);
    });

    await t.test("a token that is refused is replaced", async (t) => {
      const tokens = ["not.a.token", server.token("ada")];
      const ada = await Person.online(t, server, "ada", transport, { token: () => tokens.shift() });
      assert.deepEqual([tokens, ada.all("unauthorized").length], [[], 0]);
    });

    await t.test("a token that ends while there is no other is asked for again", async (t) => {
      let isDown = false;
      const token = async () => {
        if (isDown) throw new Error("the backend is down");
        return server.token("ada", 5);
      };
      const ada = await Person.online(t, server, "ada", transport, { token });
      isDown = true;
      await ada.until(() => ada.client.state !== "online");
      isDown = false;
      await ada.until(() => ada.client.state === "online");
      assert.equal(ada.all("unauthorized").length, 0);
    });

    await t.test("without a good token it gives up, until it is told otherwise", async (t) => {
      let token = "not.a.token";
      let asked = 0;
      const ada = Person.of(t, server, "ada", transport, { token: () => (asked++, token) });
      const waiting = assert.rejects(ada.client.room.list(), { name: "Unanswered", transmitted: false });
      ada.client.connect();
      await ada.until(() => ada.all("unauthorized").length > 0);
      await waiting;
      assert.deepEqual([asked, ada.client.state], [2, "offline"]);
      token = server.token("ada");
      await ada.connect();

      const fixed = Person.of(t, server, "ada", transport, { token: "not.a.token" });
      fixed.client.connect();
      await fixed.until(() => fixed.all("unauthorized").length > 0);
      const nobody = Person.of(t, server, "ada", transport, { token: () => null });
      nobody.client.connect();
      await nobody.until(() => nobody.all("unauthorized").length > 0);
    });

    await t.test("topics are kept across connections", async (t) => {
      const proxy = await new FaultProxy(new URL(server.url).host, 1).listen();
      proxy.calm();
      atEnd(t, () => proxy.stop());
      const ada = await Person.online(t, server, "ada", transport, { url: proxy.url });
      await ada.client.notification.subscribe({ topics: ["news", "weather"] });
      await ada.client.notification.unsubscribe({ topics: ["weather"] });
      await server.kill();
      await server.start();
      await ada.until(() => ada.all("state").filter((state) => state === "online").length === 2);
      assert.deepEqual((await ada.client.notification.subscribe({ topics: ["sports"] })).topics, ["news", "sports"]);
    });

    await t.test("who was removed from a room and joins it again is told nothing old", async (t) => {
      const ada = await Person.online(t, server, "ada", transport);
      const bob = await Person.online(t, server, "bob", transport);
      const { room } = await ada.client.room.create({ name: "Hall" });
      await bob.client.room.join({ roomId: room.id });
      // Who is removed before the first sync is only told that the room is gone.
      const left = bob.until(() => bob.all("room:user_left").length + bob.all("gone").length > 0, () => "to be told of the removal");
      await ada.client.room.kick({ roomId: room.id, userId: "bob" });
      await left;
      const told = bob.all("room:user_left").length;
      await bob.client.room.join({ roomId: room.id });
      const greeted = bob.next("room:message", (message) => message.content === "Welcome back.");
      await ada.client.send({ roomId: room.id, content: "Welcome back." });
      await greeted;
      assert.equal(bob.all("room:user_left").length, told);
      await ada.client.room.delete({ roomId: room.id });
    });

    await t.test("a silent connection is noticed", async (t) => {
      const proxy = await new FaultProxy(new URL(server.url).host, 1).listen();
      proxy.calm();
      atEnd(t, () => proxy.stop());
      const ada = await Person.online(t, server, "ada", transport, { url: proxy.url, timing: { ...hasty, patience: 3000 } });
      proxy.deafen();
      await assert.rejects(ada.client.room.list(), { name: "Unanswered", transmitted: true });
      // What was said before may still have arrived after the question: then the connection is given up a little later.
      assert.deepEqual((await insist(() => ada.client.room.list())).rooms, []);
      await ada.until(() => ada.client.state === "online");
      if (transport.name !== "WebSocket") return; // Socket.IO finds out by its own heartbeat
      proxy.deafen();
      await ada.until(() => ada.all("state").filter((state) => state === "online").length > 2, () => "to reconnect by itself");
    });

    await t.test("every command is a method that asks the server for it", async (t) => {
      const ada = await Person.online(t, server, "ada", transport);
      const unknown = { roomId: "nowhere", userId: "nobody", messageId: "none", conversationId: "none", recipientId: "nobody", token: "none" };
      for (const command of commandNames) {
        const [group, name] = command.split(":");
        const method = name === undefined ? ada.client[group] : ada.client[group][name];
        const answer = await method(unknown).catch((error) => error);
        if (answer instanceof Error) assert.equal(answer.name, "Refused", `${command}: ${answer}`);
        else assert.equal(answer.ok, true, command);
        assert.notEqual(answer.code, "unknown_command", command);
      }
    });
  });
});
