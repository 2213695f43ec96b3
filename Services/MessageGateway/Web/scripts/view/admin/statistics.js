import { dateOf, dayPlus, spanOf } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { barChart, lineChart } from "../charts/bars.js";
import { chartFrame } from "../charts/frame.js";
import { heatMap, hourName, weekdayName } from "../charts/heat-map.js";
import { ranking } from "../charts/ranking.js";
import { element } from "../element.js";
import { panel } from "../panel.js";
import { goTo, roomPath } from "../place.js";
import { roomName } from "../room-name.js";
import { select } from "../select.js";
import { table } from "../table.js";

const SPANS = { 7: "stats.days7", 30: "stats.days30", 90: "stats.days90", 365: "stats.days365" };

/** What is said here: how much, when, where and by whom. */
export async function show({ chat, params }) {
  const days = params.get("days") in SPANS ? Number(params.get("days")) : 30;
  const room = params.get("room") ?? "";
  const until = dayPlus(new Date(), 1);
  const since = dayPlus(new Date(), 1 - days);
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const asked = { since: since.toISOString(), until: until.toISOString(), bucket: days > 120 ? "week" : "day", timeZone, words: true, ...(room ? { room } : {}) };
  const stats = await chat.ask("history.stats", asked);
  return [
    filters(chat, days, room),
    figures(stats),
    panel("stats.messages", chartFrame(...byTime(stats.buckets ?? [], "messages"))),
    panel("stats.growth", chartFrame(...growth(stats.buckets ?? []))),
    panel("stats.week", chartFrame(...week(stats.hourWeekday ?? []))),
    element(
      "div",
      { class: "two" },
      room ? null : panel("stats.topRooms", ranking("stats.topRooms", (stats.topRooms ?? []).map(({ room: name, title, messages }) => ({ name: roomName(chat.directory.get(name), name), note: title, value: messages, href: chat.directory.get(name)?.joined ? roomPath(name) : null })))),
      panel("stats.topSenders", ranking("stats.topSenders", (stats.topSenders ?? []).map(({ username, displayName, messages }) => ({ name: displayName || username, note: `@${username}`, value: messages })))),
      stats.words?.rising.length ? panel("stats.rising", ranking("stats.rising", stats.words.rising.map(({ word, messages, messagesBefore }) => ({ name: word, note: element("span", { text: "stats.risingBefore", params: { count: messagesBefore } }), value: messages })))) : null,
    ),
  ];
}

function filters(chat, days, room) {
  const span = select({ label: "stats.span", name: "days", value: String(days) }, Object.entries(SPANS));
  const rooms = [["", "stats.allRooms"], ...chat.directory.joined.map((one) => [one.room, () => roomName(one)])];
  const place = select({ label: "stats.room", name: "room", value: room }, rooms);
  const go = () => goTo(`/admin/statistics?${new URLSearchParams({ days: span.input.value, ...(place.input.value ? { room: place.input.value } : {}) })}`);
  for (const { input } of [span, place]) input.addEventListener("change", go);
  return element("div", { class: "filter-grid" }, span.whole, place.whole);
}

function figures({ messages, senders, rooms, responseSeconds }) {
  const figure = (label, value) => element("div", { class: "figure" }, element("dt", { text: label }), element("dd", {}, element("span", { class: "figure-value", text: value })));
  return element(
    "dl",
    { class: "figures" },
    figure("stats.messages", () => language.number(messages)),
    figure("stats.senders", () => language.number(senders)),
    rooms === undefined ? null : figure("stats.rooms", () => language.number(rooms)),
    responseSeconds?.median === undefined || responseSeconds.median === null ? null : figure("stats.response", () => spanOf(responseSeconds.median)),
  );
}

const day = (at) => () => dateOf(new Date(at));
const tick = (at) => () => new Intl.DateTimeFormat(language.current, { month: "short", day: "numeric" }).format(new Date(at));

function byTime(buckets) {
  const bars = buckets.map(({ at, messages }) => ({ value: messages, name: day(at), tick: tick(at) }));
  const label = () => language.say("stats.messagesLabel", { count: buckets.reduce((sum, { messages }) => sum + messages, 0), from: bars.length ? bars[0].name() : "", to: bars.length ? bars.at(-1).name() : "" });
  const behind = table(
    "stats.messages",
    [
      { title: "stats.day", cell: ({ at }) => day(at) },
      { title: "stats.messages", kind: "number", cell: ({ messages }) => () => language.number(messages) },
      { title: "stats.senders", kind: "number", cell: ({ senders }) => () => language.number(senders ?? 0) },
      { title: "stats.rooms", kind: "number", cell: ({ rooms }) => (rooms === undefined ? null : () => language.number(rooms)) },
    ],
    buckets,
  );
  return [barChart(bars, { label }), null, behind, { overTime: true }];
}

/** All messages since the beginning of the span, added up. */
function growth(buckets) {
  let sum = 0;
  const points = buckets.map(({ at, messages }) => ({ value: (sum += messages), name: day(at), tick: tick(at) }));
  const label = () => language.say("stats.growthLabel", { count: sum });
  const behind = table(
    "stats.growth",
    [{ title: "stats.day", cell: ({ name }) => name }, { title: "stats.soFar", kind: "number", cell: ({ value }) => () => language.number(value) }],
    points,
  );
  return [lineChart(points, { label }), null, behind, { overTime: true }];
}

function week(days) {
  const all = days.flatMap((hours, weekday) => hours.map((value, hour) => ({ weekday, hour, value })));
  const most = all.reduce((best, one) => (one.value > best.value ? one : best), { value: 0, weekday: 0, hour: 0 });
  const label = () => language.say("stats.weekLabel", { day: weekdayName(most.weekday, "long"), hour: hourName(most.hour), count: most.value });
  const columns = [
    { title: "stats.hour", cell: ({ hour }) => () => hourName(hour) },
    ...days.map((_, weekday) => ({ title: () => weekdayName(weekday, "short"), kind: "number", cell: ({ values }) => () => language.number(values[weekday]) })),
  ];
  const rows = Array.from({ length: 24 }, (_, hour) => ({ hour, values: days.map((hours) => hours[hour]) }));
  return [heatMap(days, { label }), null, table("stats.week", columns, days.length ? rows : [])];
}
