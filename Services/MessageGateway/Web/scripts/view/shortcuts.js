import { goTo, roomPath } from "./place.js";

/** The keys that work everywhere, until `signal`. */
export class Shortcuts {
  #chat;
  #parts;

  /** `parts`: list (the RoomList), room() (the RoomView or null), create(). */
  constructor(chat, parts, signal) {
    this.#chat = chat;
    this.#parts = parts;
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal });
  }

  async list() {
    (await import("./shortcut-list.js")).shortcutList();
  }

  #pressed(event) {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || document.querySelector("dialog[open]")) return;
    const modified = event.ctrlKey || event.metaKey;
    const typing = event.target.matches?.("input, textarea, select, [contenteditable]");
    const key = event.key.toLowerCase();
    let act = null;
    if (modified && !event.altKey && !event.shiftKey && key === "k") act = () => import("./switcher.js").then(({ switcher }) => switcher(this.#chat));
    else if (modified && event.shiftKey && key === "f") act = () => goTo("/search");
    else if (event.altKey && !modified && (key === "arrowup" || key === "arrowdown")) act = () => this.#walk(key === "arrowdown" ? 1 : -1, event.shiftKey);
    else if (event.altKey && !modified && event.code === "KeyN") act = () => this.#parts.create();
    else if (event.key === "?" && !typing && !modified) act = () => this.list();
    else if (event.key === "Escape") act = this.#parts.room() && (() => this.#parts.room().toNewest().then(() => this.#parts.room()?.focus()));
    if (!act) return;
    event.preventDefault();
    act();
  }

  #walk(step, unreadOnly) {
    const { directory, reader } = this.#chat;
    const names = this.#parts.list.order;
    const at = names.indexOf(reader.current);
    for (let turn = 1; turn <= names.length; turn++) {
      const name = names[(at + step * turn + names.length * 2 + (at < 0 && step < 0 ? 1 : 0)) % names.length];
      if (name !== reader.current && (!unreadOnly || directory.unread(name) > 0)) return goTo(roomPath(name));
    }
  }
}
