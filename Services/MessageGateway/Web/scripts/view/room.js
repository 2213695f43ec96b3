import { language } from "../words/language.js";
import { Composer } from "./composer.js";
import { confirmDialog } from "./dialog.js";
import { element, icon } from "./element.js";
import { roomHeader } from "./room-header.js";
import { roomName } from "./room-name.js";
import { soon } from "./soon.js";
import { StatusLight } from "./status-light.js";
import { Timeline } from "./timeline.js";
import { deedsOf } from "./message-deeds.js";

/** One open room: what it is called, its messages, and where one writes or joins. */
export class RoomView {
  whole;
  #chat;
  #name;
  #log;
  #notices;
  #back;
  #timeline;
  #composer;
  #header = element("header", { class: "room-top" });
  #foot = element("div", { class: "room-foot" });
  #typing = element("p", { class: "typing", "aria-live": "off" });
  /** On a narrow screen the one in the sidebar is not to be seen. */
  #status;
  #headerShows = "";
  #footShows = "";
  #stop = new AbortController();

  constructor(chat, log, { notices, back }) {
    this.#chat = chat;
    this.#log = log;
    this.#name = log.room;
    this.#notices = notices;
    this.#back = back;
    this.#status = new StatusLight(chat, { compact: true });
    const deeds = deedsOf(chat, notices, { composer: () => this.#composer });
    this.#timeline = new Timeline(chat, log, deeds);
    this.#composer = new Composer(log.room, chat.drafts, {
      shownAs: roomName(chat.directory.get(log.room), log.room),
      members: () => chat.people.members(log.room),
      send: (body, replyTo, epoch = log.epoch) => {
        chat.outbox.add(log.room, body, replyTo === undefined ? {} : { replyTo, epoch });
        this.#timeline.followOwn();
      },
      edit: (seq, body, epoch = log.epoch) => deeds.change({ room: log.room, epoch, seq }, body),
      editLast: () => this.#editLast(),
      typing: () => chat.people.types(log.room),
      choosePicture: () => import("./emoji-picker.js").then(({ chooseEmoji }) => chooseEmoji((sign) => this.#composer.insert(sign))),
    });
    this.whole = element("section", { class: "room", "aria-labelledby": "room-name" }, this.#header, this.#timeline.whole, this.#typing, this.#foot);
    const { signal } = this.#stop;
    const render = soon(() => signal.aborted || this.#render());
    chat.directory.addEventListener("change", render, { signal });
    chat.reader.addEventListener("change", render, { signal });
    chat.people.addEventListener("presence", () => this.#renderHeader(this.#room), { signal });
    chat.drafts.addEventListener("elsewhere", ({ detail }) => detail === this.#name && this.#composer.renew(), { signal });
    chat.reader.addEventListener("reset", ({ detail }) => detail === this.#name && this.#turnedBack(), { signal });
    chat.people.addEventListener("typing", ({ detail }) => detail === this.#name && this.#renderTyping(), { signal });
  }

  get #room() {
    return this.#chat.directory.get(this.#name);
  }

  /** Once it is on the page. */
  shown() {
    this.#render();
    this.#timeline.render();
  }

  stop() {
    this.#stop.abort();
    this.#status.stop();
    this.#timeline.stop();
  }

  /** To where one writes; on a touch screen not, for that brings up the keyboard over what one came to read. */
  focus() {
    if (this.#composer.whole.isConnected && !matchMedia("(pointer: coarse)").matches) this.#composer.focus();
    else this.#header.querySelector("h2")?.focus();
  }

  /** The server's history is another than the one that was read here. */
  #turnedBack() {
    this.#composer.forgetNumbers();
    this.#notices.say("error.epoch.changed");
  }

  toNewest() {
    return this.#timeline.toNewest();
  }

  #render() {
    const room = this.#room;
    this.#renderHeader(room);
    this.#renderFoot(room);
  }

  #renderHeader(room) {
    const presence = room?.with && this.#chat.people.presence(room.with.username);
    const shows = JSON.stringify(room && [room.kind, room.title, room.members, room.joined, room.role, room.with, presence]);
    if (shows === this.#headerShows) return;
    this.#headerShows = shows;
    const focused = this.#header.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    this.#header.replaceChildren(
      ...roomHeader(room, this.#name, presence, {
        back: this.#back,
        members: () => this.#dialog("./members.js", "membersDialog"),
        calendar: () => this.#dialog("./jump-to-date.js", "jumpToDate"),
        settings: () => this.#dialog("./room-settings.js", "roomSettings"),
        leave: () => this.#leave(room),
        status: this.#status.whole,
      }),
    );
    if (focused) this.#header.querySelector(`[data-action=${focused}]`)?.focus();
  }

  /** Dialogs are loaded when they are first wanted. */
  async #dialog(module, name) {
    try {
      const made = await import(module);
      made[name]({ chat: this.#chat, room: this.#room ?? { room: this.#name }, log: this.#log, notices: this.#notices, acts: { calendar: () => this.#dialog("./jump-to-date.js", "jumpToDate"), leave: () => this.#leave(this.#room) } });
    } catch (error) {
      this.#notices.fail(error);
    }
  }

  #renderFoot(room) {
    const log = this.#chat.reader.logs.get(this.#name);
    const writes = room?.joined || (!room && !this.#chat.directory.loaded);
    const shows = writes ? "composer" : room ? "join" : log?.state === "refused" ? "nothing" : "";
    if (shows === this.#footShows) return;
    this.#footShows = shows;
    const had = this.#foot.contains(document.activeElement);
    if (shows === "composer") {
      this.#foot.replaceChildren(this.#composer.whole);
      this.#composer.shown();
    } else if (shows === "join") {
      const join = element("button", { type: "button", class: "button primary", text: "room.joinThis", on: { click: () => this.#join(join) } });
      this.#foot.replaceChildren(element("div", { class: "join-bar" }, element("p", { text: "room.joinFirst" }), join));
    } else {
      this.#foot.replaceChildren();
    }
    if (had) this.focus();
  }

  #renderTyping() {
    const names = this.#chat.people.typing(this.#name);
    if (names.length === 0) return this.#typing.replaceChildren();
    const say = () => {
      const shown = new Intl.ListFormat(language.current, { type: "conjunction" }).format(names.slice(0, 3));
      return language.say(names.length > 3 ? "typing.many" : "typing.some", { names: shown, count: names.length });
    };
    this.#typing.replaceChildren(icon("pencil"), element("bdi", { text: say }));
  }

  /** One's newest message among those at hand; whether there is one. */
  #editLast() {
    const me = this.#chat.account.user?.username;
    const last = this.#log.messages.findLast((message) => message.sender === me && !message.deleted);
    if (last) this.#composer.edit(last);
    return last !== undefined;
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
      params: { room: roomName(room, this.#name) },
      text: room.kind === "public" ? "room.leavePublic" : "room.leavePrivate",
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
