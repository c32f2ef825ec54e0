/** From the next time on, the page opens without a network too. Where that is not possible, it does without. */
export function keepShell(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return; // which browsers offer in secure contexts only
  // After all that the page needs itself.
  if (document.readyState === "complete") void register();
  else window.addEventListener("load", register, { once: true });
}

async function register(): Promise<void> {
  try {
    const registration = await navigator.serviceWorker.register("/worker.js", { updateViaCache: "none" });
    if (registration.active) await registration.update(); // browsers look for the next build when it suits them
  } catch {
    // There is no network, or the browser does not want to. The next page tries again.
  }
}
