// The timeline on its page: session by session, the newest on top.
import { get, query } from "./api.js";
import { badness, count, field, fill, h, key, kind, option, outcomes, plural, shape, word } from "./dom.js";
import { backend, expectation, filterKeys, fits, parse, written } from "./store.js";
import { pane } from "./entry.js";
import { firstMinute } from "./empty.js";
import { line } from "./lines.js";

const narrow = matchMedia("(max-width: 820px)");

/** View is the timeline on a page. */
export class View {
	main = h("main");
	box = h("span.row.nowrap.toks");
	chips = h("div.chips", { role: "group", "aria-label": "Outcomes" });
	stat = h("div.stat");
	list = h("div.live", { role: "tree", "aria-label": "Operations", tabindex: 0 });
	sheet = h("div.sheet", {}, this.list);
	first = h("div");
	side = h("aside.pane", { hidden: true });
	pauser = h("button", { onclick: () => this.t.pause() });
	news = h("button.news", { onclick: () => this.toTop() });
	input = /** @type {HTMLInputElement} */ (h("input"));
	section = h("section");
	/** @type {Item[]} */
	items = [];
	/** @type {Row[]} */
	visible = [];
	/** @type {Map<string, HTMLElement>} */
	shown = new Map();
	height = 0;
	sessions = 0;
	newest = 0;
	version = -1;
	begins = 0;
	pausedShown = "";
	wasEmpty = false;
	/** @type {number | undefined} */
	read = undefined;

	/** @param {Timeline} t @param {HTMLElement} main @param {Page} page */
	constructor(t, main, page) {
		this.t = t;
		this.page = page;
		this.tokens = parse(page.params.get("q") ?? "");
		this.only = new Set((page.params.get("outcome") ?? "").split(",").filter(Boolean));
		this.by = /** @type {"session" | "person" | "nothing"} */ (page.params.get("group") ?? "session");
		this.selected = Number(page.params.get("entry") ?? 0);
		this.frame(main);
		this.keys(page.keys);
		narrow.addEventListener("change", () => this.draw(true), { signal: page.signal });
		addEventListener("resize", () => this.paint(), { signal: page.signal });
	}

	/** frame makes what stays. @param {HTMLElement} main */
	frame(main) {
		main.className = "split";
		this.main = main;
		this.input = field({
			placeholder: "system, person, object, why …", "aria-label": "Filter", list: "filters",
			oninput: () => this.draw(true),
			onkeydown: (e) => {
				if (e.key === "Enter") this.commit();
				if (e.key === "Backspace" && !this.input.value && this.tokens.length) this.drop(this.tokens.length - 1);
			},
		});
		this.section = h("section", { "aria-label": "Timeline", onscroll: () => this.paint() },
			h("div.filt", {}, h("div.row.nowrap", {}, h("label.field", {}, this.box, this.input, key("/")), this.pauser, h("button.pri", { onclick: () => this.refusal(1) }, "Next refusal ", key("N"))),
				this.chips, this.stat, h("datalist", { id: "filters" }, filterKeys.map((k) => h("option", { value: k + ":" })))),
			this.news, this.first, this.sheet);
		fill(main, this.section, this.side);
		this.list.addEventListener("click", (e) => this.clicked(e));
	}

	/** @param {Record<string, () => void>} keys */
	keys(keys) {
		keys.n = () => this.refusal(1);
		keys.N = () => this.refusal(-1);
		keys.j = keys.ArrowDown = () => this.step(1);
		keys.k = keys.ArrowUp = () => this.step(-1);
		keys.ArrowRight = () => this.fold(true);
		keys.ArrowLeft = () => this.fold(false);
		keys.Enter = () => this.side.querySelector("button")?.focus();
		keys.Escape = () => this.select(0);
		keys["/"] = () => this.input.focus();
		keys[" "] = () => this.t.pause();
		for (const [k, name] of [["y", "link"], ["b", "break"], ["x", "expect"], ["m", "compare"]]) keys[k] = () => /** @type {HTMLElement | null} */ (this.side.querySelector("[data-do=" + name + "]"))?.click();
	}

	/** address keeps what is shown in the page's address. */
	address() {
		const url = "/console/timeline" + query({ q: written(this.tokens), outcome: [...this.only].join(","), group: this.by === "session" ? "" : this.by, entry: this.selected || "" });
		if (url !== location.pathname + location.search) history.replaceState(null, "", url);
		return url;
	}

