// Who holds what until when, requests to approve; and the tickets.
import { get, post } from "./api.js";
import { count, enc, fill, finder, h, mark, person, plural, span, time, when } from "./dom.js";

const hour = 3600e3;
const ranges = /** @type {[string, number][]} */ ([["3 h", 3 * hour], ["12 h", 12 * hour], ["3 d", 72 * hour]]);

/** accounts is the page of vaults. @type {Show} */
export function accounts(main, page) {
	let range = 0, moved = 0, after = "";
	/** @type {Account[]} */
	let shown = [];
	/** @type {Lease[]} */
	let leases = [];
	/** @type {Asked[]} */
	let requests = [];
	/** @type {Ticket[]} */
	let windows = [];
	let out = 0;
	const sum = h("p"), waiting = h("div"), chart = h("div.ax"), more = h("button", { hidden: true, onclick: () => load(false) }, "More accounts");
	const seg = h("span.seg", { role: "group", "aria-label": "How much time" });
	const [find, box] = finder("name, machine …", page.rest || page.params.get("q") || "", () => load(true));
	fill(main, h("div.head", {}, h("h1", {}, "Who holds what, until when"), sum, h("span.grow"), box, seg, h("button", { onclick: () => ((moved = 0), draw()) }, "Back to now ", h("kbd", { "aria-hidden": "true" }, "0"))),
		waiting, h("div.row.gapb", {}, h("h2", {}, "Accounts"), h("span.grow"), legend()), chart, h("div.row", {}, more), h("p.s.dd", {}, "← and → move the time. One record each, whichever vault is asked."));
	page.keys["0"] = () => ((moved = 0), draw());
	page.keys.ArrowLeft = () => ((moved -= ranges[range][1] / 6), draw());
	page.keys.ArrowRight = () => ((moved += ranges[range][1] / 6), draw());
	page.keys["/"] = () => find.focus();

	const load = async (anew) => {
		if (anew) after = "";
		const text = find.value;
		const got = await get("/accounts", { q: text, after, limit: 50 }, page.signal);
		if (text !== find.value) return;
		shown = anew ? got.accounts : [...shown, ...got.accounts];
		after = got.next;
		more.hidden = !after;
		draw();
	};
	const refresh = async () => {
		const [a, r, t] = await Promise.all([get("/leases", {}, page.signal), get("/requests", {}, page.signal), get("/tickets", { limit: 200 }, page.signal)]);
		leases = a.leases;
		requests = r.requests;
		windows = t.tickets;
		out = new Set(leases.filter((l) => l.state === "active").map((l) => l.account)).size;
		if (shown.length) await load(true);
		draw();
	};

	/** draw shows everything as of the fleet's time. */
	function draw() {
		const now = page.link.now(), width = ranges[range][1], from = now - width / 3 + moved, x = (/** @type {number | string} */ t) => Math.min(Math.max(((new Date(t).getTime() - from) / width) * 100, 0), 100);
		const open = requests.filter((r) => r.state === "pending");
		fill(sum, plural(out, "account is", "accounts are") + " out" + (open.length ? " · " + plural(open.length, "request waits", "requests wait") : ""));
		fill(seg, ranges.map(([text], i) => h("button", { "aria-pressed": String(i === range), onclick: () => ((range = i), draw()) }, i === range ? h("b", {}, text) : text)));
		fill(waiting, open.length ? h("h2.gapb", {}, "Waiting for an approver") : null, open.map((r) => ask(r, now)));
		const lines = [0, 1, 2, 3, 4, 5].map((i) => h("span.lb.n", { "--x": (i / 6) * 100 + "%" }, time(from + (width * i) / 6).slice(0, 5)));
		const here = now >= from && now <= from + width;
		const nowLine = (text) => (here ? h("span.now1.n", { "--x": x(now) + "%" }, text) : null);
		fill(chart, h("div.hd.cap", {}, "Account"), h("div.hd.cap", {}, "Holder now"), h("div.hd.tr", {}, lines, nowLine(time(now))), h("div.hd"),
			shown.map((a) => {
				const held = a.holders ?? [];
				const mine = leases.filter((l) => l.account === a.id);
				const asked = open.filter((r) => r.account === a.id);
				const how = [a.exclusive ? "one holder" : "shared", a.rotates && a.rotates !== "never" ? "rotates" : "", a.needs_approval ? (a.approvers ?? []).join(", ") + " approves" : "", (a.keys ?? []).join(", ")].filter(Boolean).join(" · ");
				const first = held[0];
				return [h("div", {}, h("b", {}, a.id), h("p.s.dd", {}, how)),
					h("div", {}, held.length ? h("b", {}, held.map((l, i) => [i ? ", " : "", l.user ? person(l.user) : l.client])) : asked.length ? h("span.dd", {}, asked[0].user + " asks") : "nobody",
						h("p.s.dd", {}, first ? "until " + when(first.expires, now) + ", " + span(Date.parse(first.expires) - now) : asked.length ? asked[0].id : "")),
					h("div.tr", {}, nowLine(""), mine.map((l) => bar(l, x, now)), asked.map((r) => h("span.l.req", place(x(r.made ?? now), x(r.expires ?? from + width)), r.user + " asked")),
						windows.filter((t) => t.window && (t.targets ?? []).some((g) => g.asset === a.asset && (!g.accounts?.length || g.accounts.includes(a.name)))).map((t) => h("span.l.win", { ...place(x(t.window.not_before ?? from), x(t.window.not_after ?? from + width)), title: t.id + ", " + t.state }))),
					h("div.act", {}, held.map((l) => h("button.dan", { onclick: page.on(() => post("/leases/{id}/force", { id: l.id }).then(refresh)) }, "Force back")))];
			}));
		if (!shown.length) fill(chart, h("p.pad", {}, find.value ? "No account has “" + find.value + "” in it." : "The seed has no accounts."));
	}

	/** @param {Asked} r @param {number} now */
	function ask(r, now) {
		const by = shown.find((a) => a.id === r.account)?.approvers ?? [];
		const decide = (approve) => page.on(() => post("/requests/{id}", { id: r.id }, { verdict: approve ? "approve" : "deny" }).then(refresh));
		return h("div.note.waits", {}, h("div.grow", {}, h("p", {}, h("b", {}, r.user), " asks for ", h("b", {}, r.account), " ", h("span.dd", {}, "· " + r.id)),
			h("p.s.d", {}, [r.reason ? "“" + r.reason + "”" : "no reason given", "asked " + when(r.made, now), by.length ? "needs " + (r.needed ?? 1) + " of: " + by.join(", ") : "", r.expires ? "lapses " + when(r.expires, now) : ""].filter(Boolean).join(" · "))),
			h("button", { onclick: decide(false) }, "Deny"), h("button.pri", { onclick: decide(true) }, "Approve"));
	}
	load(true).catch(() => {});
	refresh().catch(() => {});
	page.link.on("world", () => refresh().catch(() => {}), page.signal);
	page.link.on("clock", draw, page.signal);
	const timer = setInterval(draw, 5000);
	page.signal.addEventListener("abort", () => clearInterval(timer));
}

