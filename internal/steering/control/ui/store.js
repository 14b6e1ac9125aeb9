// What the timeline shows: entries, the sessions they belong to, and what is missing.
import { badness } from "./dom.js";

/** Most entries that a page keeps; the fleet keeps no more either. */
export const most = 10000;

export class Store {
	constructor() {
		/** @type {Map<number, Row>} */
		this.rows = new Map();
		/** @type {Gap[]} */
		this.gaps = [];
		this.version = 0;
		this.newest = 0; // number of the newest entry
	}

	/** add takes an entry in. @param {Entry} e */
	add(e) {
		if (this.rows.has(e.seq)) return;
		/** @type {Row} */
		const row = {
			seq: e.seq, at: Date.parse(e.at), took: e.took_ns / 1e6, server: e.server, op: e.op, actor: e.actor ?? "", object: e.object ?? "", outcome: e.outcome,
			status: e.status ?? "", why: e.why ?? "", cause: e.cause ?? "", session: e.session ?? "", person: e.person ?? e.actor ?? "", fault: (e.faults ?? []).join(" "), grouped: e.grouped ?? "",
			text: "",
		};
		row.text = [row.server, row.op, row.actor, row.object, row.status, row.why, row.person].join("\n").toLowerCase();
		this.rows.set(row.seq, row);
		this.newest = Math.max(this.newest, row.seq);
		if (this.rows.size > most) this.rows.delete(Math.min(...firstKeys(this.rows, 64)));
		this.version++;
	}

	/** after counts the entries behind a number. @param {number} seq */
	after(seq) {
		if (seq >= this.newest) return 0;
		let n = 0;
		for (const k of this.rows.keys()) if (k > seq) n++;
		return n;
	}

	/** miss notes entries that did not come. @param {Gap} g */
	miss(g) {
		if (!g.from || this.gaps.some((x) => x.from === g.from && x.to === g.to)) return;
		this.gaps.push(g);
		this.version++;
	}

	/** filled takes a gap away whose entries were loaded. @param {Gap} g */
	filled(g) {
		this.gaps = this.gaps.filter((x) => x !== g);
		this.version++;
	}

	/** clear forgets everything: another seed runs. */
	clear() {
		this.rows.clear();
		this.gaps = [];
		this.version++;
	}

	/** groups are the sessions, the newest first. @param {"session" | "person" | "nothing"} by @returns {Group[]} */
	groups(by) {
		/** @type {Map<string, Group>} */
		const all = new Map();
		const rows = [...this.rows.values()].sort((a, b) => a.seq - b.seq);
		for (const r of rows) {
			const id = by === "nothing" ? "all" : by === "person" ? r.person || "-" : r.session || "-";
			let g = all.get(id);
			if (!g) all.set(id, (g = { id, rows: [], person: "", worst: "ok", first: r.seq, subject: "", single: by === "nothing" || id === "-" }));
			g.rows.push(r);
			g.person ||= r.person;
			if (badness(r.outcome) > badness(g.worst)) g.worst = r.outcome;
			if (r.object && r.object !== r.person) g.subject = r.object;
		}
		return [...all.values()].sort((a, b) => b.first - a.first);
	}
}

/** @param {Map<number, any>} m @param {number} n */
function firstKeys(m, n) {
	const keys = [];
	for (const k of m.keys()) if (keys.push(k) === n) break;
	return keys;
}

/** What a filter may name, and which part of a row that is. */
const parts = /** @type {Record<string, keyof Row>} */ ({
	system: "server", server: "server", op: "op", operation: "op", person: "person", actor: "actor", object: "object", status: "status", why: "why", cause: "cause",
	session: "session", fault: "fault", outcome: "outcome",
});
export const filterKeys = [...Object.keys(parts), "since", "until"];

/** parse reads a filter: words, key:value, key:"two words", and - before what is not wanted. @param {string} text @returns {Token[]} */
export function parse(text) {
	const tokens = [];
	for (const m of text.matchAll(/(-?)(?:([a-z]+):)?(?:"([^"]*)"|(\S+))/g)) {
		const known = m[2] && filterKeys.includes(m[2]);
		const value = m[3] ?? m[4] ?? "";
		tokens.push({ key: known ? m[2] : "", value: known || !m[2] ? value : m[2] + ":" + value, not: m[1] === "-" });
	}
	return tokens;
}

/** written is a filter as text, which parse reads. @param {Token[]} tokens */
export const written = (tokens) => tokens.map((t) => (t.not ? "-" : "") + (t.key ? t.key + ":" : "") + (/\s/.test(t.value) || !t.value ? '"' + t.value + '"' : t.value)).join(" ");

/** fits says whether a row is wanted. @param {Row} r @param {Token[]} tokens */
export function fits(r, tokens) {
	return tokens.every((t) => {
		const v = t.value.toLowerCase();
		let hit;
		if (t.key === "since" || t.key === "until") {
			const at = since(t.value, r.at);
			hit = Number.isNaN(at) || (t.key === "since" ? r.at >= at : r.at <= at);
		} else if (t.key === "why" || t.key === "op" || t.key === "operation" || t.key === "cause" || t.key === "fault") hit = String(r[parts[t.key]]).toLowerCase().includes(v);
		else if (t.key) hit = String(r[parts[t.key]]).toLowerCase() === v;
		else hit = r.text.includes(v);
		return hit !== t.not;
	});
}

/** since reads 13:50 as of that day, a whole time as it is, and a number as an entry's. @param {string} text @param {number} near */
function since(text, near) {
	const m = text.match(/^(\d\d?):(\d\d)(?::(\d\d))?$/);
	if (!m) return Date.parse(text);
	const d = new Date(near);
	d.setHours(+m[1], +m[2], +(m[3] ?? 0), 0);
	return d.getTime();
}

/** scalar writes a text as YAML does in one line. @param {string} text */
export const scalar = (text) => (/^[A-Za-z][\w@./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text) ? text : JSON.stringify(text));

/** expectation is rows as `journal verify` wants them. @param {Row[]} rows */
export function expectation(rows) {
	const lines = rows.map((r) => {
		const pairs = [["server", r.server], ["op", r.op], ["actor", r.actor], ["object", r.object], ["outcome", r.outcome], ["status", r.status]].filter(([, v]) => v);
		return "  - match: {" + pairs.map(([k, v]) => k + ": " + (k === "status" ? JSON.stringify(v) : scalar(v))).join(", ") + "}\n    count: 1";
	});
	return "expect:\n" + lines.join("\n") + "\n";
}

/** backend is rows as a scenario expects them. @param {Row[]} rows */
export function backend(rows) {
	const lines = rows.map((r) => {
		const pairs = [["system", r.server], ["op", r.op], ["actor", r.actor], ["object", r.object], ["outcome", r.outcome]].filter(([, v]) => v);
		return "    - {" + pairs.map(([k, v]) => k + ": " + scalar(v)).join(", ") + "}";
	});
	return "expect:\n  backend:\n" + lines.join("\n") + "\n";
}
