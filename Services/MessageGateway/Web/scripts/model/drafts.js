import { storage } from "./storage.js";

/**
 * What is being written in each room, kept over reloads: {body, replyTo?, edit?}, where `replyTo` and `edit` are messages' numbers.
 * Events: `change` (detail: room), when a room gets a draft or loses it; `elsewhere` (detail: room), when it was written in another tab.
 */
export class Drafts extends EventTarget {
  #username = null;
  #kept = new Map();

  constructor() {
    super();
    addEventListener("storage", ({ key, oldValue }) => {
      if (!this.#username) return;
      if (key === this.#leaving) this.#kept.clear();
      else if (key?.startsWith(this.#prefix)) this.#written(key, oldValue);
    });
  }

  belongTo(username) {
    if (username === this.#username) return;
    this.#username = username;
    this.#kept.clear();
    if (!username) return;
    for (const key of storage.keys(this.#prefix)) {
      const draft = storage.get(key);
      if (typeof draft?.body === "string") this.#kept.set(key.slice(this.#prefix.length), draft);
    }
  }

  of(room) {
    return this.#kept.get(room) ?? { body: "" };
  }

  get count() {
    return this.#kept.size;
  }

  has(room) {
    return this.#kept.has(room);
  }

  keep(room, draft) {
    if (!this.#username) return;
    const had = this.#kept.has(room);
    const has = draft.body !== "" || draft.replyTo !== undefined || draft.edit !== undefined;
    if (has) {
      this.#kept.set(room, draft);
      storage.set(this.#prefix + room, draft);
    } else if (had) {
      this.#kept.delete(room);
      storage.remove(this.#prefix + room);
    }
    if (had !== has) this.dispatchEvent(new CustomEvent("change", { detail: room }));
  }

  /** Whoever logs out leaves nothing of theirs behind; other tabs are told first, so that they do not put theirs back. */
  clear() {
    if (this.#username) {
      storage.set(this.#leaving, true);
      storage.remove(this.#leaving);
    }
    for (const room of [...this.#kept.keys()]) this.keep(room, { body: "" });
  }

  /** Another tab has changed a draft. If this one had the same it goes along; else what is written here stays, and is kept if it alone is left. */
  #written(key, before) {
    const room = key.slice(this.#prefix.length);
    const mine = this.#kept.get(room);
    const now = storage.get(key);
    if ((mine ? JSON.stringify(mine) : null) !== before) {
      if (mine && !now) storage.set(key, mine);
      return;
    }
    if (now) this.#kept.set(room, now);
    else this.#kept.delete(room);
    this.dispatchEvent(new CustomEvent("elsewhere", { detail: room }));
    this.dispatchEvent(new CustomEvent("change", { detail: room }));
  }

  get #leaving() {
    return `everline.leaving.${this.#username}`;
  }

  get #prefix() {
    return `everline.draft.${this.#username}.`;
  }
}
