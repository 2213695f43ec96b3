import { element } from "./element.js";
import { language } from "../words/language.js";
import { soon } from "./soon.js";

/** Always there: whether what one sees is live, and whether what one wrote is kept. */
export class StatusLight {
  whole;
  #chat;
  #text = element("span", { class: "status-text" });
  #shown = "";
  #stop = new AbortController();

  constructor(chat, { compact = false } = {}) {
    this.#chat = chat;
    this.whole = element("p", { class: compact ? "status-light compact only-narrow" : "status-light" }, element("span", { class: "status-dot", "aria-hidden": "true" }), this.#text);
    const render = soon(() => this.#render());
    const { signal } = this.#stop;
    chat.connection.addEventListener("state", render, { signal });
    chat.addEventListener("ready", render, { signal });
    chat.reader.addEventListener("change", render, { signal });
    chat.outbox.addEventListener("change", render, { signal });
    this.#render();
  }

  stop() {
    this.#stop.abort();
  }

  #render() {
    const { failed, waiting } = this.#chat.outbox.counts;
    const state =
      this.#chat.connection.state !== "open" ? "offline"
      : failed > 0 ? "failed"
      : !this.#chat.ready() || this.#catchingUp ? "catching"
      : waiting > 0 ? "sending"
      : "live";
    const count = state === "failed" ? failed : waiting;
    if (this.#shown === `${state} ${count}`) return;
    this.#shown = `${state} ${count}`;
    this.whole.dataset.state = state;
    language.bind(this.#text, "text", `status.${state}`, { count });
  }

  get #catchingUp() {
    const log = this.#chat.reader.logs.get(this.#chat.reader.current);
    return log !== undefined && (log.state === "opening" || log.state === "lost" || log.loading.newer);
  }
}
