import { clientID } from "../wire/client-id.js";
import { storage } from "./storage.js";

/**
 * What is being written in each room, kept over reloads: {body, replyTo?, edit?}, where `replyTo` and `edit` are messages' numbers.
 * Events: `change` (detail: room), when a room gets a draft or loses it; `elsewhere` (detail: room), when it was written in another tab.
 */
export class Drafts extends EventTarget {
  #username = null;
  #kept = new Map();
  /** The keys of changes that are under way to the server. */
  #flying = new Set();

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
    // With one of these in it, it may be the draft of somebody whose name goes on there.
    storage.carryOver(`everline.draft.${username}.`, this.#prefix, (room) => !/[./]/.test(room));
    for (const key of storage.keys(this.#prefix)) {
      const draft = storage.get(key);
      if (typeof draft?.body === "string") this.#kept.set(key.slice(this.#prefix.length), draft);
    }
  }

  of(room) {
    return this.#kept.get(room) ?? { body: "" };
  }

  /** In how many rooms something was written that the server has not. */
  get count() {
    return new Set([...this.#kept.keys(), ...storage.keys(this.#holding).map((key) => storage.get(key)?.room)]).size;
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

  /** A change of a message is under way: its text is kept besides, until `done()`. `failed(draft)`: it is to be taken up again. */
  hold(room, draft) {
    const key = this.#holding + clientID();
    this.#flying.add(key);
    storage.set(key, { room, draft });
    return {
      done: () => storage.remove(key),
      failed: (left) => {
        // Whoever has logged out since wanted nothing kept.
        if (storage.get(key)) storage.set(key, { room, draft: left });
        this.#flying.delete(key);
      },
    };
  }

  /** A change that did not get through, here or before the page was loaded anew; it is given once. */
  leftOver(room) {
    if (!this.#username) return null;
    const key = storage.keys(this.#holding).find((key) => !this.#flying.has(key) && storage.get(key)?.room === room);
    if (!key) return null;
    const { draft } = storage.get(key);
    storage.remove(key);
    return draft;
  }

  /** Whoever logs out leaves nothing of theirs behind; other tabs are told first, so that they do not put theirs back. */
  clear() {
    if (this.#username) {
      storage.set(this.#leaving, true);
      storage.remove(this.#leaving);
    }
    for (const room of [...this.#kept.keys()]) this.keep(room, { body: "" });
    if (this.#username) for (const key of storage.keys(this.#holding)) storage.remove(key);
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

  get #holding() {
    return `everline.change.${this.#username}/`;
  }

  get #leaving() {
    return `everline.leaving.${this.#username}`;
  }

  get #prefix() {
    return `everline.draft.${this.#username}/`;
  }
}
