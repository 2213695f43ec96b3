import { language } from "../words/language.js";
import { brand } from "./brand.js";
import { element } from "./element.js";
import { field, formError, passwordField } from "./field.js";
import { languageSwitch } from "./language-switch.js";

const USERNAME = /^[\p{L}\p{M}\p{N}._-]{2,}$/u;

/** The page for somebody who is not logged in: log in, or create an account. */
export class SignIn {
  whole;
  #chat;
  #registering = false;
  /** Whether the server has asked for a code of the second factor. */
  #wantsCode = false;
  #form;
  #notice = null;

  constructor(chat, notice = null) {
    this.#chat = chat;
    this.#notice = notice;
    this.#form = element("div", { class: "sign-in-form" });
    this.whole = element(
      "main",
      { class: "sign-in", id: "main" },
      element(
        "section",
        { class: "sign-in-art", "aria-hidden": "true" },
        element("p", { class: "sign-in-tagline", text: "app.tagline" }),
      ),
      element("section", { class: "sign-in-panel" }, element("header", { class: "sign-in-top" }, brand(), languageSwitch()), this.#form),
    );
    this.#build();
  }

  shown() {
    this.#focus();
  }

  #focus() {
    this.whole.querySelector("input")?.focus();
  }

  #build() {
    const registering = this.#registering;
    const error = formError();
    const username = field({
      label: "account.username",
      hint: registering ? "account.usernameHint" : null,
      name: "username",
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
      required: true,
    });
    const displayName = registering
      ? field({ label: "account.displayName", name: "displayName", autocomplete: "name", maxlength: "64" })
      : null;
    const password = passwordField({
      label: "account.password",
      hint: registering ? "account.passwordHint" : null,
      name: "password",
      autocomplete: registering ? "new-password" : "current-password",
    });
    const code = this.#wantsCode
      ? field({ label: "account.code", hint: "account.codeHint", name: "code", autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false" })
      : null;
    const submit = element("button", { type: "submit", class: "button primary wide", text: registering ? "account.register" : "account.logIn" });
    const other = element("button", {
      type: "button",
      class: "link-button",
      text: registering ? "account.toLogIn" : "account.toRegister",
      on: { click: () => this.#toggle(username.input.value) },
    });
    const values = () => ({
      username: username.input.value.trim(),
      password: password.input.value,
      displayName: displayName?.input.value.trim() ?? "",
      code: code?.input.value.trim() ?? "",
    });
    const form = element(
      "form",
      { class: "stack", novalidate: true, on: { submit: (event) => this.#submit(event, values(), error, submit) } },
      element("h1", { class: "sign-in-title", text: registering ? "account.registerTitle" : "account.logInTitle" }),
      error.whole,
      username.whole,
      displayName?.whole,
      password.whole,
      code?.whole,
      submit,
      other,
    );
    if (this.#notice) error.show(this.#notice);
    this.#form.replaceChildren(form);
  }

  /** The password was right, and a code is wanted besides. */
  #askForCode({ username, password }) {
    this.#wantsCode = true;
    this.#notice = null;
    this.#build();
    this.whole.querySelector("input[name=username]").value = username;
    this.whole.querySelector("input[name=password]").value = password;
    this.whole.querySelector("input[name=code]").focus();
  }

  #toggle(username) {
    this.#registering = !this.#registering;
    this.#wantsCode = false;
    this.#notice = null;
    this.#build();
    this.whole.querySelector("input").value = username;
    this.#focus();
  }

  async #submit(event, { username, password, displayName, code }, error, submit) {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled") === "true") return;
    const wrong = this.#check(username, password);
    if (wrong) return this.#complain(error, wrong);
    error.clear();
    submit.setAttribute("aria-disabled", "true");
    language.bind(submit, "text", "account.working");
    try {
      if (this.#registering) await this.#chat.register(username, password, displayName);
      else await this.#chat.logIn(username, password, code);
    } catch (failure) {
      if (failure.name === "auth.second_factor_required" && !this.#wantsCode) return this.#askForCode({ username, password });
      this.#complain(error, () => language.describe(failure), failure.parameter);
      submit.removeAttribute("aria-disabled");
      language.bind(submit, "text", this.#registering ? "account.register" : "account.logIn");
    }
  }

  #check(username, password) {
    if (!username || !password) return "account.missing";
    if (!this.#registering) return null;
    const characters = [...username.normalize("NFC")].length;
    if (!USERNAME.test(username) || characters > 32) return "account.badUsername";
    const length = [...password].length;
    return length < 8 || length > 256 ? "account.badPassword" : null;
  }

  #complain(error, source, parameter = source === "account.badPassword" ? "password" : "username") {
    error.show(source);
    (this.whole.querySelector(`input[name="${parameter}"]`) ?? this.whole.querySelector("input")).focus();
  }
}
