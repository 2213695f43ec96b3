import { Abilities } from "../model/abilities.js";
import { language } from "../words/language.js";
import "./dialog-words.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, formError } from "./field.js";

/** Asks for a new room's name and kind; `created` gets the name as the server has it. */
export function createRoomDialog(chat, created) {
  const error = formError();
  const name = field({ label: "create.name", hint: "create.nameHint", name: "room", autocomplete: "off", required: true });
  const topic = field({ label: "create.topic", name: "title", autocomplete: "off", maxlength: "200" });
  const submit = element("button", { type: "submit", class: "button primary", text: "create.submit" });
  const form = element(
    "form",
    { class: "stack", novalidate: true },
    error.whole,
    name.whole,
    topic.whole,
    element(
      "fieldset",
      { class: "choices" },
      element("legend", { class: "field-label", text: "create.kind" }),
      choice("public", true),
      choice("private", false),
    ),
    element(
      "div",
      { class: "dialog-actions" },
      element("button", { type: "button", class: "button quiet", text: "action.cancel", on: { click: () => dialog.close() } }),
      submit,
    ),
  );
  const kinds = form.querySelector(".choices");
  // A server that marks what was read has rooms of two people as well.
  new Abilities(chat).offers("room.markRead").then((offered) => offered && kinds.append(choice("direct", false)));
  kinds.addEventListener("change", () => {
    const direct = kinds.querySelector("input:checked").value === "direct";
    topic.whole.hidden = direct;
    name.say(direct ? "create.with" : "create.name", direct ? "create.withHint" : "create.nameHint");
    language.bind(submit, "text", direct ? "create.open" : "create.submit");
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const room = name.input.value.trim().normalize("NFC");
    const complain = (source) => {
      error.show(source);
      name.input.focus();
    };
    if (!room || characters(room) > 64) return complain("create.badName");
    submit.disabled = true;
    try {
      const kind = new FormData(form).get("kind");
      const made = kind === "direct" ? await chat.directRoom(room.replace(/^@/, "")) : await chat.createRoom(room, kind, topic.input.value.trim());
      dialog.close();
      created(made);
    } catch (failure) {
      submit.disabled = false;
      complain(() => language.describe(failure));
    }
  });
  const dialog = openDialog({ title: "create.title" }, form);
  name.input.focus();
}

function choice(kind, checked) {
  return element(
    "label",
    { class: "choice" },
    element("input", { type: "radio", name: "kind", value: kind, checked }),
    element(
      "span",
      { class: "choice-text" },
      element("span", { class: "choice-name", text: `create.${kind}` }),
      element("span", { class: "choice-hint", text: `create.${kind}Hint` }),
    ),
  );
}

/** As readers count them; where the browser cannot, as code points, and the server has the last word. */
function characters(text) {
  return Intl.Segmenter ? [...new Intl.Segmenter().segment(text)].length : [...text].length;
}
