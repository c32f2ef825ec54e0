// What is pushed while the chat is closed: one notification for each conversation, the latest, and where a click on it leads.

declare const self: ServiceWorkerGlobalScope;

const clickMessage = "sockeye:notificationclick"; // as PushClient knows it
const changeMessage = "sockeye:pushsubscriptionchange";
const icon = "/icon-192.png";
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
  roomId?: string;
  senderId?: string;
  [field: string]: unknown;
}

/** Has this worker show what is pushed. */
export function showPushes(): void {
  self.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));
  self.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(Promise.all([clicked(event), count()]));
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
  const time = typeof pushed.timestamp === "string" ? Date.parse(pushed.timestamp) : NaN;
  await self.registration.showNotification(text(pushed.title) ?? nameless, {
    body: text(pushed.body) ?? "",
    icon: text(pushed["icon"]) ?? icon,
    ...(text(pushed["badge"]) !== undefined && { badge: text(pushed["badge"]) }),
    ...(text(pushed["image"]) !== undefined && { image: text(pushed["image"]) }),
    ...(tag !== "" && { tag, renotify: isNews }),
    ...(Array.isArray(pushed["actions"]) && { actions: pushed["actions"] }),
    ...(!Number.isNaN(time) && { timestamp: time }),
    requireInteraction: pushed["requireInteraction"] === true,
    data: remembered,
  } as NotificationOptions);
  await count();
}

function isOlder(one: Remembered, other: Remembered): boolean {
  return typeof one.seq === "number" && typeof other.seq === "number" && one.seq < other.seq;
}

/** A push has to show something: what is there already, without a sound. */
async function showAgain({ title, body, icon, tag, data, requireInteraction }: Notification): Promise<void> {
  await self.registration.showNotification(title, { body, icon, tag, data, requireInteraction, silent: true });
}

/** The badge of the installed app: how much is unread in what is shown. Open pages know better, and say so themselves. */
async function count(): Promise<void> {
  const notifications = await self.registration.getNotifications();
  const unread = notifications.reduce((sum, { data }) => sum + ((data as Remembered | undefined)?.unread ?? 0), 0);
  const navigator: { setAppBadge?: (contents: number) => Promise<void> } = self.navigator;
  await navigator.setAppBadge?.(unread).catch(() => {}); // for apps that are installed
}

/** A page that is open goes there; else one is opened. */
async function clicked(event: NotificationEvent): Promise<void> {
  const { action, notification } = event;
  const { title, body, tag } = notification;
  const data = (notification.data ?? {}) as Remembered;
  if (typeof data.url === "string" && (await openOther(data.url))) return;
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const chats = pages.filter(({ url }) => new URL(url).pathname === "/");
  const page = chats.find(({ focused }) => focused) ?? chats.find(({ visibilityState }) => visibilityState === "visible") ?? chats[0];
  if (!page) return void (await self.clients.openWindow(addressOf(data)));
  const { reply } = event as NotificationEvent & { reply?: string };
  page.postMessage({ type: clickMessage, action, ...(reply !== undefined && { reply }), notification: { title, body, tag, data } });
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
function addressOf({ roomId, senderId }: Remembered): string {
  if (roomId) return `/#room:${encodeURIComponent(roomId)}`;
  if (senderId) return `/#direct:${encodeURIComponent(senderId)}`;
  return "/";
}

type SubscriptionChange = ExtendableEvent & { oldSubscription?: PushSubscription | null; newSubscription?: PushSubscription | null };

/** The browser has another subscription from now on. Only pages know whose it is: one that is open tells the server, or the next. */
async function subscribeAgain({ oldSubscription, newSubscription }: SubscriptionChange): Promise<void> {
  const key = oldSubscription?.options.applicationServerKey;
  if (!newSubscription && key) await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  for (const page of await self.clients.matchAll({ type: "window" })) page.postMessage({ type: changeMessage });
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
