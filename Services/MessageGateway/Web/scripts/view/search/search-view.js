import en from "../../words/search/en.js";
import zhHant from "../../words/search/zh-Hant.js";
import { dayPlus } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { element, icon, iconButton } from "../element.js";
import { field } from "../field.js";
import { goTo } from "../place.js";
import { roomName } from "../room-name.js";
import { select } from "../select.js";
import { loadStyles } from "../styles.js";
import { hitItem } from "./hit.js";

language.add({ en, "zh-Hant": zhHant });

const PAGE = 30;

/** Finds messages in all rooms that this user may read. What is sought stands in the address, so that going back comes back to it. */
export class SearchView {
  whole;
  #chat;
  #form;
  #fields;
  #results = element("ol", { class: "hits" });
  #status = element("p", { class: "hits-status", role: "status" });
  #more = element("button", { type: "button", class: "button", hidden: true, text: "search.more", on: { click: () => this.#next() } });
  #cursor = null;
  #turn = 0;
  #place;
  #roomNames = null;
  #stop = new AbortController();

  constructor(chat, { back, place }) {
    this.#chat = chat;
    this.#place = place;
    this.#fields = this.#makeFields();
    const { query, room, from, since, until, order } = this.#fields;
    this.#form = element(
      "form",
      { class: "search-form", role: "search", on: { submit: (event) => this.#submitted(event) } },
      element("div", { class: "search-line" }, element("div", { class: "search" }, icon("search"), query), element("button", { type: "submit", class: "button primary", text: "search.go" })),
      element(
        "details",
        { class: "search-filters" },
        element("summary", { text: "search.filters" }),
        element("div", { class: "filter-grid" }, room.whole, from.whole, since.whole, until.whole, order.whole),
      ),
    );
    this.whole = element(
      "section",
      { class: "parts", "aria-labelledby": "search-title" },
      element(
        "header",
        { class: "room-top" },
        iconButton("back", "room.back", back, { class: "only-narrow" }),
        element("div", { class: "room-names" }, element("h2", { class: "room-name", id: "search-title", tabindex: "-1", text: "search.title" })),
      ),
      element("div", { class: "search-body" }, this.#form, this.#status, this.#results, this.#more),
    );
  }

  async shown() {
    await loadStyles("/styles/parts.css");
    this.#fields.query.focus();
    // Whoever comes here first is here before the list of rooms.
    this.#chat.directory.addEventListener("listed", () => this.#offerRooms(), { signal: this.#stop.signal });
    this.go(this.#place);
  }

  stop() {
    this.#stop.abort();
  }

  /** The user's rooms to choose from, and the one that the address names. */
  #offerRooms(wanted = this.#fields.room.input.value) {
    const { input } = this.#fields.room;
    const names = [...new Set([...this.#chat.directory.joined.map(({ room }) => room), wanted])].filter(Boolean);
    if (names.join("\n") !== this.#roomNames) {
      this.#roomNames = names.join("\n");
      while (input.options.length > 1) input.lastElementChild.remove();
      input.append(...names.map((name) => element("option", { value: name, text: () => roomName(this.#chat.directory.get(name), name) })));
    }
    input.value = wanted;
  }

  /** Seeks what the address names. */
  go({ params }) {
    const { query, room, from, since, until, order } = this.#fields;
    query.value = params.get("q") ?? "";
    this.#offerRooms(params.get("room") ?? "");
    from.input.value = params.get("from") ?? "";
    since.input.value = params.get("since") ?? "";
    until.input.value = params.get("until") ?? "";
    order.input.value = params.get("order") ?? "newest";
    if (room.input.value || from.input.value || since.input.value || until.input.value) this.#form.querySelector("details").open = true;
    this.#results.replaceChildren();
    this.#cursor = null;
    this.#more.hidden = true;
    language.unbind(this.#status);
    this.#status.textContent = "";
    if (query.value.trim()) this.#next();
  }

  #makeFields() {
    return {
      query: element("input", { type: "search", class: "input", name: "q", label: "search.query", placeholder: "search.query", autocomplete: "off", enterkeyhint: "search" }),
      room: select({ label: "search.room", name: "room" }, [["", "search.anyRoom"]]),
      from: field({ label: "search.from", name: "from", autocomplete: "off", autocapitalize: "none", spellcheck: "false" }),
      since: field({ label: "search.since", name: "since", type: "date" }),
      until: field({ label: "search.until", name: "until", type: "date" }),
      order: select({ label: "search.order", name: "order" }, [["newest", "search.newest"], ["relevance", "search.relevance"]]),
    };
  }

  #submitted(event) {
    event.preventDefault();
    const { query, room, from, since, until, order } = this.#fields;
    const params = new URLSearchParams();
    const put = (name, value) => value && params.set(name, value);
    put("q", query.value.trim());
    put("room", room.input.value);
    put("from", from.input.value.trim().replace(/^@/, ""));
    put("since", since.input.value);
    put("until", until.input.value);
    if (order.input.value !== "newest") put("order", order.input.value);
    goTo(`/search?${params}`);
  }

  async #next() {
    const turn = ++this.#turn;
    const { query, room, from, since, until, order } = this.#fields;
    const params = { query: query.value.trim(), limit: PAGE };
    if (room.input.value) params.room = room.input.value;
    if (from.input.value.trim()) params.from = from.input.value.trim().replace(/^@/, "");
    // By the reader's days: from the beginning of the first to the end of the last.
    if (since.input.value) params.since = dayPlus(since.input.value, 0).toISOString();
    if (until.input.value) params.until = dayPlus(until.input.value, 1).toISOString();
    if (order.input.value !== "newest") params.order = order.input.value;
    if (this.#cursor) params.cursor = this.#cursor;
    language.bind(this.#status, "text", "search.working");
    try {
      const { hits, cursor } = await this.#chat.ask("history.search", params);
      if (turn !== this.#turn) return;
      this.#cursor = cursor ?? null;
      this.#results.append(...hits.map((hit) => hitItem(hit, this.#chat.directory.get(hit.message.room))));
      this.#more.hidden = !this.#cursor;
      const count = this.#results.children.length;
      language.bind(this.#status, "text", count === 0 ? "search.nothing" : this.#cursor ? "search.foundFirst" : "search.found", { count });
    } catch (error) {
      if (turn === this.#turn) language.bind(this.#status, "text", () => language.describe(error));
    }
  }
}
