import { passwordField } from "../field.js";
import { actionForm, ifOffered, panel } from "../panel.js";
import { secondFactor } from "./second-factor.js";

/** The password, and what is asked for besides. */
export async function show(context) {
  const { chat, notices } = context;
  const current = passwordField({ label: "account.currentPassword", name: "current", autocomplete: "current-password" });
  const next = passwordField({ label: "account.newPassword", hint: "account.newPasswordHint", name: "new", autocomplete: "new-password" });
  const change = actionForm(
    {
      submit: "account.changePassword",
      save: async (form, error) => {
        const length = [...next.input.value].length;
        if (!current.input.value) return error.show("account.missingCurrent");
        if (length < 8 || length > 256) return error.show("account.badPassword");
        await chat.ask("auth.changePassword", { current: current.input.value, new: next.input.value });
        form.reset();
        notices.say("account.passwordChanged");
      },
    },
    current.whole,
    next.whole,
  );
  return [panel("account.password", change), await ifOffered(() => secondFactor(context))];
}
