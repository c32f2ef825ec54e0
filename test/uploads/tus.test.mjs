// tus-js-client as it comes from npm, against a server that is killed under it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import * as tus from "tus-js-client";

const secret = "a secret of enough length, for tests only";
const address = process.env.LOOPBACK;
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// tokenOf signs a user in.
function tokenOf(user) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded({ iss: "sockeye", sub: user, name: user, iat: now, exp: now + 3600 })}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

async function freePort() {
  const server = createServer().listen(0, address);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const started = [];

// A server that can be killed, and started again on its folder and port.
class Server {
  static async begin(...flags) {
    const s = new Server();
    s.port = await freePort();
    s.folder = mkdtempSync(join(process.env.FOLDER, "data-"));
    s.flags = flags;
    s.url = `http://${address}:${s.port}`;
    started.push(s);
    await s.start();
    return s;
  }

  async start() {
    this.process = spawn(process.env.SOCKEYE, ["serve", "--listen", `${address}:${this.port}`, "--data", this.folder, "--jwt-secret", secret,
      "--limits", "off", "--chat-dm-policy", "anyone", ...this.flags], { stdio: ["ignore", "ignore", "pipe"] });
    this.log = "";
    this.process.stderr.on("data", (text) => { this.log += text; });
    const ended = once(this.process, "exit");
    for (;;) {
      try {
        if ((await fetch(`${this.url}/ready`)).ok) return;
      } catch { /* not yet */ }
      if (this.process.exitCode !== null) throw new Error(`the server has ended: ${this.log}`);
      await Promise.race([ended, new Promise((done) => setTimeout(done, 50))]);
    }
  }

  async kill() {
    const ended = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await ended;
  }

  ask(path, user, options = {}) {
    return fetch(this.url + path, { ...options, headers: { authorization: `Bearer ${tokenOf(user)}`, ...options.headers } });
  }
}

after(async () => { for (const s of started) if (s.process.exitCode === null && s.process.signalCode === null) await s.kill(); });

// picture is a PNG of so many bytes that is made as it should be, though nobody could decode it.
function picture(size) {
  const content = randomBytes(size);
  Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x06\0\0\0\x04\x08\0\0\0\0\0\0\0\0", "latin1").copy(content);
  content.writeUInt32BE(size - 57, 33);
  content.write("IDAT", 37, "latin1");
  Buffer.from("\0\0\0\0IEND\0\0\0\0", "latin1").copy(content, size - 12);
  return content;
}

// upload starts one, and returns it with how it ends.
function upload(server, content, options = {}) {
  let one;
  const ended = new Promise((resolve, reject) => {
    one = new tus.Upload(content, {
      endpoint: `${server.url}/api/v1/uploads`, headers: { authorization: `Bearer ${tokenOf("ada")}` }, metadata: { filename: "图.png", filetype: "image/png" },
      retryDelays: [50, 100, 200, 400, 800, 1600, 3200, 6400], onSuccess: () => resolve(one), onError: reject, ...options,
    });
  });
  one.start();
  return { one, ended };
}

async function same(server, one, content) {
  const id = one.url.split("/").at(-1);
  const answer = await server.ask(`/files/${id}/original`, "ada");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "image/png");
  assert.ok(content.equals(Buffer.from(await answer.arrayBuffer())), "the bytes are others");
  const { file } = await (await server.ask(`/api/v1/files/${id}`, "ada")).json();
  assert.equal(file.originalName, "图.png");
  assert.equal(file.size, content.length);
}

