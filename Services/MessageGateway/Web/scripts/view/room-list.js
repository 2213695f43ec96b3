import { language } from "../words/language.js";
import { element, icon } from "./element.js";
import { RoomItem } from "./room-item.js";
import { roomName } from "./room-name.js";
import { soon } from "./soon.js";

/** More public rooms than this are found by name. */
const SHOWN = 100;
/** By language: making one takes longer than sorting with it. */
const collators = new Map();

/** The rooms: the user's own with what is unread, those with one other person, then the public ones they can join. */
export class RoomList {
  whole;
  #chat;
  #directory;
  #current = null;
  #filter;
  #yours = element("ul", { class: "rooms" });
  #direct = element("ul", { class: "rooms" });
  #others = element("ul", { class: "rooms" });
  #directPart;
  #othersPart;
  #empty = element("p", { class: "rooms-note" });
  #more = element("p", { class: "rooms-note" });
  #items = new Map();
  #stop = new AbortController();
  #renderSoon = soon(() => this.render());
  /** The names of the user's rooms as they stand on screen. */
  order = [];

  constructor(chat, { create }) {
    this.#chat = chat;
    this.#directory = chat.directory;
    this.#filter = element("input", {
      type: "search",
      class: "input search-input",
      label: "rooms.find",
      placeholder: "rooms.find",
      autocomplete: "off",
      on: { input: () => this.render() },
    });
    const heading = (text) => element("h2", { class: "rooms-heading", tabindex: "-1", text });
    this.#directPart = element("section", {}, heading("rooms.direct"), this.#direct);
    this.#othersPart = element("section", {}, heading("rooms.public"), this.#others, this.#more);
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
          heading("rooms.yours"),
          element("button", { type: "button", class: "button small quiet", on: { click: create } }, icon("plus"), element("span", { text: "rooms.create" })),
        ),
        this.#yours,
        this.#empty,
      ),
      this.#directPart,
      this.#othersPart,
    );
    const { signal } = this.#stop;
    this.#directory.addEventListener("change", this.#renderSoon, { signal });
    language.addEventListener("change", this.#renderSoon, { signal });
    chat.drafts.addEventListener("change", this.#renderSoon, { signal });
    chat.people.addEventListener("presence", this.#renderSoon, { signal });
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
    const fits = (room) => !wanted || `${room.room} ${roomName(room)} ${room.title ?? ""}`.toLocaleLowerCase().includes(wanted);
    const order = collatorOf(language.current).compare;
    const byName = (a, b) => order(roomName(a), roomName(b));
    const joined = this.#directory.joined.filter(fits).sort(byName);
    const yours = joined.filter((room) => room.kind !== "direct");
    const direct = joined.filter((room) => room.kind === "direct");
    const others = this.#directory.others.filter(fits).sort(byName);
    const shown = others.slice(0, SHOWN);
    this.order = [...yours, ...direct].map((room) => room.room);
    place(this.#yours, yours.map((room) => this.#item(room)));
    place(this.#direct, direct.map((room) => this.#item(room)));
    place(this.#others, shown.map((room) => this.#item(room)));
    for (const name of this.#items.keys()) if (!this.#directory.get(name)) this.#items.delete(name);
    this.#directPart.hidden = direct.length === 0;
    this.#othersPart.hidden = others.length === 0;
    this.#more.hidden = others.length === shown.length;
    language.bind(this.#more, "text", "rooms.more", { count: others.length - shown.length });
    const nothing = joined.length === 0 && this.#directory.loaded;
    this.#empty.hidden = !nothing;
    if (nothing) language.bind(this.#empty, "text", wanted ? "rooms.noneFound" : "rooms.none");
  }

  #item(room) {
    let item = this.#items.get(room.room);
    if (!item) {
      item = new RoomItem(room.room);
      this.#items.set(room.room, item);
    }
    item.show(room, {
      unread: this.#directory.unread(room.room),
      mentions: this.#directory.mentions(room.room),
      draft: this.#chat.drafts.has(room.room),
      presence: room.with && this.#chat.people.presence(room.with.username),
      current: room.room === this.#current,
    });
    return item.whole;
  }
}

function collatorOf(tag) {
  if (!collators.has(tag)) collators.set(tag, new Intl.Collator(tag, { numeric: true }));
  return collators.get(tag);
}

/** Makes the children be these, moving nothing that already stands right: a moved link would lose the focus. */
function place(list, children) {
  const wanted = new Set(children);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
  });
}
