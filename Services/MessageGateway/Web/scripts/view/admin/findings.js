import { Abilities } from "../../model/abilities.js";
import { dateTimeOf } from "../../words/dates.js";
import en from "../../words/findings/en.js";
import adviceZhHant from "../../words/findings/advice-zh-Hant.js";
import zhHant from "../../words/findings/zh-Hant.js";
import { language } from "../../words/language.js";
import { openDialog } from "../dialog.js";
import { element } from "../element.js";
import { field } from "../field.js";
import { actionForm, panel } from "../panel.js";
import { goTo } from "../place.js";
import { select } from "../select.js";
import { evidenceOf, objectOf } from "./evidence.js";

language.add({ en, "zh-Hant": { ...zhHant, ...adviceZhHant } });

const MOST = 200;
const SEVERITIES = ["low", "medium", "high", "critical"];

/** In words if we have them, else as the server says it. */
const titleOf = (rule) => (language.has(`rule.${rule}`) ? language.say(`rule.${rule}`) : rule);

/** With what the lines begin that may follow a rule's own advice. */
const FURTHER = { "advice.restoreTo": "to bring back the moment before: ", "advice.unrecorded": "No record tells when exactly: the command goes to a minute before it was seen; --at may go nearer." };

function adviceOf({ rule, object, advice }) {
  const inWords = (key, text, known) => (language.has(key) ? language.say(key) + text.slice(known.length) : text);
  return advice
    .split("\n")
    .map((line, index) => {
      if (index === 0) return inWords(`advice.${rule === "audit-silence" && object === "journal" ? "journal" : rule}`, line, line);
      const further = Object.entries(FURTHER).find(([, begins]) => line.startsWith(begins));
      return further ? inWords(further[0], line, further[1]) : line;
    })
    .join("\n");
}

/** What the guardian's watch has found, the newest first. */
export async function show(context) {
  const { chat, params } = context;
  const severity = SEVERITIES.includes(params.get("severity")) ? params.get("severity") : "";
  const acknowledges = await new Abilities(chat).offers("guardian.acknowledge");
  const { findings } = await chat.ask("guardian.findings", { limit: MOST, ...(severity ? { severity } : {}) });
  const choose = select({ label: "findings.from", name: "severity", value: severity }, [["", "findings.all"], ...SEVERITIES.slice(1).map((one) => [one, `severity.${one}`])]);
  choose.input.addEventListener("change", () => goTo(choose.input.value ? `/admin/findings?severity=${choose.input.value}` : "/admin/findings"));
  const open = findings.filter((finding) => !finding.acknowledgement).length;
  return [
    element("p", { class: `verdict ${open ? "bad" : "good"}`, role: "status", text: open ? "findings.open" : "findings.none", params: { count: open } }),
    element("div", { class: "filter-grid" }, choose.whole),
    element("ol", { class: "findings" }, ...findings.toReversed().map((finding) => card(finding, acknowledges, context))),
  ];
}

function card(finding, acknowledges, context) {
  const { rule, severity, at, lastAt, count, role, address, database, object, statement, evidence, advice, cause, acknowledgement } = finding;
  const facts = [["findings.cause", cause], ["findings.role", role], ["findings.address", address], ["findings.database", database], ["findings.object", object]];
  return element(
    "li",
    { class: `panel finding ${acknowledgement ? "settled" : severity}` },
    element(
      "div",
      { class: "finding-top" },
      element("span", { class: `badge ${{ critical: "bad", high: "bad", medium: "warn" }[severity] ?? ""}`, text: `severity.${severity}` }),
      element("h4", { class: "panel-title", text: () => titleOf(rule) }),
      element("code", { class: "finding-rule" }, rule),
      element("time", { class: "time", datetime: lastAt, text: () => dateTimeOf(new Date(lastAt)) }),
      count > 1 ? element("span", { class: "time", text: "findings.times", params: { count } }) : null,
    ),
    element("dl", { class: "facts" }, ...facts.filter(([, value]) => value).map(([label, value]) => element("div", { class: "fact" }, element("dt", { text: label }), element("dd", {}, element("bdi", { text: () => (label === "findings.object" ? objectOf(finding) : String(value)) }))))),
    statement ? element("pre", { class: "code-block", tabindex: "0" }, element("code", {}, statement)) : null,
    advice ? element("p", { class: "finding-advice" }, element("strong", { text: "findings.advice" }), " ", element("bdi", { text: () => adviceOf(finding) })) : null,
    evidence?.length
      ? element("details", {}, element("summary", { text: "findings.evidence", params: { count: evidence.length } }), element("pre", { class: "code-block", tabindex: "0" }, element("code", { text: () => evidence.map(evidenceOf).join("\n") })))
      : null,
    at !== lastAt ? element("p", { class: "field-hint", text: () => language.say("findings.first", { at: dateTimeOf(new Date(at)) }) }) : null,
    acknowledgement
      ? element("p", { class: "field-hint", text: () => language.say("findings.acknowledged", { by: acknowledgement.by ?? "–", at: dateTimeOf(new Date(acknowledgement.at)), note: acknowledgement.note ?? "" }) })
      : acknowledges
        ? element("button", { type: "button", class: "button small", text: "findings.acknowledge", on: { click: () => acknowledge(finding, context) } })
        : null,
  );
}

function acknowledge({ id, rule }, { chat, notices, again }) {
  const note = field({ label: "findings.note", hint: "findings.noteHint", name: "note", autocomplete: "off", maxlength: "500" });
  const form = actionForm(
    {
      submit: "findings.acknowledge",
      save: async (_, error) => {
        if (!note.input.value.trim()) return error.show("findings.noteMissing");
        await chat.ask("guardian.acknowledge", { id, note: note.input.value.trim() });
        dialog.close();
        notices.say("settings.saved");
        again();
      },
    },
    note.whole,
  );
  const dialog = openDialog({ title: () => language.say("findings.acknowledgeTitle", { rule: titleOf(rule) }) }, form);
  note.input.focus();
}
