// Notifications of the web app: what the server pushes is shown by the service worker while the chat is closed, and leads back to it.
// Chromium reaches no push service here; a stand-in takes what is pushed, and hands it to the browser through its developer tools.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { PushService, subscribeThere } from "./pushservice.mjs";
import { Server } from "./server.mjs";

let server, service, browser, ada, bob, worker, deliver;

before(async () => {
  server = await Server.start("--push-allow-private", "--limits", "off", "--chat-dm-policy", "anyone", "--chat-offline-grace", "1ms"); // who closes the chat is offline
  service = await PushService.start();
  browser = await launch();
  ada = await Person.arrive(browser, server.url, "Ada", {
    permissions: ["notifications"],
    mayReport: (text) => /status of 40[03]/.test(text), // a wrong setting; the administration, where she goes instead
    prepare: (context) => context.addInitScript(subscribeThere, service.subscription),
  });
  bob = await server.ask("POST", "/api/dev/login", { name: "Bob" });
  worker = ada.context.serviceWorkers()[0] ?? (await ada.context.waitForEvent("serviceworker"));
  deliver = await deliveryTo(ada.page);
  await worker.evaluate(countDone);
  await worker.evaluate(() => {
    Object.getPrototypeOf(navigator).setAppBadge = async (count) => void (self.lastBadge = count);
  });
  await ada.signIn();
});

after(async () => {
  await browser?.close();
  await service?.stop();
  await server?.stop();
});

afterEach((context) => {
  if (context.passed) assert.deepEqual(ada.complaints, []);
});

/** What gives the page's service worker a push. */
async function deliveryTo(page) {
  const devtools = await page.context().newCDPSession(page);
  const registered = new Promise((resolve) => {
    devtools.on("ServiceWorker.workerVersionUpdated", ({ versions }) => {
      const active = versions.find(({ status }) => status === "activated");
      if (active) resolve(active.registrationId);
    });
  });
  await devtools.send("ServiceWorker.enable");
  const registrationId = await registered;
  return (data) => untilDone(() => devtools.send("ServiceWorker.deliverPushMessage", { origin: new URL(server.url).origin, registrationId, data }));
}

/** What the badge of the installed app shows. */
const badge = () => worker.evaluate(() => self.lastBadge);

/** Counts pushes and clicks that the worker is done with. Runs there. */
function countDone() {
  self.countOfDone = 0;
  const { waitUntil } = ExtendableEvent.prototype;
  ExtendableEvent.prototype.waitUntil = function (work) {
    if (["push", "notificationclick"].includes(this.type)) Promise.resolve(work).finally(() => self.countOfDone++);
    return waitUntil.call(this, work);
  };
}

/** Has the worker do something, to the end: Chromium loses a notification where somebody asks what is shown while it is about to be. */
async function untilDone(work) {
  const done = () => worker.evaluate(() => self.countOfDone);
  const before = await done();
  const end = Date.now() + patience;
  await work();
  while ((await done()) === before) assert.ok(Date.now() < end, "the worker is not done");
}

/** What is pushed next of what is said; not that something was read, which the page has seen to. */
async function news() {
  for (;;) {
    const pushed = await service.next();
    if (JSON.parse(pushed).type !== "close") return pushed;
  }
}

const session = () => ada.page.evaluate(() => JSON.parse(sessionStorage.getItem("sockeye:session")));
const token = async () => (await session()).token;

const patience = 60_000; // ms: for a slow machine

/** All notifications that are shown, once they are so. */
async function shown(areSo) {
  const end = Date.now() + patience;
  for (;;) {
    const all = await ada.page.evaluate(async () => {
      await new Promise(requestAnimationFrame);
      const registration = await navigator.serviceWorker.getRegistration("/");
      return (await registration.getNotifications()).map(({ title, body, tag, data, icon, requireInteraction, actions }) => ({
        title, body, tag, data, icon: icon && new URL(icon).pathname, requireInteraction, actions: actions.map(({ action, title }) => ({ action, title })),
      }));
    });
    if (areSo(all)) return all;
    assert.ok(Date.now() < end, `shown are ${JSON.stringify(all)}`);
  }
}

const said = (content) => server.ask("POST", `/api/v1/users/${ada.id}/messages`, { content }, bob.token);

