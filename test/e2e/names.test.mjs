// Nobody is shown an id that the server or another application has made: not in any view, not for a moment, not after a
// reload, in neither language.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

const password = "correct horse battery";
const bert = "8f14e45f-ceea-467f-a2d6-9b1d6b1f7a10"; // of another application, which calls its users so

/** What the page says, by what this test calls it. */
const english = {
  create: "Create account", connected: "Connected", rooms: "Browse rooms", people: "Find people", settings: "Settings", jump: /^Jump to/,
  details: "Room details", pins: "Pinned messages", search: "Search messages", close: "Close", react: "React", reply: "Reply", cancelReply: "Cancel reply",
  replies: "1 reply", message: /^Message to/, findPeople: "Find people", invite: "Invite somebody", edit: "Edit room", newRoom: "New room", cancel: "Cancel",
};
const chinese = {
  create: "注册账号", connected: "已连接", rooms: "浏览房间", people: "查找用户", settings: "设置", jump: /^跳转到/,
  details: "房间详情", pins: "置顶消息", search: "搜索消息", close: "关闭", react: "回应", reply: "回复", cancelReply: "取消回复",
  replies: "1 条回复", message: /^发消息给/, findPeople: "查找用户", invite: "邀请成员", edit: "编辑房间", newRoom: "新建房间", cancel: "取消",
};

let server, browser, ada, lin;
const ids = {}; // of users, by their login names
const tokens = {};
let harbour; // the room, whose id the server has made

const ask = (method, path, body, who) => server.ask(method, `/api/v1${path}`, body, tokens[who]);

