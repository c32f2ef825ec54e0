import { Refused } from "./errors.js";
import { Emitter, type Listener } from "./emitter.js";
import { TokenKeeper, type TokenSource } from "./token.js";
import type { Refusal } from "./wire.js";

export { Refused } from "./errors.js";
export type { TokenSource } from "./token.js";

export interface PushOptions {
  /** The server's address; the page's own by default. */
  url?: string;
  /** As that of `SockeyeClient`. */
  token: TokenSource;
  /** The page's service worker, which shows what is pushed; by default the one that is in charge of the page. */
  registration?: ServiceWorkerRegistration;
  /** How long the browser, the push service and the server may take, each, in ms: 20,000. Browsers have no limit of their own. */
  timeout?: number;
}

/** Why this browser cannot be subscribed. */
export type PushFault =
  /** It knows no push, the page is not in a secure context, or iOS has not installed it. */
  | "unsupported"
  /** The user, or the browser on their behalf, does not want to be notified. */
  | "denied"
  /** The service worker or the push service did not answer in time. */
  | "timeout"
  /** The push service does not want to. */
  | "failed";

/** What the server has no part in: see `fault`. */
export class PushError extends Error {
  override readonly name = "PushError";

  constructor(
    readonly fault: PushFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface NotificationAction {
  action: string;
  title: string;
  icon?: string;
}

/** What a notification of this page shows. */
export interface LocalNotification {
  body?: string;
  icon?: string;
  badge?: string;
  image?: string;
  /** A notification with the same tag is replaced. */
  tag?: string;
  /** Buttons. Browsers show two or three, some none; `onClick` says which one was pressed. */
  actions?: NotificationAction[];
  /** It stays until the user has dealt with it. */
  requireInteraction?: boolean;
  silent?: boolean;
  /** What a click on it opens. */
  url?: string;
  /** After how many ms it goes by itself, as long as this page is open. */
  autoClose?: number;
  /** The application's own; an object. */
  data?: Record<string, unknown>;
}

/** A click on a notification, as the service worker tells of it. */
export interface NotificationClick {
  /** That of the button; "" for the notification itself. */
  action: string;
  /** What was written into it, where the browser lets. */
  reply?: string;
  notification: { title: string; body: string; tag: string; data: Record<string, unknown> };
}

/** Of what a user wants to be told: direct messages, mentions and replies; mentions and replies alone; nothing. `all` of a room is all that is said in it. */
export type PushLevel = "all" | "mentions" | "nothing";

/** Hours of every day, by the clock of a time zone of the IANA database. */
export interface QuietHours {
  /** Such as 22:00. */
  from: string;
  to: string;
  /** Such as Europe/Berlin. */
  timeZone: string;
}

/** What a user wants to be told of all conversations, on all devices. */
export interface PushSettings {
  level: PushLevel;
  /** Whether notifications say what was said, and by whom. */
  content: boolean;
  /** Until then nothing is told; RFC 3339. */
  mutedUntil?: string;
  /** In these nothing is told. */
  quiet?: QuietHours;
}

/** What a user wants to be told of one conversation. Without a `level` it is that of all. */
export interface ConversationPushSettings {
  level?: PushLevel;
  /** Until then nothing is told; RFC 3339. */
  mutedUntil?: string;
}

/** Both, as the server has them. */
export interface AllPushSettings {
  settings: PushSettings;
  conversations: (ConversationPushSettings & { conversationId: string })[];
}

/** A notification that the user had, on whatever device. */
export interface PastNotification {
  /** Of the message, or of what the application has told. */
  id: string;
  /** RFC 3339. */
  timestamp: string;
  /** Absent while it is unread. */
  readAt?: string;
  /** Its fields, as devices get them; of the application's own they may be anything. */
  notification: { title?: string; body?: string; tag?: string; data?: Record<string, unknown>; [field: string]: unknown };
}

/** The `type` of the message by which a service worker tells the page of a click: `{type, ...click}`. */
export const clickMessage = "sockeye:notificationclick";

/** What everybody may ask for. */
const keyOfServer = "push/key";

/**
 * Notifications for who is not connected, on this device, by Web Push; and the page's own. Needs a service worker that shows what comes.
 * Nobody is asked before `subscribe` or `requestPermission` is called: browsers want that in a click.
 */
export class PushClient {
  readonly #url: string;
  readonly #tokens: TokenKeeper;
  readonly #timeout: number;
  readonly #given: ServiceWorkerRegistration | undefined;
  readonly #clicks = new Emitter<{ click: NotificationClick }>();

  constructor({ url = globalThis.location?.href, token, registration, timeout = 20_000 }: PushOptions) {
    this.#url = url;
    this.#tokens = new TokenKeeper(token);
    this.#given = registration;
    this.#timeout = timeout;
  }

  /** Whether this browser can be subscribed, as far as it says. */
  get isSupported(): boolean {
    return "PushManager" in globalThis && "Notification" in globalThis && !!globalThis.navigator?.serviceWorker;
  }

  get permission(): NotificationPermission | "unsupported" {
    return this.isSupported ? Notification.permission : "unsupported";
  }

  /** Asks the user, where they have not decided yet. */
  async requestPermission(): Promise<NotificationPermission | "unsupported"> {
    return this.permission === "default" ? Notification.requestPermission() : this.permission;
  }

  /**
   * Has the server notify this device from now on, of whoever is signed in; asks for the permission. Again and again is well: it
   * mends what is wrong with the subscription. Throws PushError, or Refused when the server does not want it (`too_many_subscriptions`).
   */
  async subscribe(): Promise<PushSubscription> {
    await this.#permit();
    const { publicKey } = (await this.#ask("GET", keyOfServer)) as { publicKey: string };
    const { pushManager } = await this.#registration();
    const before = await this.#usable(pushManager, publicKey);
    const subscription = before ?? (await this.#subscribeAt(pushManager, publicKey));
    try {
      await this.#ask("POST", "push/subscribe", subscription.toJSON());
    } catch (error) {
      if (!before) await subscription.unsubscribe().catch(() => false); // it would say that this device is subscribed
      throw error;
    }
    return subscription;
  }

  /** Has the server leave this device alone; false when it did so already. That holds without a network too, from the next push on. */
  async unsubscribe(): Promise<boolean> {
    const subscription = await this.getSubscription();
    if (!subscription) return false;
    // Best effort: what is pushed to an endpoint that is gone makes the server forget it.
    await this.#ask("POST", "push/unsubscribe", { endpoint: subscription.endpoint }).catch(() => {});
    return this.#within(subscription.unsubscribe(), "The browser does not answer");
  }

  /** What the browser is subscribed by; null without. */
  async getSubscription(): Promise<PushSubscription | null> {
    if (!this.isSupported) return null;
    const registration = this.#given ?? (await navigator.serviceWorker.getRegistration());
    return (await registration?.pushManager.getSubscription()) ?? null;
  }

  /** Whether notifications are shown on this device. The server need not know: who else signs in here has to subscribe again. */
  async isSubscribed(): Promise<boolean> {
    return this.permission === "granted" && (await this.getSubscription()) !== null;
  }

  /** What the user wants to be told. Throws Refused. */
  async settings(): Promise<AllPushSettings> {
    return (await this.#ask("GET", "push/settings")) as AllPushSettings;
  }

  /** Sets what the user wants to be told of all conversations, instead of what was set. Throws Refused, which names the field. */
  async saveSettings(settings: PushSettings): Promise<void> {
    await this.#ask("PUT", "push/settings", settings);
  }

  /** Sets what the user wants to be told of a conversation, instead of what was set; nothing has it be as all others. Throws Refused. */
  async saveConversation(conversationId: string, settings: ConversationPushSettings): Promise<void> {
    await this.#ask("PUT", `push/settings/${encodeURIComponent(conversationId)}`, settings);
  }

  /** The last notifications that the user had, the newest first; 100 at most. Throws Refused. */
  async notifications(): Promise<PastNotification[]> {
    return ((await this.#ask("GET", "notifications")) as { notifications: PastNotification[] }).notifications;
  }

  /** Has notifications read, those with these ids or all: devices that show them take them back. Throws Refused. */
  async readNotifications(ids?: readonly string[]): Promise<void> {
    await this.#ask("POST", "notifications/read", ids ? { ids } : {});
  }

  /** Shows a notification of the page's own; asks for the permission. Throws PushError. */
  async notify(title: string, { url, autoClose, data, ...options }: LocalNotification = {}): Promise<void> {
    await this.#permit();
    const registration = await this.#registration();
    const tag = options.tag ?? `local:${Math.random().toString(36).slice(2)}`;
    await registration.showNotification(title, { ...options, tag, data: { ...data, ...(url !== undefined && { url }) } } as NotificationOptions);
    if (autoClose !== undefined) setTimeout(() => void this.close(tag), autoClose);
  }

  /** Takes away what is shown with that tag: a conversation's notifications have its id. */
  async close(tag: string): Promise<void> {
    if (!this.isSupported) return;
    const registration = this.#given ?? (await navigator.serviceWorker.getRegistration());
    for (const notification of (await registration?.getNotifications({ tag })) ?? []) notification.close();
  }

  /** Tells of clicks for which the service worker has chosen this page; what it returns ends that. */
  onClick(listener: Listener<NotificationClick>): () => void {
    const { serviceWorker } = globalThis.navigator ?? {};
    if (!serviceWorker) return () => {};
    const heard = ({ data }: MessageEvent): void => {
      if (data?.type !== clickMessage) return;
      const { type, ...click } = data as NotificationClick & { type: string };
      this.#clicks.emit("click", click);
    };
    const remove = this.#clicks.on("click", listener);
    serviceWorker.addEventListener("message", heard);
    serviceWorker.startMessages(); // what was told before anybody listened
    return () => {
      serviceWorker.removeEventListener("message", heard);
      remove();
    };
  }

  async #permit(): Promise<void> {
    const permission = await this.requestPermission(); // first of all: the click is forgotten soon
    if (permission === "unsupported") throw new PushError("unsupported", "This browser cannot be notified");
    if (permission !== "granted") throw new PushError("denied", "Notifications are not permitted");
  }

  async #registration(): Promise<ServiceWorkerRegistration> {
    return this.#given ?? this.#within(navigator.serviceWorker.ready, "There is no service worker");
  }

  /** The subscription that is there, unless it is of another server's key: such a one brings nothing. */
  async #usable(manager: PushManager, publicKey: string): Promise<PushSubscription | null> {
    const subscription = await manager.getSubscription();
    const key = subscription?.options.applicationServerKey;
    if (!subscription || !key || encode(new Uint8Array(key)) === publicKey) return subscription;
    await subscription.unsubscribe();
    return null;
  }

  async #subscribeAt(manager: PushManager, publicKey: string): Promise<PushSubscription> {
    const subscribing = manager.subscribe({ userVisibleOnly: true, applicationServerKey: decode(publicKey) });
    try {
      return await this.#within(subscribing, "The browser's push service does not answer");
    } catch (error) {
      if (error instanceof PushError) {
        subscribing.then((late) => late.unsubscribe()).catch(() => {}); // nobody waits for it any more
        throw error;
      }
      if (error instanceof DOMException && error.name === "NotAllowedError") throw new PushError("denied", "Notifications are not permitted", { cause: error });
      throw new PushError("failed", error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  async #within<T>(work: Promise<T>, otherwise: string): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new PushError("timeout", otherwise)), this.#timeout);
    });
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  }

  /** Asks the server; with another token when that of now is not good. */
  async #ask(method: "GET" | "POST" | "PUT", what: string, body?: object): Promise<unknown> {
    const send = async (fresh: boolean): Promise<Response> =>
      fetch(new URL(`/api/v1/${what}`, this.#url), {
        method,
        signal: AbortSignal.timeout(this.#timeout),
        headers: {
          ...(body && { "Content-Type": "application/json" }),
          ...(what !== keyOfServer && { Authorization: `Bearer ${await this.#tokens.get(fresh)}` }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
    let response = await send(false);
    if (response.status === 401 && this.#tokens.canRenew) response = await send(true);
    const answer = (await response.json().catch(() => ({}))) as Partial<Refusal> & { detail?: string };
    if (response.ok) return answer;
    const { detail, ...refusal } = answer;
    throw new Refused({ ...refusal, code: refusal.code ?? "", message: detail ?? `HTTP ${response.status}` });
  }
}

/** Of base64url. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

function encode(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
