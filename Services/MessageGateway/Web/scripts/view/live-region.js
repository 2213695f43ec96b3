import { language } from "../words/language.js";
import { element } from "./element.js";
import { excerpt } from "./formatting.js";

/** What comes within this time is spoken in one go. */
const GATHER_MS = 700;
const SPOKEN = 3;

/** Speaks messages that arrive in the room that is shown; old ones that are loaded are none. */
export class LiveRegion {
  whole = element("div", { class: "only-spoken", "aria-live": "polite", "aria-atomic": "true" });
  #waiting = [];
  #more = 0;
  #timer = 0;

  constructor(chat) {
    chat.reader.addEventListener("arrived", ({ detail: { log, message } }) => {
      if (log.room !== chat.reader.current || message.sender === chat.account.user?.username) return;
      if (this.#waiting.length < SPOKEN) this.#waiting.push(message);
      else this.#more += 1;
      this.#timer ||= setTimeout(() => this.#speak(), GATHER_MS);
    });
  }

  #speak() {
    const lines = this.#waiting.map(({ senderName, sender, body }) => language.say("live.message", { name: senderName || sender, text: excerpt(body, 300) }));
    if (this.#more > 0) lines.push(language.say("live.more", { count: this.#more }));
    this.#waiting = [];
    this.#more = this.#timer = 0;
    this.whole.replaceChildren(...lines.map((line) => element("p", {}, line)));
  }
}
