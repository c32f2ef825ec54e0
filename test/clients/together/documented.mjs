// The fields of each event, as docs/protocol.md has them. A question mark is for those that may be left out.

import assert from "node:assert/strict";

const message =
  "id conversationId roomId? recipientId? senderId senderUsername content type timestamp seq edited editedAt? deleted? " +
  "reactions replyTo threadId? attachments mentions? pinnedAt? pinnedBy? clientMsgId? names?";
const logged = "conversationId seq timestamp";
const relation = "userId username by timestamp";

const fields = {
  "message:received": message,
  "room:message": message,
  "message:sent": `id recipientId clientMsgId? ${logged}`,
  "message:edited": `message by names? ${logged}`,
  "message:deleted": `messageId deletedBy roomId? names? ${logged}`,
  "message:pinned": `message by names? ${logged}`,
  "message:unpinned": `message by names? ${logged}`,
  "reaction:added": `messageId roomId? userId username emoji ${logged}`,
  "reaction:removed": `messageId roomId? userId username emoji ${logged}`,
  "room:user_joined": `roomId userId username ${logged}`,
  "room:user_left": `roomId userId username reason? by? names? ${logged}`,
  "room:role": `roomId userId username role ${logged}`,
  "room:updated": `room by names? ${logged}`,
  "room:deleted": `roomId deletedBy names? ${logged}`,
  "room:invited": "roomId userId username by names? conversationId timestamp",
  "message:read": "messageId conversationId readBy readAt names?",
  "conversation:read": "conversationId seq",
  "scheduled:changed": "scheduledId roomId? recipientId? state sendAt messageId? timestamp",
  "typing:start": "userId username roomId?",
  "typing:stop": "userId roomId?",
  "friend:requested": relation,
  "friend:cancelled": relation,
  "friend:accepted": relation,
  "friend:declined": relation,
  "friend:removed": relation,
  "user:blocked": relation,
  "user:unblocked": relation,
  "user:online": "userId username",
  "user:offline": "userId",
  presence: "online",
};
const lists = { "room:messages": message, "messages:unread": message, "conversation:heads": "conversationId seq" };

export function check(event, payload) {
  if (lists[event]) {
    assert.ok(Array.isArray(payload), `${event} is no list: ${JSON.stringify(payload)}`);
    for (const each of payload) checkFields(event, lists[event], each);
    return;
  }
  assert.ok(fields[event], `${event} is not documented: ${JSON.stringify(payload)}`);
  checkFields(event, fields[event], payload);
  if (payload.message) checkFields(event, message, payload.message);
}

function checkFields(event, documented, payload) {
  const words = documented.split(" ");
  for (const word of words) {
    assert.ok(word.endsWith("?") || word in payload, `${event} lacks ${word}: ${JSON.stringify(payload)}`);
  }
  for (const [key, value] of Object.entries(payload)) {
    assert.ok(words.includes(key) || words.includes(`${key}?`), `${event} has ${key}, which is not documented`);
    if (["timestamp", "editedAt", "pinnedAt", "readAt"].includes(key)) {
      assert.match(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, `${event}: ${key}`);
    }
  }
}
