// Two sessions, step by step: where do they part?
import { get, query } from "./api.js";
import { badness, copy, enc, fill, h, heads, key, mark, masked, plural, said, span, time } from "./dom.js";

/** @param {HTMLElement} main @param {Page} page */
export async function compare(main, page) {
	const ids = [page.params.get("a") ?? "", page.params.get("b") ?? ""];
	/** @type {Entry[][]} */
	let both;
	try {
		both = await Promise.all(ids.map((id) => get("/journal", { session: id }, page.signal).then((x) => x.entries)));
	} catch (e) {
		return fill(main, h("p", {}, said(e)));
	}
	const gone = ids.find((_, i) => !both[i].length);
	if (gone !== undefined) return fill(main, h("div.head", {}, h("h1", {}, "The journal has no session " + gone + " any more."), h("a", { href: "/console" }, "To the timeline")));
	let folded = false;
	const steps = align(both[0], both[1]);
	const draw = () => fill(main, h("div.head", {}, h("h1", {}, "Two sessions, step by step"), h("span.grow"), h("button", { "aria-pressed": String(folded), onclick: fold }, folded ? "Show what is the same " : "Fold what is the same ", key("F")),
		h("a.b", { href: "/console/compare" + query({ a: ids[1], b: ids[0] }) }, "Swap"), copy(() => markdown(both, steps), "Copy as Markdown")), verdict(both, steps), table(both, steps, folded), differences(both, steps));
	const fold = () => {
		folded = !folded;
		draw();
	};
	page.keys.f = fold;
	page.keys.Escape = () => page.go("timeline");
	draw();
}

/** A step is one operation of each session, or of one of them. @typedef {{a?: Entry, b?: Entry, same: boolean}} Step */

/** align pairs what was asked in the same order (longest common subsequence). @param {Entry[]} a @param {Entry[]} b @returns {Step[]} */
export function align(a, b) {
	const what = (e) => e.server + " " + e.op;
	a = a.slice(0, 500);
	b = b.slice(0, 500);
	const best = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
	for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) best[i][j] = what(a[i]) === what(b[j]) ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
	/** @type {Step[]} */
	const steps = [];
	for (let i = 0, j = 0; i < a.length || j < b.length; ) {
		if (i < a.length && j < b.length && what(a[i]) === what(b[j])) {
			steps.push({ a: a[i], b: b[j], same: a[i].outcome === b[j].outcome && a[i].status === b[j].status });
			i++;
			j++;
		} else if (j >= b.length || (i < a.length && best[i + 1][j] >= best[i][j + 1])) steps.push({ a: a[i++], same: false });
		else steps.push({ b: b[j++], same: false });
	}
	return steps;
}

const worst = (entries) => entries.reduce((w, e) => (badness(e.outcome) > badness(w) ? e.outcome : w), "ok");
const name = (entries) => entries[0].person || entries[0].actor || "nobody that is known";

/** @param {Entry[][]} both @param {Step[]} steps */
function verdict(both, steps) {
	const i = steps.findIndex((s) => !s.same);
	if (i < 0) return h("div.note.fine", {}, mark("ok", ""), h("p.say", {}, h("b", {}, "They do not part."), " All steps are alike."));
	const s = steps[i];
	const text = s.a && s.b ? "The same " + s.a.op + " answered " + (s.a.status || s.a.outcome) + " to " + name(both[0]) + " and " + (s.b.status || s.b.outcome) + " to " + name(both[1]) + (s.b.why || s.a.why ? ": " + (s.b.why || s.a.why) : "") + "." : (s.a?.op ?? s.b?.op) + " was only asked by " + name(s.a ? both[0] : both[1]) + ".";
	return h("div.note.bad.gapb", {}, h("div", {}, h("p.say", {}, h("b", {}, "They part at step " + (i + 1) + "."), " ", text), h("p.s.d", {}, plural(steps.filter((x) => x.same).length, "step is", "steps are") + " alike. Times are counted from each session’s start.")));
}

