/**
 * Which page the server has now. Asked for at the start and after each new connection; another than at the start means that the server was
 * renewed while this page was open. Event: `change`, once.
 */
export class Version extends EventTarget {
  #first = null;
  #told = false;

  async look() {
    try {
      const answer = await fetch("/version.txt", { cache: "no-store" });
      if (!answer.ok) return;
      const found = await answer.text();
      this.#first ??= found;
      if (found === this.#first || this.#told) return;
      this.#told = true;
      this.dispatchEvent(new Event("change"));
    } catch {
      // Not to be reached: asked again with the next connection.
    }
  }
}