	commit() {
		this.tokens.push(...parse(this.input.value));
		this.input.value = "";
		this.draw(true);
	}

	/** @param {number} i */
	drop(i) {
		this.tokens.splice(i, 1);
		this.draw(true);
	}

	/** draw works out what there is to show. @param {boolean} [again] */
	draw(again) {
		const store = this.t.store;
		if (!again && this.version === store.version && this.pausedShown === this.t.paused + ":" + this.t.held.length && this.begins === this.t.begins) return;
		this.version = store.version;
		this.begins = this.t.begins;
		const empty = store.rows.size === 0 && !store.gaps.length && this.t.link.fleet?.journal.newest === 0;
		firstMinute(this.first, empty ? this.page : null);
		this.sheet.hidden = empty;
		this.section.classList.toggle("empty", empty);
		if (empty) this.wasEmpty = true;
		else if (this.wasEmpty) {
			this.wasEmpty = false;
			if (!this.selected) this.select(store.newest);
		}
		const tokens = [...this.tokens, ...parse(this.input.value)];
		const fit = (r) => fits(r, tokens);
		this.lay(store.groups(this.by), fit, tokens.length > 0);
		this.head(fit);
		this.address();
		this.paint(true);
		if (this.selected && !this.side.dataset.of && store.rows.has(this.selected)) this.select(this.selected);
	}

	/** lay gives every line its place. @param {Group[]} groups @param {(r: Row) => boolean} fit @param {boolean} filtering */
	lay(groups, fit, filtering) {
		const small = narrow.matches;
		const before = this.items.length ? this.anchor() : null;
		/** @type {Item[]} */
		const items = [];
		let top = 0;
		const add = (/** @type {Omit<Item, "top">} */ item) => {
			items.push({ ...item, top });
			top += item.height;
		};
		const gaps = [...this.t.store.gaps].sort((a, b) => b.from - a.from);
		let reset = this.begins > 1;
		const between = (seq) => {
			while (gaps.length && gaps[0].from > seq) {
				const gap = gaps.shift();
				add({ id: "g" + gap?.from, height: 32, gap });
			}
			if (reset && seq < this.begins) {
				add({ id: "reset", height: 32, line: "Reset before #" + count(this.begins) });
				reset = false;
			}
		};
		this.visible = [];
		let some = 0;
		let newest = true;
		for (const g of groups) {
			const wanted = g.rows.filter((r) => (this.only.size === 0 || this.only.has(r.outcome)) && fit(r));
			if (!wanted.length) continue;
			some++;
			between(g.rows[0].seq);
			const old = g.rows[0].seq < this.begins;
			if (this.by !== "nothing") add({ id: "s" + g.id, height: small ? 44 : 36, group: g, dim: old });
			const opened = this.open(g, newest || (filtering && some < 4));
			newest = false;
			if (!opened) continue;
			const whole = new Set(wanted);
			for (const r of g.rows) {
				if (this.by === "nothing" && !whole.has(r)) continue;
				const two = r.outcome !== "ok";
				add({ id: "e" + r.seq, height: small ? (two ? 68 : 50) : two ? 46 : 28, row: r, dim: old || !whole.has(r) });
				this.visible.push(r);
			}
		}
		between(0);
		this.items = items;
		this.height = top;
		this.sessions = some;
		if (before) this.keep(before);
	}

	/** open says whether a session's rows are shown. @param {Group} g @param {boolean} otherwise */
	open(g, otherwise) {
		if (this.by === "nothing") return true;
		if (g.rows.some((r) => r.seq === this.selected)) return this.t.open.get(g.id) ?? true;
		return this.t.open.get(g.id) ?? otherwise;
	}

	/** anchor is the first line on the screen, which stays where it is. */
	anchor() {
		const y = this.section.scrollTop - this.sheet.offsetTop;
		if (y < 8) return null;
		const item = this.items.find((i) => i.top + i.height > y);
		return item ? { id: item.id, off: item.top - y } : null;
	}

	/** @param {{id: string, off: number}} was */
	keep(was) {
		const item = this.items.find((i) => i.id === was.id);
		if (!item) return;
		this.sheet.style.height = this.height + "px";
		this.section.scrollTop = item.top - was.off + this.sheet.offsetTop;
	}

	toTop() {
		this.section.scrollTop = 0;
		this.paint();
	}

