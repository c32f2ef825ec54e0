import type { Ack, Connection, Ending, Receiver, Transport } from "./transport.js";

/** What is used of a WebSocket: the browser's, Node's or that of the package `ws`. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface WebSocketOptions {
  /** Where the server takes plain WebSockets; `/ws`. */
  path?: string;
  /** A constructor to use instead of the global `WebSocket`, such as that of the package `ws` in Node 20. */
  WebSocket?: new (url: string, protocols: string[]) => SocketLike;
}

/**
 * The transport without a library: JSON over a plain WebSocket (sub-protocol `sockeye.v1`). The token travels in the first
 * frame, not in the address. `url` is the server's, such as `https://chat.example`; in a browser the page's own is the default.
 */
export function webSocket(url: string = globalThis.location?.href, options: WebSocketOptions = {}): Transport {
  const address = new URL(options.path ?? "/ws", url);
  address.protocol = address.protocol.replace("http", "ws");
  const Implementation = options.WebSocket ?? globalThis.WebSocket;
  if (!Implementation) throw new TypeError("There is no WebSocket here: hand one in, such as that of the package ws");
  return { open: (token, receiver) => new PlainConnection(new Implementation(address.href, ["sockeye.v1"]), token, receiver) };
}

interface Frame {
  type: string;
  ref?: unknown;
  messageType?: unknown;
  messageRef?: unknown;
  items?: unknown;
  [field: string]: unknown;
}

class PlainConnection implements Connection {
  readonly transport = "websocket";
  id: string | undefined;
  readonly #socket: SocketLike;
  readonly #receiver: Receiver;
  readonly #answers = new Map<unknown, (ack: Ack) => void>();
  #lastRef = 0;

  constructor(socket: SocketLike, token: string, receiver: Receiver) {
    this.#socket = socket;
    this.#receiver = receiver;
    socket.onopen = () => this.#write({ type: "auth", token });
    socket.onmessage = ({ data }: { data: unknown }) => this.#receive(JSON.parse(String(data)) as Frame);
    socket.onclose = ({ code }: { code: number }) => {
      this.#silence();
      receiver.closed(endings[code] ?? "lost");
    };
    socket.onerror = () => {}; // close follows
  }

  send(command: string, payload: object, answer: (ack: Ack) => void): void {
    const { type, ...fields } = payload as { type?: unknown };
    const inner = type === undefined ? {} : { [command.startsWith("room:") && command !== "room:message" ? "roomType" : "messageType"]: type };
    const ref = ++this.#lastRef;
    this.#answers.set(ref, answer);
    this.#write({ ...fields, ...inner, type: command, ref });
  }

  probe(): void {
    this.#write({ type: "ping" });
  }

  close(): void {
    this.#silence();
    this.#socket.close();
  }

  #write(frame: Frame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  #receive({ type, ref, ...fields }: Frame): void {
    this.#receiver.heard();
    const answer = this.#answers.get(ref);
    if (answer) {
      this.#answers.delete(ref);
      answer(fields as unknown as Ack);
    } else if (type === "connection") {
      this.id = fields["clientId"] as string | undefined;
      this.#receiver.opened();
      const { epoch, node } = fields;
      if (typeof epoch === "string") this.#receiver.event("server:epoch", { epoch, node });
    } else if (type !== "pong") {
      this.#receiver.event(type, payloadOf(fields));
    }
  }

  #silence(): void {
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = () => {};
  }
}

/** By close code; what is not listed one comes back from. */
const endings: Record<number, Ending> = { 4401: "unauthorized", 4403: "disconnected" };

/** Undoes what frames do to payloads: an array travels as items, a payload's own type and ref beside the frame's. */
function payloadOf({ items, messageType, messageRef, ...fields }: Omit<Frame, "type" | "ref">): unknown {
  if (items !== undefined) return items;
  if (messageType !== undefined) fields["type"] = messageType;
  if (messageRef !== undefined) fields["ref"] = messageRef;
  return fields;
}
