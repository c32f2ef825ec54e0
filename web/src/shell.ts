/** From the next time on, the page opens without a network too. Where that is not possible, it does without. */
export function keepShell(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return; // which browsers offer in secure contexts only
  // After all that the page needs itself.
  const register = (): void => void navigator.serviceWorker.register("/worker.js", { updateViaCache: "none" }).catch(() => {});
  if (document.readyState === "complete") register();
  else window.addEventListener("load", register, { once: true });
}
