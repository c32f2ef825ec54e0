import { Refused } from "@sockeye/client";
import { browser, load, save } from "../storage";
import { en, type Words } from "./en";
import { zh } from "./zh";

// All that the page says, in the language of the user: chosen here, or else the browser's.

export const languages = { en: "English", zh: "中文" } as const;
export type Language = keyof typeof languages;

const key = "sockeye:language";
const wordsOf: Record<Language, Words> = { en, zh };

function isLanguage(value: unknown): value is Language {
  return typeof value === "string" && value in languages;
}

function browsers(): Language {
  const preferred = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find(isLanguage);
  return preferred ?? "en";
}

let chosen = $state<Language>(load(browser, key, isLanguage, browsers()));
tellDocument();

/** The words of now. */
export function t(): Words {
  return wordsOf[chosen];
}

export function language(): Language {
  return chosen;
}

/** For dates and numbers: the browser's own tag, where it is of the chosen language. */
export function locale(): string {
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith(chosen)) ?? chosen;
}

export function chooseLanguage(language: Language): void {
  chosen = language;
  save(browser, key, language);
  tellDocument();
}

/** An error as a sentence to show. */
export function explain(error: unknown): string {
  if (error instanceof Refused) return explainRefusal(error.refusal);
  if (error instanceof Error && error.name === "Unanswered") return t().noAnswer;
  return asSentence(error instanceof Error ? error.message : String(error));
}

export function explainRefusal({ code, message, field = "", limit }: { code: string; message: string; field?: string; limit?: number }): string {
  return t().errors[code] ?? t().wrong(code, field, limit) ?? asSentence(message);
}

function asSentence(text: string): string {
  if (text === "") return "";
  return /[.!?…。！？]$/.test(text) ? text : `${text}.`;
}

function tellDocument(): void {
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
}