	/** head draws filter, counts and what is said of the whole. @param {(r: Row) => boolean} fit */
	head(fit) {
		/** @type {Record<string, number>} */
		const counts = {};
		let n = 0;
		for (const r of this.t.store.rows.values()) {
			if (!fit(r)) continue;
			const name = r.outcome === "unplayed" ? "unimplemented" : r.outcome;
			counts[name] = (counts[name] ?? 0) + 1;
			if (this.only.size === 0 || this.only.has(r.outcome)) n++;
		}
		fill(this.box, this.tokens.map((t, i) => h("span.tok" + (t.not ? ".not" : ""), {}, (t.not ? "not " : "") + (t.key ? t.key + ": " : "") + t.value,
			h("button.bare.del", { "aria-label": "Remove " + t.value, onclick: (e) => (e.preventDefault(), this.drop(i)) }, "✕"))));
		const names = Object.keys(outcomes).filter((o) => o !== "unplayed").reverse();
		for (const o of Object.keys(counts)) if (!names.includes(o)) names.unshift(o);
		fill(this.chips, names.filter((o) => counts[o] || this.only.has(o)).map((o) => h("button.o." + kind(o) + (this.only.has(o) ? ".on" : ""), {
			"aria-pressed": String(this.only.has(o)),
			onclick: () => {
				if (!this.only.delete(o)) this.only.add(o);
				this.draw(true);
			},
		}, shape(o), word(o), h("b.n", {}, count(counts[o] ?? 0)))));
		this.pausedShown = this.t.paused + ":" + this.t.held.length;
		fill(this.pauser, this.t.paused ? "Go on" + (this.t.held.length ? " (" + count(this.t.held.length) + ")" : "") : "Pause", " ", key("Space"));
		const hidden = this.t.store.rows.size - n;
		const select = h("select.low", {
			"aria-label": "Group by", onchange: (e) => {
				this.by = e.target.value;
				this.draw(true);
			},
		}, ["session", "person", "nothing"].map((v) => option(v, v, v === this.by)));
		const out = h("select.low", { "aria-label": "Export", onchange: (e) => this.export(e.target) }, option("", "Export…"), option("json", "as JSON"), option("verify", "as expectations"), option("scenario", "as backend: of a scenario"));
		fill(this.stat, h("span", {}, h("b.n", {}, count(n)), n === 1 ? " entry in " : " entries in ", plural(this.sessions, "session"), " · newest session first · ",
			this.t.paused ? h("b", {}, "paused") : [h("span.dot"), " following"]),
		hidden > 0 ? h("span", {}, plural(hidden, "entry", "entries") + " filtered out ", h("button.bare.low", { onclick: () => this.clear() }, "Clear filter")) : null, h("span.grow"), h("label", {}, "Group by ", select), out);
	}

	clear() {
		this.tokens = [];
		this.only.clear();
		this.input.value = "";
		this.draw(true);
	}

	/** export saves what is shown as a file. @param {HTMLSelectElement} select */
	async export(select) {
		const how = select.value;
		select.value = "";
		const rows = (this.t.store.rows.size ? [...this.t.store.rows.values()] : []).filter((r) => (this.only.size === 0 || this.only.has(r.outcome)) && fits(r, this.tokens)).sort((a, b) => a.seq - b.seq);
		let text = "";
		if (how === "json") {
			const wanted = new Set(rows.map((r) => r.seq));
			const all = rows.length ? await get("/journal", { since: rows[0].seq - 1, until: rows[rows.length - 1].seq }) : { entries: [] };
			text = JSON.stringify(all.entries.filter((e) => wanted.has(e.seq)), null, 2);
		} else text = how === "verify" ? expectation(rows) : backend(rows);
		const url = URL.createObjectURL(new Blob([text], { type: how === "json" ? "application/json" : "application/yaml" }));
		const a = /** @type {HTMLAnchorElement} */ (h("a", { href: url, download: "journal." + (how === "json" ? "json" : "yaml") }));
		a.click();
		setTimeout(() => URL.revokeObjectURL(url), 1000);
	}

