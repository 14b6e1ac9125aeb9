// One entry explained: what happened in a sentence, why, and what can be done about it.
import { call, get } from "./api.js";
import { copy, count, enc, fill, h, key, mark, masked, said, span, time } from "./dom.js";
import { backend, expectation } from "./store.js";

/** where the console shows what a link of an explanation means. */
const places = /** @type {Record<string, (id: string) => string>} */ ({
	person: (id) => "/console/people/" + enc(id),
	account: (id) => "/console/vaults/" + enc(id),
	lease: (id) => "/console/vaults/" + enc(id.replace(/^lease-[^.]*\./, "")),
	request: () => "/console/vaults",
	ticket: (id) => "/console/tickets/" + enc(id),
	session: (id) => "/console/timeline?q=session:" + enc(id),
	fault: () => "/console/faults",
	decision: () => "/console/decisions",
	approval: () => "/console/phones",
	device: () => "/console/phones",
});

/**
 * pane fills the side with an entry.
 * @param {HTMLElement} side @param {number} seq @param {Page} page @param {Timeline} t
 */
export async function pane(side, seq, page, t, close) {
	side.setAttribute("aria-label", "Entry " + count(seq));
	let all;
	try {
		all = await get("/journal/{seq}", { seq: String(seq) }, page.signal);
	} catch (e) {
		if (page.signal.aborted || side.dataset.of !== String(seq)) return;
		return fill(side, h("div.row", {}, h("span.lead.grow", {}, "#" + count(seq)), h("button.bare", { onclick: close, "aria-label": "Close" }, "✕")), h("p", {}, said(e)));
	}
	if (side.dataset.of !== String(seq)) return;
	const { entry, explained } = all;
	const row = t.store.rows.get(seq);
	const group = t.store.groups("session").find((g) => g.id === row?.session);
	const step = group && row ? group.rows.indexOf(row) + 1 : 0;
	const preview = h("div");
	const show = (title, hint, text) => fill(preview, h("div.row", {}, h("h3.grow", {}, title, " ", h("span.dd", {}, hint)), copy(text)), h("pre", {}, text));
	fill(side, h("div.row", {}, mark(entry.outcome, h("span.lead", {}, mark(entry.outcome).textContent)), h("span.dd.n", {}, "#" + count(seq) + (step ? " · step " + step + " of " + group?.rows.length : "")), h("span.grow"),
		linkButton(seq), h("button.bare", { onclick: close, "aria-label": "Close" }, "✕")),
	h("p.say", {}, ...named(explained.sentence, explained.links)),
	facts(entry, explained),
	actions(entry, explained, row, page, t, show),
	preview,
	h("div", {}, h("div.row", {}, h("h3", {}, "Request"), h("span.grow"), h("span.dd.s", {}, entry.peer + " → " + entry.server + "/" + entry.port)), h("pre", {}, ...masked(whole(entry.request, entry.request_head) || "nothing that can be shown"))),
	h("div", {}, h("h3", {}, "Answer"), h("pre", {}, ...masked(whole(pretty(entry.response), entry.response_head) || (entry.outcome === "dropped" ? "silence" : "nothing that can be shown")))));
}

/** @param {number} seq */
function linkButton(seq) {
	const b = copy(location.origin + "/console/timeline?entry=" + seq, "Link", ".bare");
	b.dataset.do = "link";
	return b;
}

/** named sets the names of things in a sentence in bold. @param {string} sentence @param {{kind: string, id: string}[]} links @returns {Child[]} */
function named(sentence, links) {
	const names = [...new Set((links ?? []).filter((l) => l.kind !== "session").map((l) => l.id))].sort((a, b) => b.length - a.length);
	if (!names.length) return [sentence];
	const pattern = new RegExp("(" + names.map((n) => n.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|") + ")", "gi");
	return sentence.split(pattern).map((part, i) => (i % 2 ? h("b", {}, part) : part));
}

/** @param {Entry} entry @param {Schemas["Explanation"]} x */
function facts(entry, x) {
	const place = (r) => (r.file ? h("span.dd", {}, r.file + ":" + r.line) : null);
	return h("dl.facts", {},
		x.rule ? [h("dt", {}, "Rule"), h("dd", {}, h("code", {}, x.rule.says), " ", x.rule.written === false ? h("span.dd", {}, "by default") : place(x.rule))] : null,
		x.cause ? [h("dt", {}, "Cause"), h("dd", {}, x.cause)] : null,
		entry.why ? [h("dt", {}, "Why"), h("dd", {}, entry.why)] : null,
		[h("dt", {}, "Client saw"), h("dd", {}, h("code", {}, x.saw || entry.status || "nothing"), ", after " + span(entry.took_ns / 1e6))],
		(x.would_pass ?? []).length ? [h("dt", {}, "Would pass"), h("dd", {}, x.would_pass.map((w, i) => [i ? h("br") : null, w.says, w.at ? ", or at " + time(w.at) : ""]))] : null,
		(x.links ?? []).length ? [h("dt", {}, "See"), h("dd", {}, x.links.filter((l) => places[l.kind]).map((l, i) => [i ? " · " : "", h("a", { href: places[l.kind](l.id) }, l.kind === "session" ? "its session" : l.id)]))] : null,
		entry.faults?.length ? [h("dt", {}, "Faults"), h("dd", {}, entry.faults.join(", "))] : null);
}

/**
 * actions are what one can do about an entry, the destructive ones last.
 * @param {Row | undefined} row @param {Page} page @param {Timeline} t
 * @param {(title: string, hint: string, text: string) => void} show
 */
function actions(entry, x, row, page, t, show) {
	const other = row && t.like(row);
	const forced = (x.would_pass ?? []).map((w) => w.do).filter((d) => d?.kind === "lease");
	return h("div.row", {},
		h("button.pri", { "data-do": "break", onclick: () => page.go("faults?from=" + entry.seq) }, "Break this next time ", key("B")),
		row ? h("button", { "data-do": "expect", onclick: () => show("As expectation", "for journal verify", expectation([row])) }, "As expectation ", key("X")) : null,
		row ? h("button", { onclick: () => show("As scenario", "what the plugin's session must have asked", backend(t.store.groups("session").find((g) => g.id === row.session)?.rows ?? [row])) }, "As scenario") : null,
		other && row ? h("a.b", { "data-do": "compare", href: "/console/compare?a=" + enc(other.session) + "&b=" + enc(row.session) }, "Compare with " + (other.person || "another") + (entry.outcome === "ok" ? "" : ", who got it") + " ", key("M")) : null,
		forced.map((d) => h("button.dan", { onclick: page.on(() => call(d.method ?? "POST", d.href)) }, "Force back " + d.id.split(".")[0])));
}

/** whole is a message with its head: behind the line of a request, before an answer. @param {string} [text] @param {string} [head] */
function whole(text = "", head) {
	if (!head) return text;
	const request = /^[A-Z]+ \//.test(text), [line, ...body] = request ? text.split("\n") : ["", text];
	return [line, head.trim(), "", ...body].join("\n").trim();
}

/** pretty breaks JSON into lines, below its head. @param {string | undefined} text */
function pretty(text) {
	const at = text?.search(/[{[]/) ?? -1;
	if (!text || at < 0) return text ?? "";
	try {
		return text.slice(0, at) + JSON.stringify(JSON.parse(text.slice(at)), null, 1);
	} catch {
		return text;
	}
}
