import { language } from "../words/language.js";
import { avatar, presenceDot } from "./avatar.js";
import { element, icon } from "./element.js";
import { roomPath } from "./place.js";
import { roomIcon, roomKind, roomName } from "./room-name.js";

/** One room in the list; kept over redraws so that the keyboard's place is. */
export class RoomItem {
  whole;
  #kind = element("span", { class: "room-kind" });
  #name = element("bdi", { class: "room-item-name" });
  #title = element("span", { class: "room-item-title" });
  #draft = element("span", { class: "room-draft", hidden: true }, icon("pencil"), element("span", { class: "only-spoken", text: "rooms.draft" }));
  #unread = element("span", { class: "unread" });
  #link;
  #shows = "";

  constructor(name) {
    this.#link = element(
      "a",
      { class: "room-item", href: roomPath(name) },
      this.#kind,
      element("span", { class: "room-item-text" }, this.#name, this.#title),
      this.#draft,
      this.#unread,
    );
    this.whole = element("li", {}, this.#link);
  }

  show(room, state) {
    const { unread, mentions, draft, presence, current } = state;
    const shows = JSON.stringify([room.kind, room.title, room.with, state]);
    if (shows === this.#shows) return;
    this.#shows = shows;
    const person = room.kind === "direct" && room.with;
    this.#kind.replaceChildren(
      ...(person ? [avatar(person.username, person.displayName), presenceDot(presence)] : [icon(roomIcon(room))]).filter(Boolean),
      element("span", { class: "only-spoken", text: roomKind(room) }),
    );
    this.#name.textContent = roomName(room);
    this.#title.textContent = room.title ?? "";
    this.#title.hidden = !room.title;
    this.#draft.hidden = !draft || current;
    this.#link.classList.toggle("has-unread", unread > 0 || mentions > 0);
    this.#renderUnread(room, unread, mentions);
    if (current) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
  }

  /** Those that name the reader, and all of two people's, ask for more attention than the rest. */
  #renderUnread(room, unread, mentions) {
    const urgent = mentions > 0 || (room.kind === "direct" && unread > 0);
    const count = mentions > 0 ? mentions : unread;
    this.#unread.hidden = count === 0;
    this.#unread.classList.toggle("urgent", urgent);
    if (count === 0) return this.#unread.replaceChildren();
    const shown = () => (mentions > 0 ? "@" : "") + (count > 999 ? `${language.number(999)}+` : language.number(count));
    this.#unread.replaceChildren(
      element("span", { "aria-hidden": "true", text: shown }),
      element("span", { class: "only-spoken", text: mentions > 0 ? "rooms.mentions" : "rooms.unread", params: { count } }),
    );
  }
}
