import { storage } from "./storage.js";

const KEY = "everline.preferences";
const DEFAULTS = { theme: "system", notify: "off" };

/** What this browser's owner chose: `theme` (system, light, dark), `notify` (off, mentions, all). Event: `change`. */
class Preferences extends EventTarget {
  #kept = { ...DEFAULTS, ...storage.get(KEY) };

  constructor() {
    super();
    // Chosen in another tab.
    addEventListener("storage", (event) => {
      if (event.key !== KEY) return;
      this.#kept = { ...DEFAULTS, ...storage.get(KEY) };
      this.dispatchEvent(new Event("change"));
    });
  }

  get theme() {
    return this.#kept.theme;
  }

  get notify() {
    return this.#kept.notify;
  }

  set(name, value) {
    this.#kept = { ...this.#kept, [name]: value };
    storage.set(KEY, this.#kept);
    this.dispatchEvent(new Event("change"));
  }
}

export const preferences = new Preferences();
