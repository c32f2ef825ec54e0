import type { Room, SockeyeClient } from "@sockeye/client";

const atMost = 100; // a page of the server's

/** The rooms that have invited this user, who has not joined them yet. */
export class Invitations {
  /** By their ids. */
  rooms = $state.raw<readonly Room[]>([]);

  #client: SockeyeClient;
  #loading: Promise<void> | undefined;
  /** Grows with every change, so that an answer which was overtaken by one is not taken for the truth. */
  #changes = 0;

  /** `invited` is told of every invitation that comes while the page is open. */
  constructor(client: SockeyeClient, me: string, invited: (room: Room) => void) {
    this.#client = client;
    client.on("room:invited", async ({ roomId, userId }) => {
      if (userId !== me) return;
      await this.load();
      const room = this.rooms.find(({ id }) => id === roomId);
      if (room) invited(room);
    });
    client.on("room:user_banned", ({ roomId, userId }) => userId === me && this.drop(roomId));
  }

  /** Takes the list from the server, on every connect and when an event does not say enough. Without an answer it stays as it is. */
  load(): Promise<void> {
    this.#changes++; // A load that is under way starts over.
    const end = (): void => void (this.#loading = undefined);
    return (this.#loading ??= this.#loadUntilCurrent().then(end, end));
  }

  /** The user is in the room now, or cannot join it any more. */
  drop(roomId: string): void {
    this.#changes++;
    this.rooms = this.rooms.filter(({ id }) => id !== roomId);
  }

  async #loadUntilCurrent(): Promise<void> {
    let rooms: Room[];
    let before: number;
    do {
      before = this.#changes;
      ({ rooms } = await this.#client.room.list({ invited: true, limit: atMost }));
    } while (before !== this.#changes);
    this.rooms = rooms;
  }
}
