import type { Refusal } from "@sockeye/client";
import { w } from "./filesinsight";
import { fileSize } from "./size";
import { explainRefusal } from "./words.svelte";

/** Why the server does not take a file; without a refusal the browser could not read or send it. */
export function explainFile(refusal: Refusal | undefined): string {
  if (!refusal) return w().unreadable;
  const { code, limit } = refusal;
  if (code === "file_too_large" && limit !== undefined) return w().tooLarge(fileSize(limit));
  return w().refusals[code] ?? explainRefusal(refusal);
}