/** Goes to a page of the server that is not the chat, and waits until the server knows. */
async function closeTheChat() {
  await ada.page.goto("/admin"); // which is not for her
  while (!/^sockeye_users_online 0$/m.test(await (await fetch(new URL("/metrics", server.url))).text())) await ada.page.evaluate(() => new Promise(requestAnimationFrame));
}

/** A click, on a button or with what was written into one, but for the page's coming to the front: browsers leave that to people. */
const click = (tag, action = "", reply = undefined) =>
  untilDone(() =>
    worker.evaluate(async ([tag, action, reply]) => {
      const [notification] = await self.registration.getNotifications({ tag });
      const event = new NotificationEvent("notificationclick", { notification, action, reply });
      if (event.reply !== reply) Object.defineProperty(event, "reply", { value: reply });
      self.dispatchEvent(event);
    }, [tag, action, reply]),
  );

const conversation = async (token) => (await server.ask("GET", "/api/v1/conversations", undefined, token)).conversations[0];

/** Waits until that is so at the server. */
async function until(what, isSo) {
  const end = Date.now() + patience;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, what);
    await ada.page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

/** The setting of that label. */
const field = (label) => ada.page.getByRole("dialog").getByLabel(label, { exact: true });
const settings = async () => server.ask("GET", "/api/v1/push/settings", undefined, await token());

test("who was written to is asked, not before, and turns notifications on", async () => {
  const { page } = ada;
  ada.id = (await session()).user.id;
  const question = page.getByText("Be notified of messages on this device while Sockeye is closed?");
  assert.equal(await question.count(), 0);
  await said("the first");
  await question.waitFor();
  await ada.audit("the question about notifications");
  await ada.shoot("notifications-question");
  await ada.press("Turn on");
  await question.waitFor({ state: "hidden" });
  await ada.press("Settings");
  await page.getByRole("switch", { name: "Notifications on this device", checked: true }).waitFor();
  await ada.audit("the settings of notifications");
  await ada.shoot("notifications-settings");
  await ada.press("Show a test notification");
  await ada.seesNoMore("One moment…");
  const [{ title, tag }] = await shown((all) => all.length === 1);
  assert.deepEqual({ title, tag }, { title: "Notifications work", tag: "test" });
  await click("test");
  await shown((all) => all.length === 0);
  await ada.close();
});

test("what is said while the chat is closed is one notification, the latest", async () => {
  await closeTheChat();
  await said("Are you there?");
  const first = await news();
  await deliver(first);
  const [one] = await shown((all) => all.length === 1);
  assert.equal(one.title, "Bob");
  assert.equal(one.body, "Are you there?");
  assert.equal(one.icon, "/icon-192.png");
  assert.equal(one.tag, one.data.conversationId);
  assert.equal(one.data.unread, 2);
  await said("Hello?");
  await deliver(await news());
  const [two] = await shown((all) => all.some(({ body }) => body === "Hello?"));
  assert.equal(two.data.unread, 3);
  assert.equal(await badge(), 3);
  await deliver(first); // late
  await deliver(JSON.stringify({ title: "After it", tag: "after" }));
  const all = await shown((all) => all.some(({ tag }) => tag === "after"));
  assert.deepEqual(all.map(({ body }) => body).sort(), ["", "Hello?"]);
  await click("after");
});

test("a click opens the conversation in the page that is there", async () => {
  await ada.page.goto("/");
  await ada.is("Connected");
  const [{ tag }] = await shown((all) => all.length === 1);
  assert.equal(await ada.page.getByRole("heading", { name: "Bob", level: 2 }).count(), 0);
  await click(tag);
  await ada.isIn("Bob");
  await ada.reads("the first", "Are you there?", "Hello?");
  await shown((all) => all.length === 0);
});

test("what is read is shown no more", async () => {
  await closeTheChat();
  await said("Still there?");
  await deliver(await news());
  await shown((all) => all.length === 1);
  await ada.page.goto(`/#direct:${encodeURIComponent(bob.user.id)}`); // where a click leads while no page is open
  await ada.isIn("Bob");
  await shown((all) => all.length === 0);
  assert.equal(new URL(ada.page.url()).hash, "");
});

test("a reply is sent without opening the chat, and marks what was said as read", async () => {
  await closeTheChat();
  await said("Coming?");
  await deliver(await news());
  const [{ tag, actions }] = await shown((all) => all.length === 1);
  assert.deepEqual(actions, [{ action: "reply", title: "Reply" }, { action: "read", title: "Mark as read" }]);
  await click(tag, "reply", " On my way. ");
  await until("the reply is there", async () => (await conversation(bob.token)).lastMessage.content === "On my way.");
  await until("all is read", async () => (await conversation(await token())).unread === 0);
  await shown((all) => all.length === 0);
});

