import { language } from "./language.js";

const formats = new Map();

function format(name, options) {
  const key = `${language.current} ${name}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(language.current, options));
  return formats.get(key);
}

// By their parts, not by a style: in Chinese a style of both says other words for the time of day than the time alone.
const CLOCK = { hour: "numeric", minute: "2-digit" };
const DAY = { year: "numeric", month: "short", day: "numeric" };

export const timeOf = (date) => format("time", CLOCK).format(date);

export const momentOf = (date) => format("moment", { ...DAY, month: "long", weekday: "long", ...CLOCK, second: "2-digit" }).format(date);

export const dateOf = (date) => format("date", { dateStyle: "medium" }).format(date);

export const dateTimeOf = (date) => format("dateTime", { ...DAY, ...CLOCK }).format(date);

/** How long ago, in the largest unit that fits. */
export function agoOf(date, now = new Date()) {
  const seconds = (date - now) / 1000;
  const units = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60]];
  const relative = new Intl.RelativeTimeFormat(language.current, { numeric: "auto", style: "short" });
  for (const [unit, size] of units) if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  return relative.format(Math.round(seconds), "second");
}

/** A length of time of seconds, in one unit. */
export function spanOf(seconds) {
  const [unit, size] =
    seconds < 1 ? ["millisecond", 0.001]
    : seconds < 120 ? ["second", 1]
    : seconds < 7200 ? ["minute", 60]
    : seconds < 172_800 ? ["hour", 3600]
    : ["day", 86_400];
  return language.number(seconds / size, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: size === 1 ? 1 : 0 });
}

export function bytesOf(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let power = 0;
  while (power < units.length - 1 && bytes >= 1024 ** (power + 1)) power++;
  return language.number(bytes / 1024 ** power, { style: "unit", unit: units[power], unitDisplay: "short", maximumFractionDigits: 1 });
}

export const sameDay = (a, b) => a.toDateString() === b.toDateString();

/** The beginning of a day some days later: not always a multiple of twenty-four hours. `day`: a date, or as a field has it (2026-11-29). */
export function dayPlus(day, days) {
  const moved = new Date(typeof day === "string" ? `${day}T00:00:00` : day);
  moved.setHours(0, 0, 0, 0);
  moved.setDate(moved.getDate() + days);
  return moved;
}

/** A day as people say it: today, yesterday, a weekday with its date; with the year when it is another. */
export function dayOf(date, now = new Date()) {
  if (sameDay(date, now)) return language.say("day.today");
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (sameDay(date, yesterday)) return language.say("day.yesterday");
  const options = { weekday: "long", month: "long", day: "numeric" };
  if (date.getFullYear() === now.getFullYear()) return format("day", options).format(date);
  return format("year", { ...options, year: "numeric" }).format(date);
}
