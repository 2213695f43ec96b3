import { storage } from "../model/storage.js";

const KEY = "everline.language";
const AGAIN_MS = 5000;
/** Each is loaded when it is first spoken. */
const loaders = { "zh-Hant": () => import("./zh-Hant.js"), en: () => import("./en.js") };
const catalogues = {};
const added = { "zh-Hant": {}, en: {} };
/** Writing from right to left, and what turns the direction: in a sentence of ours it must not reach beyond its own place. */
const TURNING = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/;

/** What each element says, by attribute, so that a switch changes a page in place: nothing is lost, nothing moves. */
const bound = new WeakMap();

class Language extends EventTarget {
  current = choose();
  #plurals = new Intl.PluralRules(this.current);
  #numbers = new Intl.NumberFormat(this.current);
  /** Says a sentence of the server's in words of ours, once those are loaded. */
  #refusal;
  #missed = false;
  /** The elements that say nothing until then, in the page or not in it yet. */
  #silent = new Set();

  constructor() {
    super();
    // Chosen in another tab.
    addEventListener("storage", ({ key }) => key === KEY && this.use(storage.get(KEY)));
  }

  /** The text of a key, its {names} filled in. */
  say(key, params = {}) {
    const entry = catalogues[this.current][key];
    if (entry === undefined) throw new Error(`No words for ${key}`);
    const pattern = typeof entry === "string" ? entry : entry[this.#plurals.select(params.count)];
    return pattern.replace(/\{(\w+)\}/g, (_, name) => this.#shown(params[name]));
  }

  /** The words of a part of the page that is loaded later: by language, like those that are here from the start. */
  add(words) {
    for (const [tag, more] of Object.entries(words)) {
      Object.assign(added[tag], more);
      if (catalogues[tag]) Object.assign(catalogues[tag], more);
    }
  }

  #shown(value) {
    if (typeof value === "number") return this.number(value);
    return this.isolated(String(value ?? ""));
  }

  /** A text of somebody's, to stand among others: between FIRST STRONG ISOLATE and its end if it could turn them. */
  isolated(text) {
    return TURNING.test(text) ? `\u2068${text}\u2069` : text;
  }

  number(value, options) {
    return (options ? new Intl.NumberFormat(this.current, options) : this.#numbers).format(value);
  }

  has(key) {
    return key in catalogues[this.current];
  }

  /**
   * What went wrong, for a person; in the server's words if we have none. To be bound: the words for what is no fault of the server or the network are
   * loaded when they are first needed.
   */
  describe(error) {
    const key = `error.${error.name}`;
    if (!error.retryable && (error.detail || !this.has(key))) {
      if (!this.#refusal) {
        this.#missed = true;
        return "";
      }
      const said = this.#refusal(error.detail);
      if (said) return said;
    }
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

  #wait(element) {
    this.#missed = false;
    if (this.#silent.size === 0) this.#learn();
    this.#silent.add(element);
  }

  async #learn() {
    try {
      this.#refusal = (await import("./refusals/sentences.js")).refusal;
    } catch {
      // Without them for the time being; the next error asks again.
      this.#refusal = () => null;
      setTimeout(() => (this.#refusal = undefined), AGAIN_MS);
    }
    const silent = [...this.#silent];
    this.#silent.clear();
    for (const element of silent) this.#refresh(element);
  }

  unbind(element) {
    bound.delete(element);
    element.removeAttribute("data-words");
  }

  async use(tag) {
    if (!(tag in loaders) || tag === this.current) return;
    await load(tag);
    this.current = tag;
    this.#plurals = new Intl.PluralRules(tag);
    this.#numbers = new Intl.NumberFormat(tag);
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
      if (this.#missed) this.#wait(element);
      if (attribute === "text") element.textContent = text;
      else element.setAttribute(attribute, text);
    }
  }
}

/** The one chosen here before, else the first of the browser's that we speak. */
function choose() {
  const kept = storage.get(KEY);
  if (kept in loaders) return kept;
  for (const tag of navigator.languages ?? []) {
    if (/^zh\b/i.test(tag)) return "zh-Hant";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "en";
}

async function load(tag) {
  catalogues[tag] ??= { ...(await loaders[tag]()).default, ...added[tag] };
}

export const language = new Language();
await load(language.current);
