// Not a module, so that it runs before anything is drawn, and although something else does not come.
(() => {
  const root = document.documentElement;
  // A page that turns from white to black is a flash.
  try {
    const { theme } = JSON.parse(localStorage.getItem("everline.preferences") ?? "{}");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Forbidden, or not ours: as the system has it.
  }

  // A network that was cut while the page was loading leaves half a page: it is loaded again, a few times. What was typed is kept.
  const COUNT = "everline.reloads";
  const MOST = 4;
  const again = () => {
    const count = Number(sessionStorage.getItem(COUNT) ?? 0);
    if (count >= MOST) return;
    sessionStorage.setItem(COUNT, String(count + 1));
    setTimeout(() => location.reload(), 1000 * 2 ** count);
  };
  let broken = false;
  addEventListener(
    "error",
    ({ target }) => {
      if (target instanceof HTMLScriptElement || target?.rel === "stylesheet") broken = true;
    },
    true,
  );
  addEventListener("load", () => broken && again());
  // From the page's own scripts: they run, or a part of them did not come.
  addEventListener("everline-started", () => sessionStorage.removeItem(COUNT));
  addEventListener("everline-incomplete", again);
})();
