import { Refused, type Role } from "@sockeye/client";
import type { Chat } from "./chat.svelte";
import type { Conversation } from "./conversation.svelte";

/** Looks up who is in a room and who runs it; of a large one, whether this user does. Best effort: the server decides what one may do. */
export async function lookUpRoom(chat: Chat, conversation: Conversation): Promise<void> {
  try {
    const { room } = await chat.client.room.get({ roomId: conversation.id });
    chat.learn(room.names);
    conversation.renew(room);
    if (!room.admins) conversation.role = await roleIn(chat, room.id);
  } catch {
    // The next opening tries again.
  }
}

/** Of the admins of a large room there is no list, but only they may see its bans. */
async function roleIn(chat: Chat, roomId: string): Promise<Role> {
  try {
    await chat.client.room.bans({ roomId, limit: 1 });
    return "admin";
  } catch (error) {
    if (error instanceof Refused && error.code === "not_admin") return "member";
    throw error;
  }
}
