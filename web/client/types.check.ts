// What the types of the library permit and what they do not. Nobody runs this: `npm run check` compiles it.

import { type Message, Refused, SockeyeClient } from "./src/index.js";
import { PushClient, PushError } from "./src/push.js";

const client = new SockeyeClient({ token: "…" });

client.room.list();
client.room.list({ mine: true });
client.history({ roomId: "hall", limit: 3 }).then(({ messages }) => messages.map((message: Message) => message.seq));
client.send({ roomId: "hall", content: "Hello" });
client.message.send({ recipientId: "ada", content: "Hello", type: "image" }).catch((error) => error instanceof Refused && error.code);
client.typing.start({ roomId: "hall" });
client.on("room:message", (message) => message.content.length);
client.once("state", (state) => state === "online");
client.on("refused", ({ message, error }) => [message.clientMsgId, error.retryAfter]);

// @ts-expect-error: both places
client.send({ roomId: "hall", recipientId: "ada", content: "Hello" });
// @ts-expect-error: no place
client.send({ content: "Hello" });
// @ts-expect-error: required fields
client.message.edit();
// @ts-expect-error: two of those of which one is wanted
client.history({ roomId: "hall", userId: "ada" });
// @ts-expect-error: an event that the client deals with itself
client.on("conversation:head", () => {});
// @ts-expect-error: no such command
client.room.explode({});

const push = new PushClient({ token: async () => "…", timeout: 1000 });
push.subscribe().catch((error) => error instanceof PushError && error.fault === "timeout");
push.notify("Saved", { url: "/", autoClose: 1000, actions: [{ action: "undo", title: "Undo" }] });
push.saveSettings({ level: "mentions", content: false, quiet: { from: "22:00", to: "07:00", timeZone: "Europe/Berlin" } });
push.saveConversation("dm:1", { level: "nothing" });
push.notifications().then(([latest]) => latest?.notification.title);
push.onClick(({ action, notification }) => [action.length, notification.data["conversationId"]]);

// @ts-expect-error: no token
new PushClient({});
// @ts-expect-error: no such level
push.saveConversation("dm:1", { level: "some" });
// @ts-expect-error: a button without a title
push.notify("Saved", { actions: [{ action: "undo" }] });
