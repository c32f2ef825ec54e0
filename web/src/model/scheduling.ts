import { newClientMsgId, type Scheduled } from "@sockeye/client";
import { fullTime } from "../words/time";
import { t } from "../words/words.svelte";
import type { Chat } from "./chat.svelte";
import { addressee, type Place } from "./place";

// What a user does about messages that are sent later. Each tells false, with a problem to show, when it did not work.

export async function sayLater(chat: Chat, place: Place, text: string, sendAt: Date, replyTo?: string): Promise<boolean> {
  const content = chat.content(text);
  if (content === undefined) return false;
  const draft = { ...addressee(place), content, sendAt: sendAt.toISOString(), clientMsgId: newClientMsgId(), ...(replyTo !== undefined && { replyTo }) };
  return chat.attempt(async () => {
    await chat.client.message.schedule(draft as { roomId: string; content: string; sendAt: string });
    chat.announcement = t().scheduledFor(fullTime(sendAt));
    await chat.scheduled.load();
  });
}

/** Changes what is to be sent later, as far as something is given. */
export async function reschedule(chat: Chat, { id }: Scheduled, text: string | undefined, when: Date | "now" | undefined): Promise<boolean> {
  const content = text === undefined ? undefined : chat.content(text);
  if (text !== undefined && content === undefined) return false;
  const change = { scheduledId: id, ...(content !== undefined && { content }), ...(when === "now" ? { now: true } : when && { sendAt: when.toISOString() }) };
  const isDone = await chat.attempt(async () => void (await chat.client.message.reschedule(change)));
  await chat.scheduled.load(); // It may have been sent meanwhile.
  return isDone;
}

export async function unschedule(chat: Chat, { id }: Scheduled): Promise<boolean> {
  const isDone = await chat.attempt(async () => void (await chat.client.message.unschedule({ scheduledId: id })));
  await chat.scheduled.load();
  return isDone;
}
