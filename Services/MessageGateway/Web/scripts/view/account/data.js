import { confirmDialog, openDialog } from "../dialog.js";
import { element } from "../element.js";
import { field, passwordField } from "../field.js";
import { Abilities } from "../../model/abilities.js";
import { exportAccount } from "../../model/exporting.js";
import { saveAs } from "../save-as.js";
import { language } from "../../words/language.js";
import { actionForm, panel } from "../panel.js";

/** A copy of what is kept of this user, and the way out. */
export async function show({ chat, notices, signal }) {
  const abilities = new Abilities(chat);
  const offered = await Promise.all(["auth.export", "history.export", "auth.deleteAccount"].map((method) => abilities.offers(method)));
  const [account, messages, deletion] = offered;
  const progress = element("p", { class: "field-hint", role: "status" });
  const exporting = actionForm(
    {
      submit: "data.export",
      save: async () => {
        const told = (lines) => language.bind(progress, "text", "data.lines", { count: lines });
        const text = await exportAccount(chat, { account, messages, told, signal });
        saveAs(`everline-${chat.account.user.username}.jsonl`, text, "application/x-ndjson");
      },
    },
    // Together, so that what says nothing yet leaves no gap.
    element("div", {}, element("p", { class: "panel-text", text: "data.exportText" }), progress),
  );
  const drafts = element("button", {
    type: "button",
    class: "button",
    text: "data.forget",
    on: {
      click: () =>
        confirmDialog({ title: "data.forgetTitle", text: "data.forgetText", action: "data.forget", act: () => {
          chat.drafts.clear();
          notices.say("data.forgotten");
        } }),
    },
  });
  return [
    account || messages ? panel("data.exportTitle", exporting) : null,
    panel("data.here", element("p", { class: "panel-text", text: "data.hereText" }), drafts),
    deletion ? panel("data.deleteTitle", element("p", { class: "panel-text", text: "data.deleteText" }), element("button", { type: "button", class: "button danger", text: "data.delete", on: { click: () => deleteAccount(chat) } })) : null,
  ];
}

function deleteAccount(chat) {
  const password = passwordField({ label: "account.currentPassword", name: "password", autocomplete: "current-password" });
  const code = field({ label: "data.codeIfAny", name: "code", autocomplete: "one-time-code", inputmode: "numeric" });
  const form = actionForm(
    {
      submit: "data.delete",
      danger: true,
      save: async () => {
        const factor = code.input.value.replace(/\s/g, "");
        await chat.ask("auth.deleteAccount", { password: password.input.value, ...(factor ? { code: factor } : {}) });
        dialog.close();
        chat.account.forget();
      },
    },
    element("p", { class: "dialog-text", text: "data.deleteText" }),
    password.whole,
    code.whole,
  );
  const dialog = openDialog({ title: "data.deleteTitle" }, form);
  password.input.focus();
}
