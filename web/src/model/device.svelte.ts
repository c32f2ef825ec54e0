import { type NotificationClick, PushClient, PushError } from "@sockeye/client/push";
import type { SignedIn } from "../session";
import { browser, forget, load, save } from "../storage";
import { explain, language, t } from "../words/words.svelte";
import type { Place } from "./place";
import { declinedKey } from "./remembered";
import { Past } from "./past.svelte";
import { Sound } from "./sound.svelte";
import { Wishes } from "./wishes.svelte";

/** Whose notifications this browser shows: one user's at a time. */
const ownerKey = "sockeye:push";
const changeMessage = "sockeye:pushsubscriptionchange"; // the service worker's
const ownerMessage = "sockeye:owner"; // to it

const isString = (value: unknown): value is string => typeof value === "string";
const isTrue = (value: unknown): value is true => value === true;

/** A conversation to open, and what the user wanted to say there and could not. */
export type AskedPlace = Place & { draft?: string | undefined };

export type DeviceState = "unsupported" | "denied" | "off" | "on";

/** Notifications on this device, of who is signed in. */
export class Device {
  state = $state<DeviceState>("off");
  /** The browser, its push service or the server is being asked. */
  isBusy = $state(false);
  /** The user is to be asked whether they want to be notified. */
  isSuggested = $state(false);
  /** A sentence on what went wrong last; empty when nothing did. */
  problem = $state("");
  /** What the user wants to be told, on all devices. */
  readonly wishes: Wishes;
  /** What the user was told. */
  readonly past: Past;
  /** Of messages that come while the chat is open. */
  readonly sound = new Sound();

  readonly #userId: string;
  readonly #signedIn: SignedIn;
  readonly #client: PushClient;
  readonly #open: (place: AskedPlace) => void;
  #ends: (() => void)[] = [];
  #hasStopped = false;

  /** `open` shows a conversation. */
  constructor(signedIn: SignedIn, open: (place: AskedPlace) => void) {
    this.#userId = signedIn.user.id;
    this.#signedIn = signedIn;
    this.#client = new PushClient({ token: () => signedIn.token });
    this.wishes = new Wishes(this.#client);
    this.past = new Past(this.#client);
    this.#open = open;
    this.look();
  }

  start(): void {
    const { serviceWorker } = navigator;
    const changed = ({ data }: MessageEvent): void => {
      if (data?.type === changeMessage) this.#mend();
    };
    serviceWorker?.addEventListener("message", changed);
    this.#signedIn.onRenewed = () => this.state === "on" && this.#lend();
    this.#ends = [this.#client.onClick((click) => this.#clicked(click)), () => serviceWorker?.removeEventListener("message", changed)];
    this.#mend(); // what has become of the subscription since the last visit
  }

  stop(): void {
    this.#hasStopped = true;
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  /** How things are with the browser now: its user may have changed them in its own settings. */
  look(): void {
    const { permission } = this.#client;
    if (permission === "unsupported" || permission === "denied") this.state = permission;
    else this.state = permission === "granted" && this.#isOwn ? "on" : "off";
  }

  /** In a click: asks for the permission. */
  async turnOn(): Promise<void> {
    this.isSuggested = false;
    await this.#attempt(async () => {
      await this.#client.subscribe();
      if (this.#hasStopped) return void (await this.#client.unsubscribe()); // the user has signed out meanwhile
      save(browser, ownerKey, this.#userId);
      this.#lend();
    });
  }

  async turnOff(): Promise<void> {
    await this.#attempt(async () => {
      forget(browser, ownerKey);
      this.#tellWorker();
      await this.#client.unsubscribe();
    });
  }

  /** Shows what a notification looks like here. */
  async test(): Promise<void> {
    await this.#attempt(() => this.#client.notify(t().testTitle, { body: t().testBody, icon: "/icon-192.png", tag: "test" }));
  }

  /** There is something to be notified of, from now on: the user is asked, once. */
  suggest(): void {
    if (this.state === "off" && !this.isBusy && !load(browser, declinedKey(this.#userId), isTrue, false)) this.isSuggested = true;
  }

  decline(): void {
    this.isSuggested = false;
    save(browser, declinedKey(this.#userId), true);
  }

  /** What was read is not news any more. */
  close(conversationId: string): void {
    void this.#client.close(conversationId).catch(() => {}); // best effort
  }

  /** The device of somebody who signs out tells nobody what they are written. Before the token is revoked. */
  async leave(): Promise<void> {
    if (!this.#isOwn) return;
    forget(browser, ownerKey);
    this.#tellWorker();
    await this.#client.unsubscribe().catch(() => false);
  }

  get #isOwn(): boolean {
    return load(browser, ownerKey, isString, "") === this.#userId;
  }

  /** Asks nobody: does nothing without the permission. What fails is tried on the next visit. */
  #mend(): void {
    this.look(); // another tab may have turned them off
    if (this.state !== "on") return;
    this.#lend();
    void this.#client.subscribe().catch(() => {});
  }

  /** Lets the service worker answer for this user while no page is open: see worker/owner.ts. */
  #lend(): void {
    if (!this.#isOwn) return; // they were turned off in another tab
    this.#tellWorker({ userId: this.#userId, token: this.#signedIn.token, language: language() });
  }

  /** Without an owner it forgets the one that it has. */
  #tellWorker(owner?: { userId: string; token: string; language: string }): void {
    void navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage({ type: ownerMessage, owner }));
  }

  #clicked({ notification: { data } }: NotificationClick): void {
    const place = placeOf(data);
    if (place && this.#isOwn) this.#open(place);
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    this.problem = "";
    try {
      await work();
    } catch (error) {
      if (!(error instanceof PushError)) this.problem = explain(error);
      else if (error.fault !== "denied" || Notification.permission === "default") this.problem = t().pushFaults[error.fault];
    } finally {
      this.isBusy = false;
      this.look();
    }
  }
}

/** The conversation that a notification is of. */
export function placeOf({ roomId, senderId, draft: unsent }: Record<string, unknown>): AskedPlace | undefined {
  const draft = typeof unsent === "string" ? unsent : undefined;
  if (typeof roomId === "string" && roomId !== "") return { kind: "room", id: roomId, draft };
  return typeof senderId === "string" && senderId !== "" ? { kind: "direct", id: senderId, draft } : undefined;
}

/** The conversation that the page was opened for, by a click on a notification; the address forgets it. */
export function askedPlace(): AskedPlace | undefined {
  const [, kind, id, draft] = /^#(room|direct):([^&]+)(?:&(.*))?$/.exec(location.hash) ?? [];
  if (kind === undefined || id === undefined) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return { kind: kind as Place["kind"], id: decodeURIComponent(id), draft: draft && decodeURIComponent(draft) };
  } catch {
    return undefined;
  }
}
