import type { Scheduled, SockeyeClient } from "@sockeye/client";
import type { Place } from "./place";

/** What this user has written to be sent later. */
export class ScheduledMessages {
  /** By the time at which they are to be sent. */
  all = $state.raw<readonly Scheduled[]>([]);

  #client: SockeyeClient;
  #loading: Promise<void> | undefined;
  /** Grows with every change, so that an answer which was overtaken by one is not taken for the truth. */
  #changes = 0;

  /** onFailed is called when one could not be sent at its time. */
  constructor(client: SockeyeClient, onFailed: () => void) {
    this.#client = client;
    client.on("scheduled:changed", ({ state }) => {
      if (state === "failed") onFailed();
      void this.load();
    });
  }

  /** How many could not be sent. */
  get failed(): number {
    return this.all.filter(({ state }) => state === "failed").length;
  }

  in({ kind, id }: Place): readonly Scheduled[] {
    return this.all.filter(({ roomId, recipientId }) => (kind === "room" ? roomId : recipientId) === id);
  }

  /** Takes the list from the server, on every connect and with every change. Without an answer it stays as it is. */
  load(): Promise<void> {
    this.#changes++; // A load that is under way starts over.
    const end = (): void => void (this.#loading = undefined);
    return (this.#loading ??= this.#loadUntilCurrent().then(end, end));
  }

  async #loadUntilCurrent(): Promise<void> {
    let scheduled: readonly Scheduled[];
    let before: number;
    do {
      before = this.#changes;
      ({ scheduled } = await this.#client.message.scheduled());
    } while (before !== this.#changes);
    this.all = scheduled;
  }
}

/** Where a message goes. */
export function placeOf({ roomId, recipientId = "" }: Scheduled): Place {
  return roomId !== undefined ? { kind: "room", id: roomId } : { kind: "direct", id: recipientId };
}
