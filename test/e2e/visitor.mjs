// A Socket.IO client over long-polling that says where it comes from, as a trusted proxy would.

import assert from "node:assert/strict";

export class Visitor {
  #base;
  #through;
  #headers;
  #sid;

  /** Requests of the session, once it is open, go to `through`. */
  constructor(base, address, through = base) {
    this.#base = base;
    this.#through = through;
    this.#headers = { "X-Forwarded-For": address };
  }

  /** Signs the demo user of that name in. */
  async arrive(name) {
    const answer = await fetch(`${this.#base}/api/dev/login`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name }),
    });
    ({ token: this.token, user: this.user } = await answer.json());
    this.#sid = JSON.parse((await this.#request("GET")).slice(1)).sid;
    await this.#request("POST", `40${JSON.stringify({ token: this.token })}`);
    await this.hears("40{");
    return this;
  }

  /** Waits for a packet that begins with text. */
  async hears(text) {
    for (;;) {
      const packets = (await this.#request("GET")).split("\x1e");
      const found = packets.find((packet) => packet.startsWith(text));
      if (found) return found;
      if (packets.includes("2")) await this.#request("POST", "3"); // a heartbeat
    }
  }

  /** Sends an event that is acknowledged. */
  async does(event, payload) {
    await this.#request("POST", `420${JSON.stringify([event, payload])}`);
    return this.hears("430[");
  }

  /** What the server answers who asks for their own account. */
  async status() {
    const answer = await fetch(`${this.#base}/api/v1/me`, { headers: { ...this.#headers, Authorization: `Bearer ${this.token}` } });
    return answer.status;
  }

  /** Whether a new connection would be let in. */
  async mayKnock() {
    return (await fetch(`${this.#base}/socket.io/?EIO=4&transport=polling`, { headers: this.#headers })).ok;
  }

  async #request(method, body) {
    const sid = this.#sid ? `&sid=${this.#sid}` : "";
    const answer = await fetch(`${sid ? this.#through : this.#base}/socket.io/?EIO=4&transport=polling${sid}`, {
      method,
      headers: { ...this.#headers, "Content-Type": "text/plain;charset=UTF-8" },
      body,
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method}: ${answer.status} ${text}`);
    return text;
  }
}
