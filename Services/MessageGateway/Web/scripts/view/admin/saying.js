import { bytesOf, dateTimeOf, spanOf } from "../../words/dates.js";
import en from "../../words/guardian/en.js";
import zhHant from "../../words/guardian/zh-Hant.js";
import { language } from "../../words/language.js";
import { element } from "../element.js";

language.add({ en, "zh-Hant": zhHant });

const MOMENTS = ["at", "to", "far"];
const known = (saying) => saying && language.has(`said.${saying.kind}`) && Object.values(saying.values).every((value) => typeof value !== "object" || known(value));

/**
 * A sentence of the guardian's in the reader's language: by its kind and what it speaks of; of an older server, and of a kind that we do
 * not know, as the server says it.
 */
export function saidOf(saying, text) {
  const words = saying && language.has(`said.${saying.kind}`) ? language.say(`said.${saying.kind}`, shown(saying.values)) : (saying?.text ?? text ?? "");
  return saying?.values.repository && known(saying) ? language.say("said.inRepository", { repository: saying.values.repository, what: words }) : words;
}

/** The same as an element that also says in which language it is. */
export function said(tag, properties, saying, text) {
  const made = element(tag, { ...properties, text: () => saidOf(saying, text) });
  language.bind(made, "lang", () => (known(saying) ? language.current : "en"));
  return made;
}

function shown(values) {
  const params = { ...values };
  for (const [name, value] of Object.entries(values)) {
    if (MOMENTS.includes(name)) params[name] = dateTimeOf(new Date(value));
    else if (typeof value === "object") params[name] = saidOf(value);
  }
  if ("holder" in values) params.holder = holderOf(values.holder);
  if ("seconds" in values) params.span = spanOf(values.seconds);
  if ("mebibytes" in values) params.size = bytesOf(values.mebibytes * 2 ** 20);
  if ("kibibytes" in values) {
    params.size = bytesOf(values.kibibytes * 1024);
    params.doneSize = bytesOf(values.done * 1024);
    params.share = language.number(values.percent / 100, { style: "percent" });
  }
  return params;
}

/** "backup base (process 12)": another job, by its name. */
function holderOf(holder) {
  const verb = /^(?:backup )?(base|database|cluster|drill|prune|verify)\b/.exec(holder);
  return verb ? language.say(`kind.${verb[1]}`) : language.isolated(holder);
}
