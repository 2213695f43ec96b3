import { confirmDialog } from "./dialog.js";
import { element } from "./element.js";
import { mark } from "./brand.js";
import { goTo, placeNow, roomPath } from "./place.js";
import { RoomList } from "./room-list.js";
import { RoomView } from "./room.js";
import { sidebar } from "./sidebar.js";
import { Shortcuts } from "./shortcuts.js";

/** Views that are loaded when they are first wanted: module and class. */
const LATER = {
  search: () => import("./search/search-view.js").then((module) => module.SearchView),
  account: () => import("./account/account-view.js").then((module) => module.AccountView),
  admin: () => import("./admin/admin-view.js").then((module) => module.AdminView),
};

/** The page for somebody who is logged in: rooms beside what is open; on a narrow screen one of the two. */
export class MainScreen {
  whole;
  #chat;
  #notices;
  #list;
  #main = element("main", { class: "main", id: "main", tabindex: "-1" });
  /** What the main part shows: {view, room?, screen}. */
  #open = null;
  #stop = new AbortController();
  #sidebar;

  constructor(chat, notices) {
    this.#chat = chat;
    this.#notices = notices;
    this.#list = new RoomList(chat, { create: () => this.#create() });
    this.#sidebar = sidebar(chat, this.#list, { logOut: () => this.#logOut(), shortcuts: () => this.#shortcuts.list() });
    // The sidebar with its sign is not there where the screen is narrow.
    const heading = element("header", { class: "only-spoken" }, element("h1", { text: "app.name" }));
    this.whole = element("div", { class: "screen" }, heading, this.#sidebar.whole, this.#main);
    const { signal } = this.#stop;
    addEventListener("place", () => this.#show(), { signal });
    this.#shortcuts = new Shortcuts(chat, { list: this.#list, room: () => this.#open?.room ?? null, create: () => this.#create() }, signal);
  }

  #shortcuts;

  /** Once it is on the page. */
  shown() {
    this.#show();
  }

  stop() {
    this.#stop.abort();
    this.#list.stop();
    this.#sidebar.stop();
    this.#open?.screen.stop?.();
  }

  #show() {
    const place = placeNow();
    const { view } = place;
    this.#list.current = view === "room" ? place.room : null;
    this.#sidebar.current = view;
    this.whole.dataset.pane = view === "home" ? "rooms" : "room";
    const already = this.#open?.view === view && this.#open.name === place.room;
    if (view === "room" && already) return this.#goWithin(place);
    if (already && this.#open.screen?.go) return this.#open.screen.go(place);
    this.#open?.screen.stop?.();
    const left = this.#open;
    this.#open = null;
    if (view === "room") return this.#showRoom(place);
    this.#chat.reader.show(null);
    if (view === "home") {
      this.#main.replaceChildren(welcome());
      return this.#focusList(left);
    }
    this.#showLater(place);
  }

  #showRoom(place) {
    const log = this.#chat.reader.show(place.room);
    const room = new RoomView(this.#chat, log, { notices: this.#notices, back: () => goTo("/") });
    this.#open = { view: "room", name: place.room, room, screen: room, log };
    this.#main.replaceChildren(room.whole);
    room.shown();
    if (place.seq) this.#goWithin(place);
    else room.focus();
  }

  /** To a message of the room that is open. */
  async #goWithin({ room, seq }) {
    const { log, room: view } = this.#open;
    if (!seq) return view.focus();
    const found = await this.#whenOpen(log, () => this.#chat.reader.showAt(log, seq)).catch((error) => this.#notices.fail(error) ?? true);
    if (this.#open?.log !== log) return;
    // Nothing of it is shown.
    if (log.state === "refused") return view.focus();
    if (found) return;
    this.#notices.say("message.notThere", { seq });
    goTo(roomPath(room), { replace: true });
  }

  #whenOpen(log, act) {
    if (log.state === "open") return act();
    return new Promise((resolve) => {
      const look = () => {
        if (log.state !== "open" && log.state !== "refused") return;
        this.#chat.reader.removeEventListener("change", look);
        resolve(log.state === "open" ? act() : true);
      };
      this.#chat.reader.addEventListener("change", look, { signal: this.#stop.signal });
    });
  }

  async #showLater(place) {
    if (place.view === "admin" && !this.#chat.account.user.admin) return goTo("/", { replace: true });
    this.#main.replaceChildren(element("p", { class: "timeline-note loading", role: "status", text: "app.loading" }));
    const wanted = location.pathname;
    try {
      const View = await LATER[place.view]();
      if (location.pathname !== wanted || this.#stop.signal.aborted) return;
      const screen = new View(this.#chat, { notices: this.#notices, back: () => goTo("/"), place });
      this.#open = { view: place.view, screen };
      this.#main.replaceChildren(screen.whole);
      screen.shown?.();
    } catch (error) {
      if (location.pathname !== wanted) return;
      this.#main.replaceChildren(
        element("p", { class: "form-error", role: "alert", text: "app.notLoaded" }),
        element("button", { type: "button", class: "button", text: "app.reload", on: { click: () => location.reload() } }),
      );
      console.warn(error);
    }
  }

  async #create() {
    const { createRoomDialog } = await import("./create-room.js");
    createRoomDialog(this.#chat, (name) => goTo(roomPath(name)));
  }

  /** Back in the list, the keyboard is where it left from. */
  #focusList(left) {
    if (!left) return;
    const path = left.name ? roomPath(left.name) : `/${left.view}`;
    const link = this.whole.querySelector(`.sidebar a[href="${CSS.escape(path)}"]`);
    (link ?? this.whole.querySelector(".rooms-heading"))?.focus();
  }

  #logOut() {
    const leave = async () => {
      await this.#chat.logOut();
      goTo("/", { replace: true });
    };
    const unsent = this.#chat.outbox.count;
    const count = unsent || this.#chat.drafts.count;
    if (count === 0) return leave();
    confirmDialog({ title: "account.discardTitle", text: unsent ? "account.discard" : "account.discardDrafts", textParams: { count }, action: "account.logOut", act: leave });
  }
}

function welcome() {
  return element(
    "section",
    { class: "welcome" },
    mark(),
    element("h2", { class: "welcome-title", text: "room.welcome" }),
    element("p", { class: "welcome-text", text: "room.welcomeText" }),
    element("p", { class: "welcome-text hint-keys" }, element("kbd", {}, "?"), " ", element("span", { text: "shortcuts.hint" })),
  );
}
