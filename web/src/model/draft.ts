import type { Person } from "./place";

/**
 * Whom the labels in a text that is being written stand for: ids, by the label. Who has a login name needs none, the server
 * knows it.
 */
export type Picks = Map<string, string>;

/** What stands for somebody while a text is written: nobody has to look at an id. */
export function labelFor({ userId, username, login }: Person, picks: Picks): string {
  if (login !== undefined && /^[\w.-]*[A-Za-z0-9]$/.test(login)) return `@${login}`;
  let label = `@${username}`;
  for (let n = 2; (picks.get(label) ?? userId) !== userId; n++) label = `@${username} (${n})`; // somebody else of that name
  picks.set(label, userId);
  return label;
}

/** The text as it is sent: with ids in place of the labels. */
export function spelled(text: string, picks: Picks): string {
  if (picks.size === 0) return text;
  const labels = [...picks.keys()].sort((a, b) => b.length - a.length).map((label) => label.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&"));
  return text.replaceAll(new RegExp(`(?:${labels.join("|")})(?![A-Za-z0-9_])`, "g"), (label) => `@${picks.get(label)}`);
}
