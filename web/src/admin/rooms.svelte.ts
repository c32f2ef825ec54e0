import { isMade } from "../model/place";
import type { Api, Room } from "./api";

/** Some rooms by their names, where others are known by their ids alone. */
export class RoomNames {
  some = $state.raw<readonly Room[]>([]);
  hasMore = $state(false);

  /** Best effort: without names there are ids. */
  async load(api: Api): Promise<void> {
    try {
      const page = await api.rooms("", "");
      this.some = page.rooms;
      this.hasMore = page.next !== undefined;
    } catch {
      // The next visit of the page tries again.
    }
  }

  /** What a room is called; an id that says nothing to people is cut short. */
  of(roomId: string): string {
    const named = this.some.find((room) => room.roomId === roomId)?.name;
    return named ?? (isMade(roomId) ? `${roomId.slice(0, 6)}…` : roomId);
  }
}
