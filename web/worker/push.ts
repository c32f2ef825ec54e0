// What is pushed while the chat is closed: one notification for each conversation, the latest, where a click on it leads, and what it
// is answered by.

import { actionsFor, markRead, placed, reply, subscribe, words } from "./answers";

declare const self: ServiceWorkerGlobalScope;

const clickMessage = "sockeye:notificationclick"; // as PushClient knows it
const changeMessage = "sockeye:pushsubscriptionchange";
const icon = "/icon-192.png";
const badge = "/badge-96.png"; // one colour: systems show its outline
const nameless = "Sockeye";

/** What the server sends: docs/push.md. The application's own may have anything, in any field. */
interface Pushed {
  title?: unknown;
  body?: unknown;
  tag?: unknown;
  unread?: unknown;
  data?: unknown;
  notificationId?: unknown;
  timestamp?: unknown;
  [field: string]: unknown;
}

/** What a shown notification remembers beside the application's own. */
interface Remembered {
  unread?: number;
  seq?: number;
  notificationId?: string;
  url?: string;
  conversationId?: string;
  roomId?: string;
  senderId?: string;
  /** A reply that could not be sent. */
  draft?: string;
  [field: string]: unknown;
}

/** Has this worker show what is pushed. */
export function showPushes(): void {
  self.addEventListener("push", (event) => event.waitUntil(inTurn(() => take(read(event.data)))));
  self.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(clicked(event).finally(count));
  });
  self.addEventListener("notificationclose", (event) => event.waitUntil(count()));
  self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribeAgain(event as SubscriptionChange)));
}

/** Browsers take pushes back from who shows nothing: what cannot be read is shown by its title. */
function read(data: PushMessageData | null): Pushed {
  try {
    const pushed: unknown = data?.json();
    return isRecord(pushed) ? pushed : {};
  } catch {
    return {};
  }
}

let last: Promise<unknown> = Promise.resolve();

/** Does one thing after the other: Chromium loses a notification where somebody asks what is shown while it is about to be. */
function inTurn(work: () => Promise<void>): Promise<void> {
  const turn = last.then(work);
  last = turn.catch(() => {});
  return turn;
}

async function take(pushed: Pushed): Promise<void> {
  return pushed["type"] === "close" ? withdraw(pushed) : show(pushed);
}

/** Takes away what was read elsewhere: not what is newer. */
async function withdraw({ tag, data }: Pushed): Promise<void> {
  const seq = isRecord(data) ? data["seq"] : undefined;
  for (const notification of await self.registration.getNotifications({ tag: text(tag) ?? "" })) {
    const shown = ((notification.data ?? {}) as Remembered).seq;
    if (typeof seq !== "number" || typeof shown !== "number" || shown <= seq) notification.close();
  }
  await count();
}

async function show(pushed: Pushed): Promise<void> {
  const own = isRecord(pushed.data) ? pushed.data : {};
  const remembered: Remembered = {
    ...own,
    ...(typeof pushed.unread === "number" && { unread: pushed.unread }),
    ...(typeof pushed.notificationId === "string" && { notificationId: pushed.notificationId }),
    ...(typeof own["url"] !== "string" && typeof pushed["url"] === "string" && { url: pushed["url"] }),
  };
  const tag = text(pushed.tag) ?? remembered.notificationId ?? "";
  const before = tag === "" ? undefined : (await self.registration.getNotifications({ tag }))[0];
  const shown = (before?.data ?? {}) as Remembered;
  // Push services may deliver twice, and in another order: neither is news.
  if (before && isOlder(remembered, shown)) return showAgain(before);
  const isNews = !before || shown.notificationId === undefined || shown.notificationId !== remembered.notificationId;
  const actions = Array.isArray(pushed["actions"]) ? pushed["actions"] : await actionsFor(remembered);
  const time = typeof pushed.timestamp === "string" ? Date.parse(pushed.timestamp) : NaN;
  await self.registration.showNotification(await titleOf(pushed, remembered), {
    body: text(pushed.body) ?? "",
    icon: text(pushed["icon"]) ?? icon,
    badge: text(pushed["badge"]) ?? badge,
    ...(text(pushed["image"]) !== undefined && { image: text(pushed["image"]) }),
    ...(tag !== "" && { tag, renotify: isNews }),
    ...(actions.length > 0 && { actions }),
    ...(!Number.isNaN(time) && { timestamp: time }),
    requireInteraction: pushed["requireInteraction"] === true,
    data: { ...remembered, ...(shown.draft !== undefined && { draft: shown.draft }) },
  } as NotificationOptions);
  await count();
}