/** @param {number} a @param {number} b */
const place = (a, b) => ({ "--x": a + "%", "--w": Math.max(b - a, 0.8) + "%" });

/** bar is one lease. @param {Lease} l @param {(t: string | number) => number} x @param {number} now */
function bar(l, x, now) {
	const over = l.state !== "active";
	const end = l.ended ?? l.expires;
	const text = l.user + " · " + l.id.split(".")[0] + (l.version ? " · v" + l.version : "") + (over ? " · " + { returned: "given back", forced: "forced back", expired: "ran out" }[/** @type {string} */ (l.state)] : "");
	return h("span.l" + (over ? ".past" : "") + (l.state === "forced" ? ".forced" : ""), { ...place(x(l.taken), x(over ? end : l.expires ?? now)), title: text }, text);
}

function legend() {
	return h("span.row.s.d.legend", {}, [["", "out"], [".past", "given back"], [".past.forced", "forced back"], [".req", "requested"], [".win", "ticket window"]].map(([c, text]) => h("span", {}, h("i.l.key" + c), " ", text)));
}

/** tickets is the page of tickets. @type {Show} */
export function tickets(main, page) {
	main.className = "split";
	let after = "";
	const body = h("tbody"), side = h("aside.pane", { hidden: true }), sum = h("p.n"), more = h("button", { hidden: true, onclick: () => load(false) }, "More tickets");
	const [find, box] = finder("number, title, person …", page.params.get("q") ?? "", () => load(true));
	page.keys["/"] = () => find.focus();
	page.keys.Escape = () => (side.hidden = true);
	fill(main, h("section.pad", {}, h("div.head", {}, h("h1", {}, "Tickets"), sum, h("span.grow"), box),
		h("div.card.flat", {}, h("table.pp", {}, h("thead", {}, h("tr", {}, ["Ticket", "State", "For", "Window", "Title"].map((t, i) => h("th" + (i > 2 ? ".hideS" : ""), { scope: "col" }, t)))), body)), more), side);
	let n = 0;
	const load = async (anew) => {
		if (anew) after = "";
		const text = find.value;
		const got = await get("/tickets", { q: text, after, limit: 100 }, page.signal);
		if (text !== find.value) return;
		if (anew) {
			body.replaceChildren();
			n = 0;
		}
		const now = page.link.now();
		for (const t of got.tickets) {
			n++;
			body.append(h("tr", { "data-id": t.id }, h("td", {}, h("a", { href: "/console/tickets/" + enc(t.id) }, h("b", {}, t.id)), h("span.dd", {}, " " + t.system)), h("td", {}, standing(t, now)),
				h("td.d", {}, (t.targets ?? []).map((g) => (g.accounts?.length ? g.accounts.map((a) => a + "@" + g.asset).join(", ") : g.asset)).join(", ") || "–"), h("td.d.hideS", {}, window(t, now)), h("td.d.hideS", {}, t.title)));
		}
		after = got.next;
		more.hidden = !after;
		fill(sum, count(n) + (after ? " of more" : n === 1 ? " ticket" : " tickets"));
		if (!n) body.append(h("tr", {}, h("td", { colspan: 5 }, text ? "No ticket has “" + text + "” in it." : "The seed has no tickets.")));
	};
	load(true).catch(() => {});
	if (page.rest) show(side, page.rest, page).catch((e) => fill(side, h("p", {}, e.message)));
}

