import { language } from "../words/language.js";
import { element, icon } from "./element.js";

const LONGEST = 16_384;
/** From here on the writer is told how much is left. */
const TELL_FROM = LONGEST - 1024;

const encoder = new TextEncoder();
/** What was being written in each room, while this page lives. */
const drafts = new Map();

/** Where a message is written. Enter sends, unless it ends the choice of a character. */
export class Composer {
  whole;
  #room;
  #send;
  #text;
  #button;
  #count = element("p", { class: "composer-count", role: "status", hidden: true });

  constructor(room, send) {
    this.#room = room;
    this.#send = send;
    this.#text = element("textarea", {
      class: "composer-text",
      rows: "1",
      dir: "auto",
      label: "compose.label",
      placeholder: "compose.placeholder",
      params: { room },
      "aria-describedby": "composer-hint",
      enterkeyhint: "send",
      on: { input: () => this.#changed(), keydown: (event) => this.#pressed(event) },
    });
    this.#button = element("button", { type: "submit", class: "send-button", label: "compose.send", tip: "compose.send" }, icon("send"));
    this.whole = element(
      "form",
      { class: "composer", on: { submit: (event) => this.#submit(event) } },
      element("div", { class: "composer-box" }, this.#text, this.#button),
      element("div", { class: "composer-foot" }, element("p", { class: "composer-hint", id: "composer-hint", text: "compose.hint" }), this.#count),
    );
    this.#text.value = drafts.get(room) ?? "";
  }

  /** Once it is on the page: its height can be measured. */
  shown() {
    this.#changed();
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  #pressed(event) {
    // While an input method is composing, Enter chooses a character; some browsers say so only by the key code 229.
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    this.#submit(event);
  }

  #submit(event) {
    event.preventDefault();
    const body = this.#text.value;
    if (blank(body) || this.#over > 0) return this.focus();
    this.#text.value = "";
    this.#changed();
    this.focus();
    this.#send(body);
  }

  get #over() {
    return encoder.encode(this.#text.value).length - LONGEST;
  }

  #changed() {
    const { value } = this.#text;
    if (value) drafts.set(this.#room, value);
    else drafts.delete(this.#room);
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
    this.#button.disabled = blank(value);
    // A quick answer for what cannot be near the limit: no character takes more than three bytes a UTF-16 unit.
    const over = value.length * 3 > TELL_FROM ? this.#over : -LONGEST;
    this.#count.hidden = over < TELL_FROM - LONGEST;
    this.#count.classList.toggle("wrong", over > 0);
    if (this.#count.hidden) return;
    if (over > 0) language.bind(this.#count, "text", "compose.tooLong", { over });
    else language.bind(this.#count, "text", "compose.left", { left: -over });
  }
}

/** Nothing but blanks and characters that show nothing, which the server refuses. */
function blank(text) {
  return !/[^\s\p{Cf}\p{Cc}]/u.test(text);
}

export function forgetDrafts() {
  drafts.clear();
}
