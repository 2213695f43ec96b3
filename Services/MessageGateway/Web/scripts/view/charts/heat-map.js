import { language } from "../../words/language.js";
import { svg } from "../svg.js";

const CELL = 34;
const LEFT = 62;
const TOP = 24;
const LEVELS = 5;

/** A Monday, so that weekdays can be named in any language. */
const weekday = (index, style) => new Intl.DateTimeFormat(language.current, { weekday: style, timeZone: "UTC" }).format(new Date(Date.UTC(2024, 0, 1 + index)));
const hour = (index) => new Intl.DateTimeFormat(language.current, { hour: "numeric", hourCycle: "h23", timeZone: "UTC" }).format(new Date(Date.UTC(2024, 0, 1, index)));

/** How much is said at which hour of which weekday: seven lists, Monday first, of twenty-four numbers. */
export function heatMap(week, { label }) {
  const most = Math.max(...week.flat(), 1);
  const level = (value) => (value === 0 ? 0 : Math.max(1, Math.ceil((value / most) * LEVELS)));
  return svg(
    "svg",
    { class: "chart heat-map", viewBox: `0 0 ${LEFT + 24 * CELL} ${TOP + 7 * CELL}`, role: "img", label },
    ...Array.from({ length: 8 }, (_, index) => svg("text", { class: "tick", x: LEFT + index * 3 * CELL + CELL / 2, y: 15, "text-anchor": "middle", text: () => hour(index * 3) })),
    ...week.flatMap((day, row) => [
      svg("text", { class: "tick", x: LEFT - 10, y: TOP + row * CELL + CELL / 2 + 4, "text-anchor": "end", text: () => weekday(row, "short") }),
      ...day.map((value, column) =>
        svg(
          "rect",
          { class: `heat heat-${level(value)}`, x: LEFT + column * CELL + 1.5, y: TOP + row * CELL + 1.5, width: CELL - 3, height: CELL - 3, rx: 5 },
          svg("title", { text: () => `${weekday(row, "long")} ${hour(column)}: ${language.number(value)}` }),
        ),
      ),
    ]),
  );
}

export { hour as hourName, weekday as weekdayName };
