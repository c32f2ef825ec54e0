/** A part of a message's text. Whatever it is, it is shown as text: nothing in it is ever HTML. */
export type Piece =
  | { kind: "text" | "code" | "block" | "link"; text: string }
  | { kind: "mention"; text: string; userId: string };

/** Somebody whom a text may name: by the id, or by the login name, whatever its case. */
export interface Mentioned {
  userId: string;
  login?: string | undefined;
}

// A block of code, code in a line, an address, or a mention. Chinese punctuation ends an address: no space does.
const special = /```(?:[\w+-]*\n)?([\s\S]+?)```|`([^`\n]+)`|\bhttps?:\/\/[^\s<>"'`，。；：！？、…（）「」『』【】《》〈〉“”‘’]+|(@)(?=[\p{L}\p{N}_.|:-])/gu;

// Where a name ends: before anything but a letter or digit, unless punctuation comes between; and before scripts without spaces.
const ending = /(?![\p{L}\p{N}_.|:-])|[_.|:-]+(?![\p{L}\p{N}_.|:-])|(?=[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}])/uy;

const ofSentences = new Set(".,;:!?");
const pairs = new Map([[")", "("], ["]", "["]]);

/** Finds code, links to http and https, and the mentions that the server has found. */
export function pieces(content: string, mentions: readonly Mentioned[] = []): Piece[] {
  const all: Piece[] = [];
  let end = 0;
  for (const { piece, from, to } of found(content, mentions)) {
    if (from > end) all.push({ kind: "text", text: content.slice(end, from) });
    all.push(piece);
    end = to;
  }
  if (end < content.length) all.push({ kind: "text", text: content.slice(end) });
  return all;
}

/** The text with something else in place of each mention. */
export function withMentions(content: string, mentions: readonly Mentioned[], label: (userId: string) => string): string {
  let text = "";
  let end = 0;
  for (const { piece, from, to } of found(content, mentions)) {
    if (piece.kind !== "mention") continue;
    text += content.slice(end, from) + label(piece.userId);
    end = to;
  }
  return text + content.slice(end);
}

/** What is no plain text, and where it stands. */
function* found(content: string, mentions: readonly Mentioned[]): Generator<{ piece: Piece; from: number; to: number }> {
  for (const match of content.matchAll(special)) {
    const { 0: whole, 1: block, 2: code, 3: at, index: from } = match;
    const to = from + whole.length;
    if (block !== undefined) yield { piece: { kind: "block", text: block.replace(/\n$/, "") }, from, to };
    else if (code !== undefined) yield { piece: { kind: "code", text: code }, from, to };
    else if (at !== undefined) {
      const named = mentioned(content, to, mentions);
      if (named) yield { piece: { kind: "mention", text: content.slice(from, named.end), userId: named.userId }, from, to: named.end };
    } else {
      const text = address(whole);
      if (text !== undefined) yield { piece: { kind: "link", text }, from, to: from + text.length };
    }
  }
}

/** Who is named there, by the longest of the names. */
function mentioned(content: string, from: number, mentions: readonly Mentioned[]): { userId: string; end: number } | undefined {
  let longest: { userId: string; end: number } | undefined;
  for (const { userId, login } of mentions) {
    const isById = content.startsWith(userId, from);
    const isByLogin = login !== undefined && content.slice(from, from + login.length).toLowerCase() === login.toLowerCase();
    for (const length of [isById ? userId.length : 0, isByLogin ? login.length : 0]) {
      if (length > 0 && from + length > (longest?.end ?? 0) && endsAt(content, from + length)) longest = { userId, end: from + length };
    }
  }
  return longest;
}

function endsAt(content: string, index: number): boolean {
  ending.lastIndex = index;
  return ending.test(content);
}

/** An address without the punctuation of the sentence that it stands in; undefined when it is none. */
function address(text: string): string | undefined {
  const surplus = new Map(Array.from(pairs, ([close, open]) => [close, text.split(close).length - text.split(open).length]));
  let end = text.length;
  for (; end > 0; end--) {
    const last = text[end - 1]!;
    const unopened = surplus.get(last) ?? 0;
    if (unopened > 0) surplus.set(last, unopened - 1);
    else if (!ofSentences.has(last)) break;
  }
  const link = text.slice(0, end);
  return URL.canParse(link) && new URL(link).hostname !== "" ? link : undefined;
}