before(async () => {
  server = await Server.start("--limits", "off");
  browser = await launch();
  await register("ada", "Ada Lovelace");
  await register("lin", "林小雨");
  await register("grace", "Grace Hopper");
  await register("zoe", "Zoe");
  tokens.bert = await server.token(bert, "Bert Brown");
  await meet();
  await talk();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function register(login, username) {
  const { user, token } = await ask("POST", "/accounts", { login, username, password });
  ids[login] = user.userId;
  tokens[login] = token;
}

async function meet() {
  ({ room: { id: harbour } } = await ask("POST", "/rooms", { name: "Harbour", description: "West pier" }, "ada"));
  for (const who of ["lin", "grace", "bert", "zoe"]) await ask("POST", `/rooms/${harbour}/join`, undefined, who);
  await ask("PUT", `/rooms/${harbour}/bans/${ids.zoe}`, undefined, "ada");
  await ask("PUT", `/friend-requests/${ids.lin}`, undefined, "ada");
  await ask("POST", `/friend-requests/${ids.ada}/accept`, undefined, "lin");
  await ask("PUT", `/friend-requests/${ids.ada}`, undefined, "grace");
  await ask("PUT", `/friend-requests/${ids.zoe}`, undefined, "ada");
  await ask("PUT", `/blocks/${bert}`, undefined, "lin");
}

async function talk() {
  const say = async (who, content, more) => (await ask("POST", `/rooms/${harbour}/messages`, { content, ...more }, who)).id;
  const tide = await say("bert", `@lin @${ids.ada} the tide turns at noon.`);
  await say("lin", `你好@ada，@${bert}也来`, { replyTo: tide });
  for (const who of ["grace", "bert", "lin"]) await ask("PUT", `/messages/${tide}/reactions/${encodeURIComponent("🌊")}`, undefined, who);
  await ask("PUT", `/messages/${tide}/pin`, undefined, "ada");
  await ask("POST", `/users/${ids.lin}/messages`, { content: "Between us" }, "ada");
}

/** A person whose page complains on its console of every id that is painted. */
async function arrive(name, says, locale) {
  const person = await Person.arrive(browser, server.url, name, {
    locale,
    mayReport: (text) => /status of (400|404)/.test(text), // nobody has the id that is looked for
    prepare: (context) => context.addInitScript(watch),
  });
  return Object.assign(person, { says });
}

// Runs in the page, before its own scripts.
function watch() {
  const made = /\bu_[a-z0-9]{6,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
  window.idsOnPage = () => {
    const texts = [document.title, document.body?.innerText];
    for (const element of document.querySelectorAll("[title], [aria-label], [placeholder], input, textarea, option")) {
      texts.push(element.title, element.getAttribute("aria-label"), element.placeholder, element.value);
    }
    return texts.flatMap((text) => text?.match(made) ?? []);
  };
  let isDue = false;
  const look = () => {
    isDue = false;
    const [found] = window.idsOnPage();
    if (found) console.error(`an id is shown: ${found}`);
  };
  const changed = () => {
    if (!isDue) requestAnimationFrame(look);
    isDue = true;
  };
  new MutationObserver(changed).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
}

async function signIn(person, login) {
  const { page } = person;
  person.login = login;
  await page.locator("#login").fill(login);
  await page.locator("#password").fill(password);
  await page.locator("form button.primary").first().click();
  await person.is(person.says.connected);
}

/** Goes through all that there is to see. */
async function tour(person, when) {
  const { page, says } = person;
  let views = 0;
  const look = async (what) => {
    assert.deepEqual(await page.evaluate(() => window.idsOnPage()), [], `${what}, ${when}, as ${person.name} sees it`);
    await person.shoot(`names-${person.name}-${when}-${++views}`);
  };
  const inDialog = async (button, what, then = async () => {}) => {
    await page.getByRole("button", { name: button }).first().click();
    await page.getByRole("dialog").waitFor();
    await then(page.getByRole("dialog"));
    await look(what);
    await page.getByRole("dialog").getByRole("button", { name: says.close, exact: true }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  };
  await person.row("Harbour").waitFor();
  await person.row(person.peer).waitFor();
  await page.getByText(`@${person.login}`, { exact: true }).waitFor(); // how others call who is signed in
  await look("the list");
  await inDialog(says.settings, "settings");
  await inDialog(says.people, "people");
  await inDialog(says.people, "people who were found", async (dialog) => {
    await dialog.getByRole("searchbox").fill(person.looksFor);
    await dialog.getByText(person.finds, { exact: true }).first().waitFor();
  });
  await inDialog(says.jump, "where to go", async (dialog) => dialog.getByRole("option").first().waitFor());
  await inDialog(says.rooms, "rooms", async (dialog) => dialog.getByText("Harbour").first().waitFor());
  await person.open("Harbour");
  await person.message("the tide turns at noon.").waitFor();
  await person.message("也来").waitFor();
  await look("a room");
  await panels(person, look);
  await writing(person, look);
  await person.open(person.peer);
  await person.message("Between us").waitFor();
  await look("a direct conversation");
}

async function panels(person, look) {
  const { page, says } = person;
  const panel = page.getByRole("complementary");
  await person.press(says.details);
  await panel.getByText("Bert Brown").waitFor();
  if (person.isAdmin) {
    await panel.getByText("Zoe", { exact: true }).waitFor(); // who is banned
    await panel.getByRole("searchbox", { name: says.invite }).fill("zo");
    await panel.getByRole("listitem").filter({ hasText: "@zoe" }).first().waitFor();
    await look("room details");
    await person.press(says.edit);
    await page.getByRole("dialog").waitFor();
    await look("changing a room");
    await page.getByRole("dialog").getByRole("button", { name: says.close, exact: true }).click();
  }
  await look("members");
  await person.press(says.close);
  await person.press(says.pins);
  await panel.getByText(/the tide turns at noon/).waitFor();
  await look("pins");
  await person.press(says.close);
  await person.press(says.search);
  await panel.getByRole("searchbox").fill("tide");
  await panel.getByText(/the tide turns at noon/).waitFor();
  await look("what was found");
  await person.press(says.close);
  await person.message("the tide turns at noon.").getByRole("button", { name: says.replies }).click();
  await panel.getByText(/也来/).waitFor();
  await look("a thread");
  await person.press(says.close);
}

async function writing(person, look) {
  const { page, says } = person;
  const composer = page.getByRole("main").getByRole("textbox", { name: says.message });
  await person.act("the tide turns at noon.", says.reply);
  await look("a reply that is begun");
  await person.press(says.cancelReply);
  for (const [typed, option, written] of person.mentions) {
    await composer.fill("");
    await composer.pressSequentially(typed);
    await page.getByRole("option", { name: option }).waitFor();
    await look("whom to mention");
    await composer.press("Enter");
    await page.waitForFunction(([label, text]) => document.querySelector("main textarea").value === text, [says.message.source, written]);
    await look("who was picked");
  }
  await composer.fill("");
}

test("Ada, in English, registers nothing and sees no id", async () => {
  ada = await arrive("Ada Lovelace", english, "en-GB");
  Object.assign(ada, {
    peer: "林小雨", isAdmin: true, looksFor: "grace", finds: "Grace Hopper",
    mentions: [["Hello @gra", /Grace/, "Hello @grace "], ["and @bert", /Bert/, "and @Bert Brown "]],
  });
  await signIn(ada, "ada");
  await tour(ada, "first");
});

test("林小雨, in Chinese, is told what is wrong with a password, and sees no id", async () => {
  lin = await arrive("林小雨", chinese, "zh-CN");
  const { page } = lin;
  await lin.press(chinese.create);
  await page.locator("#login").fill("somebody");
  await page.locator("#password").fill("short");
  await page.locator("form button.primary").first().click();
  await page.getByRole("alert").waitFor();
  assert.match(await page.getByRole("alert").innerText(), /^密码太短，至少需要 8 个字节/);
  const go = page.getByRole("button", { name: "进入", exact: true });
  const { width, height } = await go.boundingBox();
  assert.ok(width > height, `进入 is ${width} px wide and ${height} px high`);
  await page.reload();
  Object.assign(lin, {
    peer: "Ada Lovelace", isAdmin: false, looksFor: "小雨", finds: "没有找到叫这个名字的用户。", // who looks for herself
    mentions: [["你好@ad", /Ada/, "你好@ada "], ["大家好@bert", /Bert/, "大家好@Bert Brown "]],
  });
  await signIn(lin, "lin");
  await tour(lin, "first");
});

test("what Ada picks is a mention, under the names of all", async () => {
  await ada.open("Harbour");
  await lin.open("Harbour");
  await ada.composer.pressSequentially("Ask @bert");
  await ada.page.getByRole("option", { name: /Bert/ }).waitFor();
  await ada.composer.press("Enter");
  await ada.composer.pressSequentially("or @li");
  await ada.page.getByRole("option", { name: /林小雨/ }).waitFor();
  await ada.composer.press("Enter");
  await ada.composer.press("Enter");
  for (const person of [ada, lin]) await person.reads("Ask @Bert Brown or @林小雨");
  const { messages } = await ask("GET", `/rooms/${harbour}/messages?limit=1`, undefined, "ada");
  assert.deepEqual([messages[0].content, messages[0].mentions], [`Ask @${bert} or @lin`, [bert, ids.lin]]);
  await ada.message("Ask @Bert Brown").getByText("Read by 林小雨").waitFor();

  // And it is changed under the same names.
  await ada.composer.press("ArrowUp");
  await ada.page.waitForFunction(() => document.querySelector("main textarea").value === "Ask @Bert Brown or @lin");
  await ada.composer.fill("Ask @Bert Brown, or @lin!");
  await ada.composer.press("Enter");
  for (const person of [ada, lin]) await person.reads("Ask @Bert Brown, or @林小雨!");
});

test("somebody is found by the end of a name", async () => {
  await ada.press("Find people");
  await ada.page.getByRole("dialog").getByRole("searchbox").fill("小雨");
  await ada.page.getByRole("dialog").getByText("@lin · Online").waitFor();
  await ada.close();
});

test("after a reload there is no id either, in either language", async () => {
  for (const person of [ada, lin]) {
    await person.open("Harbour");
    await person.page.reload();
    await person.is(person.says.connected);
    await person.isIn("Harbour");
    await person.message("the tide turns at noon.").waitFor();
    if (person === ada) await ada.message("Ask @Bert Brown, or").getByText("Read by 林小雨").waitFor();
    await tour(person, "reloaded");
  }
  for (const person of [ada, lin]) {
    const others = person === ada ? chinese : english;
    await person.press(person.says.settings);
    await person.page.getByRole("dialog").locator("select.choice").selectOption(person === ada ? "zh" : "en");
    Object.assign(person, { says: others });
    if (person === lin) person.finds = "Nobody of that name is here.";
    await person.page.reload();
    await person.is(others.connected);
    await tour(person, "in the other language");
    assert.deepEqual(person.complaints, [], `${person.name}'s console`);
  }
});

test("what is one's own has a colon of the language", async () => {
  // Ada's page is Chinese now.
  await ada.row("林小雨").getByText("你：Between us").waitFor();
});
