/** A field that no method takes: whoever knows the method refuses it for that, and has done nothing. */
const NO_SUCH_FIELD = "\u2013";

/** What this server can do: a page may be newer than the server that it talks to. */
export class Abilities {
  static #known = new Map();
  #chat;

  constructor(chat) {
    this.#chat = chat;
  }

  /** Whether the server has a method; while it cannot be asked, the answer waits for the next connection. */
  async offers(method) {
    if (Abilities.#known.has(method)) return Abilities.#known.get(method);
    if (!this.#chat.ready()) await new Promise((resolve) => this.#chat.addEventListener("ready", resolve, { once: true }));
    try {
      await this.#chat.ask(method, { [NO_SUCH_FIELD]: true });
    } catch (error) {
      if (error.retryable) return this.offers(method);
      Abilities.#known.set(method, error.name !== "method_not_found");
    }
    return Abilities.#known.get(method) ?? true;
  }
}
