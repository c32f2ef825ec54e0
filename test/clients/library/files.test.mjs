// Messages with files that wait: once at the server each, whatever ends in between.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { FileOutbox, memoryParcels } from "../../../web/client/dist/files.js";
import { atEnd, within } from "../harness.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { Person, history, transports } from "./library.mjs";

const text = (size) => randomBytes(size / 2).toString("hex"); // of a type that the server takes, and no other file's

test("messages with files", async (t) => {
  const server = await Sockeye.start(t, "--upload-max-size", "2000000");
  const ada = await Person.online(t, server, "ada", transports[0]);
  await ada.client.room.create({ id: "hall", name: "Hall" });
  const stored = async () => (await history(ada.client, { roomId: "hall" })).filter(({ attachments }) => attachments.length > 0);

  /** A page's outbox, and a way to wait for what becomes of it. */
  const outbox = (storage, more) => {
    const waiting = new Set();
    const look = () => [...waiting].forEach((check) => check());
    const files = new FileOutbox({
      client: ada.client, userId: "ada", url: server.url, token: () => server.token("ada"), pieceSize: 10_000, storage,
      onChange: look, ...more,
    });
    atEnd(t, () => files.close());
    const until = (suits, what) =>
      within(
        new Promise((resolve) => {
          const check = () => suits(files.parcels) && (waiting.delete(check), resolve());
          waiting.add(check);
          check();
        }),
        () => `${what}: ${JSON.stringify(files.parcels)}`,
      );
    return { files, until };
  };
  const sent = (clientMsgId) => ada.next("sent", ({ message }) => message.clientMsgId === clientMsgId, 0);
  /** The storage keeps nothing that was settled. */
  const isEmpty = async (storage) => {
    while ((await storage.load()).length > 0) await new Promise(setImmediate);
  };

  await t.test("wait for their files, and then are sent once", async () => {
    const storage = memoryParcels();
    const progress = [];
    const { files } = outbox(storage, { onProgress: (...told) => progress.push(told) });
    const { clientMsgId } = files.send({ roomId: "hall", content: "Two of them.", type: "file" }, [new File([text(25_000)], "one.txt"), new Blob([text(500)])]);
    await sent(clientMsgId);
    const [message] = await stored();
    assert.deepEqual([message.content, message.type, message.attachments.map(({ originalName, size }) => [originalName, size])], [
      "Two of them.", "file", [["one.txt", 25_000], ["file", 500]],
    ]);
    assert.deepEqual(progress[0], [clientMsgId, 0, 10_000]);
    await isEmpty(storage);
  });

  await t.test("go on in the next page where the one before has ended, and are sent once also when it had sent them", async () => {
    const before = (await stored()).length;
    const storage = memoryParcels();
    const { promise, resolve } = deferred();
    const first = outbox(storage, { onProgress: (_, __, bytes) => bytes >= 20_000 && resolve() });
    const { clientMsgId } = first.files.send({ roomId: "hall", content: "From before." }, [new Blob([text(400_000)])]);
    await within(promise, () => "nothing was uploaded");
    first.files.close();
    const progress = [];
    const second = outbox(storage, { onProgress: (_, __, bytes) => progress.push(bytes) });
    await sent(clientMsgId);
    assert.ok(progress[0] >= 20_000, `it has begun anew: ${progress[0]}`);
    await isEmpty(storage);

    // As a page leaves it that ends in the moment of sending.
    const [message] = (await stored()).slice(-1);
    await storage.put({ clientMsgId, roomId: "hall", content: "From before.", at: message.timestamp, files: [{ name: "", size: 400_000, type: "", file: message.attachments[0] }] }, [new Blob()]);
    second.files.close();
    outbox(storage);
    await isEmpty(storage);
    assert.equal((await stored()).length, before + 1);
  });

  await t.test("stay with the reason where the server takes no such file, until they are tried again or discarded", async () => {
    const storage = memoryParcels();
    const { files, until } = outbox(storage);
    const { clientMsgId } = files.send({ roomId: "hall", content: "A program." }, [new Blob([text(100)]), new Blob(["MZ", new Uint8Array(500)])]);
    const isRefused = ([parcel]) => parcel?.failure?.refusal.code === "file_type_not_allowed" && parcel.failure.file === 1;
    await until(isRefused, "it is not refused");
    const next = files.send({ roomId: "hall", content: "It holds up nobody." }, [new Blob([text(100)])]);
    await sent(next.clientMsgId);
    files.retry(clientMsgId);
    assert.equal(files.parcels[0].failure, undefined);
    await until(isRefused, "it is not refused again");
    files.close();
    const later = outbox(storage); // a reload shows it still
    await later.until(isRefused, "it is forgotten");
    later.files.discard(clientMsgId);
    await isEmpty(storage);
    assert.equal((await stored()).at(-1).content, "It holds up nobody.");
  });

  await t.test("are bounded, and can be taken back while they are uploaded", async () => {
    const storage = memoryParcels();
    let id;
    const { files, until } = outbox(storage, { limit: 1, onProgress: () => id && files.discard(id) });
    id = files.send({ roomId: "hall", content: "Never mind." }, [new Blob([text(100_000)])]).clientMsgId;
    assert.throws(() => files.send({ roomId: "hall", content: "One too many." }, [new Blob([text(100)])]), RangeError);
    await until((parcels) => parcels.length === 0, "it is not discarded");
    await isEmpty(storage);
    const { clientMsgId } = files.send({ roomId: "hall", content: "The next." }, [new Blob([text(100)])]);
    id = undefined;
    await sent(clientMsgId);
    assert.equal((await stored()).filter(({ content }) => content === "Never mind.").length, 0);
  });
});

function deferred() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

test("what one tab has discarded no other brings back", async () => {
  const storage = memoryParcels();
  const parcel = { clientMsgId: "one", content: "", files: [] };
  await storage.put(parcel, []);
  await storage.put({ ...parcel, content: "changed" });
  const [{ content }] = await storage.load();
  assert.equal(content, "changed");
  await storage.remove("one");
  await storage.put(parcel);
  const left = await storage.load();
  assert.deepEqual(left, []);
});
