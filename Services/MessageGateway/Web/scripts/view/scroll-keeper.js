const NEAR_BOTTOM = 48;

/** Keeps what the reader looks at where it is while messages come in above and below; at the bottom, keeps to the bottom. */
export class ScrollKeeper {
  atBottom = true;
  #scroller;

  constructor(scroller, content, moved) {
    this.#scroller = scroller;
    scroller.addEventListener(
      "scroll",
      () => {
        this.atBottom = this.#below() < NEAR_BOTTOM;
        moved();
      },
      { passive: true },
    );
    // The keyboard of a phone, a growing composer or a turned screen change the height without a scroll.
    const observer = new ResizeObserver(() => {
      if (this.atBottom) this.toBottom();
    });
    observer.observe(scroller);
    observer.observe(content);
  }

  toBottom() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.atBottom = true;
  }

  /** Runs `change`, then puts the first visible of `candidates` (in their order on screen) back where it was. */
  during(candidates, change) {
    if (this.atBottom) {
      change();
      this.toBottom();
      return;
    }
    const anchor = this.#firstVisible(candidates);
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (!anchor?.isConnected) return;
    const moved = anchor.getBoundingClientRect().top - before;
    if (moved !== 0) this.#scroller.scrollTop += moved;
  }

  nearTop() {
    return this.#scroller.scrollTop < this.#scroller.clientHeight * 1.5;
  }

  nearBottom() {
    return this.#below() < this.#scroller.clientHeight * 1.5;
  }

  #below() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  /** By halving: the candidates lie below one another. */
  #firstVisible(candidates) {
    const top = this.#scroller.getBoundingClientRect().top;
    let low = 0;
    let high = candidates.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (candidates[middle].getBoundingClientRect().bottom <= top) low = middle + 1;
      else high = middle;
    }
    return candidates[low];
  }
}
