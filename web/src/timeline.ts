import type { Entry } from "./conversation.svelte";
import type { Outgoing } from "./outbox.svelte";
import type { User } from "./session";

/** One message as the page shows it: stored, on its way, or refused. */
export interface Line {
  key: string;
  at: Date;
  content: string;
  outgoing?: Outgoing;
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
  | { kind: "day"; key: string; text: string }
  | { kind: "happened"; key: string; text: string };

const sameBreath = 5 * 60 * 1000; // ms between messages of one group

/** Lays a conversation out from top to bottom; what is not stored yet comes last. */
export function timeline(entries: readonly Entry[], outgoing: readonly Outgoing[], me: User): TimelineItem[] {
  const items: TimelineItem[] = [];
  let day = "";
  const startDay = (at: Date): void => {
    const text = dayName(at);
    if (text === day) return;
    day = text;
    items.push({ kind: "day", key: `day:${at.toDateString()}:${items.length}`, text });
  };
  const say = (senderId: string, senderName: string, line: Line): void => {
    startDay(line.at);
    const last = items.at(-1);
    const isContinued =
      last?.kind === "group" && last.senderId === senderId && line.at.getTime() - last.lines.at(-1)!.at.getTime() < sameBreath;
    if (isContinued) last.lines.push(line);
    else items.push({ kind: "group", key: line.key, senderId, senderName, at: line.at, lines: [line] });
  };

  for (const entry of entries) {
    const at = new Date(entry.at);
    if (entry.kind === "happened") {
      startDay(at);
      items.push({ kind: "happened", key: entry.id, text: entry.text });
    } else {
      const { id, senderId, senderUsername, content } = entry.message;
      say(senderId, senderUsername, { key: id, at, content });
    }
  }
  for (const item of outgoing) {
    say(me.id, me.name, { key: item.clientMsgId, at: new Date(item.at), content: item.content, outgoing: item });
  }
  return items;
}

export function clockTime(at: Date): string {
  return at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}

export function dayName(at: Date): string {
  const today = new Date();
  if (at.toDateString() === today.toDateString()) return "Today";
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (at.toDateString() === yesterday.toDateString()) return "Yesterday";
  return at.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}
