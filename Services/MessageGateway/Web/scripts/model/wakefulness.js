const TICK_MS = 5000;
/** A tick that comes later than this was slept through. */
const ASLEEP_MS = 20_000;
const AWAY_MS = 30_000;

/** Notices that the machine was asleep or the page hidden for a while, and calls `woke`. */
export class Wakefulness {
  #last = Date.now();
  #hiddenAt = 0;

  constructor(woke) {
    setInterval(() => {
      const slept = Date.now() - this.#last > ASLEEP_MS;
      this.#last = Date.now();
      // A hidden page's timers come late anyway.
      if (slept && !document.hidden) woke();
    }, TICK_MS);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#hiddenAt = Date.now();
      else if (Date.now() - this.#hiddenAt > AWAY_MS) woke();
    });
  }
}
