import { storage } from "../model/storage.js";
import en from "./en.js";
import zhHant from "./zh-Hant.js";

const KEY = "everline.language";
const catalogues = { "zh-Hant": zhHant, en };

/** What each element says, by attribute, so that a switch changes a page in place: nothing is lost, nothing moves. */
const bound = new WeakMap();

class Language extends EventTarget {
  current = choose();
  #plurals = new Intl.PluralRules(this.current);

  /** The text of a key, its {names} filled in. */
  say(key, params = {}) {
    const entry = catalogues[this.current][key];
    if (entry === undefined) throw new Error(`No words for ${key}`);
    const pattern = typeof entry === "string" ? entry : entry[this.#plurals.select(params.count)];
    return pattern.replace(/\{(\w+)\}/g, (_, name) => String(params[name] ?? ""));
  }

  has(key) {
    return key in catalogues[this.current];
  }

  /** What went wrong, for a person; in the server's words if we have none. */
  describe(error) {
    const key = `error.${error.name}`;
    return this.has(key) ? this.say(key) : this.say("error.other", { message: error.detail || error.message || error.name });
  }

  /** Lets an element say a text, or a function's result, in whichever language is chosen. */
  bind(element, attribute, source, params) {
    const says = bound.get(element) ?? new Map();
    says.set(attribute, { source, params });
    bound.set(element, says);
    element.toggleAttribute("data-words", true);
    this.#refresh(element);
  }

  unbind(element) {
    bound.delete(element);
    element.removeAttribute("data-words");
  }

  use(tag) {
    if (!(tag in catalogues) || tag === this.current) return;
    this.current = tag;
    this.#plurals = new Intl.PluralRules(tag);
    storage.set(KEY, tag);
    this.apply();
    this.dispatchEvent(new Event("change"));
  }

  apply() {
    document.documentElement.lang = this.current;
    for (const element of document.querySelectorAll("[data-words]")) this.#refresh(element);
  }

  #refresh(element) {
    for (const [attribute, { source, params }] of bound.get(element) ?? []) {
      const text = typeof source === "function" ? source() : this.say(source, params);
      if (attribute === "text") element.textContent = text;
      else element.setAttribute(attribute, text);
    }
  }
}

/** The one chosen here before, else the first of the browser's that we speak. */
function choose() {
  const kept = storage.get(KEY);
  if (kept in catalogues) return kept;
  for (const tag of navigator.languages ?? []) {
    if (/^zh\b/i.test(tag)) return "zh-Hant";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "en";
}

export const language = new Language();
