import type { ConversationPushSettings, PushSettings, QuietHours } from "@sockeye/client/push";

/** Whether a message is told at a time, of what one wants of all conversations and of its own: the rules of docs/push.md, by which the server goes. */
export function isWanted(own: PushSettings, here: ConversationPushSettings, { isDirect, isMention }: { isDirect: boolean; isMention: boolean }, now: Date): boolean {
  if (isStill(own.mutedUntil, now) || isStill(here.mutedUntil, now) || isQuiet(own.quiet, now)) return false;
  const level = here.level ?? own.level;
  if (level === "nothing") return false;
  return isMention || here.level === "all" || (isDirect && level === "all");
}

/** Whether that time is to come. */
export function isStill(until: string | undefined, now: Date): boolean {
  return until !== undefined && Date.parse(until) > now.getTime();
}

/** Whether it is one of these hours. */
export function isQuiet(quiet: QuietHours | undefined, now: Date): boolean {
  if (!quiet) return false;
  const { from, to, timeZone } = quiet;
  const clock = clockIn(timeZone, now);
  if (clock === undefined) return false;
  return from < to ? from <= clock && clock < to : from <= clock || clock < to;
}

/** Such as 22:00. Undefined where the browser does not know the zone. */
function clockIn(timeZone: string, now: Date): string | undefined {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(now);
  } catch {
    return undefined;
  }
}
