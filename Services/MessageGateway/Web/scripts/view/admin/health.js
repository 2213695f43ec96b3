import { language } from "../../words/language.js";
import { element } from "../element.js";
import { panel } from "../panel.js";
import { table } from "../table.js";
import { Abilities } from "../../model/abilities.js";
import { saidOf } from "./saying.js";

const AGAIN_MS = 10_000;

/** Each part of the server, asked through the gateway just now: does it answer, and how fast. */
export async function show({ chat, signal }) {
  const place = element("div", { "aria-live": "off" });
  const look = async () => {
    const parts = await Promise.all((await probes(chat)).map((probe) => ask(chat, probe)));
    if (!signal.aborted) place.replaceChildren(overview(parts), table("admin.health", columns, parts));
  };
  await look();
  const timer = setInterval(() => !document.hidden && chat.ready() && look().catch(() => {}), AGAIN_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return panel(null, element("p", { class: "panel-text", text: "health.text" }), place);
}

/** What each answers without changing anything. */
async function probes(chat) {
  const room = chat.directory.joined[0]?.room;
  const authAnswers = (await new Abilities(chat).offers("auth.sessions")) ? ["auth.sessions", {}] : ["session.resume", { session: chat.account.session }];
  return [
    { part: "gateway", method: "room.list", params: {} },
    { part: "auth", method: authAnswers[0], params: authAnswers[1] },
    ...(room
      ? [
          { part: "history", method: "history.page", params: { room, before: 2, limit: 1 } },
          { part: "redis", method: "history.recent", params: { room }, note: ({ source }) => (source === "redis" ? "health.fromRedis" : "health.fromPostgres"), well: ({ source }) => source === "redis" },
        ]
      : []),
    { part: "guardian", method: "guardian.status", params: {}, note: ({ problems, sayings }) => (problems.length ? () => problems.map((text, index) => saidOf(sayings?.[index], text)).join(" ") : "health.backupsWell"), well: ({ ok }) => ok },
  ];
}

async function ask(chat, { part, method, params, note, well = () => true }) {
  const began = performance.now();
  try {
    const answer = await chat.ask(method, params);
    return { part, state: well(answer) ? "good" : "warn", ms: performance.now() - began, note: note?.(answer) ?? null };
  } catch (error) {
    return { part, state: "bad", ms: performance.now() - began, note: () => language.describe(error) };
  }
}

const columns = [
  { title: "health.part", cell: ({ part }) => element("span", { class: "health-part", text: `health.${part}` }) },
  { title: "health.state", cell: ({ state }) => element("span", { class: `badge ${state}`, text: `health.${state}` }) },
  { title: "health.answer", kind: "number", cell: ({ ms }) => () => language.number(ms, { style: "unit", unit: "millisecond", maximumFractionDigits: ms < 10 ? 1 : 0 }) },
  { title: "health.note", cell: ({ note }) => (note ? element("span", { text: note }) : null) },
];

function overview(parts) {
  const bad = parts.filter(({ state }) => state === "bad").length;
  const warned = parts.filter(({ state }) => state === "warn").length;
  const state = bad ? "bad" : warned ? "warn" : "good";
  return element("p", { class: `verdict ${state}`, role: "status", text: `health.all.${state}`, params: { count: bad || warned } });
}
