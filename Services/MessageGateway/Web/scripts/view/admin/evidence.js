import words from "../../words/findings/evidence-zh-Hant.js";
import { language } from "../../words/language.js";

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
const PATTERNS = Object.entries(words).map(([english, said]) => ({ match: new RegExp(`^${english.split("{}").map(escaped).join("(.+?)")}$`), said }));
/** Of these rules the object may be one of the guardian's own words; of the others it is a name. */
const OWN_WORDS = { archive: "archive-stall", drill: "drill-overdue", server: "crash", superuser: "login-anomaly", watch: "audit-silence", journal: "audit-silence", pages: "corruption", connection: "tls-off" };
const OWN_OBJECTS = /^(?:room \d+|process \d+|account .+)$/;

/** A line of evidence in the reader's language; records of the server's, names and SQL stay as they are. */
export function evidenceOf(text) {
  if (language.current !== "zh-Hant") return text;
  for (const { match, said } of PATTERNS) {
    const found = match.exec(text);
    if (found) return said.replace(/\{(\d)\}/g, (_, index) => found[Number(index) + 1]);
  }
  return text;
}

/** What a finding is about. */
export function objectOf({ rule, object }) {
  if (OWN_WORDS[object] === rule || (OWN_OBJECTS.test(object) && ["sequence-gap", "numbers-backwards", "audit-silence", "brute-force"].includes(rule))) return evidenceOf(object);
  return object;
}
