import { language } from "../words/language.js";
import { element } from "./element.js";

/** A loss shorter than this is not worth a word. */
const PATIENCE_MS = 1200;

/** Says that the connection is lost and when the next attempt is. */
export class ConnectionState {
  whole;
  #connection;
  // The seconds run down for the eye only: spoken each, they would drown everything else.
  #spoken = element("span", { role: "status", class: "only-spoken" });
  #shown = element("span", { class: "state-text", "aria-hidden": "true" });
  #retry;
  #patience = 0;
  #ticking = 0;

  constructor(connection) {
    this.#connection = connection;
    this.#retry = element("button", { type: "button", class: "button small", text: "state.retry", on: { click: () => connection.retryNow() } });
    this.whole = element(
      "div",
      { class: "connection-state", hidden: true },
      element("span", { class: "state-dot", "aria-hidden": "true" }),
      this.#spoken,
      this.#shown,
      this.#retry,
    );
    connection.addEventListener("state", () => this.#changed());
    this.#changed();
  }

  #changed() {
    clearInterval(this.#ticking);
    const { state } = this.#connection;
    if (state === "open") {
      clearTimeout(this.#patience);
      this.#patience = 0;
      this.whole.hidden = true;
      return;
    }
    this.#patience ||= setTimeout(() => {
      this.whole.hidden = false;
      if (this.#connection.state === "waiting") language.bind(this.#spoken, "text", "state.waiting", { count: this.#left });
    }, PATIENCE_MS);
    this.#retry.hidden = state !== "waiting";
    if (state === "waiting") {
      this.#tick();
      this.#ticking = setInterval(() => this.#tick(), 500);
    } else {
      language.bind(this.#shown, "text", "state.connecting");
    }
  }

  get #left() {
    return Math.max(1, Math.ceil((this.#connection.retryAt - performance.now()) / 1000));
  }

  #tick() {
    language.bind(this.#shown, "text", "state.waiting", { count: this.#left });
  }
}
