import { forget, load, save, tab } from "./storage";

export interface User {
  id: string;
  name: string;
}

export interface Session {
  token: string;
  user: User;
}

/** The server runs without `--dev`: there are no demo users, only tokens. */
export class NoDemoUsers extends Error {}

const key = "sockeye:session";

export function restoreSession(): Session | undefined {
  return load<Session | undefined>(tab, key, isSession, undefined);
}

export function keepSession(session: Session): void {
  save(tab, key, session);
}

export function dropSession(): void {
  forget(tab, key);
}

/** Signs a demo user in. Throws NoDemoUsers, or an Error whose message can be shown. */
export async function signInAsDemoUser(name: string): Promise<Session> {
  let response: Response;
  try {
    response = await fetch("/api/dev/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name }),
    });
  } catch {
    throw new Error("The server cannot be reached. Check the connection and try again.");
  }
  if (response.status === 404) throw new NoDemoUsers();
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new Error(refusal(body) ?? `The server refused to sign you in (HTTP ${response.status}).`);
  if (!isSession(body)) throw new Error("The server's answer was not understood.");
  return body;
}

/**
 * Reads who a pasted token speaks for. Only for display: whether the token is good is the server's
 * decision, made when the socket connects.
 */
export function sessionFromToken(text: string): Session {
  const token = text.trim().replace(/^Bearer\s+/i, "");
  const claims = readClaims(token);
  const id = claims?.sub ?? claims?.id;
  if (typeof id !== "string" && typeof id !== "number") {
    throw new Error("This is not a token: it has to be a JWT that names a user.");
  }
  const name = [claims?.username, claims?.name].find((value) => typeof value === "string" && value !== "");
  return { token, user: { id: String(id), name: typeof name === "string" ? name : String(id) } };
}

function readClaims(token: string): Record<string, unknown> | undefined {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

function refusal(body: unknown): string | undefined {
  if (!isRecord(body)) return undefined;
  const message = isRecord(body.error) ? body.error.message : (body.detail ?? body.message);
  return typeof message === "string" ? message : undefined;
}

function isSession(value: unknown): value is Session {
  return (
    isRecord(value) &&
    typeof value.token === "string" &&
    isRecord(value.user) &&
    typeof value.user.id === "string" &&
    typeof value.user.name === "string"
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