/** standing is a ticket's state as an outcome. @param {Ticket} t @param {number} now */
function standing(t, now) {
	const w = t.window ?? {};
	const open = (!w.not_before || Date.parse(w.not_before) <= now) && (!w.not_after || Date.parse(w.not_after) >= now);
	if (["closed", "cancelled", "rejected"].includes(t.state)) return mark("quiet", t.state);
	if (!open) return mark("denied", "outside its window");
	return mark(t.approvers?.some((a) => a.decision === "approved") || t.min_approvals === 0 ? "ok" : "challenge", t.state.replaceAll("_", " "));
}

/** @param {number} now */
const window = (t, now) => (t.window ? when(t.window.not_before ?? now, now) + " – " + (t.window.not_after ? when(t.window.not_after, now) : "open") : "any time");

/** @param {HTMLElement} side @param {string} id @param {Page} page */
async function show(side, id, page) {
	side.hidden = false;
	const t = await get("/tickets/{ticket}", { ticket: id }, page.signal), now = page.link.now();
	side.setAttribute("aria-label", t.id);
	fill(side, h("div.row", {}, h("span.lead.grow", {}, t.id), h("a.b.bare", { href: "/console/tickets", "aria-label": "Close" }, "✕")), h("p.say", {}, t.title), h("div.row", {}, standing(t, now)),
		h("dl.facts", {}, [["System", t.system], ["Kind", t.type], ["Requester", t.requester], ["Assignee", t.assignee], ["Window", window(t, now)], ["Approvals", (t.approvers ?? []).map((a) => a.user + ": " + (a.decision || "not yet")).join(", ") || "none needed"],
			["For", (t.targets ?? []).map((g) => (g.accounts ?? []).join(", ") + "@" + g.asset).join(", ")], ["Uses", t.max_uses ? t.uses + " of " + t.max_uses : String(t.uses)], ["Seed", t.seed?.file ? t.seed.file + ":" + t.seed.line : "not of the seed"]].filter(([, v]) => v).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])),
		t.description ? h("p.d", {}, t.description) : null,
		Array.isArray(t.notes) && t.notes.length ? h("div", {}, h("h3", {}, "Notes"), t.notes.map((x) => h("p.msg", {}, x.author + ": " + x.text))) : null,
		h("a.s", { href: "/console/timeline?q=object:" + enc(t.id) }, "All of " + t.id + " in the timeline"));
}
