import { language } from "../../words/language.js";
import { svg } from "../svg.js";
import { roundScale, short } from "./scale.js";

const WIDTH = 960;
const HEIGHT = 260;
/** What the values are called is beside the newest, which is what is seen first where the chart is wider than its place. */
const RIGHT = 56;
const BOTTOM = 28;
const TICKS = 8;

/** Bars beside one another over time. `bars`: [{value, name() (what it is), tick() (what is said below)}]; `label()`: the whole in a sentence. */
export function barChart(bars, { label, className = "bar" }) {
  const { most, ticks } = roundScale(Math.max(...bars.map(({ value }) => value), 0));
  const y = (value) => 10 + (HEIGHT - BOTTOM - 10) * (1 - value / most);
  const step = (WIDTH - RIGHT) / Math.max(bars.length, 1);
  const every = Math.ceil(bars.length / TICKS);
  return svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", label },
    ...gridLines(ticks, y),
    ...bars.map(({ value, name }, index) =>
      svg(
        "rect",
        { class: className, x: index * step + Math.min(2, step * 0.12), y: y(value), width: Math.max(1, step - Math.min(4, step * 0.24)), height: Math.max(0, y(0) - y(value)), rx: Math.min(3, step / 4) },
        svg("title", { text: () => `${name()}: ${language.number(value)}` }),
      ),
    ),
    ...bars.flatMap(({ tick }, index) =>
      index % every === 0 ? [svg("text", { class: "tick", x: index ? (index + 0.5) * step : 0, y: HEIGHT - 8, "text-anchor": index ? "middle" : "start", text: tick })] : [],
    ),
  );
}

/** A line over time, with what lies under it filled. The same parameters. */
export function lineChart(points, { label }) {
  const { most, ticks } = roundScale(Math.max(...points.map(({ value }) => value), 0));
  const y = (value) => 10 + (HEIGHT - BOTTOM - 10) * (1 - value / most);
  const step = (WIDTH - RIGHT - 16) / Math.max(points.length - 1, 1);
  const every = Math.ceil(points.length / TICKS);
  const line = points.map(({ value }, index) => `${index ? "L" : "M"}${(index * step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const end = (points.length - 1) * step;
  return svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", label },
    ...gridLines(ticks, y),
    svg("path", { class: "under-line", d: `${line}L${end} ${y(0)}L0 ${y(0)}z` }),
    svg("path", { class: "line-path", d: line }),
    ...points.flatMap(({ tick }, index) =>
      index % every === 0 ? [svg("text", { class: "tick", x: index * step, y: HEIGHT - 8, "text-anchor": index ? "middle" : "start", text: tick })] : [],
    ),
  );
}

function gridLines(ticks, y) {
  return ticks.flatMap((value) => [
    svg("line", { class: value === 0 ? "axis" : "grid", x1: 0, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
    svg("text", { class: "tick", x: WIDTH - RIGHT + 8, y: y(value) + 4, text: () => short(value) }),
  ]);
}
