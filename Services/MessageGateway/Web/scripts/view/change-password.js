import { brand } from "./brand.js";
import { element } from "./element.js";
import { passwordField } from "./field.js";
import { languageSwitch } from "./language-switch.js";
import { actionForm } from "./panel.js";

/** The page for somebody whose password an admin has set: nothing else is open until they choose their own. */
export class ChangePassword {
  whole;

  constructor(chat) {
    const current = passwordField({ label: "account.givenPassword", name: "current", autocomplete: "current-password" });
    const next = passwordField({ label: "account.ownPassword", hint: "account.passwordHint", name: "new", autocomplete: "new-password" });
    const form = actionForm(
      {
        submit: "account.keepPassword",
        save: async (_, error) => {
          const length = [...next.input.value].length;
          if (length < 8 || length > 256) return error.show("account.badPassword");
          await chat.ask("auth.changePassword", { current: current.input.value, new: next.input.value });
          const { mustChange, ...user } = chat.account.user;
          chat.account.renew(user);
        },
      },
      current.whole,
      next.whole,
    );
    form.prepend(element("h1", { class: "sign-in-title", text: "account.mustChange" }), element("p", { class: "field-hint", text: "account.mustChangeText" }));
    const out = element("button", { type: "button", class: "link-button", text: "account.logOut", on: { click: () => chat.logOut() } });
    this.whole = element(
      "main",
      { class: "sign-in", id: "main" },
      element("section", { class: "sign-in-art", "aria-hidden": "true" }, element("p", { class: "sign-in-tagline", text: "app.tagline" })),
      element("section", { class: "sign-in-panel" }, element("header", { class: "sign-in-top" }, brand(), languageSwitch()), element("div", { class: "sign-in-form" }, form, out)),
    );
  }

  shown() {
    this.whole.querySelector("input").focus();
  }
}
