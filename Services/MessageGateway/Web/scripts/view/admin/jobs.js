import { dateTimeOf } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { element, icon } from "../element.js";
import { panel } from "../panel.js";
import { said } from "./saying.js";

const BUSY_MS = 1000;
const IDLE_MS = 15_000;
const SHOWN = 6;

/** Starts a backup or a drill, and shows how those that run get on. */
export async function jobsPanel({ chat, notices, signal, again }) {
  const list = element("ul", { class: "jobs" });
  // Only how each begins and ends is spoken, not each step.
  const spoken = element("p", { class: "only-spoken", role: "status" });
  const shown = new Map();
  let jobs = (await chat.ask("guardian.jobs")).jobs;
  const running = () => jobs.some(({ state }) => state === "running" || state === "waiting");
  const draw = () => {
    const newest = jobs.slice(-SHOWN).reverse();
    const items = newest.map((job) => {
      const before = shown.get(job.job);
      const now = JSON.stringify(job);
      if (before?.now === now) return before.item;
      if (before && before.state !== job.state) language.bind(spoken, "text", () => `${kindOf(job)}: ${language.say(`jobs.${job.state}`)}`);
      const item = jobItem(job);
      shown.set(job.job, { now, state: job.state, item });
      return item;
    });
    if (items.length === 0) items.push(element("li", { class: "nothing", text: "jobs.none" }));
    for (const [index, item] of items.entries()) if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    while (list.children.length > items.length) list.lastChild.remove();
  };
  let timer = 0;
  const follow = async () => {
    const before = running();
    try {
      jobs = (await chat.ask("guardian.jobs")).jobs;
    } catch {
      // Asked again with the next turn.
    }
    if (signal.aborted) return;
    draw();
    // What has ended changes all the rest of the view.
    if (before && !running()) return again();
    timer = setTimeout(follow, running() ? BUSY_MS : IDLE_MS);
  };
  const start = async (method, params) => {
    try {
      await chat.ask(method, params);
      clearTimeout(timer);
      await follow();
    } catch (error) {
      notices.fail(error);
    }
  };
  const button = (text, sign, method, params) =>
    element("button", { type: "button", class: "button", on: { click: () => start(method, params) } }, icon(sign), element("span", { text }));
  signal.addEventListener("abort", () => clearTimeout(timer));
  draw();
  timer = setTimeout(follow, running() ? BUSY_MS : IDLE_MS);
  return panel(
    "jobs.title",
    element(
      "div",
      { class: "form-actions" },
      button("jobs.base", "database", "guardian.backup", { kind: "base" }),
      button("jobs.dump", "download", "guardian.backup", { kind: "database" }),
      button("jobs.drill", "play", "guardian.drill", {}),
    ),
    list,
    spoken,
  );
}

/** "backup base", "drill" */
function kindOf({ kind }) {
  const key = `kind.${kind.split(" ").at(-1)}`;
  return language.has(key) ? language.say(key) : kind;
}

function jobItem({ kind, state, startedAt, finishedAt, progress, step, message, failure }) {
  const name = () => kindOf({ kind });
  return element(
    "li",
    { class: "job" },
    element("span", { class: "job-kind", text: name }),
    element("span", { class: `badge ${{ done: "good", failed: "bad", running: "warn" }[state] ?? ""}`, text: `jobs.${state}` }),
    state === "running" ? element("progress", { class: "job-progress", label: name, ...share(step) }) : null,
    element("span", { class: "time", text: () => (finishedAt ?? startedAt ? dateTimeOf(new Date(finishedAt ?? startedAt)) : "") }),
    message ? said("span", { class: "job-message" }, failure, message) : progress && state === "running" ? said("span", { class: "job-message" }, step, progress) : null,
  );
}

/** How much of it is done, where that is known. */
const share = (step) => (step?.values.percent === undefined ? {} : { value: String(step.values.percent), max: "100" });
