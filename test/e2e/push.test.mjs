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
  server = await Server.start("--push-allow-private", "--chat-dm-policy", "anyone", "--chat-offline-grace", "1ms"); // who closes the chat is offline
  service = await PushService.start();
  browser = await launch();
  ada = await Person.arrive(browser, server.url, "Ada", {
    permissions: ["notifications"],
    mayReport: (text) => /status of 403/.test(text), // the administration, where she goes instead
    prepare: (context) => context.addInitScript(subscribeThere, service.subscription),
  });
  bob = await server.ask("POST", "/api/dev/login", { name: "Bob" });
  worker = ada.context.serviceWorkers()[0] ?? (await ada.context.waitForEvent("serviceworker"));
  deliver = await deliveryTo(ada.page);
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
  return (data) => devtools.send("ServiceWorker.deliverPushMessage", { origin: new URL(server.url).origin, registrationId, data });
}

const session = () => ada.page.evaluate(() => JSON.parse(sessionStorage.getItem("sockeye:session")));

const patience = 60_000; // ms: for a slow machine

/** All notifications that are shown, once they are so. */
async function shown(areSo) {
  const end = Date.now() + patience;
  for (;;) {
    const all = await ada.page.evaluate(async () => {
      await new Promise(requestAnimationFrame);
      const registration = await navigator.serviceWorker.getRegistration("/");
      return (await registration.getNotifications()).map(({ title, body, tag, data, icon, requireInteraction, actions }) => ({
        title, body, tag, data, icon: new URL(icon).pathname, requireInteraction, actions: actions.map(({ action, title }) => ({ action, title })),
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

/** A click, but for the page's coming to the front: browsers leave that to people. */
const click = (tag) =>
  worker.evaluate(async (tag) => {
    const [notification] = await self.registration.getNotifications({ tag });
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  }, tag);

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
  const [{ title, tag }] = await shown((all) => all.length === 1);
  assert.deepEqual({ title, tag }, { title: "Notifications work", tag: "test" });
  await click("test");
  await shown((all) => all.length === 0);
  await ada.close();
});

test("what is said while the chat is closed is one notification, the latest", async () => {
  await closeTheChat();
  await said("Are you there?");
  const first = await service.next();
  await deliver(first);
  const [one] = await shown((all) => all.length === 1);
  assert.equal(one.title, "Bob");
  assert.equal(one.body, "Are you there?");
  assert.equal(one.icon, "/icon-192.png");
  assert.equal(one.tag, one.data.conversationId);
  assert.equal(one.data.unread, 2);
  await said("Hello?");
  await deliver(await service.next());
  const [two] = await shown((all) => all.some(({ body }) => body === "Hello?"));
  assert.equal(two.data.unread, 3);
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
  await deliver(await service.next());
  await shown((all) => all.length === 1);
  await ada.page.goto(`/#direct:${encodeURIComponent(bob.user.id)}`); // where a click leads while no page is open
  await ada.isIn("Bob");
  await shown((all) => all.length === 0);
  assert.equal(new URL(ada.page.url()).hash, "");
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

test("who turns them off is subscribed no more", async () => {
  await ada.press("Settings");
  await ada.page.getByRole("switch", { name: "Notifications on this device" }).click();
  await ada.page.getByRole("switch", { name: "Notifications on this device", checked: false }).waitFor();
  const { token } = await session();
  const answer = await server.ask("POST", "/api/push/unsubscribe", undefined, token);
  assert.deepEqual(answer, { removed: 0 });
});
