import { language } from "../../words/language.js";
import { openDialog } from "../dialog.js";
import { element } from "../element.js";
import { field, passwordField } from "../field.js";
import { actionForm, panel } from "../panel.js";
import { qrPicture } from "./qr-picture.js";

/** Codes of an authenticator app (RFC 6238): on or off, and the way from one to the other. */
export async function secondFactor({ chat, notices, again }) {
  const { enabled, recoveryCodesLeft } = await chat.ask("auth.secondFactor");
  const state = element("p", { class: "panel-text", text: enabled ? "factor.on" : "factor.off" });
  if (!enabled) return panel("factor.title", state, element("button", { type: "button", class: "button primary", text: "factor.turnOn", on: { click: () => begin(chat, again) } }));
  return panel(
    "factor.title",
    state,
    element("p", { class: "panel-text", text: "factor.codesLeft", params: { count: recoveryCodesLeft ?? 0 } }),
    element("button", { type: "button", class: "button", text: "factor.turnOff", on: { click: () => turnOff(chat, notices, again) } }),
  );
}

/** First the password, then the secret as a picture, then a code that proves it was taken over, then the codes for a bad day. */
function begin(chat, again) {
  const password = passwordField({ label: "account.currentPassword", name: "password", autocomplete: "current-password" });
  const steps = element("div", {});
  const dialog = openDialog({ title: "factor.turnOn" }, steps);
  dialog.addEventListener("close", again);
  const askPassword = actionForm(
    { submit: "factor.next", save: async () => scan(await chat.ask("auth.secondFactor.begin", { password: password.input.value })) },
    password.whole,
  );
  const scan = ({ secret, uri }) => {
    const code = codeField();
    steps.replaceChildren(
      element("p", { class: "dialog-text", text: "factor.scan" }),
      qrPicture(uri),
      element("p", { class: "field-hint", text: "factor.orType" }),
      element("code", { class: "secret" }, secret.replace(/(.{4})/g, "$1 ").trim()),
      actionForm(
        { submit: "factor.confirm", save: async () => keep((await chat.ask("auth.secondFactor.confirm", { code: code.input.value.replace(/\s/g, "") })).recoveryCodes) },
        code.whole,
      ),
    );
    code.input.focus();
  };
  const keep = (codes) => {
    steps.replaceChildren(
      element("p", { class: "dialog-text", text: "factor.keepCodes" }),
      element("ul", { class: "recovery-codes" }, ...codes.map((one) => element("li", {}, element("code", {}, one)))),
      element(
        "div",
        { class: "dialog-actions" },
        element("button", { type: "button", class: "button", text: "message.copyText", on: { click: () => navigator.clipboard.writeText(codes.join("\n")) } }),
        element("button", { type: "button", class: "button primary", text: "factor.done", on: { click: () => dialog.close() } }),
      ),
    );
    steps.querySelector(".primary").focus();
  };
  steps.replaceChildren(askPassword);
  password.input.focus();
}

function turnOff(chat, notices, again) {
  const password = passwordField({ label: "account.currentPassword", name: "password", autocomplete: "current-password" });
  const code = codeField();
  const form = actionForm(
    {
      submit: "factor.turnOff",
      danger: true,
      save: async () => {
        await chat.ask("auth.secondFactor.disable", { password: password.input.value, code: code.input.value.replace(/\s/g, "") });
        dialog.close();
        notices.say("factor.nowOff");
        again();
      },
    },
    password.whole,
    code.whole,
  );
  const dialog = openDialog({ title: "factor.turnOff" }, form);
  password.input.focus();
}

function codeField() {
  return field({ label: "account.code", name: "code", autocomplete: "one-time-code", inputmode: "numeric", lang: language.current });
}
