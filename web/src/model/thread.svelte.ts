import type { Message, SockeyeClient } from "@sockeye/client";
import type { Conversation } from "./conversation.svelte";
import type { Picks } from "./draft";

/** A message and the replies to it, as the panel beside the conversation shows them. */
export class Thread {
  readonly conversation: Conversation;
  readonly rootId: string;
  root = $state.raw<Message | undefined>();
  replies = $state.raw<readonly Message[]>([]);
  isLoaded = $state(false);
  draft = $state("");
  readonly picks: Picks = new Map();
  #client: SockeyeClient;

  constructor(client: SockeyeClient, conversation: Conversation, message: Message) {
    this.#client = client;
    this.conversation = conversation;
    this.rootId = message.threadId ?? message.id;
    this.root = conversation.find(this.rootId) ?? (message.threadId ? undefined : message);
  }

  /** Reads all of it. Throws Refused or Unanswered. */
  async load(): Promise<void> {
    let before: string | undefined;
    for (let more = true; more; ) {
      const page = await this.#client.thread({ messageId: this.rootId, limit: 100, ...(before !== undefined && { before }) });
      if (page.root) this.root = page.root;
      this.add(page.messages);
      before = page.messages[0]?.id;
      more = page.more && before !== undefined;
    }
    this.isLoaded = true;
  }

  arrive(message: Message): void {
    if (message.threadId === this.rootId) this.add([message]);
  }

  change(id: string, change: (message: Message) => Message): void {
    if (this.root?.id === id) this.root = change(this.root);
    const index = this.replies.findIndex((reply) => reply.id === id);
    if (index >= 0) this.replies = this.replies.with(index, change(this.replies[index]!));
  }

  private add(messages: readonly Message[]): void {
    const byId = new Map([...this.replies, ...messages].map((message) => [message.id, message]));
    this.replies = [...byId.values()].sort((a, b) => a.seq - b.seq);
  }
}
