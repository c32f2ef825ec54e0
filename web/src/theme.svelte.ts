import { browser, load, save } from "./storage";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const key = "sockeye:theme";
const isTheme = (value: unknown): value is Theme => themes.some((theme) => theme === value);

let chosen = $state<Theme>(load(browser, key, isTheme, "system"));
apply();

export function theme(): Theme {
  return chosen;
}

export function chooseTheme(theme: Theme): void {
  chosen = theme;
  save(browser, key, theme);
  apply();
}

/** The style sheet follows the system unless this says otherwise. */
function apply(): void {
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}
