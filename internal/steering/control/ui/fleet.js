// The fleet itself: its clock, its endpoints, and what has been left behind.
import { get, post } from "./api.js";
import { account, copy, count, day, field, fill, h, heads, mark, masked, person, plural, span, time, when } from "./dom.js";

/** clockPage: time, and what comes next. @type {Show} */
export function clockPage(main, page) {
	const now = h("p.lead.n"), behind = h("p.s.d"), list = h("tbody");
	const at = field({ type: "datetime-local", step: 1, "aria-label": "Moment" });
	const by = field({ "aria-label": "How far", value: "90s" }, ".word");
	const move = (body) => page.on(async () => {
		page.link.hear(await post("/clock", {}, body()));
		await load();
	});
	fill(main, h("div.head", {}, h("h1", {}, "Time of the fleet")), h("div.cl2", {}, h("section.card", {}, h("h2", {}, "What comes next"), h("table", {}, heads(["When", "In", "What", ""]), list)),
		h("section.card", {}, now, behind, h("div.row.gapt", {}, h("button", { onclick: move(() => ({ frozen: !page.link.frozen })) }, "Freeze, or let it run")),
			h("div.row.gapt", {}, "Forward by ", by, h("button", { onclick: move(() => ({ advance: by.value })) }, "Go")), h("div.row.gapt", {}, at, h("button", { onclick: move(() => ({ to: new Date(at.value).toISOString() })) }, "Jump there")),
			h("p.s.dd.gapt", {}, "Time goes forward only. Codes, leases, tokens, ticket windows, lock-outs and approvals follow it."))));
	const tick = () => {
		const t = page.link.now();
		fill(now, day(t) + ", " + time(t));
		const off = t - Date.now();
		fill(behind, Math.abs(off) < 1500 ? "As your own time." : (off < 0 ? "Behind" : "Ahead of") + " your own time by " + span(off) + ".");
	};
	const load = async () => {
		const next = await get("/clock/upcoming", { limit: 50 }, page.signal), t = page.link.now();
		fill(list, next.upcoming.length ? next.upcoming.map((x) => h("tr", {}, h("td.m.n", {}, when(x.at, t)), h("td.n", {}, span(Date.parse(x.at) - t)), h("td", {}, x.says), h("td.r", {}, h("button", { "aria-label": "Jump there: " + x.says, onclick: move(() => ({ to: x.at })) }, "Jump there")))) : h("tr", {}, h("td", { colspan: 4 }, "Nothing waits for a moment.")));
	};
	tick();
	load().catch(() => {});
	const timer = setInterval(tick, 250);
	page.signal.addEventListener("abort", () => clearInterval(timer));
	page.link.on("world", () => load().catch(() => {}), page.signal);
	page.link.on("clock", () => load().catch(() => {}), page.signal);
}

/** endpoints: where everything listens. @param {HTMLElement} main @param {Page} page */
export async function endpoints(main, page) {
	const [{ endpoints: all, facts }, replicas] = await Promise.all([get("/endpoints", {}, page.signal), get("/replicas", {}, page.signal)]);
	const servers = [...new Set(all.map((e) => e.server))];
	fill(main, h("div.head", {}, h("h1", {}, "Endpoints"), h("p", {}, plural(servers.length, "system") + " on " + plural(all.length, "port")), h("span.grow"), h("a.b", { href: "/ca.pem", download: "counterpart-ca.pem" }, "CA certificate"), h("a.b", { href: "/openapi.yaml", target: "_blank", rel: "noopener" }, "OpenAPI")),
		servers.map((s) => {
			const ports = all.filter((e) => e.server === s);
			return h("section.card.gapb", {}, h("div.row", {}, h("h2", {}, s), h("span.tag", {}, ports[0].kind)), h("table", {}, heads(["Port", "Where", "A command to try", ""]), h("tbody", {}, ports.map((e) => h("tr", {}, h("td", {}, e.port), h("td", {}, h("code", {}, e.url || e.address)), h("td", {}, e.try ? h("code", {}, ...masked((facts?.[s] ?? []).reduce((t, f) => (f.secret ? t.replaceAll(f.value, "***") : t), e.try))) : h("span.dd", {}, "–")), h("td.r", {}, copy(e.try || e.url || e.address)))))),
				(facts?.[s] ?? []).length ? h("dl.facts.gapt", {}, facts[s].map((f) => [h("dt", {}, f.name), h("dd", {}, f.secret ? [...masked("***"), " ", copy(f.value, "Copy", ".bare.low")] : h("code", {}, f.value))])) : null);
		}),
		replicas.replicas.length > 1 ? h("section.card", {}, h("h2", {}, "Processes of the fleet"), h("table", {}, h("tbody", {}, replicas.replicas.map((r) => h("tr", {}, h("td", {}, h("code", {}, r.id)), h("td", {}, r.host), h("td", {}, mark(r.state === "live" ? "ok" : "denied", r.state)), h("td.d", {}, "since " + when(r.started))))))) : null);
}

/** audit: secrets still out, and where one showed up. @type {Show} */
export function audit(main, page) {
	const load = async () => {
		const a = await get("/audit", {}, page.signal), now = page.link.now();
		const list = (title, rows, /** @type {(r: any) => Child} */ f, none) => h("section.card.gapb", {}, h("h2", {}, title, " ", h("span.dd", {}, rows.length ? count(rows.length) : "")), rows.length ? h("table", {}, h("tbody", {}, rows.slice(0, 200).map((r) => h("tr", {}, f(r))))) : h("p.d", {}, none));
		fill(main, h("div.head", {}, h("h1", {}, "Audit"), a.clean ? mark("ok", "Clean: nothing is out, and no secret showed up") : mark("denied", "Not clean"), h("span.grow"), h("p.d", {}, count(a.looked) + " operations looked at" + (a.known === false ? ", the journal has forgotten " + count(a.dropped) : "")), h("button", { onclick: page.on(load) }, "Look again")),
			list("Accounts not given back", a.leases, (l) => [h("td", {}, account(l.account)), h("td", {}, person(l.user)), h("td.d", {}, "until " + when(l.expires, now))], "Every account has been given back."),
			list("Tokens not revoked", a.tokens, (t) => [h("td", {}, t.kind), h("td", {}, t.owner), h("td.d", {}, t.expires ? "until " + when(t.expires, now) : "without an end"), h("td", {}, h("code", {}, t.id))], "No token is alive."),
			list("Secrets that showed up where they do not belong", a.sightings, (s) => [h("td", {}, h("a", { href: "/console/timeline?entry=" + s.seq }, "#" + count(s.seq))), h("td", {}, s.server), h("td", {}, s.text)], "None."));
	};
	load().catch((e) => !page.signal.aborted && fill(main, h("p", { role: "alert" }, e.message)));
}
