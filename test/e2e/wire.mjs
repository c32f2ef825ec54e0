// A page's WebSocket on which frames of the server can be held back, as a slow network or a busy queue does.

export class Wire {
  #asked = new Map(); // by ref
  #holds = new Set();

  /** Takes its place before the page has a connection. */
  async attach(context) {
    await context.routeWebSocket(/\/ws$/, (page) => {
      const server = page.connectToServer();
      page.onMessage((text) => {
        const frame = JSON.parse(text);
        if (frame.ref !== undefined) this.#asked.set(frame.ref, frame);
        server.send(text);
      });
      server.onMessage((text) => {
        const frame = JSON.parse(text);
        const asked = this.#asked.get(frame.ref);
        const hold = [...this.#holds].find(({ matches }) => matches(frame, asked));
        if (hold) hold.take(() => page.send(text));
        else page.send(text);
      });
    });
  }

  /** Holds back frames by what they are and what they answer, until they are let go: in their order. */
  hold(matches) {
    const held = [];
    const { promise, resolve } = deferred();
    const hold = { matches, take: (send) => (held.push(send), resolve()) };
    this.#holds.add(hold);
    return {
      /** The first one is there. */
      seen: promise,
      release: () => {
        this.#holds.delete(hold);
        for (const send of held) send();
      },
    };
  }
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