test("what is marked as read on a notification is read", async () => {
  await said("Bring a rope.");
  await deliver(await news());
  const [{ tag }] = await shown((all) => all.length === 1);
  await click(tag, "read");
  await until("all is read", async () => (await conversation(await token())).unread === 0);
  await shown((all) => all.length === 0);
});

test("a reply that the server does not take is not lost: the click has it in the composer", async () => {
  await said("And the map?");
  await deliver(await news());
  const [{ tag }] = await shown((all) => all.length === 1);
  await worker.evaluate(() => {
    self.others = self.fetch;
    self.fetch = async () => Response.error(); // there is no network
  });
  await click(tag, "reply", "It is in the boat & dry.");
  const [{ title, body, data }] = await shown((all) => all.some(({ body }) => body.startsWith("Not sent")));
  assert.deepEqual([title, body], ["Bob", "Not sent. Open the chat to send it: It is in the boat & dry."]);
  await click(tag, "read"); // nor can it be marked
  await shown((all) => all.length === 1);
  await worker.evaluate(() => void (self.fetch = self.others));
  await ada.page.goto(`/#direct:${encodeURIComponent(data.senderId)}&${encodeURIComponent(data.draft)}`); // where a click leads while no page is open
  await ada.isIn("Bob");
  assert.equal(await ada.composer.inputValue(), "It is in the boat & dry.");
  await ada.begin("");
  await shown((all) => all.length === 0);
});

test("a notification that says neither what nor who leads to the conversation, and is replied to", async () => {
  await closeTheChat();
  await server.ask("PUT", "/api/v1/push/settings", { content: false }, await token());
  await said("a secret");
  await deliver(await news());
  const [{ title, body, tag, data }] = await shown((all) => all.length === 1);
  assert.deepEqual([title, body, data.senderId], ["New message", "", undefined]);
  await click(tag, "reply", "I keep it.");
  await until("the reply is there", async () => (await conversation(bob.token)).lastMessage.content === "I keep it.");
  await ada.page.goto("/");
  await ada.is("Connected");
  await ada.row("Bob").waitFor();
  await deliver(JSON.stringify({ title, tag, data }));
  await shown((all) => all.length === 1);
  await click(tag);
  await ada.isIn("Bob");
  await server.ask("PUT", "/api/v1/push/settings", {}, await token());
});

test("what was read elsewhere is taken away; what is newer stays", async () => {
  await closeTheChat();
  await deliver(JSON.stringify({ title: "Bob", body: "five", tag: "dm", unread: 1, data: { type: "message", conversationId: "dm", seq: 5 } }));
  await deliver(JSON.stringify({ type: "close", tag: "dm", data: { conversationId: "dm", seq: 4 } }));
  await deliver(JSON.stringify({ title: "After it", tag: "after" }));
  assert.equal((await shown((all) => all.some(({ tag }) => tag === "after"))).length, 2);
  await deliver(JSON.stringify({ type: "close", tag: "dm", data: { conversationId: "dm", seq: 5 } }));
  await shown((all) => all.length === 1 && all[0].tag === "after");
  await deliver(JSON.stringify({ type: "close", tag: "after" }));
  await shown((all) => all.length === 0);
});

test("the application's own has its fields; what nobody can read is shown nevertheless", async () => {
  await deliver(JSON.stringify({ title: "Order 7", body: "Take it?", tag: "order", requireInteraction: true, actions: [{ action: "yes", title: "Yes" }], data: { order: 7 } }));
  const [order] = await shown((all) => all.length === 1);
  assert.deepEqual(order, {
    title: "Order 7", body: "Take it?", tag: "order", data: { order: 7 }, icon: "/icon-192.png", requireInteraction: true, actions: [{ action: "yes", title: "Yes" }],
  });
  await deliver("{nonsense");
  await shown((all) => all.length === 2 && all.some(({ title }) => title === "Sockeye"));
});

