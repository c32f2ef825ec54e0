// Files in the web app: dropped, pasted, chosen and recorded, refused, waiting for a network, and shown.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { png, wav } from "./samples.mjs";
import { Server } from "./server.mjs";

const room = "Darkroom";
const isExpected = (text) => /ERR_|WebSocket connection|status of (413|415|507)/.test(text);
const sunset = png(1200, 800, [240, 140, 60]);
const harbour = png(300, 900, [60, 120, 200]);

let server, browser, alice, bob;

before(async () => {
  server = await Server.start("--upload-quota", "9000000");
  browser = await launch("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream");
  alice = await Person.arrive(browser, server.url, "Alice", { mayReport: isExpected, permissions: ["microphone"] });
  bob = await Person.arrive(browser, server.url, "Bob", { mayReport: isExpected, viewport: { width: 390, height: 780 }, hasTouch: true, colorScheme: "dark" });
  for (const person of [alice, bob]) await person.signIn();
  await alice.createRoom(room, { id: "darkroom" });
  await bob.joinRoom(room);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(async (context) => {
  for (const person of [alice, bob]) {
    if (!context.passed) await person.shoot(`failed-files-${person.name}`);
    else assert.deepEqual(person.complaints, [], `${person.name}'s console`);
  }
});

const tray = (person) => person.page.getByRole("list", { name: "Attached files" });
const item = (person, name) => tray(person).getByTestId("waiting-file").filter({ hasText: name });
const pictures = (person) => person.page.getByRole("main").getByTestId("picture");
const picture = (person, name) => person.page.getByRole("main").getByRole("button", { name: `Show ${name}`, exact: true });
const choose = (person, ...files) => person.page.getByRole("main").getByTestId("choose-files").setInputFiles(files);

/** Waits until a picture is there, and returns its size in pixels. */
async function seesPicture(person, name) {
  await picture(person, name).and(person.page.locator("[data-loaded=true]")).waitFor();
  return picture(person, name).locator("img").evaluate(({ naturalWidth, naturalHeight }) => [naturalWidth, naturalHeight]);
}

/** Brings a file onto the page as a drag or the clipboard does. */
async function bring(person, selector, kind, { name, type, content }) {
  await person.page.locator(selector).first().evaluate(
    async (element, [kind, name, type, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type }));
      if (kind === "paste") return void element.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
      for (const event of ["dragover", "drop"]) {
        element.dispatchEvent(new DragEvent(event, { dataTransfer: data, bubbles: true, cancelable: true }));
        if (event === "dragover") await new Promise(requestAnimationFrame);
      }
    },
    [kind, name, type, content.toString("base64")],
  );
}

test("an image that one drops is in the other's flow, in a box that has its size before", async () => {
  await bring(alice, "main [role=log]", "drop", { name: "sunset.png", type: "image/png", content: sunset });
  await item(alice, "sunset.png").getByText("Ready to send").waitFor();
  await alice.audit("a file beside what is written");
  await alice.shoot("files-tray");
  await alice.type("Look at this!");
  await alice.reads("Look at this!");
  assert.deepEqual(await seesPicture(bob, "sunset.png"), [1200, 800]);
  const { width, height } = await picture(bob, "sunset.png").boundingBox();
  assert.ok(Math.abs(width / height - 1.5) < 0.03, `the box is ${width} by ${height}`);
  await bob.isAsWideAsTheScreen();
  await bob.audit("a picture in the flow, on a phone");
  await bob.shoot("files-picture-phone-dark");
  await seesPicture(alice, "sunset.png");
});

test("pasted, and several at once: pictures without a text, a document with its name and size", async () => {
  await bring(alice, "main textarea", "paste", { name: "pasted.png", type: "image/png", content: harbour });
  await item(alice, "pasted.png").getByText("Ready to send").waitFor();
  await choose(
    alice,
    { name: "second.png", mimeType: "image/png", buffer: png(640, 480, [120, 180, 90]) },
    { name: "watch list.txt", mimeType: "text/plain", buffer: Buffer.from("13:30  Bob and Chen\n14:30  Grace and Alice\n") },
  );
  await item(alice, "watch list.txt").getByText("Ready to send").waitFor();
  await item(alice, "second.png").getByText("Ready to send").waitFor();
  await alice.shoot("files-tray-several");
  await alice.press("Send");
  await tray(alice).waitFor({ state: "hidden" });
  for (const name of ["pasted.png", "second.png"]) await seesPicture(bob, name);
  const document = bob.page.getByRole("main").getByRole("link", { name: "Download watch list.txt" });
  assert.match(await document.textContent(), /TXT · 43 bytes/);
  const [download] = await Promise.all([bob.page.waitForEvent("download"), document.click()]);
  assert.equal(download.suggestedFilename(), "watch list.txt");
  assert.equal(await readFile(await download.path(), "utf8"), "13:30  Bob and Chen\n14:30  Grace and Alice\n");
});