/** That of a message whose user does not want to be told by whom is the server's, in English. */
async function titleOf({ title }: Pushed, { type, roomId, senderId }: Remembered): Promise<string> {
  if (type === "message" && !roomId && !senderId) return (await words()).message;
  return text(title) ?? nameless;
}

function isOlder(one: Remembered, other: Remembered): boolean {
  return typeof one.seq === "number" && typeof other.seq === "number" && one.seq < other.seq;
}

/** A push has to show something: what is there already, without a sound. */
async function showAgain(notification: Notification): Promise<void> {
  const { title, body, icon, tag, data, requireInteraction } = notification;
  const { actions = [] } = notification as Notification & { actions?: readonly object[] };
  await self.registration.showNotification(title, { body, icon, tag, data, requireInteraction, actions, silent: true } as NotificationOptions);
}

/** The badge of the installed app: how much is unread in what is shown. Open pages know better, and say so themselves. */
async function count(): Promise<void> {
  const notifications = await self.registration.getNotifications();
  const unread = notifications.reduce((sum, { data }) => sum + ((data as Remembered | undefined)?.unread ?? 0), 0);
  const navigator: { setAppBadge?: (contents: number) => Promise<void> } = self.navigator;
  await navigator.setAppBadge?.(unread).catch(() => {}); // for apps that are installed
}

/** Answers, or goes there. */
async function clicked(event: NotificationEvent): Promise<void> {
  const { action, notification } = event;
  const { reply: said } = event as NotificationEvent & { reply?: string };
  const data = (notification.data ?? {}) as Remembered;
  if (data["type"] !== "message") return open(event, data);
  const goThere = async (): Promise<void> => open(event, await placed(data));
  if (action === "read") return (await markRead(data)) ? undefined : showAgain(notification); // it is not
  if (action !== "reply" || !said?.trim()) return goThere();
  if (await reply(data, said.trim())) return;
  const { title, icon, tag } = notification;
  const draft = said.trim();
  await self.registration.showNotification(title, { body: `${(await words()).unsent} ${draft}`, icon, tag, data: { ...data, draft } });
}

/** A page that is open goes there; else one is opened. */
async function open(event: NotificationEvent, data: Remembered): Promise<void> {
  const { title, body, tag } = event.notification;
  if (typeof data.url === "string" && (await openOther(data.url))) return;
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const chats = pages.filter(({ url }) => new URL(url).pathname === "/");
  const page = chats.find(({ focused }) => focused) ?? chats.find(({ visibilityState }) => visibilityState === "visible") ?? chats[0];
  if (!page) return void (await self.clients.openWindow(addressOf(data)));
  const { reply } = event as NotificationEvent & { reply?: string };
  page.postMessage({ type: clickMessage, action: event.action, ...(reply !== undefined && { reply }), notification: { title, body, tag, data } });
  await page.focus().catch(() => {}); // browsers let who has really clicked
}

/** Opens an address that the application has named; false where it is none that a page may have. */
async function openOther(url: string): Promise<boolean> {
  const address = addressIn(url);
  if (!address || !/^https?:$/.test(address.protocol)) return false;
  await self.clients.openWindow(address.href);
  return true;
}

function addressIn(text: string): URL | undefined {
  return URL.canParse(text, self.location.origin) ? new URL(text, self.location.origin) : undefined;
}

/** Where the chat shows the conversation: see src/model/device.svelte.ts. */
function addressOf({ roomId, senderId, draft }: Remembered): string {
  const place = roomId ? `room:${encodeURIComponent(roomId)}` : senderId ? `direct:${encodeURIComponent(senderId)}` : undefined;
  if (place === undefined) return "/";
  return `/#${place}${draft === undefined ? "" : `&${encodeURIComponent(draft)}`}`;
}

type SubscriptionChange = ExtendableEvent & { oldSubscription?: PushSubscription | null; newSubscription?: PushSubscription | null };

/** The browser has another subscription from now on, which the server has to know. What the worker cannot say, a page does: one that is open, or the next. */
async function subscribeAgain({ oldSubscription, newSubscription }: SubscriptionChange): Promise<void> {
  const key = oldSubscription?.options.applicationServerKey;
  let subscription = newSubscription ?? (await self.registration.pushManager.getSubscription());
  if (!subscription && key) subscription = await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  if (subscription && (await subscribe(subscription))) return;
  for (const page of await self.clients.matchAll({ type: "window" })) page.postMessage({ type: changeMessage });
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
