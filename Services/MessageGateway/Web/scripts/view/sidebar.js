import { avatar } from "./avatar.js";
import { brand } from "./brand.js";
import { element, iconButton } from "./element.js";
import { languageSwitch } from "./language-switch.js";

/** The left column: the name of the place, its rooms, and who one is here. */
export function sidebar(user, roomList, { logOut }) {
  return element(
    "aside",
    { class: "sidebar", label: "rooms.title" },
    element("header", { class: "sidebar-top" }, element("h1", { class: "sidebar-brand" }, brand()), languageSwitch()),
    roomList.whole,
    element(
      "footer",
      { class: "sidebar-user" },
      avatar(user.username, user.displayName),
      element(
        "span",
        { class: "user-names" },
        element("bdi", { class: "user-name" }, user.displayName),
        element("bdi", { class: "user-username" }, `@${user.username}`),
      ),
      iconButton("power", "account.logOut", logOut),
    ),
  );
}