test("pictures are shown large, by keys too, and the focus stays with them", async () => {
  const { page } = alice;
  await picture(alice, "sunset.png").click();
  const gallery = page.getByTestId("gallery");
  await gallery.getByText("1 of 3").waitFor();
  await gallery.locator("img.there").waitFor();
  await alice.audit("the gallery");
  await alice.shoot("files-gallery");
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press("Tab");
    const isInside = await page.evaluate(() => document.activeElement === document.body || document.querySelector("[data-testid=gallery]").contains(document.activeElement));
    assert.ok(isInside, "the focus has left the gallery");
  }
  await page.keyboard.press("ArrowRight");
  await gallery.getByText("2 of 3").waitFor();
  await page.keyboard.press("End");
  await gallery.getByText("second.png").waitFor();
  await page.keyboard.press("+");
  assert.match(await gallery.locator("img").evaluate((image) => image.style.transform), /scale\(1\.5\)/);
  await page.keyboard.press("0");
  assert.match(await gallery.locator("img").evaluate((image) => image.style.transform), /scale\(1\)/);
  const [download] = await Promise.all([page.waitForEvent("download"), gallery.getByRole("link", { name: "Download second.png" }).click()]);
  assert.equal(download.suggestedFilename(), "second.png");
  await page.keyboard.press("Escape");
  await gallery.waitFor({ state: "hidden" });
  assert.equal(await picture(alice, "sunset.png").evaluate((button) => button === document.activeElement), true);

  await picture(bob, "second.png").click();
  await bob.page.getByTestId("gallery").locator("img.there").waitFor();
  await bob.isAsWideAsTheScreen();
  await bob.shoot("files-gallery-phone");
  await bob.close();
});

test("what the server does not take says why, before it is sent, and can be removed", async () => {
  await choose(
    alice,
    { name: "setup.exe", mimeType: "application/octet-stream", buffer: Buffer.concat([Buffer.from("MZ"), Buffer.alloc(4000)]) },
    { name: "long.wav", mimeType: "audio/wav", buffer: Buffer.alloc(10_000_001) },
    { name: "fine.png", mimeType: "image/png", buffer: png(64, 64, [200, 60, 60]) },
  );
  await item(alice, "setup.exe").getByText("This server does not take files of this type.").waitFor();
  await item(alice, "long.wav").getByText("Too large: a file can have 10 MB.").waitFor();
  await item(alice, "fine.png").getByText("Ready to send").waitFor();
  await alice.audit("refused files");
  await alice.shoot("files-refused");
  await alice.type("Take this.");
  await alice.sees("Remove what could not be uploaded, or try it again. Then send.");
  assert.equal(await alice.composer.inputValue(), "Take this.");
  for (const name of ["setup.exe", "long.wav"]) await alice.press(`Remove ${name}`);
  await alice.press("Send");
  await alice.reads("Take this.");
  await seesPicture(bob, "fine.png");
});

test("an upload shows how far it has come, and ends when it is cancelled", async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await alice.page.route("**/api/v1/uploads/*", (route) => held.then(() => route.continue()).catch(() => {})); // cancelled meanwhile
  await choose(alice, { name: "slow.txt", mimeType: "text/plain", buffer: Buffer.alloc(400_000, "slow ") });
  await item(alice, "slow.txt").getByRole("progressbar").waitFor();
  await alice.press("Remove slow.txt");
  await tray(alice).waitFor({ state: "hidden" });
  release();
  await alice.page.unroute("**/api/v1/uploads/*");
  await choose(alice, { name: "wide.wav", mimeType: "audio/wav", buffer: wav(60) });
  await item(alice, "wide.wav").getByText("Ready to send").waitFor();
  await choose(alice, { name: "more.wav", mimeType: "audio/wav", buffer: wav(60) });
  await item(alice, "more.wav").getByText("Your files take all the space that you may use.").waitFor();
  await alice.press("Remove more.wav");
  await alice.press("Send");
  await tray(alice).waitFor({ state: "hidden" });
});

test("a sound is played from anywhere: the player asks for the part that it needs", async () => {
  const parts = [];
  bob.page.on("request", (request) => request.headers()["range"] && parts.push(request.headers()["range"]));
  const player = bob.page.getByRole("main").getByLabel("Audio wide.wav");
  await player.scrollIntoViewIfNeeded();
  await player.evaluate(async (audio) => {
    const happened = (event) => new Promise((resolve) => audio.addEventListener(event, resolve, { once: true }));
    if (audio.readyState < 1) await happened("loadedmetadata");
    audio.muted = true;
    const isThere = happened("seeked");
    audio.currentTime = 50;
    await isThere;
    const goesOn = happened("timeupdate");
    await audio.play();
    await goesOn;
    audio.pause();
  });
  assert.ok((await player.evaluate((audio) => audio.currentTime)) >= 50);
  assert.ok(parts.length > 0, "nothing was asked for by its range");
});

