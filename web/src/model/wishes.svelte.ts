import type { ConversationPushSettings, PushClient, PushSettings } from "@sockeye/client/push";
import { explain } from "../words/words.svelte";
import { isStill, isWanted } from "./wanted";

export type { PushLevel as Level } from "@sockeye/client/push";

const usual: PushSettings = { level: "all", content: true };

/** What the user wants to be told by notifications: of all conversations, and of single ones. It holds for all devices. */
export class Wishes {
  own = $state.raw<PushSettings>(usual);
  /** They have come from the server. */
  isKnown = $state(false);
  /** A sentence on what went wrong last; empty when nothing did. */
  problem = $state("");

  readonly #client: PushClient;
  /** Changes are made one after the other: each is of all that is set. */
  #changing: Promise<unknown> = Promise.resolve();
  #conversations = $state.raw<ReadonlyMap<string, ConversationPushSettings>>(new Map());

  constructor(client: PushClient) {
    this.#client = client;
  }

  /** Asks for them, once; best effort, as whoever looks at them asks `anew`. */
  async load(anew = false): Promise<void> {
    if (this.isKnown && !anew) return;
    try {
      await this.#read();
      this.problem = "";
    } catch (error) {
      if (anew) this.problem = explain(error);
    }
  }

  /** Those of a conversation. */
  of(conversationId: string): ConversationPushSettings {
    return this.#conversations.get(conversationId) ?? {};
  }

  /** Changes some of those for all conversations; false, with a problem to show, when that did not work. `null` takes away. */
  set(changes: { [Field in keyof PushSettings]?: PushSettings[Field] | null }): Promise<boolean> {
    return this.#attempt(async () => {
      const { level, content, mutedUntil, quiet } = { ...this.own, ...changes };
      const settings = { level: level ?? usual.level, content: content ?? usual.content, ...(mutedUntil && { mutedUntil }), ...(quiet && { quiet }) };
      await this.#client.saveSettings(settings);
      this.own = settings;
    });
  }

  /** Changes some of those of a conversation. */
  setConversation(conversationId: string, changes: { [Field in keyof ConversationPushSettings]?: ConversationPushSettings[Field] | null }): Promise<boolean> {
    return this.#attempt(async () => {
      const { level, mutedUntil } = { ...this.of(conversationId), ...changes };
      const settings = { ...(level && { level }), ...(mutedUntil && { mutedUntil }) };
      await this.#client.saveConversation(conversationId, settings);
      this.#conversations = new Map(this.#conversations).set(conversationId, settings);
    });
  }

  /** Nothing that is said there is told, for now or for good. */
  isSilent(conversationId: string | undefined): boolean {
    const { level, mutedUntil } = this.of(conversationId ?? "");
    return isStill(mutedUntil, new Date()) || level === "nothing";
  }

  /** Whether a message is told now. */
  wants(conversationId: string, isDirect: boolean, isMention: boolean): boolean {
    return isWanted(this.own, this.of(conversationId), { isDirect, isMention }, new Date());
  }

  async #read(): Promise<void> {
    const { settings, conversations } = await this.#client.settings();
    this.own = settings;
    this.#conversations = new Map(conversations.map(({ conversationId, ...wishes }) => [conversationId, wishes]));
    this.isKnown = true;
  }

  async #attempt(work: () => Promise<void>): Promise<boolean> {
    const change = this.#changing.then(work);
    this.#changing = change.catch(() => {});
    this.problem = "";
    try {
      await change;
      return true;
    } catch (error) {
      this.problem = explain(error);
      return false;
    }
  }
}

/** That of the browser's clock. */
export function ownTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Of the IANA database, for people to choose from. */
export function timeZones(): readonly string[] {
  return Intl.supportedValuesOf("timeZone");
}
