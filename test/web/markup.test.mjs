// What is found in a message's text.

import assert from "node:assert/strict";
import { test } from "node:test";
import { source } from "./model.mjs";

const { pieces, withMentions } = await source("model/markup.ts");

const people = (ids) => ids?.map((userId) => ({ userId }));
const links = (text) => pieces(text).filter(({ kind }) => kind === "link").map(({ text }) => text);
const kinds = (text, mentions) => pieces(text, people(mentions)).map(({ kind, text }) => `${kind}: ${text}`);

test("links", async (t) => {
  const cases = [
    ["https://example.org", ["https://example.org"]],
    ["http://localhost:3000/a?b=c&d=%20#e", ["http://localhost:3000/a?b=c&d=%20#e"]],
    ["one https://a.example two http://b.example/ three", ["https://a.example", "http://b.example/"]],
    ["https://例え.jp/潮汐", ["https://例え.jp/潮汐"]],
    ["https://zh.wikipedia.org/wiki/潮汐", ["https://zh.wikipedia.org/wiki/潮汐"]],

    // The sentence around it.
    ["Is it https://example.org/tides?", ["https://example.org/tides"]],
    ["https://example.org/a, https://example.org/b; https://example.org/c.", ["https://example.org/a", "https://example.org/b", "https://example.org/c"]],
    ["Look: https://example.org/a!!!", ["https://example.org/a"]],
    ["https://example.org/a...", ["https://example.org/a"]],
    ["https://example.org/v1.2", ["https://example.org/v1.2"]],
    ['"https://example.org/a"', ["https://example.org/a"]],
    ["<https://example.org/a>", ["https://example.org/a"]],

    // Parentheses.
    ["(https://example.org/a)", ["https://example.org/a"]],
    ["(https://example.org/a).", ["https://example.org/a"]],
    ["(see https://example.org/a.)", ["https://example.org/a"]],
    ["https://en.wikipedia.org/wiki/Tide_(sea)", ["https://en.wikipedia.org/wiki/Tide_(sea)"]],
    ["(https://en.wikipedia.org/wiki/Tide_(sea))", ["https://en.wikipedia.org/wiki/Tide_(sea)"]],
    ["((https://example.org/a))", ["https://example.org/a"]],
    ["[https://example.org/a]", ["https://example.org/a"]],
    ["https://example.org/a?b[]=c", ["https://example.org/a?b[]=c"]],
    ["https://example.org/a?b[]", ["https://example.org/a?b[]"]],
    ["https://example.org/a(b", ["https://example.org/a(b"]],

    // Chinese text has no space after an address.
    ["看 https://example.org/tides。", ["https://example.org/tides"]],
    ["看https://example.org/tides，然后走。", ["https://example.org/tides"]],
    ["（https://example.org/tides）", ["https://example.org/tides"]],
    ["（见https://example.org/tides）和其他", ["https://example.org/tides"]],
    ["“https://example.org/tides”", ["https://example.org/tides"]],
    ["「https://example.org/tides」、https://example.org/b", ["https://example.org/tides", "https://example.org/b"]],
    ["是https://example.org/tides吗？", ["https://example.org/tides吗"]], // a path may be Chinese: nobody can tell

    // Nothing to go to, or nowhere that is safe.
    ["https://", []],
    ["https://)", []],
    ["http:// example.org", []],
    ["https://[", []],
    ["javascript:alert(1)", []],
    ["JavaScript://example.org/%0aalert(1)", []],
    ["data:text/html,<script>alert(1)</script>", []],
    ["vbscript:msgbox", []],
    ["file:///etc/passwd", []],
    ["ftp://example.org", []],
    ["xhttps://example.org", []],
    ["www.example.org", []],
  ];
  for (const [text, found] of cases) await t.test(text, () => assert.deepEqual(links(text), found));
});

test("whatever is found in a text, it is all there, in order, and links lead to the web only", () => {
  // Not only for texts that somebody thought of. Markup of code is left out of what is shown, so these have none.
  const parts = ["https://a.example/", "http://", "javascript:", "data:", "@ada", "@", "(", ")", "[", "]", ".", "，", "）", " ", "\n", "é", "😀", "<b>", '"', "潮"];
  let seed = 7;
  const next = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: 1 + next(8) }, () => parts[next(parts.length)]).join("");
    const found = pieces(text, people(["ada"]));
    assert.equal(found.map(({ text }) => text).join(""), text);
    for (const { kind, text } of found) {
      assert.notEqual(text, "");
      if (kind === "link") assert.match(new URL(text).protocol, /^https?:$/);
    }
  }
});

