// upload() against the real server, over connections that break, and in a real browser on a page of another origin.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer, request as ask } from "node:http";
import { test } from "node:test";
import { discardUpload, upload } from "../../../web/client/dist/upload.js";
import { atEnd, loopback } from "../harness.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { browse } from "./browser.mjs";

/** A way to the server on which `spoil` says what becomes of a request: "lost" before the server has it, "unanswered" behind it. */
async function wayTo(t, server, spoil) {
  const proxy = createServer((request, response) => {
    const fate = spoil(request.method);
    if (fate === "lost") return request.socket.destroy();
    const onward = ask(new URL(request.url, server.url), { method: request.method, headers: request.headers }, (answer) => {
      if (fate === "unanswered") return answer.resume().on("end", () => request.socket.destroy());
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => request.socket.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, loopback, resolve));
  atEnd(t, () => {
    proxy.closeAllConnections();
    return new Promise((resolve) => proxy.close(resolve));
  });
  return `http://${loopback}:${proxy.address().port}`;
}

/** A text, which is of a type that the server takes, and no other file's. */
const text = (size) => randomBytes(size / 2).toString("hex");

test("upload", async (t) => {
  const server = await Sockeye.start(t, "--upload-max-size", "200000", "--upload-quota", "250000", "--origins", "http://app.example");
  const as = (user, more) => ({ url: server.url, token: server.token(user), pieceSize: 10_000, ...more });
  const read = async (file, user) => {
    const answer = await fetch(new URL(file.url, server.url), { headers: { Authorization: `Bearer ${server.token(user)}` } });
    assert.equal(answer.status, 200);
    return answer.text();
  };

  await t.test("a file arrives whole, with its name, over a connection that breaks on either side of the server", async (t) => {
    const methods = [];
    const url = await wayTo(t, server, (method) => {
      methods.push(method);
      const patches = methods.filter((each) => each === "PATCH").length;
      return method !== "PATCH" ? "" : { 2: "lost", 3: "unanswered", 6: "unanswered" }[patches];
    });
    const content = text(40_000);
    const told = [];
    const file = await upload(new File([content], "Füße 鮭.txt"), as("ada", { url, onProgress: (sent, size) => told.push([sent, size]) }));
    assert.equal(file.originalName, "Füße 鮭.txt");
    assert.equal(file.size, 40_000);
    assert.equal(file.mimetype.split(";")[0], "text/plain");
    assert.equal(await read(file, "ada"), content);
    assert.ok(methods.includes("HEAD"), "it has asked where the upload is");
    assert.deepEqual(told.at(-1), [40_000, 40_000]);
    told.forEach(([sent], i) => assert.ok(i === 0 || sent >= told[i - 1][0], `progress goes back: ${told}`));
  });

  await t.test("what was aborted goes on where it was, and can be discarded", async () => {
    const content = text(40_000);
    const ending = new AbortController();
    let id;
    const options = as("bob", { signal: ending.signal, onCreated: (given) => (id = given) });
    const aborted = upload(new Blob([content]), { ...options, onProgress: (sent) => sent >= 20_000 && ending.abort(new Error("enough")) });
    await assert.rejects(aborted, /enough/);
    const told = [];
    const file = await upload(new Blob([content]), as("bob", { resume: id, onProgress: (sent) => told.push(sent) }));
    assert.equal(file.id, id);
    assert.equal(told[0], 20_000);
    assert.equal(await read(file, "bob"), content);

    const second = new AbortController();
    const left = upload(new Blob([content]), as("bob", { signal: second.signal, onCreated: (given) => ((id = given), second.abort(new Error("no more"))) }));
    await assert.rejects(left, /no more/);
    await discardUpload(id, as("bob"));
    await discardUpload(id, as("bob")); // it is gone, which is well
    const anew = await upload(new Blob([content]), as("bob", { resume: id }));
    assert.notEqual(anew.id, id);
    assert.equal(await read(anew, "bob"), content);
  });

  await t.test("what the server does not take is refused at once, with its words", async () => {
    const refusal = (code) => (error) => {
      assert.equal(error.name, "Refused");
      assert.equal(error.code, code);
      assert.doesNotMatch(error.message, /^HTTP/);
      return true;
    };
    await assert.rejects(upload(new Blob([text(200_002)]), as("cyd")), refusal("file_too_large"));
    await assert.rejects(upload(new Blob(["MZ", new Uint8Array(500)]), as("cyd")), refusal("file_type_not_allowed"));
    await upload(new Blob([text(200_000)]), as("cyd"));
    await assert.rejects(upload(new Blob([text(100_000)]), as("cyd")), refusal("file_quota_exceeded"));
  });

  await t.test("without a connection it gives up", async (t) => {
    let requests = 0;
    const url = await wayTo(t, server, () => (requests++, "lost"));
    await assert.rejects(upload(new Blob(["text"]), as("dan", { url, attempts: 2 })), /fetch failed/);
    assert.equal(requests, 2);
  });

  await t.test("a page of another origin sends what its user has chosen", async (t) => {
    const page = await (await browse(t)).newPage();
    await page.goto("http://app.example/library/");
    const content = text(40_000);
    const { file, told } = await page.evaluate(async ([content, options]) => {
      const { upload } = await import("/library/upload.js");
      const told = [];
      const file = await upload(new File([content], "chosen.txt"), { ...options, onProgress: (sent) => told.push(sent) });
      return { file, told };
    }, [content, as("eve")]);
    assert.equal(file.originalName, "chosen.txt");
    assert.deepEqual(told, [10_000, 20_000, 30_000, 40_000]);
    assert.equal(await read(file, "eve"), content);
  });
});
