// What a notification of a message can be answered by without opening the chat: a reply, and that it is read.

import { currentOwner, type Owner } from "./owner";

declare const self: ServiceWorkerGlobalScope;

const longest = 20_000; // ms for an answer of the server
const longestForAClick = 700; // ms: browsers let who was clicked open a page for a second

/** What the server says of a message: docs/push.md. */
export interface Told {
  conversationId?: string;
  roomId?: string;
  senderId?: string;
  seq?: number;
  [field: string]: unknown;
}

interface Action {
  action: string;
  title: string;
  type?: "button" | "text";
  placeholder?: string;
}

const wordsOf = {
  en: { message: "New message", reply: "Reply", placeholder: "Reply…", read: "Mark as read", unsent: "Not sent. Open the chat to send it:" },
  zh: { message: "新消息", reply: "回复", placeholder: "回复……", read: "标为已读", unsent: "未能发送，打开聊天即可发送：" },
};

/** The words of the page that has turned notifications on, or else of the browser. */
export async function words(): Promise<(typeof wordsOf)["en"]> {
  const { language = self.navigator.language } = (await currentOwner()) ?? {};
  return language.startsWith("zh") ? wordsOf.zh : wordsOf.en;
}

/** The buttons of a message's notification. A browser that takes no text opens the chat instead. */
export async function actionsFor({ type, seq, conversationId }: Told): Promise<Action[]> {
  if (type !== "message" || conversationId === undefined || seq === undefined) return [];
  const { reply, placeholder, read } = await words();
  return [{ action: "reply", title: reply, type: "text", placeholder }, { action: "read", title: read }];
}

/** With where it was said, which users may not want a notification to say. Best effort. */
export async function placed(told: Told, within = longestForAClick): Promise<Told> {
  const { type, roomId, senderId, conversationId } = told;
  const owner = await currentOwner();
  if (!owner || type !== "message" || roomId || senderId || conversationId === undefined) return told;
  try {
    const response = await ask(owner, "GET", "conversations?limit=100", undefined, within); // the latest come first
    const { conversations } = (await response.json()) as { conversations: { conversationId: string; room?: { id: string }; peer?: { userId: string } }[] };
    const { room, peer } = conversations.find((one) => one.conversationId === conversationId) ?? {};
    return { ...told, ...(room && { roomId: room.id }), ...(peer && { senderId: peer.userId }) };
  } catch {
    return told;
  }
}

/** Says something in the conversation, which is read by that. False, when the server did not take it or could not be asked. */
export async function reply(to: Told, content: string): Promise<boolean> {
  const { roomId, senderId, ...told } = await placed(to, longest);
  const owner = await currentOwner();
  const place = roomId ? `rooms/${encodeURIComponent(roomId)}` : senderId ? `users/${encodeURIComponent(senderId)}` : undefined;
  if (!owner || place === undefined) return false;
  const isSaid = await isDone(owner, "POST", `${place}/messages`, { content, clientMsgId: crypto.randomUUID() });
  if (isSaid) await markRead(told);
  return isSaid;
}

/** Marks the conversation as read, up to what the notification was of. False likewise. */
export async function markRead({ conversationId, seq }: Told): Promise<boolean> {
  const owner = await currentOwner();
  if (!owner || conversationId === undefined || seq === undefined) return false;
  return isDone(owner, "PUT", `conversations/${encodeURIComponent(conversationId)}/read`, { seq });
}

/** Has the server know another subscription of this device. False, when only a page can: there is no token, or it is good no longer. */
export async function subscribe(subscription: PushSubscription): Promise<boolean> {
  const owner = await currentOwner();
  return owner !== undefined && isDone(owner, "POST", "push/subscribe", subscription.toJSON());
}

async function isDone(owner: Owner, method: string, path: string, body: object): Promise<boolean> {
  try {
    return (await ask(owner, method, path, body)).ok;
  } catch {
    return false;
  }
}

function ask({ token }: Owner, method: string, path: string, body?: object, within = longest): Promise<Response> {
  return fetch(`/api/v1/${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(within),
  });
}
