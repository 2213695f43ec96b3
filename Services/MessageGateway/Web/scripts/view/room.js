import { language } from "../words/language.js";
import { Composer } from "./composer.js";
import { confirmDialog } from "./dialog.js";
import { element, icon, iconButton } from "./element.js";
import { membersDialog } from "./members.js";
import { Timeline } from "./timeline.js";

/** One open room: what it is called, its messages, and where one writes or joins. */
export class RoomView {
  whole;
  #chat;
  #name;
  #notices;
  #back;
  #timeline;
  #composer;
  #header = element("header", { class: "room-top" });
  #foot = element("div", { class: "room-foot" });
  #headerShows = "";
  #footShows = "";
  #stop = new AbortController();

  constructor(chat, log, { notices, back }) {
    this.#chat = chat;
    this.#name = log.room;
    this.#notices = notices;
    this.#back = back;
    this.#timeline = new Timeline(chat, log);
    this.#composer = new Composer(log.room, (body) => {
      chat.outbox.add(log.room, body);
      this.#timeline.followOwn();
    });
    this.whole = element("section", { class: "room", "aria-labelledby": "room-name" }, this.#header, this.#timeline.whole, this.#foot);
    const { signal } = this.#stop;
    chat.directory.addEventListener("change", () => this.#render(), { signal });
    chat.reader.addEventListener("change", () => this.#render(), { signal });
  }

  /** Once it is on the page. */
  shown() {
    this.#render();
    this.#timeline.render();
  }

  stop() {
    this.#stop.abort();
    this.#timeline.stop();
  }

  /** To where one writes; on a touch screen not, for that brings up the keyboard over what one came to read. */
  focus() {
    if (this.#composer.whole.isConnected && !matchMedia("(pointer: coarse)").matches) this.#composer.focus();
    else this.#header.querySelector("h2")?.focus();
  }

  #render() {
    const room = this.#chat.directory.get(this.#name);
    this.#renderHeader(room);
    this.#renderFoot(room);
  }

  #renderHeader(room) {
    const shows = JSON.stringify(room && [room.kind, room.title, room.members, room.joined]);
    if (shows === this.#headerShows) return;
    this.#headerShows = shows;
    const focused = this.#header.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    this.#header.replaceChildren(
      iconButton("back", "room.back", this.#back, { class: "only-narrow", "data-action": "back" }),
      element(
        "div",
        { class: "room-names" },
        element(
          "h2",
          { class: "room-name", id: "room-name", tabindex: "-1" },
          room ? icon(room.kind === "private" ? "lock" : "hash") : null,
          element("bdi", {}, this.#name),
        ),
        room?.title ? element("p", { class: "room-title", dir: "auto" }, room.title) : null,
      ),
      ...(room ? this.#actions(room) : []),
    );
    if (focused) this.#header.querySelector(`[data-action=${focused}]`)?.focus();
  }

  #actions(room) {
    const members = element(
      "button",
      {
        type: "button",
        class: "button quiet members-button",
        label: () => `${language.say("room.members")}: ${language.say("rooms.members", { count: room.members })}`,
        tip: "room.members",
        "data-action": "members",
        on: { click: () => membersDialog(this.#chat, this.#chat.directory.get(this.#name) ?? room) },
      },
      icon("people"),
      element("span", { "aria-hidden": "true" }, String(room.members)),
    );
    const leave = iconButton("leave", "room.leave", () => this.#leave(room), { "data-action": "leave" });
    return room.joined ? [members, leave] : [members];
  }

  #renderFoot(room) {
    const log = this.#chat.reader.logs.get(this.#name);
    const writes = room?.joined || (!room && !this.#chat.directory.loaded);
    const shows = writes ? "composer" : room ? "join" : log?.state === "refused" ? "nothing" : "";
    if (shows === this.#footShows) return;
    this.#footShows = shows;
    if (shows === "composer") {
      const had = this.#foot.contains(document.activeElement);
      this.#foot.replaceChildren(this.#composer.whole);
      this.#composer.shown();
      if (had) this.focus();
    } else if (shows === "join") {
      const join = element("button", { type: "button", class: "button primary", text: "room.joinThis", on: { click: () => this.#join(join) } });
      this.#foot.replaceChildren(element("div", { class: "join-bar" }, element("p", { text: "room.joinFirst" }), join));
    } else {
      this.#foot.replaceChildren();
    }
  }

  async #join(button) {
    button.setAttribute("aria-disabled", "true");
    try {
      await this.#chat.join(this.#name);
      this.focus();
    } catch (error) {
      button.removeAttribute("aria-disabled");
      this.#notices.fail(error);
    }
  }

  #leave(room) {
    confirmDialog({
      title: "room.leaveTitle",
      params: { room: this.#name },
      text: room.kind === "private" ? "room.leavePrivate" : "room.leavePublic",
      action: "room.leave",
      act: async () => {
        try {
          await this.#chat.leave(this.#name);
          this.#back();
        } catch (error) {
          this.#notices.fail(error);
        }
      },
    });
  }
}
