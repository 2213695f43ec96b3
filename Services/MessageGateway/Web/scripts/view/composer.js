import { language } from "../words/language.js";
import { element, icon, iconButton } from "./element.js";
import { excerpt } from "./formatting.js";

const LONGEST = 16_384;
/** From here on the writer is told how much is left. */
const TELL_FROM = LONGEST - 1024;

const encoder = new TextEncoder();

/**
 * Where a message is written, answered or changed. Enter sends, unless it ends the choice of a character.
 *
 * `acts`: send(body, replyTo, epoch), edit(seq, body, epoch) (a promise; the epoch is that in which the number was read), editLast(), typing(), choosePicture(button).
 */
export class Composer {
  whole;
  #room;
  #drafts;
  #acts;
  #text;
  #button;
  #draft;
  #context = element("div", { class: "composer-context", hidden: true });
  #count = element("p", { class: "composer-count", role: "status", hidden: true });
  /** Loaded with the first `@` or `:`. */
  #completion = null;
  #completionPlace = element("div", { class: "completion-place" });
  #members;

  constructor(room, drafts, { members, ...acts }) {
    this.#room = room;
    this.#drafts = drafts;
    this.#acts = acts;
    this.#draft = drafts.of(room);
    this.#text = element("textarea", {
      class: "composer-text",
      rows: "1",
      dir: "auto",
      label: "compose.label",
      placeholder: "compose.placeholder",
      params: { room: acts.shownAs ?? room },
      "aria-describedby": "composer-hint",
      enterkeyhint: "send",
      on: { input: () => this.#typed(), keydown: (event) => this.#pressed(event) },
    });
    this.#button = element("button", { type: "submit", class: "send-button", label: "compose.send", tip: "compose.send" }, icon("send"));
    this.#members = members;
    const smile = iconButton("smile", "compose.emoji", (event) => acts.choosePicture(event.currentTarget), { class: "composer-smile" });
    this.whole = element(
      "form",
      { class: "composer", on: { submit: (event) => this.#submit(event) } },
      this.#completionPlace,
      this.#context,
      element("div", { class: "composer-box" }, this.#text, smile, this.#button),
      element("div", { class: "composer-foot" }, element("p", { class: "composer-hint", id: "composer-hint", text: "compose.hint" }), this.#count),
    );
    this.#text.value = this.#draft.body;
  }

  /** Once it is on the page: its height can be measured. */
  shown() {
    this.#renderContext();
    this.#changed();
    this.#takeUp();
  }

  /** The draft was written in another tab. */
  renew() {
    this.#draft = this.#drafts.of(this.#room);
    this.#text.value = this.#draft.body;
    this.shown();
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  get empty() {
    return this.#text.value === "";
  }

  reply(message) {
    this.#begin({ body: this.#draft.edit ? "" : this.#text.value, replyTo: message.seq, epoch: message.epoch, about: excerpt(message.body, 80), name: message.senderName || message.sender });
  }

  edit(message) {
    this.#begin({ body: message.body, edit: message.seq, epoch: message.epoch, original: message.body, about: excerpt(message.body, 80) });
    this.#text.setSelectionRange(message.body.length, message.body.length);
  }

  insert(text) {
    const { selectionStart, selectionEnd } = this.#text;
    this.#text.setRangeText(text, selectionStart, selectionEnd, "end");
    this.#typed();
    this.focus();
  }

  /** Neither an answer nor a change any more; what was written stays, unless it was another message's text. */
  cancel() {
    if (this.#draft.replyTo === undefined && this.#draft.edit === undefined) return false;
    this.#begin({ body: this.#draft.edit === undefined ? this.#text.value : "" });
    return true;
  }

  /** The numbers of the room's messages mean nothing any more: what was written stays, as a message of its own. */
  forgetNumbers() {
    const { replyTo, edit, body } = this.#draft;
    if (replyTo === undefined && edit === undefined) return;
    this.#draft = { body };
    this.#renderContext();
    this.#changed();
  }

  #begin(draft) {
    this.#draft = draft;
    this.#text.value = draft.body;
    this.#renderContext();
    this.#changed();
    this.focus();
  }

  #pressed(event) {
    // While an input method is composing, Enter chooses a character; some browsers say so only by the key code 229.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.#completion?.pressed(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit(event);
    } else if (event.key === "Escape" && this.cancel()) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "ArrowUp" && this.empty && !event.shiftKey && !event.altKey) {
      if (this.#acts.editLast()) event.preventDefault();
    } else if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      this.#wrap({ b: "**", i: "*", e: "`" }[event.key], event);
    }
  }

  /** Puts marks around what is selected, or where one is about to write. */
  #wrap(mark, event) {
    if (!mark) return;
    event.preventDefault();
    const { selectionStart, selectionEnd, value } = this.#text;
    const inner = value.slice(selectionStart, selectionEnd);
    this.#text.setRangeText(mark + inner + mark, selectionStart, selectionEnd, "end");
    if (!inner) this.#text.setSelectionRange(selectionStart + mark.length, selectionStart + mark.length);
    this.#typed();
  }

