import { dateTimeOf } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { element } from "../element.js";
import { svg } from "../svg.js";
import { table } from "../table.js";
import { said } from "./saying.js";
import { chartFrame } from "../charts/frame.js";
import { timeTicks } from "../charts/scale.js";

const WIDTH = 960;
const LEFT = 6;
const RIGHT = 104;
const ROW = 46;
const AXIS = 30;

/** What can be restored, drawn over time: a bar for each timeline, gaps where the archive has holes, a mark for each backup. */
export function windowsChart(windows, backups) {
  const drawn = windows.filter((window) => window.ranges?.length || window.from);
  if (drawn.length === 0) return [element("p", { class: "nothing", text: "guardian.nothing" })];
  const ranges = drawn.map((window) => (window.ranges?.length ? window.ranges : [{ from: window.from, to: window.to }]));
  const bases = backups.filter(({ kind }) => kind === "base");
  const times = [...ranges.flat().flatMap(({ from, to }) => [+new Date(from), +new Date(to)]), ...bases.map(({ finishedAt }) => +new Date(finishedAt))];
  let [first, last] = [Math.min(...times), Math.max(...times)];
  // A window of a moment is still to be seen.
  if (last - first < 60_000) [first, last] = [first - 30_000, last + 30_000];
  const x = (time) => LEFT + ((time - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const height = drawn.length * ROW + AXIS;
  const rows = drawn.map((window, index) => row(window, ranges[index], index * ROW, x));
  const marks = bases.map(({ finishedAt, proven, id }) =>
    svg("path", { class: proven ? "backup-mark proven" : "backup-mark", d: `M${x(+new Date(finishedAt))} ${height - AXIS + 2}l5 9h-10z` }, svg("title", { text: () => `${id} · ${dateTimeOf(new Date(finishedAt))}` })),
  );
  const chart = svg(
    "svg",
    { class: "chart windows-chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", label: () => summary(drawn, ranges) },
    svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: height - AXIS, y2: height - AXIS }),
    ...timeTicks(first, last, 6).map(({ time, text }) => svg("text", { class: "tick", x: x(time), y: height - 4, "text-anchor": "middle", text })),
    ...rows,
    ...marks,
  );
  const legend = element(
    "ul",
    { class: "legend", "aria-hidden": "true" },
    element("li", { class: "key can" }, element("span", { text: "guardian.canRestore" })),
    element("li", { class: "key hole" }, element("span", { text: "guardian.hole" })),
    element("li", { class: "key backup" }, element("span", { text: "guardian.backupMark" })),
  );
  return [chartFrame(chart, legend, behind(drawn, ranges), { overTime: true })];
}

function row({ timeline }, ranges, top, x) {
  const y = top + 10;
  const bars = ranges.map(({ from, to }) => {
    const [start, end] = [x(+new Date(from)), x(+new Date(to))];
    return svg("rect", { class: "can-restore", x: start, y, width: Math.max(3, end - start), height: ROW - 22, rx: 4 }, svg("title", { text: () => between(from, to) }));
  });
  const holes = ranges.slice(1).map(({ from }, index) => {
    const [start, end] = [x(+new Date(ranges[index].to)), x(+new Date(from))];
    return svg("rect", { class: "hole", x: start, y, width: Math.max(3, end - start), height: ROW - 22 }, svg("title", { text: () => `${language.say("guardian.hole")}: ${between(ranges[index].to, from)}` }));
  });
  return svg("g", {}, svg("text", { class: "row-name", x: WIDTH - RIGHT + 10, y: y + 17, text: () => language.say("guardian.timeline", { timeline }) }), ...holes, ...bars);
}

const between = (from, to) => `${dateTimeOf(new Date(from))} – ${dateTimeOf(new Date(to))}`;

function summary(windows, ranges) {
  const holes = windows.reduce((sum, window) => sum + window.holes.length, 0);
  const parts = ranges.flat();
  return language.say(holes ? "guardian.chartWithHoles" : "guardian.chart", { from: dateTimeOf(new Date(parts[0].from)), to: dateTimeOf(new Date(parts.at(-1).to)), count: holes });
}

/** The same in words, for whoever does not see the picture. */
function behind(windows, ranges) {
  const rows = windows.flatMap((window, index) => [
    ...ranges[index].map(({ from, to, backup }) => ({ timeline: window.timeline, kind: "guardian.canRestore", text: between(from, to), note: backup ?? "" })),
    ...window.holes.map(({ segment, cause, kind }) => ({ timeline: window.timeline, kind: "guardian.hole", text: segment, note: said("span", {}, kind ? { kind, values: { text: cause }, text: cause } : null, cause) })),
  ]);
  return table(
    "guardian.windows",
    [
      { title: "guardian.timelineShort", kind: "number", cell: ({ timeline }) => String(timeline) },
      { title: "guardian.what", cell: ({ kind }) => element("span", { text: kind }) },
      { title: "guardian.when", cell: ({ text }) => text },
      { title: "guardian.note", cell: ({ note }) => note || null },
    ],
    rows,
  );
}
