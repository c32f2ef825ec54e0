// A few people, their rooms, and what they have said: what pictures and figures are made of.

import assert from "node:assert/strict";

/** Fills a server that was started with `--dev`. Returns the token of each of the people, by name. */
export async function setTheScene(base) {
  const ask = async (method, path, body, token) => {
    const response = await fetch(new URL(path, base), {
      method,
      headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
    return response.status === 204 ? {} : response.json();
  };
  const tokens = {};
  for (const name of ["Alice", "Bob", "Chen Lin", "Grace"]) tokens[name] = (await ask("POST", "/api/dev/login", { name })).token;
  const by = (name) => (method, path, body) => ask(method, `/api/v1${path}`, body, tokens[name]);

  await meet(by);
  await talk(by);
  return tokens;
}

/** Who is a member of what, and friends with whom. */
async function meet(by) {
  await by("Alice")("POST", "/rooms", { id: "regatta", name: "Regatta", description: "Saturday, 14:00, west pier" });
  await by("Alice")("POST", "/rooms", { id: "engine-room", name: "Engine room", description: "What runs, and what does not" });
  await by("Grace")("POST", "/rooms", { id: "galley", name: "Galley" });
  for (const name of ["Bob", "Chen Lin", "Grace"]) await by(name)("POST", "/rooms/regatta/join");
  for (const [name, room] of [["Grace", "engine-room"], ["Alice", "galley"]]) await by(name)("POST", `/rooms/${room}/join`);
  for (const name of ["Bob", "Chen Lin"]) {
    await by("Alice")("PUT", `/friend-requests/${idOf(name)}`);
    await by(name)("POST", `/friend-requests/${idOf("Alice")}/accept`);
  }
}

async function talk(by) {
  const say = async (name, content, replyTo) => (await by(name)("POST", "/rooms/regatta/messages", { content, ...(replyTo && { replyTo }) })).id;
  const react = (name, id, emoji) => by(name)("PUT", `/messages/${id}/reactions/${encodeURIComponent(emoji)}`);

  const start = await say("Grace", "The start is at 14:00. Who brings the charts?");
  await say("Bob", "I do. Tides are on https://example.org/tides, high water at 13:20.");
  const wind = await say("Chen Lin", "西风四级，下午转强。 West wind, force 4, rising.");
  for (const name of ["Alice", "Bob", "Grace"]) await react(name, wind, "🌊");
  await say("Alice", "Then we reef early. The watch list:\n```\n13:30  Bob, Chen\n14:30  Grace, Alice\n```");
  await say("Bob", "Coffee is on me.", start);
  const ready = await say("Grace", `Well done. @${idOf("Alice")} bring the spare sail, please.`);
  await react("Alice", ready, "👍");
  await react("Bob", ready, "👍");
  await react("Chen Lin", ready, "🎉");
  await by("Alice")("PUT", `/messages/${start}/pin`);
  await by("Grace")("POST", "/rooms/galley/messages", { content: "Noodles at noon 🍜" });
  await by("Grace")("POST", "/rooms/engine-room/messages", { content: "Oil is changed, she purrs." });
  await by("Bob")("POST", `/users/${idOf("Alice")}/messages`, { content: "Did you get the spare keys?" });
  await by("Chen Lin")("POST", `/users/${idOf("Alice")}/messages`, { content: "码头见！" });
}

/** The id of a demo user. */
export function idOf(name) {
  return `demo-${name.toLowerCase().replaceAll(" ", "-")}`;
}