/** @param {Entry[][]} both @param {Step[]} steps @param {boolean} folded */
function table(both, steps, folded) {
	const head = (e) => h("div.h", {}, h("div.row", {}, mark(worst(e)), h("b", {}, name(e)), h("a.s", { href: "/console/timeline?q=session:" + enc(e[0].session) }, time(e[0].at)), h("span.grow"), h("span.dd.n", {}, plural(e.length, "step") + " · " + span(Date.parse(e[e.length - 1].at) - Date.parse(e[0].at)))));
	const cell = (e, of, c) => (e ? h("div" + c, {}, h("a.cl", { href: "/console/timeline?entry=" + e.seq }, h("span.m.n.dd", {}, "+" + ((Date.parse(e.at) - Date.parse(of[0].at)) / 1000).toFixed(3)), mark(e.outcome), h("span.d", {}, e.server), h("code.cut", {}, e.op), h("code.d", {}, e.status ?? "")), c && e.why ? h("p.s", {}, e.why) : null) : h("div.none"));
	return h("div.cmp", {}, head(both[0]), h("div.x.h", {}, "step"), head(both[1]), steps.filter((s) => !folded || !s.same).map((s) => {
		const here = s.same ? "same" : s.a && s.b ? "≠ differs" : s.a ? "◂ only here" : "only here ▸";
		return [cell(s.a, both[0], s.same || !s.a || !s.b ? "" : s.a.outcome === "ok" ? ".fit" : ".hit"), h("div.x" + (s.same ? "" : ".ne"), {}, here), cell(s.b, both[1], s.same ? ".dup" : !s.a || !s.b ? "" : s.b.outcome === "ok" ? ".fit" : ".hit")];
	}));
}

/** flat makes paths and values of an answer. @param {string} path @param {Map<string, string>} out */
function flat(v, path, out) {
	if (out.size > 200) return;
	if (v && typeof v === "object") for (const [k, x] of Object.entries(v)) flat(x, path + "." + k, out);
	else out.set(path, JSON.stringify(v));
}

/** @param {Entry} e */
function fields(e) {
	const out = new Map();
	for (const k of /** @type {const} */ (["actor", "object", "status", "outcome", "why"])) if (e[k]) out.set(k, e[k]);
	const answer = e.response ?? "", at = answer.search(/[{[]/);
	try {
		if (at < 0) throw new SyntaxError();
		flat(JSON.parse(answer.slice(at)), "answer", out);
	} catch {
		if (answer) out.set("answer", answer);
	}
	return out;
}

/** @param {Entry[][]} both @param {Step[]} steps */
function differences(both, steps) {
	const i = steps.findIndex((s) => !s.same && s.a && s.b), step = steps[i];
	if (!step?.a || !step.b) return null;
	const a = fields(step.a), b = fields(step.b);
	const names = [...new Set([...a.keys(), ...b.keys()])].filter((k) => a.get(k) !== b.get(k));
	const value = (/** @type {string | undefined} */ v) => (v === undefined ? h("td.dd", {}, "absent") : h("td", {}, h("code", {}, ...masked(v))));
	return [h("h2.gapt", {}, "What differs at step " + (i + 1)), h("div.card", {}, h("table", {}, heads(["Field", ...both.map((e) => name(e) + ", " + time(e[0].at))]), h("tbody", {}, names.map((k) => h("tr", {}, h("td.d", {}, k), value(a.get(k)), value(b.get(k)))))))];
}

/** @param {Entry[][]} both @param {Step[]} steps */
function markdown(both, steps) {
	const one = (e) => (e ? (e.server + " " + e.op + " " + (e.status || e.outcome) + (e.why ? " (" + e.why + ")" : "")).replaceAll("|", "\\|") : "");
	return ["| step | " + name(both[0]) + " | " + name(both[1]) + " |", "|---|---|---|", ...steps.map((s, i) => "| " + (i + 1) + (s.same ? "" : " **≠**") + " | " + one(s.a) + " | " + one(s.b) + " |")].join("\n") + "\n";
}
