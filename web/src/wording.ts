import { clockTime, dayName } from "./timeline";

/** Who types; empty when nobody does. */
export function typingText(names: readonly string[]): string {
  const [first = "", second = ""] = names;
  if (names.length === 0) return "";
  if (names.length === 1) return `${first} is typing…`;
  return names.length === 2 ? `${first} and ${second} are typing…` : "Several people are typing…";
}

/** When somebody was here last, as words to stand under a name. */
export function lastSeenText(at: Date): string {
  const day = dayName(at);
  const isNear = day === "Today" || day === "Yesterday";
  return `Last seen ${isNear ? day.toLowerCase() : `on ${day}`} at ${clockTime(at)}`;
}