test("a long text takes no time to speak of", () => {
  for (const part of ["https://a.example/(", "https://a.example/)", ")", "].", "`", "```", "@", "@a-", "https://"]) {
    const text = `https://a.example/${part.repeat(10_000 / part.length)}`;
    const begun = performance.now();
    pieces(text, people(["a"]));
    assert.ok(performance.now() - begun < 500, `${part} again and again`);
  }
});

test("code", async (t) => {
  const cases = [
    ["`make tide`", ["code: make tide"]],
    ["Run `a` and `b`.", ["text: Run ", "code: a", "text:  and ", "code: b", "text: ."]],
    ["```\na\n  b\n```", ["block: a\n  b"]],
    ["```sh\nmake\n```", ["block: make"]],
    ["```c++\nint i;\n```", ["block: int i;"]],
    ["```make```", ["block: make"]],
    ["Before\n```\nin\n```\nafter", ["text: Before\n", "block: in", "text: \nafter"]],
    ["```\na\n```\n```\nb\n```", ["block: a", "text: \n", "block: b"]],
    ["```\n`a` https://example.org @ada\n```", ["block: `a` https://example.org @ada"]],
    ["`https://example.org`", ["code: https://example.org"]],
    ["`@ada`", ["code: @ada"]],
    ["`<b>`", ["code: <b>"]],

    // What is not closed is text.
    ["`a", ["text: `a"]],
    ["`a\nb`", ["text: `a\nb`"]],
    ["```sh\nmake", ["text: ```sh\nmake"]],
    ["``", ["text: ``"]],
  ];
  for (const [text, found] of cases) await t.test(text, () => assert.deepEqual(kinds(text, ["ada"]), found));
});

test("mentions are those that the server has found", async (t) => {
  const mentions = ["ada", "ada.l", "demo-bob", "小雨"];
  const cases = [
    ["@ada", ["mention: @ada"]],
    ["Hello @ada!", ["text: Hello ", "mention: @ada", "text: !"]],
    ["@ada.", ["mention: @ada", "text: ."]],
    ["@ada...", ["mention: @ada", "text: ..."]],
    ["@ada.l", ["mention: @ada.l"]],
    ["@ada.l.", ["mention: @ada.l", "text: ."]],
    ["@demo-bob-", ["mention: @demo-bob", "text: -"]],
    ["@ada @demo-bob", ["mention: @ada", "text:  ", "mention: @demo-bob"]],
    ["你好@ada，早", ["text: 你好", "mention: @ada", "text: ，早"]],
    ["你好@ada你好", ["text: 你好", "mention: @ada", "text: 你好"]],
    ["@小雨，@小雨们", ["mention: @小雨", "text: ，", "mention: @小雨", "text: 们"]],
    ["@adam", ["text: @adam"]],
    ["@adaé @ada1 @ada_1", ["text: @adaé @ada1 @ada_1"]],
    ["@grace", ["text: @grace"]],
    ["@", ["text: @"]],
    ["https://example.org/@ada", ["link: https://example.org/@ada"]],
  ];
  for (const [text, found] of cases) await t.test(text, () => assert.deepEqual(kinds(text, mentions), found));
  assert.deepEqual(pieces("@ada", people(["ada"])), [{ kind: "mention", text: "@ada", userId: "ada" }]);
});

test("mentions by a login name", async (t) => {
  const ada = [{ userId: "u_1", login: "Ada.L" }, { userId: "ada", login: undefined }];
  const cases = [
    ["@ada.l!", ["u_1"]],
    ["@ADA.L @u_1 @Ada.L2", ["u_1", "u_1"]],
    ["@ada", ["ada"]],
    ["@Ada", []],
  ];
  for (const [text, found] of cases) {
    const ids = pieces(text, ada).filter(({ kind }) => kind === "mention").map(({ userId }) => userId);
    await t.test(text, () => assert.deepEqual(ids, found));
  }
});

test("a text with names in place of its mentions is otherwise the same", () => {
  const mentions = [{ userId: "u_1", login: "ada" }];
  const text = "`@ada` **@ada**, https://example.org/@ada ```\n@u_1\n``` @u_1";
  assert.equal(withMentions(text, mentions, (id) => `@<${id}>`), "`@ada` **@<u_1>**, https://example.org/@ada ```\n@u_1\n``` @<u_1>");
  assert.equal(withMentions("nobody", mentions, String), "nobody");
});

test("the rest is text, as it is", () => {
  for (const text of ["Hello", " ", "<b>&amp;</b>", "😀", "a\n\nb", "*no* _such_ **marks**"]) assert.deepEqual(pieces(text), [{ kind: "text", text }]);
  assert.deepEqual(pieces(""), []);
});
