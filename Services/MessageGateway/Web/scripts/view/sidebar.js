import { Abilities } from "../model/abilities.js";
import { avatar } from "./avatar.js";
import { brand } from "./brand.js";
import { element, icon, iconButton } from "./element.js";
import { languageSwitch } from "./language-switch.js";
import { StatusLight } from "./status-light.js";
import { themeSwitch } from "./theme-switch.js";

/** The left column: the name of the place, its rooms, and who one is here. `current`: the view that is open. */
export function sidebar(chat, roomList, { logOut, shortcuts }) {
  const { user } = chat.account;
  const stop = new AbortController();
  const status = new StatusLight(chat);
  const name = element("bdi", { class: "user-name" }, user.displayName);
  chat.account.addEventListener("renewed", () => (name.textContent = chat.account.user?.displayName ?? ""), { signal: stop.signal });
  const search = place("/search", "search", "search.title");
  search.hidden = true;
  new Abilities(chat).offers("history.search").then((offered) => (search.hidden = !offered));
  const admin = user.admin ? place("/admin", "shield", "admin.title") : null;
  const links = element("nav", { class: "places", label: "app.places" }, search, admin);
  const account = element(
    "a",
    { class: "sidebar-account", href: "/account", tip: "account.settings" },
    avatar(user.username, user.displayName),
    element("span", { class: "user-names" }, name, element("bdi", { class: "user-username" }, `@${user.username}`)),
    element("span", { class: "only-spoken", text: "account.settings" }),
  );
  return {
    whole: element(
      "aside",
      { class: "sidebar", label: "rooms.title" },
      element("header", { class: "sidebar-top" }, element("div", { class: "sidebar-brand" }, brand()), languageSwitch()),
      links,
      roomList.whole,
      element("div", { class: "sidebar-status" }, status.whole, themeSwitch(), iconButton("keyboard", "shortcuts.title", shortcuts, { class: "small-icon only-wide" })),
      element("footer", { class: "sidebar-user" }, account, iconButton("power", "account.logOut", logOut)),
    ),
    set current(view) {
      for (const link of [search, admin, account]) {
        if (link?.getAttribute("href") === `/${view}`) link.setAttribute("aria-current", "page");
        else link?.removeAttribute("aria-current");
      }
    },
    stop: () => {
      stop.abort();
      status.stop();
    },
  };
}

function place(href, sign, text) {
  return element("a", { class: "place", href }, icon(sign), element("span", { text }));
}
