// What the page asks the server for, in the words of its OpenAPI document.

import type { Names } from "../model/place";
import { explainRefusal } from "../words/words.svelte";
export interface Quantiles {
  count: number;
  p50: number;
  p95: number;
  p99: number;
}

export interface Sample {
  at: string;
  connections: number;
  peak: number;
  users: number;
  active: number;
  open: number;
  polling: number;
  native: number;
  legacy: number;
  hubQueue: number;
  storeQueue: number;
  slow: number;
  refused: number;
  received: number;
  sent: number;
  commits: number;
  delivery: Quantiles;
  answers: Quantiles;
  cpu: number;
  rss: number;
  heap: number;
  goroutines: number;
  /** By kinds, of those of which there is something to say. */
  jobs?: JobSample[];
  /** Those of which it is the sum, where there are several. */
  nodes?: (Sample & { id: string })[];
}

/** The jobs of a kind, and what came of attempts since the sample before. */
export interface JobSample {
  kind: string;
  waiting: number;
  running: number;
  done: number;
  failed: number;
  /** All attempts together, and the longest; milliseconds. */
  took: number;
  longest: number;
}

export interface FiguresAnswer {
  version: string;
  startedAt: string;
  processors: number;
  maxConnections: number;
  interval: number;
  samples: Sample[];
}

export interface Connection {
  id: string;
  node?: string;
  userId: string;
  username: string;
  login?: string;
  address: string;
  transport: "websocket" | "polling";
  protocol: "socket.io" | "socket.io-2" | "ws" | "sockeye.v1";
  since: string;
  lastActive: string;
  received: number;
  sent: number;
  receivedBytes: number;
  sentBytes: number;
  rooms: string[];
  roomCount: number;
}

export interface ConnectionPage {
  connections: Connection[];
  total: number;
  next?: string;
}

export interface Room {
  roomId: string;
  name: string;
  type: "public" | "private" | "direct";
  createdBy: string;
  names?: Names;
  createdAt: string;
  memberCount: number;
  onlineUsers: number;
  onlineConnections: number;
}

export interface RoomPage {
  rooms: Room[];
  next?: string;
}

export interface Block {
  address: string;
  until: string;
  reason: string;
  by: string;
  names?: Names;
  createdAt: string;
}

export type UsageUnit = "day" | "week" | "month";

/** What was counted in days, weeks or months, the oldest first. */
export interface Usage {
  by: UsageUnit;
  units: { start: string; messages: number; activeUsers: number; activeRooms: number; pushes: number; pushFailures: number }[];
  /** Absent where nothing was ever said. */
  countedThrough?: string;
}

export interface JobKind {
  kind: string;
  waiting: number;
  running: number;
  failed: number;
  /** For how long the oldest is due that waits; 0 where none is. */
  oldestSeconds: number;
  paused: boolean;
  workers: number;
  /** What came of attempts in the last ten minutes. Times are milliseconds. */
  recent: { done: number; failed: number; mean: number; longest: number };
}

export interface JobFigures {
  queueLength: number;
  workerCount: number;
  batchSize: number;
  /** Seconds. */
  batchTimeout: number;
  kinds: JobKind[];
}

export interface Job {
  id: string;
  kind: string;
  priority: string;
  state: string;
  key?: string;
  cron?: string;
  runAt: string;
  attempts: number;
  lost: number;
  error?: string;
  createdAt: string;
  endedAt?: string;
}

export interface JobPage {
  jobs: Job[];
  next?: string;
}

/** A job with what it is about, where that may be read. */
export interface JobDetails {
  job: Job;
  payload?: string;
  payloadBytes: number;
}

/** Where events are told. */
export interface Webhook {
  id: string;
  url: string;
  description: string;
  /** Kinds, or * alone. */
  events: string[];
  /** None are all conversations. */
  rooms: string[];
  createdAt: string;
  enabled: boolean;
  disabledAt?: string;
  disabledWhy?: string;
  /** Somebody has disabled it, rather than the server. */
  switchedOff: boolean;
  failingSince?: string;
  rotatedUntil?: string;
  /** Only where it is new. */
  secret?: string;
}

/** What somebody may say of a webhook. */
export interface WebhookDraft {
  url?: string;
  description?: string;
  events?: string[];
  rooms?: string[];
  secret?: string;
  enabled?: boolean;
}

/** An attempt to tell a webhook of an event. */
export interface Delivery {
  eventId: string;
  type: string;
  attempt: number;
  outcome: "delivered" | "retried" | "given_up";
  /** Of the answer; 0 if there was none. */
  status: number;
  error?: string;
  timestamp: string;
  tookMs: number;
}

/** A way into a room: who knows its address posts as its bot. */
export interface IncomingHook {
  id: string;
  roomId: string;
  username: string;
  createdAt: string;
  /** Only where it is new. */
  path?: string;
}

/** A server among those that have one database. */
export interface ServerNode {
  id: string;
  self: boolean;
  /** Empty, with address and version, where it has not said who it is. */
  host: string;
  address: string;
  version: string;
  startedAt?: string;
  /** When it was last heard of, where it does not answer. */
  heardAt?: string;
  /** Absent where it does not answer. */
  status?: NodeStatus;
}

export interface NodeStatus {
  ready: boolean;
  reason?: string;
  without: string[];
  connections: number;
  users: number;
  paths: NodePath[];
  relay?: { held: number; readings: number; read: number; dropped: number; garbled: number; lost: number };
  logs: NodeLog[];
  /** What came to it for sessions of others, and to others for its sessions. Nodes of the version before do not say it. */
  passedTo?: NodePassed[];
  passedFrom?: NodePassed[];
}

/** What one node has passed on to another one. */
export interface NodePassed {
  node: string;
  /** Now. */
  sessions: number;
  requests: number;
  webSockets: number;
}

