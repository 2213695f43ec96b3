const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** How long to wait before the next attempt: doubles from half a second to half a minute; the jitter keeps a whole
 * office of browsers from coming back in the same instant after a restart. */
export class Backoff {
  #failures = 0;

  next() {
    const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    return ceiling * (0.5 + Math.random() / 2);
  }

  reset() {
    this.#failures = 0;
  }
}
