import type { Message } from "@sockeye/client";
import { t } from "../words/words.svelte";
import { kindOf } from "./kinds";

/** What a message carries, in words, for where it is not shown. */
export function carried({ type, attachments = [] }: Partial<Pick<Message, "type" | "attachments">>): string {
  const [first] = attachments;
  if (!first) return "";
  const { files } = t();
  if (type === "voice") return `🎤 ${files.voice}`;
  if (attachments.every(({ mimetype }) => kindOf(mimetype) === "picture")) {
    return `📷 ${attachments.length === 1 ? files.picture : files.pictures(attachments.length)}`;
  }
  return attachments.map(({ originalName }) => `📎 ${originalName}`).join(" ");
}