/** A way to other nodes. */
export interface NodePath {
  name: string;
  connected: boolean;
  since: string;
  published: number;
  dropped: number;
  connections: number;
}

/** How far a node has heard of what one commits. */
export interface NodeLog {
  log: number;
  node?: string;
  commits: number;
  seconds: number;
  last: number;
}

/** An answer that is an error. Its message can be shown. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export class Api {
  readonly #signedIn: { readonly token: string };

  constructor(signedIn: { readonly token: string }) {
    this.#signedIn = signedIn;
  }

  connections(query: string, order: string, after: string): Promise<ConnectionPage> {
    return this.#get("connections", { query, order, after, limit: "50" });
  }

  rooms(query: string, after: string): Promise<RoomPage> {
    return this.#get("rooms", { query, after, limit: "50" });
  }

  blocks(): Promise<{ blocks: Block[] }> {
    return this.#get("blocks", {});
  }

  nodes(): Promise<{ nodes: ServerNode[] }> {
    return this.#get("nodes", {});
  }

  usage(by: UsageUnit): Promise<Usage> {
    return this.#get("usage", { by });
  }

  jobs(): Promise<JobFigures> {
    return this.#get("jobs", {});
  }

  deadJobs(kind: string, after: string): Promise<JobPage> {
    return this.#get("jobs/dead", { kind, after, limit: "20" });
  }

  job(id: string): Promise<JobDetails> {
    return this.#get(`jobs/${encodeURIComponent(id)}`, {});
  }

  /** Those of a kind that wait, in the order in which they are taken. */
  waitingJobs(kind: string, after: string): Promise<JobPage> {
    return this.#get("jobs/waiting", { kind, after, limit: "20" });
  }

  cancelJob(id: string): Promise<{ state: string }> {
    return this.#ask("POST", `jobs/${encodeURIComponent(id)}/cancel`);
  }

  retryJob(id: string): Promise<void> {
    return this.#ask("POST", `jobs/${encodeURIComponent(id)}/retry`);
  }

  dropJob(id: string): Promise<void> {
    return this.#ask("DELETE", `jobs/${encodeURIComponent(id)}`);
  }

  pauseJobs(kind: string, isPaused: boolean): Promise<void> {
    return this.#ask("POST", `jobs/kinds/${encodeURIComponent(kind)}/${isPaused ? "pause" : "resume"}`);
  }

  webhooks(): Promise<{ webhooks: Webhook[] }> {
    return this.#get("webhooks", {});
  }

  createWebhook(draft: WebhookDraft): Promise<{ webhook: Webhook }> {
    return this.#ask("POST", "webhooks", draft);
  }

  changeWebhook(id: string, change: WebhookDraft): Promise<{ webhook: Webhook }> {
    return this.#ask("PATCH", `webhooks/${encodeURIComponent(id)}`, change);
  }

  deleteWebhook(id: string): Promise<void> {
    return this.#ask("DELETE", `webhooks/${encodeURIComponent(id)}`);
  }

  rotateWebhook(id: string): Promise<{ webhook: Webhook }> {
    return this.#ask("POST", `webhooks/${encodeURIComponent(id)}/secret`, {});
  }

  testWebhook(id: string): Promise<{ delivery: Delivery }> {
    return this.#ask("POST", `webhooks/${encodeURIComponent(id)}/test`);
  }

  deliveries(id: string): Promise<{ deliveries: Delivery[] }> {
    return this.#get(`webhooks/${encodeURIComponent(id)}/deliveries`, { limit: "200" });
  }

  hooks(): Promise<{ hooks: IncomingHook[] }> {
    return this.#get("hooks", {});
  }

  createHook(roomId: string, username: string): Promise<{ hook: IncomingHook }> {
    return this.#ask("POST", "hooks", { roomId, username });
  }

  deleteHook(id: string): Promise<void> {
    return this.#ask("DELETE", `hooks/${encodeURIComponent(id)}`);
  }

  disconnect(connectionId: string): Promise<void> {
    return this.#ask("POST", `connections/${encodeURIComponent(connectionId)}/disconnect`);
  }

  revoke(userId: string): Promise<void> {
    return this.#ask("POST", `users/${encodeURIComponent(userId)}/revoke`);
  }

  block(address: string, seconds: number, reason: string): Promise<{ block: Block; disconnected: number }> {
    return this.#ask("PUT", `blocks/${encodeURIComponent(address)}`, { seconds, reason });
  }

  unblock(address: string): Promise<void> {
    return this.#ask("DELETE", `blocks/${encodeURIComponent(address)}`);
  }

  /** Calls back for each event of the stream, until it ends or signal does. */
  async follow(signal: AbortSignal, onEvent: (name: string, data: unknown) => void): Promise<void> {
    const response = await this.#fetch("GET", "stream", undefined, signal);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) {
        const lines = block.split("\n");
        const name = lines.find((line) => line.startsWith("event: "))?.slice(7) ?? "";
        const data = lines.find((line) => line.startsWith("data: "))?.slice(6) ?? "null";
        onEvent(name, JSON.parse(data));
      }
    }
  }

  #get<T>(path: string, query: Record<string, string>): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== "");
    return this.#ask("GET", `${path}?${new URLSearchParams(given)}`);
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#fetch(method, path, body);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  async #fetch(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#signedIn.token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await fetch(`/api/v1/admin/${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
    if (response.ok) return response;
    const { code = "", detail, ...where } = (await response.json().catch(() => ({}))) as { code?: string; detail?: string; field?: string; limit?: number };
    throw new Refusal(response.status, code, explainRefusal({ code, message: detail ?? `HTTP ${response.status}`, ...where }));
  }
}
