import { language } from "../../words/language.js";

/** A round number that is not below `value`, and the steps to it. */
export function roundScale(value, steps = 4) {
  const rough = Math.max(value, 1) / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].find((one) => one * power >= rough) * power);
  const most = Math.ceil(Math.max(value, 1) / step) * step;
  return { most, ticks: Array.from({ length: Math.round(most / step) + 1 }, (_, index) => index * step) };
}

/** A number as an axis says it: 1.2K, 3 萬. */
export const short = (value) => language.number(value, { notation: "compact", maximumFractionDigits: 1 });

/** Moments spread over a time, each with what is said under it: the second within minutes, the hour within two days, else the day. */
export function timeTicks(first, last, count) {
  const days = (last - first) / 86_400_000;
  const clock = { hour: "numeric", minute: "2-digit", ...((last - first) / count < 60_000 ? { second: "2-digit" } : {}) };
  const options = days > 700 ? { year: "numeric", month: "short" } : days > 2 ? { month: "short", day: "numeric" } : clock;
  return Array.from({ length: count }, (_, index) => {
    const time = first + ((last - first) * (index + 0.5)) / count;
    return { time, text: () => new Intl.DateTimeFormat(language.current, options).format(new Date(time)) };
  });
}
