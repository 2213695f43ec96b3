import { language } from "../language.js";
import en from "./en.js";
import zhHant from "./zh-Hant.js";

language.add({ en, "zh-Hant": zhHant });

/**
 * The server's sentences about what a person may have done wrong here, and the keys of ours. `field` is a parameter's name. Those about what only another
 * client can send are not among them.
 */
const SENTENCES = [
  [/^a username has (?<least>\d+) to (?<most>\d+) characters$/, "refusal.usernameLength"],
  [/^a username is made of letters, digits and \. _ -$/, "refusal.usernameLetters"],
  [/^a password has (?<least>\d+) to (?<most>\d+) characters$/, "refusal.passwordLength"],
  [/^it is on the list of common passwords$/, "refusal.passwordCommon"],
  [/^it is a few characters again and again, or in their order$/, "refusal.passwordRow"],
  [/^it is the username$/, "refusal.passwordUsername"],
  [/^it is the present one$/, "refusal.passwordPresent"],
  [/^the code is wrong; is the clock right\?$/, "refusal.codeClock"],
  [/^the code is wrong, or was used already$/, "refusal.code"],
  [/^code has 6 digits$/, "refusal.codeDigits"],
  [/^code is missing$/, "refusal.codeDigits"],
  [/^no second factor is being set up$/, "refusal.nothingBegun"],
  [/^there is a second factor already; disable it first$/, "refusal.factorAlready"],
  [/^there is no second factor$/, "refusal.noFactor"],
  [/^(?<name>.+) has no second factor$/, "refusal.noFactorOf"],
  [/^the last admin remains one$/, "refusal.lastAdmin"],
  [/^since is after until$/, "refusal.times"],
  [/^until must be later than since$/, "refusal.times"],
  [/^until has passed$/, "refusal.passed"],
  [/^since to until is more than (?<most>\d+) buckets of an? (?<bucket>hour|day|week)$/, "refusal.buckets"],
  [/^timeZone is a name such as Asia\/Taipei$/, "refusal.timeZone"],
  [/^(?<field>[a-zA-Z]+) is a time such as \S+$/, "refusal.time"],
  [/^nobody leaves a direct room$/, "refusal.direct"],
  [/^a direct room is for two$/, "refusal.directForTwo"],
  [/^names that begin with (?<prefix>\S+) are those of direct rooms$/, "refusal.directName"],
  [/^the user is not a member$/, "refusal.noMember"],
  [/^the user is not banned$/, "refusal.notBanned"],
  [/^the user is not muted$/, "refusal.notMuted"],
  [/^the message has 20 different reactions already$/, "refusal.reactions"],
  [/^the database cannot hold this message$/, "refusal.unstorable"],
  [/^a query has at most (?<most>\d+) characters$/, "refusal.queryLength"],
  [/^a query has at most (?<most>\d+) words and phrases$/, "refusal.queryWords"],
  [/^a query has a letter, a digit or a symbol to look for$/, "refusal.queryEmpty"],
  [/^a query has something to look for beside what is excluded$/, "refusal.queryExcludes"],
  [/^a quotation mark is not closed$/, "refusal.queryQuote"],
  [/^cursor (belongs to another search|is not one that a search answered with)$/, "refusal.cursor"],
  [/^(?<field>note) is a text of 1 to (?<most>\d+) characters$/, "refusal.length"],
  [/^(?<field>[a-zA-Z]+) is longer than (?<most>\d+) bytes$/, "refusal.bytes"],
  [/^(?<field>[a-zA-Z]+) holds (U\+0000|a control character)$/, "refusal.control"],
  [/^(?<field>[a-zA-Z]+) is blank$/, "refusal.blank"],
  [/^(?<field>[a-zA-Z]+) is missing$/, "refusal.blank"],
  [/^(?<field>[a-zA-Z]+) (has 1 to|has at most) (?<most>\d+) characters$/, "refusal.length"],
  [/^[a-zA-Z]+ has (?<least>\d+) to (?<most>\d+) characters$/, "refusal.usernameLength"],
  [/^(?<field>[a-zA-Z]+) neither begins nor ends with a blank$/, "refusal.ends"],
];

/** What such a sentence says, in the chosen language; `null` if it is none of them. */
export function refusal(sentence) {
  for (const [pattern, key] of SENTENCES) {
    const found = pattern.exec(sentence);
    if (found) return language.say(key, words(found.groups ?? {}));
  }
  return null;
}

function words(groups) {
  const field = `field.${groups.field}`;
  return { ...groups, field: language.say(language.has(field) ? field : "field.other"), bucket: groups.bucket && language.say(`bucket.${groups.bucket}s`) };
}
