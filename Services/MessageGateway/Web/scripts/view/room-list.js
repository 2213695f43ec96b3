import { language } from "../words/language.js";
import { element, icon } from "./element.js";
import { soon } from "./soon.js";

/** More public rooms than this are found by name. */
const SHOWN = 100;

/** The rooms: the user's own with what is unread, then the public ones they can join. */
export class RoomList {
  whole;
  #directory;
  #current = null;
  #filter;
  #yours = element("ul", { class: "rooms" });
  #others = element("ul", { class: "rooms" });
  #othersPart;
  #empty = element("p", { class: "rooms-note" });
  #more = element("p", { class: "rooms-note" });
  #items = new Map();
  #stop = new AbortController();
  #renderSoon = soon(() => this.render());

  constructor(directory, { create }) {
    this.#directory = directory;
    this.#filter = element("input", {
      type: "search",
      class: "input search-input",
      label: "rooms.find",
      placeholder: "rooms.find",
      autocomplete: "off",
      on: { input: () => this.render() },
    });
    this.#othersPart = element("section", {}, element("h2", { class: "rooms-heading", text: "rooms.public" }), this.#others, this.#more);
    this.whole = element(
      "nav",
      { class: "room-list", label: "rooms.title" },
      element("div", { class: "search" }, icon("search"), this.#filter),
      element(
        "section",
        {},
        element(
          "div",
          { class: "rooms-top" },
          element("h2", { class: "rooms-heading", tabindex: "-1", text: "rooms.yours" }),
          element("button", { type: "button", class: "button small quiet", on: { click: create } }, icon("plus"), element("span", { text: "rooms.create" })),
        ),
        this.#yours,
        this.#empty,
      ),
      this.#othersPart,
    );
    const { signal } = this.#stop;
    directory.addEventListener("change", this.#renderSoon, { signal });
    language.addEventListener("change", this.#renderSoon, { signal });
    this.render();
  }

  stop() {
    this.#stop.abort();
  }

  set current(name) {
    this.#current = name;
    this.render();
  }

  render() {
    const wanted = this.#filter.value.trim().normalize("NFC").toLocaleLowerCase();
    const fits = (room) => !wanted || `${room.room} ${room.title ?? ""}`.toLocaleLowerCase().includes(wanted);
    const order = new Intl.Collator(language.current, { numeric: true }).compare;
    const byName = (a, b) => order(a.room, b.room);
    const yours = this.#directory.joined.filter(fits).sort(byName);
    const others = this.#directory.others.filter(fits).sort(byName);
    const shown = others.slice(0, SHOWN);
    place(this.#yours, yours.map((room) => this.#item(room)));
    place(this.#others, shown.map((room) => this.#item(room)));
    for (const name of this.#items.keys()) if (!this.#directory.get(name)) this.#items.delete(name);
    this.#othersPart.hidden = others.length === 0;
    this.#more.hidden = others.length === shown.length;
    language.bind(this.#more, "text", "rooms.more", { count: others.length - shown.length });
    const nothing = yours.length === 0 && this.#directory.loaded;
    this.#empty.hidden = !nothing;
    if (nothing) language.bind(this.#empty, "text", wanted ? "rooms.noneFound" : "rooms.none");
  }

  #item(room) {
    let item = this.#items.get(room.room);
    if (!item) {
      item = new RoomItem(room.room);
      this.#items.set(room.room, item);
    }
    item.show(room, this.#directory.unread(room.room), room.room === this.#current);
    return item.whole;
  }
}

/** One room in the list; kept over redraws so that the keyboard's place is. */
class RoomItem {
  #kind = element("span", { class: "room-kind" });
  #title = element("span", { class: "room-item-title" });
  #unread = element("span", { class: "unread" });
  #link;

  constructor(name) {
    this.#link = element(
      "a",
      { class: "room-item", href: `#/${encodeURIComponent(name)}` },
      this.#kind,
      element("span", { class: "room-item-text" }, element("bdi", { class: "room-item-name" }, name), this.#title),
      this.#unread,
    );
    this.whole = element("li", {}, this.#link);
  }

  show(room, unread, current) {
    if (this.#kind.dataset.kind !== room.kind) {
      this.#kind.dataset.kind = room.kind;
      this.#kind.replaceChildren(
        icon(room.kind === "private" ? "lock" : "hash"),
        element("span", { class: "only-spoken", text: room.kind === "private" ? "rooms.private" : "rooms.publicKind" }),
      );
    }
    this.#title.textContent = room.title ?? "";
    this.#title.hidden = !room.title;
    this.#link.classList.toggle("has-unread", unread > 0);
    this.#unread.hidden = unread === 0;
    if (unread > 0 && this.#unread.dataset.count !== String(unread)) {
      this.#unread.replaceChildren(
        element("span", { "aria-hidden": "true" }, unread > 999 ? "999+" : String(unread)),
        element("span", { class: "only-spoken", text: "rooms.unread", params: { count: unread } }),
      );
    }
    this.#unread.dataset.count = String(unread);
    if (current) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
  }
}

/** Makes the children be these, moving nothing that already stands right: a moved link would lose the focus. */
function place(list, children) {
  const wanted = new Set(children);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
  });
}
