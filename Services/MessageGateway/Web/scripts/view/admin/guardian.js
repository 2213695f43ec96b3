import { bytesOf, dateTimeOf, spanOf } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { element } from "../element.js";
import { ifOffered, panel } from "../panel.js";
import { table } from "../table.js";
import { jobsPanel } from "./jobs.js";
import { said } from "./saying.js";
import { windowsChart } from "./windows-chart.js";

/** How the backups stand: what can be restored, what was proven, and what is being done. */
export async function show(context) {
  const { chat } = context;
  const status = await chat.ask("guardian.status");
  const { backups } = await chat.ask("guardian.backups");
  return [
    element("p", { class: `verdict ${status.ok ? "good" : "bad"}`, role: "status", text: status.ok ? "guardian.well" : "guardian.problems", params: { count: status.problems.length } }),
    status.problems.length ? element("ul", { class: "problems" }, ...status.problems.map((text, index) => said("li", {}, status.sayings?.[index], text))) : null,
    figures(status),
    await ifOffered(async () => panel("guardian.windows", element("p", { class: "panel-text", text: "guardian.windowsText" }), ...windowsChart((await chat.ask("guardian.windows")).windows, backups))),
    await ifOffered(() => jobsPanel(context)),
    await ifOffered(async () => panel("guardian.drills", drillTable((await chat.ask("guardian.drills")).drills))),
    panel("guardian.backups", backupTable(backups)),
  ];
}

function figures({ newestProvenAt, newestProven, rpoSeconds, rtoSeconds, segmentsBehind, repositoryBytes, window }) {
  const known = (value, shown) => (value === null || value === undefined ? () => language.say("guardian.unknown") : () => shown(value));
  return element(
    "dl",
    { class: "figures" },
    figure("guardian.newestProven", known(newestProvenAt, (at) => dateTimeOf(new Date(at))), newestProven),
    figure("guardian.window", known(window?.to, (to) => dateTimeOf(new Date(to))), window?.from ? () => language.say("guardian.windowFrom", { from: dateTimeOf(new Date(window.from)) }) : null),
    figure("guardian.rpo", known(rpoSeconds, spanOf)),
    figure("guardian.rto", known(rtoSeconds, spanOf)),
    figure("guardian.lag", known(segmentsBehind, (count) => language.say("guardian.segments", { count }))),
    figure("guardian.size", known(repositoryBytes, bytesOf)),
  );
}

function figure(label, value, note) {
  return element(
    "div",
    { class: "figure" },
    element("dt", { text: label }),
    element("dd", {}, element("span", { class: "figure-value", text: value }), note ? element("span", { class: "figure-note", ...(typeof note === "function" ? { text: note } : {}) }, typeof note === "function" ? null : note) : null),
  );
}

function backupTable(backups) {
  const columns = [
    { title: "guardian.finished", kind: "when", cell: ({ finishedAt, startedAt }) => () => dateTimeOf(new Date(finishedAt ?? startedAt)) },
    { title: "guardian.kind", kind: "when", cell: ({ kind }) => () => (language.has(`kind.${kind}`) ? language.say(`kind.${kind}`) : kind) },
    { title: "guardian.proof", cell: ({ proven, verified }) => proofOf(proven, verified) },
    { title: "guardian.stored", kind: "number", cell: ({ storedBytes }) => () => bytesOf(storedBytes ?? 0) },
    { title: "guardian.original", kind: "number", cell: ({ bytes }) => () => bytesOf(bytes ?? 0) },
    { title: "guardian.id", cell: ({ id }) => element("code", {}, id) },
  ];
  return table("guardian.backups", columns, backups.toReversed());
}

function proofOf(proven, verified) {
  if (proven) return element("span", { class: "badge good", text: "guardian.proven" });
  if (verified === false) return element("span", { class: "badge bad", text: "guardian.damaged" });
  return element("span", { class: "badge", text: verified ? "guardian.verified" : "guardian.unproven" });
}

function differencesOf({ differences, sayings }) {
  if (!differences?.length) return null;
  return element("ul", { class: "problems" }, ...differences.map((text, index) => said("li", {}, sayings?.[index], text)));
}

function drillTable(drills) {
  const columns = [
    { title: "logins.at", kind: "when", cell: ({ at }) => () => dateTimeOf(new Date(at)) },
    { title: "guardian.result", cell: ({ ok }) => element("span", { class: `badge ${ok ? "good" : "bad"}`, text: ok ? "guardian.passed" : "guardian.failed" }) },
    { title: "guardian.rtoShort", kind: "number", cell: ({ rtoSeconds }) => () => spanOf(rtoSeconds) },
    { title: "guardian.rpoShort", kind: "number", cell: ({ rpoSeconds }) => () => spanOf(rpoSeconds) },
    { title: "guardian.messages", kind: "number", cell: ({ messages }) => () => language.number(messages) },
    { title: "guardian.rooms", kind: "number", cell: ({ rooms }) => () => language.number(rooms) },
    { title: "guardian.differences", cell: differencesOf },
  ];
  return table("guardian.drills", columns, [...drills].sort((a, b) => (a.at < b.at ? 1 : -1)));
}
