import { language } from "../words/language.js";
import { element, icon } from "./element.js";
import { fillReplied, follow, messageItem, pendingItem } from "./message.js";
import { MessageActions } from "./message-actions.js";
import { roomName } from "./room-name.js";
import { ScrollKeeper } from "./scroll-keeper.js";
import { soon } from "./soon.js";

/** More than this since the last look at the newest, and the ones before are not drawn: nobody could have read them passing by. */
const FLOOD = 150;
/** Of the time drawing may take this much; the rest is for writing, scrolling and pressing. */
const SHARE = 0.25;

/** A room's messages on screen: the log's run, then what waits to be sent. */
export class Timeline {
  whole;
  #chat;
  #log;
  #list = element("ol", { class: "messages" });
  #pending = element("ol", { class: "messages pending-messages" });
  #top = element("div", { class: "timeline-top" });
  #scroller;
  #jump;
  #jumpText = element("span", {});
  #keeper;
  #epoch = null;
  #first = 1;
  #last = 0;
  #rev = 0;
  #unreadFrom = 0;
  #seenSeq = 0;
  #placed = false;
  #acts;
  #actions;
  #stop = new AbortController();
  #renderSoon = soon(() => this.#stop.signal.aborted || this.render(), { share: SHARE });

  /** `acts`: what can be done with a message (see MessageActions), `can(message)` which of it may be. */
  constructor(chat, log, { acts, can }) {
    this.#chat = chat;
    this.#log = log;
    this.#acts = acts;
    const content = element("div", { class: "timeline-content" }, this.#top, this.#list, this.#pending);
    this.#scroller = element(
      "div",
      {
        class: "timeline",
        role: "log",
        tabindex: "0",
        label: "room.conversation",
        params: { room: log.room },
        "aria-live": "off",
        on: { keydown: (event) => this.#pressed(event) },
      },
      content,
    );
    this.#jump = element(
      "button",
      { type: "button", class: "jump", hidden: true, on: { click: () => this.toNewest() } },
      icon("down"),
      this.#jumpText,
    );
    this.whole = element("div", { class: "timeline-frame" }, this.#scroller, this.#jump);
    this.#keeper = new ScrollKeeper(this.#scroller, content, () => this.#moved());
    this.#actions = new MessageActions(this.#list, { messageOf: (item) => log.at(Number(item.dataset.seq)), can, acts });
    const { signal } = this.#stop;
    chat.reader.addEventListener("quoted", ({ detail }) => detail.log === this.#log && this.#quoted(detail.message), { signal });
    chat.reader.addEventListener("change", ({ detail }) => detail === this.#log && this.#renderSoon(), { signal });
    chat.outbox.addEventListener("change", ({ detail }) => detail === this.#log.room && this.#renderSoon(), { signal });
    document.addEventListener("visibilitychange", () => this.#moved(), { signal });
  }

  stop() {
    this.#stop.abort();
  }

  focus() {
    this.#scroller.focus({ preventScroll: true });
  }

  async toNewest() {
    await this.#chat.reader.toNewest(this.#log);
    this.#keeper.toBottom();
    this.#moved();
    // The button is gone now, and with it the place of the keyboard.
    this.focus();
  }

  /** To one's own new message, from wherever one was. */
  followOwn() {
    if (this.#log.live) this.#keeper.toBottom();
    else this.#chat.reader.toNewest(this.#log).then(() => this.#keeper.toBottom());
  }

  render() {
    const log = this.#log;
    const had = this.#list.contains(document.activeElement);
    // Until the first look; what is read from then on moves no mark.
    if (!this.#placed) {
      const read = this.#chat.directory.readSeq(log.room);
      this.#unreadFrom = read > 0 ? read + 1 : 0;
    }
    if (this.#placed && this.#keeper.atBottom && log.live && log.last - this.#last > FLOOD) log.trimStart(FLOOD, 0);
    this.#keeper.during(this.#bodies(), () => {
      this.#sync();
      this.#renderTop();
      this.#fillPending();
    });
    // The message that had the keyboard is gone: the list has it.
    if (had && !this.#list.contains(document.activeElement)) this.focus();
    if (log.state === "open" && log.target !== null) this.#toTarget();
    else if (log.state === "open" && !this.#placed) this.#place();
    if (!this.#keeper.atBottom) log.detachIfLong();
    this.#moved();
  }

  #bodies() {
    return this.#list.getElementsByClassName("body");
  }

  /** First look: at the first unread message if there is one, else at the newest. */
  #place() {
    this.#placed = true;
    this.#seenSeq = this.#log.lastSeq;
    const mark = this.#list.querySelector(".unread-from");
    if (!mark) return this.#keeper.toBottom();
    mark.scrollIntoView({ block: "center", behavior: "instant" });
  }

  /** To the message that an address or a search named. */
  #toTarget() {
    const item = this.#list.querySelector(`[data-seq="${this.#log.target}"]`);
    if (!item) return;
    if (!this.#placed) this.#seenSeq = this.#log.lastSeq;
    this.#placed = true;
    this.#log.target = null;
    this.#keeper.atBottom = false;
    item.scrollIntoView({ block: "center", behavior: "instant" });
    for (const other of this.#list.querySelectorAll(".target")) other.classList.remove("target");
    item.classList.add("target");
    item.focus({ preventScroll: true });
  }

  /** A message that others answer has come. */
  #quoted(message) {
    this.#keeper.during(this.#bodies(), () => {
      for (const whole of this.#list.querySelectorAll(`[data-reply-to="${message.seq}"]`)) fillReplied(whole, message);
    });
  }

  /** Arrows go from message to message. */
  #pressed(event) {
    const step = { ArrowUp: -1, ArrowDown: 1, k: -1, j: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const { focused } = this.#actions;
    if (!focused && event.target !== this.#scroller) return;
    event.preventDefault();
    const next = focused ? (step < 0 ? focused.previousElementSibling : focused.nextElementSibling) : this.#lastVisible();
    if (!next) return;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  #lastVisible() {
    const bottom = this.#scroller.getBoundingClientRect().bottom;
    let item = this.#list.lastElementChild;
    while (item && item.getBoundingClientRect().top > bottom - 20) item = item.previousElementSibling;
    return item;
  }

  /** Makes the items be those of the log, touching only its two ends. */
  #sync() {
    const { messages, epoch } = this.#log;
    if (this.#placed && epoch !== this.#epoch) {
      // What was new, and what was seen, were numbers of the epoch that has ended.
      this.#unreadFrom = 0;
      this.#seenSeq = Math.min(this.#seenSeq, this.#log.lastSeq);
    }
    const first = messages[0]?.seq ?? 1;
    const last = messages.at(-1)?.seq ?? 0;
    const apart = epoch !== this.#epoch || first > this.#last + 1 || last < this.#first - 1;
    if (apart || messages.length === 0) {
      this.#list.replaceChildren();
      [this.#first, this.#last] = [first, first - 1];
    }
    for (; this.#first < first; this.#first++) this.#list.firstElementChild?.remove();
    for (; this.#last > last; this.#last--) this.#list.lastElementChild?.remove();
    const kept = this.#list.firstElementChild;
    const keptFirst = this.#first;
    if (this.#log.lastRev !== this.#rev) this.#revise(messages, first);
    this.#rev = this.#log.lastRev;
    const before = messages.slice(0, Math.max(0, this.#first - first));
    const after = messages.slice(this.#last - first + 1);
    this.#list.prepend(...this.#items(before, null));
    this.#list.append(...this.#items(after, messages[this.#last - first]));
    if (kept) follow(kept, messages[keptFirst - first], messages[keptFirst - first - 1], this.#unreadFrom);
    this.#epoch = epoch;
    this.#first = first;
    this.#last = last;
  }

  /** Items of messages that were edited or deleted since they were drawn. */
  #revise(messages, first) {
    for (let item = this.#list.firstElementChild, seq = this.#first; item; seq++) {
      const next = item.nextElementSibling;
      const message = messages[seq - first];
      if (Number(item.dataset.rev) !== (message.rev ?? 0)) this.#replace(item, message, messages[seq - first - 1]);
      item = next;
    }
  }

  #replace(item, message, previous) {
    const focused = item.contains(document.activeElement);
    const [made] = this.#items([message], previous);
    if (item.classList.contains("target")) made.classList.add("target");
    item.replaceWith(made);
    if (focused) made.focus({ preventScroll: true });
  }

  #items(messages, previous) {
    const me = this.#chat.account.user?.username;
    const quoted = (seq) => this.#chat.reader.quoted(this.#log, seq);
    const react = (message, reaction, remove) => this.#acts.react(message, reaction, remove);
    return messages.map((message) => {
      const item = messageItem(message, { me, quoted, react });
      follow(item, message, previous, message.sender === me ? 0 : this.#unreadFrom);
      previous = message;
      return item;
    });
  }

  #renderTop() {
    const log = this.#log;
    const state =
      log.state === "refused" ? "refused"
      : log.epoch === null ? "opening"
      : !log.complete ? "more"
      : log.lastSeq === 0 && this.#chat.outbox.of(log.room).length === 0 ? "empty"
      : "beginning";
    if (this.#top.dataset.state === state) return;
    this.#top.dataset.state = state;
    const { room } = log;
    const shown = {
      refused: () => [element("p", { class: "timeline-note", text: () => language.describe(log.error) })],
      opening: () => [element("p", { class: "timeline-note", text: "room.opening" })],
      more: () => [element("p", { class: "timeline-note", text: "room.older" })],
      empty: () => [
        element("p", { class: "empty-title", text: "room.emptyTitle" }),
        this.#chat.directory.get(room)?.joined ? element("p", { class: "empty-text", text: "room.emptyText" }) : null,
      ],
      beginning: () => [element("p", { class: "timeline-note", text: "room.beginning", params: { room: roomName(this.#chat.directory.get(room), room) } })],
    };
    this.#top.replaceChildren(...shown[state]().filter(Boolean));
  }

  #fillPending() {
    const { account, outbox } = this.#chat;
    if (!account.user) return;
    const waiting = outbox.of(this.#log.room);
    if (waiting.length === 0) return this.#pending.replaceChildren();
    const shown = new Set(this.#log.messages.map((message) => message.clientId));
    const entries = waiting.filter((entry) => !shown.has(entry.clientId));
    const existing = new Map([...this.#pending.children].map((item) => [item.dataset.clientId, item]));
    const items = entries.map((entry) => {
      const item = existing.get(entry.clientId);
      if (item?.dataset.state === entry.state) return item;
      return pendingItem(entry, account.user, {
        retry: () => outbox.retry(entry.clientId),
        discard: () => outbox.settle(entry.clientId),
      });
    });
    // What stands there already is not moved, which would take the keyboard from it.
    const had = this.#pending.contains(document.activeElement);
    for (const item of existing.values()) if (!items.includes(item)) item.remove();
    for (const [index, item] of items.entries()) if (this.#pending.children[index] !== item) this.#pending.insertBefore(item, this.#pending.children[index] ?? null);
    if (had && !this.#pending.contains(document.activeElement)) this.focus();
  }

  #moved() {
    const { reader, directory } = this.#chat;
    const log = this.#log;
    const atNewest = this.#keeper.atBottom && log.live;
    if (atNewest) {
      this.#seenSeq = log.lastSeq;
      if (!document.hidden && log.state === "open") directory.markRead(log.room, log.lastSeq, log.epoch);
    }
    const missed = this.#placed ? Math.max(0, log.lastSeq - this.#seenSeq) : 0;
    this.#jump.hidden = atNewest || !this.#placed;
    this.#jump.classList.toggle("has-new", missed > 0);
    language.bind(this.#jumpText, "text", missed > 0 ? "room.newCount" : "room.toNewest", { count: missed });
    if (!this.#placed) return;
    if (this.#keeper.nearTop()) reader.loadOlder(log);
    if (!log.live && this.#keeper.nearBottom()) reader.loadNewer(log);
    if (log.live && this.#keeper.atBottom) log.trimStart();
  }
}