test("what one wants to be told is set, and holds for all devices", async () => {
  const { page } = ada;
  await page.goto("/");
  await ada.is("Connected");
  await ada.press("Settings");
  await field("Notify me of").selectOption("Mentions and replies");
  await field("Mute").selectOption("For an hour");
  await page.getByRole("option", { name: /^Until (?!another|tomorrow|Monday)/, selected: true }).waitFor({ state: "attached" });
  await page.getByRole("switch", { name: "Quiet hours" }).check();
  await field("To").fill("06:30");
  await field("Time zone").selectOption("Asia/Shanghai");
  await page.getByRole("switch", { name: "Show what was said, and by whom" }).uncheck();
  const wanted = { level: "mentions", content: false, quiet: { from: "22:00", to: "06:30", timeZone: "Asia/Shanghai" } };
  await until("all of it is set", async () => {
    const { mutedUntil, ...rest } = (await settings()).settings;
    return JSON.stringify(rest.quiet) === JSON.stringify(wanted.quiet) && !rest.content && Date.parse(mutedUntil) > Date.now() + 50 * 60_000;
  });
  await ada.audit("what one wants to be told");
  await ada.shoot("notifications-wishes");
  await field("To").fill("22:00");
  await ada.sees("Quiet hours cannot end when they begin.");
  await field("To").fill("06:30");
  await ada.seesNoMore("Quiet hours cannot end when they begin.");
  await field("Mute").selectOption("Not muted");
  await page.getByRole("switch", { name: "Quiet hours" }).uncheck();
  await page.getByRole("switch", { name: "Show what was said, and by whom" }).check();
  await field("Notify me of").selectOption("Direct messages, mentions and replies");
  await until("nothing is set any more", async () => JSON.stringify((await settings()).settings) === '{"level":"all","content":true}');
  await ada.close();
});

test("what one wants to be told of a conversation is set there", async () => {
  const { page } = ada;
  await ada.open("Bob");
  await page.getByRole("main").getByRole("button", { name: "More about Bob" }).click();
  await ada.press("Notifications");
  await page.getByRole("dialog", { name: "Notifications from Bob" }).waitFor();
  await ada.audit("what one wants to be told of a conversation");
  await ada.shoot("notifications-conversation");
  await field("Notify me of").selectOption("Nothing");
  await until("it is set", async () => (await settings()).conversations[0]?.level === "nothing");
  await ada.close();
  await ada.row("Bob").getByText("Muted").waitFor({ state: "attached" });
  await ada.createRoom("Harbour", { id: "harbour" });
  await ada.press("Room details");
  const panel = page.getByRole("region", { name: "Notifications" });
  await panel.getByRole("option", { name: "As usual: Mentions and replies", selected: true }).waitFor({ state: "attached" });
  await panel.getByLabel("Notify me of").selectOption("All messages");
  await until("it is set too", async () => (await settings()).conversations.some(({ level }) => level === "all"));
  await ada.audit("what one wants to be told of a room");
  await ada.close();
});

test("a page that is hidden says so, and that it is not any more", async () => {
  const { page } = ada;
  const says = (visible) =>
    new Promise((resolve) => {
      const hear = ({ payload }) => {
        const frame = JSON.parse(payload);
        if (frame.type === "client:visible" && frame.visible === visible) resolve();
      };
      page.on("websocket", (socket) => socket.on("framesent", hear));
    });
  const [hides, shows] = [says(false), says(true)];
  await page.goto("/"); // to see its connection
  await ada.is("Connected");
  const turn = (state) =>
    page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  await turn("hidden");
  await hides;
  await turn("visible");
  await shows;
});

test("another subscription of the browser's is told to the server, without a page", async () => {
  const endpoint = `${service.subscription.endpoint}/another`;
  await worker.evaluate((subscription) => {
    const event = new ExtendableEvent("pushsubscriptionchange");
    event.newSubscription = { toJSON: () => subscription };
    self.dispatchEvent(event);
  }, { ...service.subscription, endpoint });
  await until("it is known", async () => (await server.ask("POST", "/api/push/unsubscribe", { endpoint }, await token())).removed === 1);
});