/** Presses Play, and returns once it has played, which may be over by then. */
const plays = (group) =>
  group.evaluate(
    (element) =>
      new Promise((resolve) => {
        new MutationObserver(() => element.querySelector("[aria-label=Pause]") && resolve()).observe(element, { subtree: true, childList: true, attributes: true });
        element.querySelector("[aria-label=Play]").click();
      }),
  );

test("a voice message is recorded, listened to, sent and played", async () => {
  await alice.press("Record a voice message");
  const recorder = alice.page.getByTestId("recorder");
  await recorder.and(alice.page.locator("[data-state=recording]")).waitFor();
  await recorder.getByText(/^0:(0[2-9]|[1-5]\d)$/).waitFor();
  await alice.shoot("files-recording");
  await alice.press("Stop recording");
  await recorder.and(alice.page.locator("[data-state=recorded]")).waitFor();
  await alice.audit("a recording");
  await plays(recorder);
  await alice.shoot("files-recorded");
  await alice.press("Discard the recording");
  await recorder.waitFor({ state: "hidden" });

  await alice.press("Record a voice message");
  await recorder.getByText(/^0:(0[2-9]|[1-5]\d)$/).waitFor();
  await alice.press("Stop recording");
  await alice.press("Send the voice message");
  const voice = bob.page.getByRole("main").getByTestId("voice");
  await voice.and(bob.page.locator("[data-drawn=true]")).waitFor();
  const bars = await voice.locator("rect").evaluateAll((all) => all.map((bar) => Number(bar.getAttribute("height"))));
  assert.ok(Math.max(...bars) > 20, `nothing is heard: ${bars}`);
  await plays(voice);
  await voice.getByRole("button", { name: "Play" }).waitFor(); // it has come to its end
  await voice.getByRole("slider", { name: "Position" }).press("End");
  await bob.isAsWideAsTheScreen();
  await bob.audit("a voice message");
  await bob.shoot("files-voice-phone-dark");
});

test("a message with a file that was written without a network survives a reload, and arrives once", async () => {
  await alice.page.evaluate(() => navigator.serviceWorker.ready);
  await alice.context.setOffline(true);
  await alice.is("Offline");
  await choose(alice, { name: "at sea.png", mimeType: "image/png", buffer: png(500, 300, [40, 90, 140]) });
  await item(alice, "at sea.png").getByText("Waits for a connection").waitFor();
  await alice.type("From the sea.");
  await alice.message("From the sea.", "pending").getByText("at sea.png").waitFor();
  await alice.shoot("files-offline");
  await alice.page.reload();
  await alice.is("Offline");
  await alice.message("From the sea.", "pending").getByText("at sea.png").waitFor();
  await alice.audit("a message with a file that waits");
  await alice.context.setOffline(false);
  await alice.is("Connected");
  await alice.reads("From the sea.");
  assert.deepEqual(await seesPicture(bob, "at sea.png"), [500, 300]);
  await alice.page.reload();
  await alice.is("Connected");
  await alice.say("Here I am.");
  for (const person of [alice, bob]) {
    await person.reads("From the sea.", "Here I am.");
    assert.equal((await person.messages()).filter((text) => text === "From the sea.").length, 1, `${person.name} has it once`);
    assert.equal(await picture(person, "at sea.png").count(), 1);
  }
});

test("the files of a room are in a panel", async () => {
  await alice.press("Files");
  const panel = alice.page.getByTestId("files-panel");
  await panel.getByRole("button", { name: "Show sunset.png" }).and(alice.page.locator("[data-loaded=true]")).waitFor();
  await panel.getByRole("link", { name: "Download watch list.txt" }).waitFor();
  assert.equal(await panel.getByTestId("picture").count(), await pictures(alice).count());
  await alice.audit("the files of a room");
  await alice.shoot("files-panel");
  await panel.getByRole("button", { name: "Show sunset.png" }).click();
  await alice.page.getByTestId("gallery").locator("img.there").waitFor();
  await alice.page.keyboard.press("Escape");
  await alice.close();
  await bob.press("Files");
  await bob.page.getByTestId("files-panel").getByTestId("picture").first().waitFor();
  await bob.isAsWideAsTheScreen();
  await bob.shoot("files-panel-phone-dark");
  await bob.close();
});
