import { language } from "../words/language.js";
import "./dialog-words.js";
import { openDialog } from "./dialog.js";
import { element, icon } from "./element.js";
import { goTo, roomPath } from "./place.js";
import { roomIcon, roomName } from "./room-name.js";

const SHOWN = 12;

/** Goes to a room by part of its name, without the mouse. */
export function switcher(chat) {
  let offers = [];
  let chosen = 0;
  const list = element("ul", { class: "switcher-list", id: "switcher-list", role: "listbox", label: "switcher.title" });
  const input = element("input", {
    class: "input",
    type: "text",
    role: "combobox",
    label: "switcher.label",
    placeholder: "switcher.label",
    autocomplete: "off",
    "aria-expanded": "true",
    "aria-controls": "switcher-list",
    "aria-autocomplete": "list",
    on: {
      input: () => {
        chosen = 0;
        render();
      },
      keydown: (event) => {
        if (event.isComposing || event.keyCode === 229) return;
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step && offers.length) chosen = (chosen + step + offers.length) % offers.length;
        else if (event.key === "Enter" && offers[chosen]) return go(offers[chosen]);
        else return;
        event.preventDefault();
        render();
      },
    },
  });
  const dialog = openDialog({ title: "switcher.title" }, input, list);
  const go = (room) => {
    dialog.close();
    goTo(roomPath(room.room));
  };
  const render = () => {
    const wanted = input.value.trim().normalize("NFC").toLocaleLowerCase();
    const { directory } = chat;
    const rank = (room) => (directory.mentions(room.room) ? 0 : directory.unread(room.room) ? 1 : room.joined ? 2 : 3);
    const order = new Intl.Collator(language.current, { numeric: true }).compare;
    offers = [...directory.rooms.values()]
      .filter((room) => room.room !== chat.reader.current)
      .filter((room) => `${roomName(room)} ${room.room} ${room.title ?? ""}`.toLocaleLowerCase().includes(wanted))
      .sort((a, b) => rank(a) - rank(b) || order(roomName(a), roomName(b)))
      .slice(0, SHOWN);
    list.replaceChildren(
      ...offers.map((room, index) =>
        element(
          "li",
          { class: "switcher-item", id: `switch-${index}`, role: "option", "aria-selected": String(index === chosen), on: { click: () => go(room) } },
          icon(roomIcon(room)),
          element("bdi", { class: "room-item-name" }, roomName(room)),
          room.title ? element("bdi", { class: "switcher-note" }, room.title) : null,
          directory.unread(room.room) > 0 ? element("span", { class: "unread" }, language.number(directory.unread(room.room))) : null,
        ),
      ),
    );
    if (offers.length) input.setAttribute("aria-activedescendant", `switch-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
  };
  render();
  input.focus();
}
