import { preferences } from "../model/preferences.js";
import { language } from "../words/language.js";
import { iconButton } from "./element.js";

const GROUNDS = { light: "#f3f0ea", dark: "#121514" };
const dark = matchMedia("(prefers-color-scheme: dark)");

export const themeNow = () => (preferences.theme === "system" ? (dark.matches ? "dark" : "light") : preferences.theme);

/** Makes the page look as was chosen, from now on. */
export function keepTheme() {
  const apply = () => {
    const { theme } = preferences;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    for (const meta of document.querySelectorAll("meta[name=theme-color]")) meta.remove();
    const meta = document.createElement("meta");
    meta.name = "theme-color";
    meta.content = GROUNDS[themeNow()];
    document.head.append(meta);
  };
  preferences.addEventListener("change", apply);
  dark.addEventListener("change", apply);
  apply();
}

/** From light to dark and back. */
export function themeSwitch() {
  const button = iconButton("moon", "theme.toDark", () => preferences.set("theme", themeNow() === "dark" ? "light" : "dark"), { class: "small-icon" });
  const say = () => {
    for (const attribute of ["aria-label", "title"]) language.bind(button, attribute, themeNow() === "dark" ? "theme.toLight" : "theme.toDark");
  };
  preferences.addEventListener("change", say);
  dark.addEventListener("change", say);
  say();
  return button;
}
