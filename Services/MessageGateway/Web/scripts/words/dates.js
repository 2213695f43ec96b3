import { language } from "./language.js";

const formats = new Map();

function format(name, options) {
  const key = `${language.current} ${name}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(language.current, options));
  return formats.get(key);
}

export const timeOf = (date) => format("time", { hour: "numeric", minute: "2-digit" }).format(date);

export const momentOf = (date) => format("moment", { dateStyle: "full", timeStyle: "medium" }).format(date);

export const sameDay = (a, b) => a.toDateString() === b.toDateString();

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