test("a message elsewhere makes a sound, unless it is muted or sounds are off", async () => {
  const { page } = ada;
  const heard = () => page.evaluate(() => window.heard);
  await page.evaluate(() => {
    window.heard = 0;
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (...when) {
      window.heard++;
      start.apply(this, when);
    };
  });
  const arrives = async (content) => {
    await said(content);
    await ada.row("Bob").getByText(content).waitFor();
  };
  await arrives("not to be heard");
  assert.equal(await heard(), 0);
  await server.ask("PUT", `/api/v1/push/settings/${encodeURIComponent((await settings()).conversations.find(({ level }) => level === "nothing").conversationId)}`, {}, await token());
  await ada.press("Settings"); // where they are read again
  await ada.row("Bob").getByText("Muted").waitFor({ state: "detached" });
  await ada.close();
  await arrives("to be heard");
  assert.equal(await heard(), 2); // tones
  await ada.press("Settings");
  await page.getByRole("switch", { name: "Sound on this device" }).uncheck();
  await ada.close();
  await arrives("never");
  assert.equal(await heard(), 2);
});

test("what one was told is listed, and leads to what it is about", async () => {
  const { page } = ada;
  const key = await server.apiKey("notifications");
  const notification = { title: "Order 7", body: "It is here.", url: "/admin", data: { order: 7 } };
  await server.ask("POST", "/api/v1/server/notifications", { userIds: [ada.id], notification }, key);
  await server.ask("POST", "/api/v1/server/notifications", { userIds: [ada.id], notification: { title: "A trap", url: "javascript:alert(1)" } }, key);
  await until("it is told", async () => (await server.ask("GET", "/api/v1/notifications", undefined, await token())).notifications.filter(({ notification }) => !notification.tag).length === 2);
  await ada.press("Recent notifications");
  const dialog = page.getByRole("dialog", { name: "Recent notifications" });
  const order = dialog.getByRole("link", { name: /^Order 7 unread .* It is here\.$/ });
  assert.equal(await order.getAttribute("href"), new URL("/admin", server.url).href);
  await dialog.getByRole("button", { name: /^A trap/ }).click(); // it leads nowhere, and is read
  await dialog.getByRole("button", { name: /^A trap unread/ }).waitFor({ state: "hidden" });
  await ada.audit("the list of notifications");
  await ada.shoot("notifications-list");
  await dialog.getByRole("button", { name: "Mark all as read" }).click();
  await dialog.getByRole("link", { name: /^Order 7 (?!unread)/ }).waitFor();
  await until("all are read", async () => (await server.ask("GET", "/api/v1/notifications", undefined, await token())).notifications.every(({ readAt }) => readAt));
  await dialog.getByRole("button", { name: /^Bob/ }).first().click();
  await ada.isIn("Bob");
  await dialog.waitFor({ state: "hidden" });
});

test("the app can be installed", async () => {
  const devtools = await ada.page.context().newCDPSession(ada.page);
  const { url, errors, data } = await devtools.send("Page.getAppManifest");
  assert.equal(new URL(url).pathname, "/manifest.webmanifest");
  assert.deepEqual(errors, []);
  const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito"), []); // as the tests' profiles are
  const { icons } = JSON.parse(data);
  const sizes = await ada.page.evaluate(
    (icons) =>
      Promise.all(
        icons.filter(({ type }) => type === "image/png").map(async ({ src, sizes, purpose }) => {
          const { width, height } = await createImageBitmap(await (await fetch(src)).blob());
          return `${width}x${height}` === sizes && (purpose ?? "any");
        }),
      ),
    icons,
  );
  assert.deepEqual(sizes, ["any", "any", "maskable"]);
  assert.equal((await fetch(new URL("/apple-touch-icon.png", server.url))).headers.get("Content-Type"), "image/png");
});

test("who turns them off is subscribed no more, lends the worker nothing, and leaves nothing to who comes next", async () => {
  await deliver(JSON.stringify({ title: "Left over", tag: "left over" }));
  await shown((all) => all.some(({ title }) => title === "Left over"));
  await ada.press("Settings");
  await ada.page.getByRole("switch", { name: "Notifications on this device" }).click();
  await ada.page.getByRole("switch", { name: "Notifications on this device", checked: false }).waitFor();
  const answer = await server.ask("POST", "/api/push/unsubscribe", undefined, await token());
  assert.deepEqual(answer, { removed: 0 });
  await shown((all) => all.length === 0);
  await until("the token is gone", () =>
    ada.page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const request = indexedDB.open("sockeye-owner");
          request.onerror = reject;
          request.onsuccess = () => {
            const count = request.result.transaction("owner").objectStore("owner").count();
            count.onsuccess = () => (request.result.close(), resolve(count.result === 0));
          };
        }),
    ),
  );
});
