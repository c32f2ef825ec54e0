// How a page stays signed in, and how it signs out.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

const secret = "Under the third stone";

let server, browser, login, account;
let count = 0;

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  login = `grace${++count}`;
  account = await (await ask("POST", "accounts", { login, password: "correct horse battery" })).json();
});

function ask(method, path, body, token) {
  return fetch(new URL(`/api/v1/${path}`, server.url), {
    method,
    headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
    ...(body && { body: JSON.stringify(body) }),
  });
}

const isGood = async (token) => (await ask("GET", "me", undefined, token)).ok;

/** Comes back with a token that is good no longer. `renew` answers who asks for the next one. */
async function comeBack(renew) {
  const { userId, username } = account.user;
  const session = { token: "e30.e30.AAAA", user: { id: userId, name: username }, from: "account" };
  const message = { clientMsgId: "kept", recipientId: "somebody", content: secret, at: "2026-01-01T00:00:00Z", order: 1 };
  const failed = [{ message, code: "not_friends", reason: "" }];
  return Person.arrive(browser, server.url, login, {
    mayReport: (text) => /status of (401|500)/.test(text),
    prepare: async (context) => {
      await context.addInitScript(
        ([session, failed, userId]) => {
          sessionStorage.setItem("sockeye:session", JSON.stringify(session));
          localStorage.setItem(`sockeye:failed:${userId}`, JSON.stringify(failed));
        },
        [session, failed, userId],
      );
      await context.route("**/api/v1/token/refresh", renew);
    },
  });
}

const kept = (person) => person.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));

/** Signs out, and waits for the server's answers to that, which are so many. */
async function signOut(person, whileSigningOut = () => {}, answers = 1) {
  let left = answers;
  const isOver = person.page.waitForResponse((response) => response.url().endsWith("/logout") && --left === 0);
  await person.press("Settings");
  await person.press("Sign out");
  await person.page.getByRole("button", { name: "Create account" }).first().waitFor();
  await whileSigningOut();
  await isOver;
}

test("who cannot renew a token for a moment stays signed in, and signs out of the new one", async () => {
  const problem = { status: 500, contentType: "application/problem+json", body: JSON.stringify({ code: "internal", detail: "Later" }) };
  let asked = 0;
  const grace = await comeBack((route) => route.fulfill(++asked === 1 ? problem : { json: account }));
  await grace.is("Connected");
  assert.equal(asked, 2);
  assert.ok((await kept(grace)).includes(secret));

  await signOut(grace);
  assert.equal(await isGood(account.token), false, "the token that was used is revoked");
  const left = await kept(grace);
  for (const text of [secret, account.token, account.user.userId]) assert.ok(!left.includes(text), `${text} is left in ${left}`);
  assert.deepEqual(grace.complaints, []);
  await grace.context.close();
});

test("a token that comes after signing out is nobody's", async () => {
  let answer;
  const isAsked = new Promise((resolve) => (answer = resolve));
  const grace = await comeBack((route) => answer(() => route.fulfill({ json: account })));
  const renewed = await isAsked;
  await signOut(grace, renewed, 2); // of the old token, and of the late one
  assert.equal(await isGood(account.token), false);
  assert.ok(!(await kept(grace)).includes(account.token));
  assert.deepEqual(grace.complaints, []);
  await grace.context.close();
});

test("an administrator who signs out is signed out of the account", async () => {
  const context = await browser.newContext({ baseURL: server.url, locale: "en-GB" });
  const page = await context.newPage();
  await page.goto("/admin");
  await page.getByLabel("Login name").fill(login);
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "You are no administrator of this server" }).waitFor();
  const { token } = await page.evaluate(() => JSON.parse(sessionStorage.getItem("sockeye:session")));
  assert.ok(await isGood(token));
  const isOver = page.waitForResponse((response) => response.url().endsWith("/logout"));
  await page.getByRole("button", { name: /^Sign in as/ }).click();
  await isOver;
  assert.equal(await isGood(token), false);
  await context.close();
});