  #submit(event) {
    event.preventDefault();
    const body = this.#text.value;
    if (blank(body) || this.#over > 0) return this.focus();
    const draft = this.#draft;
    this.#begin({ body: "" });
    if (draft.edit === undefined) this.#acts.send(body, draft.replyTo, draft.epoch);
    else if (body !== draft.original) this.#change(draft, body);
    this.#takeUp();
  }

  /** Kept as it was written until the server has it. */
  async #change(draft, body) {
    const held = this.#drafts.hold(this.#room, { ...draft, body });
    try {
      await this.#acts.edit(draft.edit, body, draft.epoch);
      held.done();
    } catch (error) {
      held.failed(error.name === "epoch.changed" ? { body } : { ...draft, body });
      if (this.whole.isConnected) this.#takeUp();
    }
  }

  /** A change that did not get through, as soon as nothing else is being written. */
  #takeUp() {
    const { replyTo, edit } = this.#draft;
    const left = this.empty && replyTo === undefined && edit === undefined ? this.#drafts.leftOver(this.#room) : null;
    if (!left) return;
    this.#draft = left;
    this.#text.value = left.body;
    this.#renderContext();
    this.#changed();
  }

  get #over() {
    return encoder.encode(this.#text.value).length - LONGEST;
  }

  #typed() {
    this.#changed();
    this.#complete();
    if (!this.empty && this.#draft.edit === undefined) this.#acts.typing();
  }

  async #complete() {
    if (this.#completion) return this.#completion.look();
    if (!/[@:]/.test(this.#text.value)) return;
    const { Completion } = await import("./completion.js");
    if (!this.#completion) {
      this.#completion = new Completion(this.#text, { members: this.#members, changed: () => this.#typed() });
      this.#completionPlace.replaceChildren(this.#completion.whole);
    }
    this.#completion.look();
  }

  #renderContext() {
    const { replyTo, edit, name, about } = this.#draft;
    this.#context.hidden = replyTo === undefined && edit === undefined;
    if (this.#context.hidden) return this.#context.replaceChildren();
    this.#context.replaceChildren(
      icon(edit === undefined ? "reply" : "pencil"),
      element(
        "p",
        { class: "composer-about" },
        element("span", { class: "composer-about-kind", text: edit === undefined ? "compose.replying" : "compose.editing", params: { name: name ?? "" } }),
        element("bdi", { class: "composer-about-text" }, about ?? ""),
      ),
      iconButton("close", "action.cancel", () => this.cancel()),
    );
  }

  #changed() {
    const { value } = this.#text;
    this.#draft = { ...this.#draft, body: value };
    this.#drafts.keep(this.#room, this.#draft);
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
    this.#button.disabled = blank(value);
    // A quick answer for what cannot be near the limit: no character takes more than three bytes a UTF-16 unit.
    const over = value.length * 3 > TELL_FROM ? this.#over : -LONGEST;
    this.#count.hidden = over < TELL_FROM - LONGEST;
    this.#count.classList.toggle("wrong", over > 0);
    if (this.#count.hidden) return;
    if (over > 0) language.bind(this.#count, "text", "compose.tooLong", { count: over });
    else language.bind(this.#count, "text", "compose.left", { count: -over });
  }
}

/** Nothing but blanks and characters that show nothing, which the server refuses. */
function blank(text) {
  return !/[^\s\p{Cf}\p{Cc}]/u.test(text);
}