test("uploads by the stock client", async (t) => {
  const server = await Server.begin();
  const content = picture(6_000_000);

  for (const [name, options] of Object.entries({
    "whole": {}, "in pieces": { chunkSize: 1_000_000 }, "with its creation": { uploadDataDuringCreation: true, chunkSize: 4_000_000 },
    "in parallel": { parallelUploads: 3 }, "where PATCH does not pass": { overridePatchMethod: true },
  })) {
    await t.test(name, async () => {
      const { one, ended } = upload(server, content, options);
      await ended;
      await same(server, one, content);
    });
  }

  await t.test("aborted and gone on with", async () => {
    let one, ended;
    const came = new Promise((resolve) => {
      ({ one, ended } = upload(server, content, { chunkSize: 500_000, onChunkComplete: (_, accepted) => { if (accepted >= 2_000_000) resolve(); } }));
    });
    await came;
    await one.abort();
    const at = await (server.ask(new URL(one.url).pathname, "ada", { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } }));
    assert.ok(Number(at.headers.get("upload-offset")) >= 2_000_000);
    assert.ok(Date.parse(at.headers.get("upload-expires")) > Date.now());
    one.start();
    await ended;
    await same(server, one, content);
  });

  await t.test("terminated", async () => {
    let one;
    const came = new Promise((resolve) => {
      ({ one } = upload(server, content, { chunkSize: 500_000, onChunkComplete: resolve }));
    });
    await came;
    await one.abort(true);
    const at = await server.ask(new URL(one.url).pathname, "ada", { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } });
    assert.equal(at.status, 404);
  });

  await t.test("refused", async () => {
    const statusOf = async (content, options) => {
      try {
        await upload(server, content, { retryDelays: null, ...options }).ended;
      } catch (error) {
        return error.originalResponse.getStatus();
      }
      return 0;
    };
    assert.equal(await statusOf(content, { headers: {} }), 401);
    assert.equal(await statusOf(picture(10_000_001)), 413);
    assert.equal(await statusOf(Buffer.from("<!DOCTYPE html><script>alert(1)</script>")), 415);
    assert.equal(await statusOf(Buffer.from("#EXTM3U\nhttp://127.0.0.1/\n")), 415); // whatever it is called
  });

  await t.test("goes on when the server is killed", async () => {
    const content = picture(9_000_000);
    for (const options of [{ chunkSize: 300_000 }, {}]) {
      let one, ended;
      const came = new Promise((resolve) => {
        ({ one, ended } = upload(server, content, { ...options, onProgress: (sent) => { if (sent >= 3_000_000) resolve(); } }));
      });
      await came;
      await server.kill();
      await server.start();
      await ended;
      await same(server, one, content);
    }
  });

  await t.test("a message carries it, and takes it along", async () => {
    const { one, ended } = upload(server, content);
    await ended;
    const id = one.url.split("/").at(-1);
    await server.ask("/api/v1/me", "bob");
    assert.equal((await server.ask(`/files/${id}/original`, "bob")).status, 404);
    const sent = await server.ask("/api/v1/users/bob/messages", "ada", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ type: "image", attachments: [id] }),
    });
    assert.equal(sent.status, 201);
    const { id: message } = await sent.json();
    const { messages } = await (await server.ask("/api/v1/users/ada/messages", "bob")).json();
    const carried = messages.find((m) => m.id === message).attachments;
    assert.deepEqual(carried.map((f) => [f.id, f.originalName, f.mimetype, f.size]), [[id, "图.png", "image/png", content.length]]);
    assert.equal((await server.ask(carried[0].url, "bob")).status, 200);
    const { query } = await (await server.ask("/api/v1/files/access", "bob")).json();
    assert.equal((await fetch(`${server.url}${carried[0].url}?${query}`)).status, 200);
    await server.kill(); // what is to be removed is removed by the next one
    await server.start();
    assert.equal((await server.ask(`/api/v1/messages/${message}`, "ada", { method: "DELETE" })).status, 200);
    assert.equal((await server.ask(carried[0].url, "bob")).status, 404);
    assert.equal((await server.ask(carried[0].url, "ada")).status, 404);
    while (existsSync(join(server.folder, "files", id.slice(-2), id))) await new Promise((done) => setTimeout(done, 50)); // its bytes go
  });
});
