// Not a module, so that it runs before anything is drawn: a page that turns from white to black is a flash.
(() => {
  const root = document.documentElement;
  try {
    const { theme } = JSON.parse(localStorage.getItem("everline.preferences") ?? "{}");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Forbidden, or not ours: as the system has it.
  }
})();
