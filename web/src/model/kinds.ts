import type { FileInfo, Message, MessageType } from "@sockeye/client";

/** How a file is shown. */
export type FileKind = "picture" | "video" | "sound" | "document";

/** What the server serves for showing; all else is downloaded. */
const kinds: [FileKind, RegExp][] = [
  ["picture", /^image\/(jpeg|png|gif|webp)$/],
  ["video", /^video\/(mp4|webm)$/],
  ["sound", /^audio\/(mpeg|wav|ogg|mp4|webm|flac|aac)$/],
];

export function kindOf(mimetype: string): FileKind {
  const [type = ""] = mimetype.split(";");
  return kinds.find(([, pattern]) => pattern.test(type))?.[0] ?? "document";
}

/** What a message with these files is. */
export function typeOf(mimetypes: readonly string[]): MessageType {
  const found = new Set(mimetypes.map(kindOf));
  const [kind] = found;
  if (found.size !== 1) return "file";
  return kind === "picture" ? "image" : kind === "video" ? "video" : kind === "sound" ? "audio" : "file";
}

/** A picture in a message, and who has sent it when. */
export interface Pictured {
  file: FileInfo;
  from: string;
  /** RFC 3339. */
  at: string;
}

/** The pictures of messages, in their order. */
export function picturesOf(messages: readonly Message[]): Pictured[] {
  const shown = messages.filter(({ deleted, type }) => !deleted && type !== "voice");
  return shown.flatMap(({ attachments, senderUsername: from, timestamp: at }) =>
    attachments.filter(({ mimetype }) => kindOf(mimetype) === "picture").map((file) => ({ file, from, at })),
  );
}

/** How large a picture is shown, so that it lies within `most`, in px; what is not known has the shape of a photo. */
export function boxOf({ width = 0, height = 0 }: { width?: number; height?: number }, most: { width: number; height: number }): { width: number; ratio: number } {
  if (!(width > 0 && height > 0)) return { width: Math.round((most.height * 4) / 3), ratio: 4 / 3 };
  const ratio = Math.min(Math.max(width / height, 1 / 3), 4); // of a strip, a part is shown
  const shown = Math.min(most.width, most.height * ratio, Math.max(width, 64));
  return { width: Math.round(shown), ratio };
}
