/** In a hidden page no frame ever comes. */
const HIDDEN_MS = 500;

/** Gathers calls: however many there are, `work` runs once, before the next frame. */
export function soon(work) {
  let frame = 0;
  let timer = 0;
  const run = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = timer = 0;
    work();
  };
  return () => {
    if (frame) return;
    frame = requestAnimationFrame(run);
    timer = setTimeout(run, HIDDEN_MS);
  };
}
