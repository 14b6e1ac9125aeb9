// People: who can sign in and who cannot, why, and what to do about it.
import { get, post, query } from "./api.js";
import { account, copy, count, enc, fill, finder, fine, h, heads, mark, said, when } from "./dom.js";

/** standing is whether somebody can sign in, as an outcome. @param {Schemas["Person"]} u */
function standing(u) {
	const words = /** @type {Record<string, [string, string]>} */ ({ active: ["ok", "Yes"], must_change_password: ["challenge", "Must change"], disabled: ["denied", "Disabled"], locked: ["denied", "Locked"], expired: ["denied", "Expired"] });
	const [outcome, word] = u.can_sign_in && u.status === "active" ? ["ok", "Yes"] : words[u.status] ?? ["denied", u.status];
	return mark(outcome, word);
}

/** @type {Show} */
export function people(main, page) {
	main.className = "split";
	let next = "", n = 0, loading = false, typing = 0;
	const sum = h("p.n"), body = h("tbody"), side = h("aside.pane", { hidden: true }), end = h("div");
	const [find, box] = finder("name, e-mail, group …", page.params.get("q") ?? "", () => {
		clearTimeout(typing);
		typing = setTimeout(() => load(true).catch(() => {}), 120);
	});
	page.keys["/"] = () => find.focus();
	page.keys.Escape = () => page.go("people" + query({ q: find.value }));
	const section = h("section.pad", {}, h("div.head", {}, h("h1", {}, "People"), sum, h("span.grow"), box),
		h("div.card.flat", {}, h("table.pp", {}, heads(["Person", "Can sign in", "Groups+", "Devices+", "Right now", ""]), body)), end,
		h("p.s.dd", {}, "The list is fetched page by page as you scroll or type."));
	fill(main, section, side);
	/** @type {World} */
	let world = { pushes: [], leases: [], requests: [] };
	const lately = (u) => {
		const parts = [];
		const pushes = world.pushes.filter((p) => p.user === u.id).length;
		if (pushes) parts.push(h("b", {}, pushes === 1 ? "1 push waits" : pushes + " pushes wait"));
		for (const l of world.leases.filter((x) => x.user === u.id)) parts.push(account(l.account));
		for (const r of world.requests.filter((x) => x.user === u.id && x.state === "pending")) parts.push(h("span", {}, "asks for ", account(r.account)));
		return parts.length ? parts.map((p, i) => [i ? " · " : "", p]) : h("span.dd", {}, "–");
	};
	const load = async (anew) => {
		if (loading && !anew) return;
		loading = true;
		if (anew) next = "";
		const text = find.value;
		try {
			const got = await get("/people", { q: text, after: next, limit: 100 }, page.signal);
			if (text !== find.value) return;
			if (anew) {
				body.replaceChildren();
				n = 0;
			}
			for (const u of got.people) {
				n++;
				body.append(h("tr" + (u.id === page.rest ? ".here" : ""), { "data-id": u.id }, h("td", {}, h("a.plain", { href: "/console/people/" + enc(u.id) + query({ q: text }) }, h("b", {}, u.id)), " ", h("span.dd.hideS", {}, u.display_name)), h("td", {}, standing(u)),
					h("td.d.hideS", {}, (u.groups ?? []).map((g) => g.name).slice(0, 2).join(", ") || "none"), h("td.d.hideS", {}, (u.devices ?? []).map((d) => d.kind + (d.disabled ? " off" : "")).join(", ") || "none"), h("td", {}, lately(u)),
					h("td.r", {}, (u.devices ?? []).length ? h("a.b", { href: "/phone/" + enc(u.id), target: "_blank", rel: "noopener", "aria-label": "Phone of " + u.id }, "Phone") : u.status === "locked" ? unlock(u.id) : null)));
			}
			next = got.next;
			fill(sum, count(n) + (next ? " of more" : n === 1 ? " person" : " people"));
			if (!n) body.append(h("tr", {}, h("td", { colspan: 6 }, text ? "Nobody has “" + text + "” in name, address or group." : "The seed has no people.")));
		} finally {
			loading = false;
		}
	};
	const unlock = (id) => h("button", { "aria-label": "Unlock " + id, onclick: page.on(() => post("/users/{user}/unlock", { user: id }).then(() => load(true)).then(detail)) }, "Unlock");
	section.addEventListener("scroll", () => next && section.scrollTop + section.clientHeight > section.scrollHeight - 600 && load(false).catch(() => {}));

	/** detail is one person beside the list. */
	async function detail() {
		if (!page.rest) return;
		side.hidden = false;
		let u;
		try {
			u = await get("/people/{user}", { user: page.rest }, page.signal);
		} catch (e) {
			return fill(side, h("p", {}, said(e)));
		}
		page.title(u.display_name || u.id);
		side.setAttribute("aria-label", u.display_name || u.id);
		const recent = await get("/journal", { person: u.id }, page.signal);
		const order = (text, body) => h("button", { onclick: page.on(() => post("/decisions", {}, body).then(detail)) }, text);
		fill(side, h("div", {}, h("div.row", {}, h("span.lead.grow", {}, u.display_name || u.id), h("a.b.bare", { href: "/console/people", "aria-label": "Close" }, "✕")), h("p.d", {}, [u.id, u.email, u.phone].filter(Boolean).join(" · "))),
			h("div.note." + (u.can_sign_in ? "fine" : "bad"), {}, standing(u), h("span.grow", {}, u.description ?? "")),
			h("div.row", {}, u.can_sign_in ? null : unlock(u.id), order("Lock for 3 attempts", { verb: "lock", user: u.id, on: "login", next: 3 }), order("Next code: wrong", { verb: "deny", user: u.id, on: "code", next: 1 }), (u.devices ?? []).length ? h("a.b", { href: "/phone/" + enc(u.id), target: "_blank", rel: "noopener" }, "Phone") : null),
			h("dl.facts", {}, [["Seed", h("span", {}, h("code", {}, "status: " + (u.seeded_status || u.status)), " ", h("span.dd", {}, u.seed?.file ? u.seed.file + ":" + u.seed.line : ""))], ["Groups", (u.groups ?? []).map((g) => g.name + (g.direct ? "" : " (through another)")).join(", ") || "none"],
				["May reach", (u.may_use ?? []).length ? [u.may_use.map((a, i) => [i ? ", " : "", account(a)]), u.may_use_more ? " and more" : ""] : "no account"],
				["Devices", (u.devices ?? []).map((d) => (d.label || d.id) + " (" + d.kind + (d.policy ? ", " + d.policy : "") + ")").join(", ") || "none"]].map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])),
			h("div", {}, h("h3", {}, "Lately"), recent.entries.length ? h("ol", {}, recent.entries.slice(-6).reverse().map((e) => h("li", {}, h("a.t.lately" + (e.outcome === "ok" ? "" : ".two"), { href: "/console/timeline?entry=" + e.seq }, h("span.m.n.dd", { title: fine(e.at) }, when(e.at, page.link.now())), mark(e.outcome), h("span.d.cut", {}, e.server), h("code.cut", {}, e.op), h("span.m.d.r", {}, e.status ?? ""), e.why ? h("span.w.cut", {}, e.why) : null)))) : h("p.d", {}, "Nothing yet."),
				h("a.s", { href: "/console/timeline?q=person:" + enc(u.id) }, "All of " + u.id + " in the timeline"), " ", copy(u.id, "Copy the name", ".bare.low")));
	}
	load(true).catch(() => {});
	detail().catch(() => {});
	page.link.on("world", (w) => {
		world = w;
		for (const tr of body.querySelectorAll("tr[data-id]")) fill(/** @type {Element} */ (tr.children[4]), lately({ id: /** @type {HTMLElement} */ (tr).dataset.id }));
	}, page.signal);
}
