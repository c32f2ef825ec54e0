// What a notification of a message can be answered by without opening the chat: a reply, and that it is read.

import { currentOwner, type Owner } from "./owner";

declare const self: ServiceWorkerGlobalScope;

const longest = 20_000; // ms for an answer of the server

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
  en: { reply: "Reply", placeholder: "Reply…", read: "Mark as read", unsent: "Not sent. Open the chat to send it:" },
  zh: { reply: "回复", placeholder: "回复……", read: "标为已读", unsent: "未能发送，打开聊天即可发送：" },
};

/** The words of the page that has turned notifications on, or else of the browser. */
export async function words(): Promise<(typeof wordsOf)["en"]> {
  const { language = self.navigator.language } = (await currentOwner()) ?? {};
  return language.startsWith("zh") ? wordsOf.zh : wordsOf.en;
}

/** The buttons of a message's notification. A browser that takes no text opens the chat instead. */
export async function actionsFor({ type, roomId, senderId, seq, conversationId }: Told): Promise<Action[]> {
  if (type !== "message" || conversationId === undefined || seq === undefined) return [];
  const { reply, placeholder, read } = await words();
  const replying: Action[] = roomId || senderId ? [{ action: "reply", title: reply, type: "text", placeholder }] : [];
  return [...replying, { action: "read", title: read }];
}

/** Says something in the conversation, which is read by that. False, when the server did not take it or could not be asked. */
export async function reply({ roomId, senderId, ...told }: Told, content: string): Promise<boolean> {
  const owner = await currentOwner();
  const place = roomId ? `rooms/${encodeURIComponent(roomId)}` : senderId ? `users/${encodeURIComponent(senderId)}` : undefined;
  if (!owner || place === undefined) return false;
  const isSaid = await ask(owner, "POST", `${place}/messages`, { content, clientMsgId: crypto.randomUUID() });
  if (isSaid) await markRead(told);
  return isSaid;
}

/** Marks the conversation as read, up to what the notification was of. False likewise. */
export async function markRead({ conversationId, seq }: Told): Promise<boolean> {
  const owner = await currentOwner();
  if (!owner || conversationId === undefined || seq === undefined) return false;
  return ask(owner, "PUT", `conversations/${encodeURIComponent(conversationId)}/read`, { seq });
}

/** Has the server know another subscription of this device. False, when only a page can: there is no token, or it is good no longer. */
export async function subscribe(subscription: PushSubscription): Promise<boolean> {
  const owner = await currentOwner();
  return owner !== undefined && ask(owner, "POST", "push/subscribe", subscription.toJSON());
}

async function ask({ token }: Owner, method: string, path: string, body: object): Promise<boolean> {
  try {
    const response = await fetch(`/api/v1/${path}`, {
      method,
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(longest),
    });
    return response.ok;
  } catch {
    return false;
  }
}
