import { dateTimeOf } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { element, icon } from "../element.js";
import { panel } from "../panel.js";

const BUSY_MS = 1000;
const IDLE_MS = 15_000;
const SHOWN = 6;

/** Starts a backup or a drill, and shows how those that run get on. */
export async function jobsPanel({ chat, notices, signal, again }) {
  const list = element("ul", { class: "jobs", "aria-live": "polite" });
  let jobs = (await chat.ask("guardian.jobs")).jobs;
  const running = () => jobs.some(({ state }) => state === "running" || state === "waiting");
  const draw = () => list.replaceChildren(...(jobs.length ? jobs.slice(-SHOWN).reverse().map(jobItem) : [element("li", { class: "nothing", text: "jobs.none" })]));
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
  );
}

function jobItem({ kind, state, startedAt, finishedAt, progress, message }) {
  // "backup base", "drill"
  const key = `kind.${kind.split(" ").at(-1)}`;
  const name = () => (language.has(key) ? language.say(key) : kind);
  return element(
    "li",
    { class: "job" },
    element("span", { class: "job-kind", text: name }),
    element("span", { class: `badge ${{ done: "good", failed: "bad", running: "warn" }[state] ?? ""}`, text: `jobs.${state}` }),
    state === "running" ? element("progress", { class: "job-progress", label: name }) : null,
    element("span", { class: "time", text: () => (finishedAt ?? startedAt ? dateTimeOf(new Date(finishedAt ?? startedAt)) : "") }),
    message || progress ? element("span", { class: "job-message" }, message ?? progress) : null,
  );
}
