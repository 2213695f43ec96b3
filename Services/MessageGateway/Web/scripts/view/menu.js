import { element, icon } from "./element.js";

let open = null;

/** A button that opens a short menu. `items`: [{text, icon?, danger?, act}]. Arrows walk, Escape closes (ARIA menu button pattern). */
export function menuButton(sign, label, items) {
  const button = element(
    "button",
    { type: "button", class: "icon-button small-icon", label, tip: label, "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => toggle() } },
    icon(sign),
  );
  const whole = element("span", { class: "menu-place" }, button);
  let menu = null;
  const close = (refocus) => {
    menu?.remove();
    menu = null;
    open = null;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    document.removeEventListener("scroll", away, true);
    if (refocus) button.focus();
  };
  const outside = (event) => {
    if (!whole.contains(event.target)) close(false);
  };
  // Along with its button: what the keyboard is brought to may be scrolling yet when the menu is opened.
  const away = ({ target }) => {
    if (!target.contains(button)) return;
    const { top, bottom } = button.getBoundingClientRect();
    if (bottom < 0 || top > innerHeight) close(false);
    else placeBy(menu, button);
  };
  const toggle = () => {
    if (menu) return close(true);
    open?.(false);
    open = close;
    const buttons = items.map(({ text, icon: sign, danger, act }) =>
      element(
        "button",
        {
          type: "button",
          role: "menuitem",
          class: danger ? "menu-item danger-item" : "menu-item",
          tabindex: "-1",
          on: {
            click: () => {
              close(true);
              act();
            },
          },
        },
        sign ? icon(sign) : null,
        element("span", { text }),
      ),
    );
    menu = element("div", { class: "menu", role: "menu", label, on: { keydown: (event) => walk(event, buttons, close) } }, ...buttons);
    whole.append(menu);
    placeBy(menu, button);
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside, true);
    document.addEventListener("scroll", away, true);
    buttons[0].focus({ preventScroll: true });
  };
  return whole;
}

/** Below the button if there is room, else above; never beyond the edge of the page. What scrolls would cut it off, so it hangs on nothing. */
function placeBy(menu, button) {
  const at = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const below = at.bottom + height < innerHeight - 8;
  menu.style.top = `${Math.max(8, below ? at.bottom + 2 : at.top - height - 2)}px`;
  menu.style.left = `${Math.min(Math.max(8, at.right - width), innerWidth - width - 8)}px`;
}

function walk(event, buttons, close) {
  const at = buttons.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (next !== undefined) buttons[(next + buttons.length) % buttons.length].focus();
  else if (event.key === "Escape" || event.key === "Tab") close(true);
  else return;
  event.preventDefault();
  event.stopPropagation();
}
