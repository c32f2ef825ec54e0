import type { Chat } from "./chat.svelte";

/**
 * Tells the server when nobody looks at the page: then its user is told by notifications. Connections are taken for looked at until
 * they say otherwise. To be called for each connection; what it returns ends that.
 */
export function attend({ client }: Chat): () => void {
  let isSeen = true;
  const tell = (): void => {
    const visible = document.visibilityState === "visible";
    if (visible === isSeen) return;
    isSeen = visible;
    client.client.visible({ visible }).catch(() => {}); // best effort: the next connection says it again
  };
  tell();
  document.addEventListener("visibilitychange", tell);
  return () => document.removeEventListener("visibilitychange", tell);
}
