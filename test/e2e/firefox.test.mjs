// Notifications from end to end in Firefox: it subscribes at a push service, gets what the server has encrypted, decrypts and shows it,
// and a click opens the conversation. All but the push service is real.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Autopush } from "./autopush.mjs";
import { Firefox } from "./firefox.mjs";
import { Server } from "./server.mjs";

let server, service, firefox, page, ada, bob;

before(async () => {
  server = await Server.start("--push-allow-private", "--chat-dm-policy", "anyone", "--chat-offline-grace", "1ms"); // who closes the chat is offline
  service = await Autopush.start();
  firefox = await Firefox.launch({
    "dom.push.serverURL": service.url,
    "dom.push.connection.enabled": true, // which a browser that is driven turns off
    "dom.push.testing.allowInsecureServerURL": true,
    "dom.push.testing.ignorePermission": true,
    "permissions.default.desktop-notification": 1,
    "alerts.useSystemBackend": false, // there is no desktop
    "intl.accept_languages": "en-GB",
    "network.captive-portal-service.enabled": false,
    "network.connectivity-service.enabled": false,
    "app.normandy.enabled": false,
    "browser.search.update": false,
    "datareporting.policy.dataSubmissionEnabled": false,
  });
  [page] = await firefox.pages();
  ada = await server.ask("POST", "/api/v1/accounts", { login: "ada", password: "correct horse battery", username: "Ada" });
  bob = await server.ask("POST", "/api/v1/accounts", { login: "bob", password: "staple horse battery", username: "Bob" });
});

after(async () => {
  await firefox?.stop();
  await service?.stop();
  await server?.stop();
});

const say = (content) => server.ask("POST", `/api/v1/users/${ada.user.userId}/messages`, { content }, bob.token);

/** The one notification that is shown, once its text is that. */
const shown = (body) =>
  page.until(`a notification “${body}”`, async (body) => {
    const registration = await navigator.serviceWorker.getRegistration("/");
    const all = (await registration.getNotifications()).map(({ title, body, icon, tag, data }) => ({ title, body, icon: new URL(icon).pathname, tag, data }));
    return all.length === 1 && all[0].body === body && all[0];
  }, body);

/** The conversation is open, and ends with that. */
function reads(name, text) {
  const heading = document.querySelector("main h2")?.textContent;
  return heading === name && [...document.querySelectorAll("main [data-testid=message] .content")].at(-1)?.textContent === text;
}

test("who was written to subscribes", async () => {
  await page.go(new URL("/admin", server.url).href);
  await page.evaluate((token, { userId, username, login }) => {
    localStorage.setItem("sockeye:session", JSON.stringify({ token, user: { id: userId, name: username, login }, from: "account" }));
  }, ada.token, ada.user);
  await page.go(server.url);
  await page.until("connected", () => /^Connected$/.test(document.querySelector("[data-testid=connection]")?.textContent.trim()));
  await say("Are you new here?");
  await page.press("Turn on");
  await page.press("Settings");
  await page.until("notifications are on", () => [...document.querySelectorAll("[role=switch]")].some(({ checked, parentElement }) => checked && /^Notifications on/.test(parentElement.textContent.trim())));
  assert.deepEqual((await server.ask("GET", "/api/v1/push/settings", undefined, ada.token)).settings, { level: "all", content: true });
});

test("what is said while the chat is closed is decrypted and shown; the next replaces it", async () => {
  await page.go(new URL("/admin", server.url).href); // which is not for her
  while (!/^sockeye_users_online 0$/m.test(await (await fetch(new URL("/metrics", server.url))).text())) await page.evaluate(() => new Promise(requestAnimationFrame));
  const { conversationId } = await say("Shall we sail? ⛵");
  const first = await shown("Shall we sail? ⛵");
  assert.deepEqual({ title: first.title, icon: first.icon, tag: first.tag }, { title: "Bob", icon: "/icon-192.png", tag: conversationId });
  assert.equal(first.data.unread, 2);
  await say("The wind is good.");
  const second = await shown("The wind is good.");
  assert.equal(second.tag, conversationId);
  assert.equal(second.data.unread, 3);
  assert.equal(service.posted, 2);
});

test("what is read elsewhere goes", async () => {
  const [{ conversationId, lastMessage }] = (await server.ask("GET", "/api/v1/conversations", undefined, ada.token)).conversations;
  await server.ask("PUT", `/api/v1/conversations/${encodeURIComponent(conversationId)}/read`, { seq: lastMessage.seq }, ada.token);
  await page.until("nothing is shown", async () => (await (await navigator.serviceWorker.getRegistration("/")).getNotifications()).length === 0);
});

test("a click opens the conversation", async () => {
  await say("Cast off!");
  await shown("Cast off!");
  await firefox.inBrowser(async () => {
    const alert = () => Services.wm.getMostRecentWindow("alert:alert");
    while (alert()?.document.readyState !== "complete") await new Promise((resolve) => Services.tm.dispatchToMainThread(resolve));
    alert().document.getElementById("alertBox").click();
  });
  let chat;
  while (!chat) chat = (await firefox.pages()).find(({ url }) => new URL(url).pathname === "/");
  await chat.until("the conversation is open", reads, "Bob", "Cast off!");
  await page.until("nothing is shown any more", async () => (await (await navigator.serviceWorker.getRegistration("/")).getNotifications()).length === 0);
});
