/** A part of a message's text. Whatever it is, it is shown as text: nothing in it is ever HTML. */
export type Piece =
  | { kind: "text" | "code" | "block" | "link"; text: string }
  | { kind: "mention"; text: string; userId: string };

// A block of code, code in a line, an address, or a mention.
const special = /```(?:[\w+-]*\n)?([\s\S]+?)```|`([^`\n]+)`|\bhttps?:\/\/[^\s<>"'`]+|@([A-Za-z0-9_.-]+)/gu;

/** Finds code, links to http and https, and the mentions that the server has found. */
export function pieces(content: string, mentions: readonly string[] = []): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  const add = (piece: Piece, from: number, to: number): void => {
    if (from > end) found.push({ kind: "text", text: content.slice(end, from) });
    found.push(piece);
    end = to;
  };
  for (const match of content.matchAll(special)) {
    const { 0: whole, 1: block, 2: code, 3: name, index } = match;
    if (block !== undefined) add({ kind: "block", text: block.replace(/\n$/, "") }, index, index + whole.length);
    else if (code !== undefined) add({ kind: "code", text: code }, index, index + whole.length);
    else if (name !== undefined) {
      const userId = mentioned(name, mentions);
      if (userId !== undefined) add({ kind: "mention", text: `@${userId}`, userId }, index, index + 1 + userId.length);
    } else {
      const text = address(whole);
      if (text !== undefined) add({ kind: "link", text }, index, index + text.length);
    }
  }
  if (end < content.length) found.push({ kind: "text", text: content.slice(end) });
  return found;
}

/** The sentence's end is no part of the name. */
function mentioned(name: string, mentions: readonly string[]): string | undefined {
  return mentions.includes(name) ? name : mentions.find((id) => name.startsWith(id) && /^[.-]+$/.test(name.slice(id.length)));
}

const punctuation = ".,;:!?…，。；：！？";
const closing = ")]）";

/** An address without the punctuation of the sentence that it stands in; undefined when it is none. */
function address(text: string): string | undefined {
  // What closes a bracket belongs to the address when that opens one. Each character is looked at once, whatever was sent.
  const isEnd = /[([（]/.test(text) ? punctuation : punctuation + closing;
  let end = text.length;
  while (end > 0 && isEnd.includes(text[end - 1]!)) end--;
  const link = text.slice(0, end);
  return URL.canParse(link) && new URL(link).hostname !== "" ? link : undefined;
}
