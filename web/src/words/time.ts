import { locale, t } from "./words.svelte";

export function clockTime(at: Date): string {
  return at.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
}

export function dayName(at: Date): string {
  const now = new Date();
  if (at.toDateString() === now.toDateString()) return t().today;
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (at.toDateString() === yesterday.toDateString()) return t().yesterday;
  return at.toLocaleDateString(locale(), { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}

/** Short, for a list: the time of today, else the day. */
export function briefTime(at: Date): string {
  if (at.toDateString() === new Date().toDateString()) return clockTime(at);
  return at.toLocaleDateString(locale(), { day: "numeric", month: "short" });
}

/** The day and the time, for something that comes. */
export function dayTime(at: Date): string {
  return at.toLocaleString(locale(), { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

export function fullTime(at: Date): string {
  return at.toLocaleString(locale(), { dateStyle: "full", timeStyle: "short" });
}
