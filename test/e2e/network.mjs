// A network between one browser context and the server that can be cut, or lose what the server says.

export class Network {
  #isCut = false;
  #isDeaf = false;
  #sockets = new Set();
  #upgraded;
  #onUpgraded;

  constructor() {
    this.#expectUpgrade();
  }

  async attach(context) {
    await context.route("**/socket.io/**", (route) => (this.#isCut ? route.abort("internetdisconnected") : route.fallback()));
    await context.routeWebSocket(/\/socket\.io\//, (socket) => this.#connect(socket));
  }

  /** Resolves when the connection has left long-polling, so that cutting sockets cuts everything. */
  upgraded() {
    return this.#upgraded;
  }

  /** From now on nothing that the server sends arrives. */
  deafen() {
    this.#isDeaf = true;
  }

  async cut() {
    this.#isCut = true;
    await Promise.all([...this.#sockets].map((socket) => socket.close({ code: 1001 })));
    this.#sockets.clear();
  }

  mend() {
    this.#expectUpgrade();
    this.#isCut = this.#isDeaf = false;
  }

  #connect(socket) {
    if (this.#isCut) return void socket.close({ code: 1001 });
    const server = socket.connectToServer();
    this.#sockets.add(socket).add(server);
    socket.onMessage((frame) => {
      server.send(frame);
      if (frame === "5") this.#onUpgraded(); // the packet that ends the upgrade
    });
    server.onMessage((frame) => {
      if (!this.#isDeaf) socket.send(frame);
    });
  }

  #expectUpgrade() {
    this.#upgraded = new Promise((resolve) => (this.#onUpgraded = resolve));
  }
}
