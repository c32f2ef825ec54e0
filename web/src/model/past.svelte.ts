import type { PastNotification, PushClient } from "@sockeye/client/push";
import { explain } from "../words/words.svelte";

export type { PastNotification } from "@sockeye/client/push";

/** The notifications that the user had, on whatever device, the newest first. */
export class Past {
  /** As the server has told them last; undefined before. */
  all = $state.raw<readonly PastNotification[] | undefined>();
  /** A sentence on what went wrong last; empty when nothing did. */
  problem = $state("");
  readonly unread = $derived(this.all?.filter(({ readAt }) => readAt === undefined) ?? []);

  readonly #client: PushClient;

  constructor(client: PushClient) {
    this.#client = client;
  }

  load(): Promise<void> {
    return this.#attempt(async () => void (this.all = await this.#client.notifications()));
  }

  /** Has one of them read, or all. */
  read(one?: PastNotification): Promise<void> {
    return this.#attempt(async () => {
      await this.#client.readNotifications(one && [one.id]);
      const readAt = new Date().toISOString();
      this.all = this.all?.map((other) => (one === undefined || other.id === one.id ? { readAt, ...other } : other));
    });
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    this.problem = "";
    try {
      await work();
    } catch (error) {
      this.problem = explain(error);
    }
  }
}

/** What it leads to outside the chat; undefined where that is nothing that a page may have. */
export function addressOf({ notification: { url, data } }: PastNotification): string | undefined {
  const address = typeof url === "string" ? url : data?.["url"];
  if (typeof address !== "string" || !URL.canParse(address, location.origin)) return undefined;
  const { protocol, href } = new URL(address, location.origin);
  return /^https?:$/.test(protocol) ? href : undefined;
}
