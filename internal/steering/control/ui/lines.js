// One line of the timeline: an entry, a session, or what is missing.
import { get } from "./api.js";
import { count, fine, h, kind, mark, plural, span, time, word } from "./dom.js";

/** @typedef {import("./view.js").View} View */

/** line is one line of a view's list. @param {View} view @param {Item} item @param {number} i */
export function line(view, item, i) {
	const place = { id: item.id, "aria-posinset": i + 1, "aria-setsize": view.items.length };
	if (item.gap) return gapLine(view, item.gap, place);
	if (item.line) return h("div.gap37", { ...place, role: "treeitem" }, h("b", {}, item.line), h("span", {}, "What is below was before it."));
	if (item.group) return groupLine(view, item.group, place, item.dim);
	return rowLine(view, /** @type {Row} */ (item.row), place, item.dim);
}

/** @param {View} view @param {Gap} g */
function gapLine(view, g, place) {
	const why = g.held ? "This page was too slow to take #" + count(g.from) + " – #" + count(g.to) + "." : "The journal has forgotten #" + count(g.from) + " – #" + count(g.to) + ".";
	return h("div.gap37", { ...place, role: "treeitem" }, h("b", {}, plural(g.missed ?? g.to - g.from + 1, "entry", "entries") + " not shown"), h("span", {}, why),
		g.held ? h("button.bare.low", {
			onclick: view.page.on(async () => {
				const all = await get("/journal", { since: g.from - 1, until: g.to });
				view.t.store.filled(g);
				for (const x of all.entries) view.t.store.add(x);
				view.draw(true);
			}),
		}, "Load them") : null);
}

/** @param {View} view @param {Group} g @param {boolean} [dim] */
function groupLine(view, g, place, dim) {
	const last = g.rows[g.rows.length - 1];
	const opened = view.items.some((x) => x.row === g.rows[0]);
	const bad = [...g.rows].reverse().find((r) => r.outcome === g.worst && r.why);
	const name = view.by === "person" || !g.subject ? g.person || "Nobody that is known" : g.person + " → " + g.subject;
	const grouped = g.rows[0].grouped && g.rows[0].grouped !== "plugin" && view.by === "session" ? "by " + g.rows[0].grouped + " and time" : "";
	const ticks = g.rows.slice(-24);
	return h("div.g" + (dim ? ".old" : ""), { ...place, role: "treeitem", "aria-level": 1, "aria-expanded": String(opened), "data-group": g.id },
		h("span.fold", { "aria-hidden": "true" }), h("b.cut", {}, name), h("span.d.cut", {}, [g.worst !== "ok" && bad ? bad.why : "", grouped].filter(Boolean).join(" · ")),
		h("span.strip", { role: "img", "aria-label": plural(g.rows.length, "operation") }, ticks.map((r) => h("i." + kind(r.outcome)))), mark(g.worst),
		h("span.m.n.dd.r.w2", {}, time(g.rows[0].at) + " · " + span(Math.max(last.at + last.took - g.rows[0].at, 0))));
}

/** @param {View} view @param {Row} r @param {boolean} [dim] */
function rowLine(view, r, place, dim) {
	const two = r.outcome !== "ok";
	const e = h("a.t." + kind(r.outcome) + (two ? ".two" : "") + (dim ? ".old" : ""), {
		...place, role: "treeitem", "aria-level": view.by === "nothing" ? 1 : 2, "aria-selected": String(r.seq === view.selected), "aria-current": r.seq === view.selected ? "true" : undefined,
		tabindex: -1, href: "/console/timeline?entry=" + r.seq, "data-seq": r.seq,
	}, h("span.m.n.dd", {}, fine(r.at)), mark(r.outcome), h("span.d.cut", { "data-filter": "system:" + r.server }, r.server),
	h("span.cut", {}, h("code", { "data-filter": 'op:"' + r.op + '"' }, r.op), h("span.obj", r.object ? { "data-filter": 'object:"' + r.object + '"' } : {}, r.object || (r.person ?? ""))),
	h("span.m.d.r", {}, r.status), h("span.m.dd.r.n", {}, span(r.took)), two ? h("span.w.cut", {}, r.why || word(r.outcome)) : null);
	if (r.seq > (view.newest || r.seq - 1) && view.version > 0) e.classList.add("new");
	view.newest = Math.max(view.newest, r.seq);
	return e;
}
