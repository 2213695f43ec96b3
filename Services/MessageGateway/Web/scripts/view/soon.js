/** In a hidden page no frame ever comes. */
const HIDDEN_MS = 500;
const FRAME_MS = 17;

/**
 * Gathers calls: however many there are, `work` runs once, before the next frame.
 *
 * `share`: the part of the time that it may take, with all that the browser does to show it. After a costly turn the next one waits, so that in a flood
 * of calls there are frames in between for everything else.
 */
export function soon(work, { share = 1 } = {}) {
  let frame = 0;
  let timer = 0;
  let free = 0;
  const run = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = timer = 0;
    const began = performance.now();
    work();
    if (share === 1) return;
    // The frame after this one comes once it is on screen.
    requestAnimationFrame(() => {
      const now = performance.now();
      free = now + (now - began - FRAME_MS) * (1 / share - 1);
    });
  };
  const ask = () => {
    frame = requestAnimationFrame(run);
    timer = setTimeout(run, HIDDEN_MS);
  };
  return () => {
    if (frame || timer) return;
    const wait = free - performance.now();
    if (wait > FRAME_MS) timer = setTimeout(ask, wait);
    else ask();
  };
}