	/** paint makes the lines that are on the screen, and only those. @param {boolean} [again] */
	paint(again) {
		const sheet = this.sheet, list = this.list, section = this.section;
		sheet.style.height = this.height + "px";
		const scroller = section.scrollHeight > section.clientHeight + 1 || !narrow.matches ? section : this.main;
		const from = scroller.scrollTop - sheet.offsetTop - 300, to = from + scroller.clientHeight + 600;
		const at = (y) => {
			let a = 0, b = this.items.length;
			while (a < b) {
				const m = (a + b) >> 1;
				if (this.items[m].top + this.items[m].height < y) a = m + 1;
				else b = m;
			}
			return a;
		};
		const seen = new Map();
		for (let i = at(from); i < this.items.length && this.items[i].top < to; i++) {
			const item = this.items[i];
			let e = again ? undefined : this.shown.get(item.id);
			e ??= line(this, item, i);
			e.style.transform = "translateY(" + item.top + "px)";
			seen.set(item.id, e);
		}
		const order = [...seen.values()];
		if (again || order.length !== list.childElementCount || order.some((e, i) => list.children[i] !== e)) list.replaceChildren(...order);
		this.shown = seen;
		const newest = this.t.store.newest;
		if (scroller.scrollTop < 40) this.read = newest;
		const unread = this.read === undefined ? 0 : this.t.store.after(this.read);
		const news = this.news;
		news.hidden = unread === 0;
		news.textContent = count(unread) + " new";
		list.setAttribute("aria-activedescendant", this.selected ? "e" + this.selected : "");
	}

	/** clicked: a row is selected, a session folded, a value filtered out with Alt. @param {MouseEvent} e */
	clicked(e) {
		const at = /** @type {HTMLElement} */ (e.target);
		const value = /** @type {HTMLElement | null} */ (at.closest("[data-filter]"));
		if (e.altKey && value) {
			e.preventDefault();
			this.tokens.push({ ...parse(value.dataset.filter ?? "")[0], not: true });
			return this.draw(true);
		}
		const group = /** @type {HTMLElement | null} */ (at.closest("[data-group]"));
		const row = /** @type {HTMLElement | null} */ (at.closest("[data-seq]"));
		if (group) {
			this.t.open.set(group.dataset.group ?? "", group.getAttribute("aria-expanded") !== "true");
			this.draw(true);
		} else if (row && !e.ctrlKey && !e.metaKey && !e.shiftKey) {
			e.preventDefault();
			e.stopPropagation();
			this.select(Number(row.dataset.seq));
		}
	}

	/** fold opens or closes the session of the selected row. @param {boolean} open */
	fold(open) {
		const g = this.t.store.groups(this.by).find((x) => x.rows.some((r) => r.seq === this.selected));
		if (!g) return;
		this.t.open.set(g.id, open);
		this.draw(true);
	}

	/** step goes to another row. @param {number} by */
	step(by) {
		const rows = this.visible;
		const i = rows.findIndex((r) => r.seq === this.selected);
		const next = rows[i < 0 ? 0 : Math.min(Math.max(i + by, 0), rows.length - 1)];
		if (next) this.select(next.seq);
	}

	/** refusal goes to the next one that is not well, into older sessions. @param {number} by */
	refusal(by) {
		const tokens = [...this.tokens, ...parse(this.input.value)];
		const rows = this.t.store.groups(this.by).flatMap((g) => g.rows).filter((r) => badness(r.outcome) > badness("challenge") && fits(r, tokens));
		const all = this.t.store.groups(this.by).flatMap((g) => g.rows.map((r) => r.seq));
		const here = all.indexOf(this.selected);
		const next = by > 0 ? rows.find((r) => all.indexOf(r.seq) > here) ?? rows[0] : [...rows].reverse().find((r) => all.indexOf(r.seq) < here) ?? rows[rows.length - 1];
		if (next) this.select(next.seq);
	}

	/** select shows one entry beside the list. @param {number} seq */
	select(seq) {
		this.selected = seq;
		const side = this.side;
		const other = side.dataset.of !== String(seq || "");
		side.hidden = !seq;
		side.dataset.of = String(seq || "");
		this.draw(true);
		if (!seq) return;
		const item = this.items.find((x) => x.id === "e" + seq);
		if (item) {
			const section = this.section, y = item.top + this.sheet.offsetTop;
			const cover = narrow.matches ? 0 : 110;
			if (y < section.scrollTop + cover) section.scrollTop = y - cover - 40;
			else if (y + item.height > section.scrollTop + section.clientHeight) section.scrollTop = y + item.height - section.clientHeight + 40;
			this.paint();
		}
		if (other) pane(side, seq, this.page, this.t, () => this.select(0));
	}
}
