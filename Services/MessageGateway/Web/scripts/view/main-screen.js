import { confirmDialog } from "./dialog.js";
import { element } from "./element.js";
import { mark } from "./brand.js";
import { createRoomDialog } from "./create-room.js";
import { forgetDrafts } from "./composer.js";
import { goTo, placeNow } from "./place.js";
import { RoomList } from "./room-list.js";
import { RoomView } from "./room.js";
import { sidebar } from "./sidebar.js";

/** The page for somebody who is logged in: rooms beside the open one; on a narrow screen one of the two. */
export class MainScreen {
  whole;
  #chat;
  #notices;
  #list;
  #main = element("main", { class: "main", id: "main", tabindex: "-1" });
  #room = null;
  #stop = new AbortController();

  constructor(chat, notices) {
    this.#chat = chat;
    this.#notices = notices;
    this.#list = new RoomList(chat.directory, { create: () => createRoomDialog(chat, goTo) });
    this.whole = element("div", { class: "screen" }, sidebar(chat.account.user, this.#list, { logOut: () => this.#logOut() }), this.#main);
    addEventListener("hashchange", () => this.#show(), { signal: this.#stop.signal });
  }

  /** Once it is on the page. */
  shown() {
    this.#show();
  }

  stop() {
    this.#stop.abort();
    this.#list.stop();
    this.#room?.stop();
  }

  #show() {
    const name = placeNow();
    this.#room?.stop();
    this.#room = null;
    const left = this.#chat.reader.current;
    const log = this.#chat.reader.show(name);
    this.#list.current = name;
    this.whole.dataset.pane = name ? "room" : "rooms";
    if (!log) {
      this.#main.replaceChildren(welcome());
      this.#focusList(left);
      return;
    }
    this.#room = new RoomView(this.#chat, log, { notices: this.#notices, back: () => goTo(null) });
    this.#main.replaceChildren(this.#room.whole);
    this.#room.shown();
    this.#room.focus();
  }

  /** Back in the list, the keyboard is where it left from. */
  #focusList(left) {
    const link = left && this.whole.querySelector(`a[href="#/${CSS.escape(encodeURIComponent(left))}"]`);
    (link ?? this.whole.querySelector(".rooms-heading")).focus();
  }

  #logOut() {
    const leave = () => {
      forgetDrafts();
      this.#chat.logOut();
    };
    const { count } = this.#chat.outbox;
    if (count === 0) return leave();
    confirmDialog({ title: "account.discardTitle", text: "account.discard", textParams: { count }, action: "account.logOut", act: leave });
  }
}

function welcome() {
  return element(
    "section",
    { class: "welcome" },
    mark(),
    element("h2", { class: "welcome-title", text: "room.welcome" }),
    element("p", { class: "welcome-text", text: "room.welcomeText" }),
  );
}
