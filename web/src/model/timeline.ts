import type { Message, Outgoing } from "@sockeye/client";
import type { Parcel } from "@sockeye/client/files";
import type { Entry, Happening } from "./conversation.svelte";

/** A message that the server has refused for good. */
export interface Failed {
  message: Outgoing;
  code: string;
  reason: string;
}

/** One message as the page shows it: stored, on its way, or refused. */
export interface Line {
  key: string;
  at: Date;
  content: string;
  message?: Message;
  outgoing?: Outgoing;
  failed?: Failed;
  /** It waits for its files to be at the server. */
  parcel?: Parcel;
}

/** Consecutive messages of one sender, close in time. */
export interface Group {
  kind: "group";
  key: string;
  senderId: string;
  senderName: string;
  at: Date;
  lines: Line[];
}

export type TimelineItem =
  | Group
  | { kind: "day"; key: string; at: Date }
  | { kind: "unread"; key: string }
  | { kind: "happening"; key: string; happening: Happening };

/** What is to be laid out. */
export interface Layout {
  entries: readonly Entry[];
  outgoing: readonly Outgoing[];
  failed: readonly Failed[];
  parcels?: readonly Parcel[];
  me: { userId: string; username: string };
  unreadAfter?: number | undefined;
}

const sameBreath = 5 * 60 * 1000; // ms between messages of one group

/** Lays a conversation out from top to bottom; what is not stored comes last. */
export function timeline({ entries, outgoing, failed, parcels = [], me, unreadAfter }: Layout): TimelineItem[] {
  const items: TimelineItem[] = [];
  let day = "";
  let isDivided = unreadAfter === undefined;
  const startDay = (at: Date): void => {
    if (at.toDateString() === day) return;
    day = at.toDateString();
    items.push({ kind: "day", key: `day:${day}:${items.length}`, at });
  };
  const say = (senderId: string, senderName: string, line: Line): void => {
    startDay(line.at);
    const last = items.at(-1);
    const isContinued =
      last?.kind === "group" &&
      last.senderId === senderId &&
      line.at.getTime() - last.lines.at(-1)!.at.getTime() < sameBreath &&
      !line.message?.replyTo;
    if (isContinued) last.lines.push(line);
    else items.push({ kind: "group", key: `group:${line.key}`, senderId, senderName, at: line.at, lines: [line] });
  };

  for (const { id, seq, at: stamp, message, happening } of entries) {
    const at = new Date(stamp);
    if (happening) {
      startDay(at);
      items.push({ kind: "happening", key: id, happening });
      continue;
    }
    if (!isDivided && seq > unreadAfter! && message.senderId !== me.userId) {
      startDay(at);
      items.push({ kind: "unread", key: "unread" });
      isDivided = true;
    }
    say(message.senderId, message.senderUsername, { key: id, at, content: message.content, message });
  }
  for (const item of failed) {
    const { clientMsgId, at, content } = item.message;
    say(me.userId, me.username, { key: clientMsgId, at: new Date(at), content, failed: item });
  }
  for (const item of outgoing) {
    say(me.userId, me.username, { key: item.clientMsgId, at: new Date(item.at), content: item.content, outgoing: item });
  }
  for (const parcel of parcels) {
    say(me.userId, me.username, { key: parcel.clientMsgId, at: new Date(parcel.at), content: parcel.content, parcel });
  }
  return items;
}
