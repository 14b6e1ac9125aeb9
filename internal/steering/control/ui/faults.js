// Faults and decisions: what is in force, and a sentence to say what shall be.
import { call, del, get, post } from "./api.js";
import { copy, count, enc, field, fill, h, heads, key, mark, pick, said, when } from "./dom.js";
import { scalar } from "./store.js";

/** Effects as the sentence says them: fault kinds with their arguments. @type {Record<string, [string, string, Record<string, string>]>} */
const effects = {
	reset: ["cut the connection", "reset", {}],
	status: ["answer 503", "status", { code: "503" }],
	delay: ["wait 2 s", "delay", { for: "2s" }],
	hang: ["never answer", "hang", {}],
	slow: ["answer drop by drop", "slow", { rate: "100" }],
	cut: ["send half an answer", "body", { as: "cut" }],
	json: ["send broken JSON", "body", { as: "malformed" }],
	drop: ["drop the packet", "drop", {}],
	duplicate: ["answer twice", "duplicate", {}],
	forged: ["forge the answer", "wrong-authenticator", {}],
	tls: ["show an expired certificate", "tls", { as: "expired" }],
};
/** What people ask for: a name, a sentence, and what it fills in. @type {[string, string, Record<string, any>][]} */
const presets = [
	["Lost answer", "It happens, and the connection is cut", { op: "*checkout", effect: "reset", moment: "after", often: "once" }],
	["Slow system", "2 s for everything, three in ten", { effect: "delay", often: "three in ten" }],
	["Down", "503 for everything, one minute", { effect: "status", often: "for a minute" }],
	["Silent RADIUS", "Every third packet vanishes", { kind: "radius", effect: "drop", often: "every third time" }],
	["Forged answer", "Wrong authenticator, once", { kind: "radius", effect: "forged", often: "once" }],
	["Expired certificate", "On all TLS ports of a system", { effect: "tls", often: "always" }],
	["Half an answer", "Cut in the middle", { effect: "cut", often: "once" }],
	["Broken JSON", "Nothing can read it", { effect: "json", often: "once" }],
];
/** How often a rule strikes. @type {Record<string, any>} */
const often = { always: {}, once: { times: 1 }, "every third time": { every: 3 }, "three in ten": { percent: 30 }, "for a minute": { lasts: "1m" } };

/** Decisions people ask for. @type {[string, string, any][]} */
const orders = [
	["Next push: give me a minute", "its answer comes a minute later", { verb: "delay", on: "push", next: 1, after: "1m" }],
	["Next push: I decide", "a person answers it on the phone", { verb: "interactive", on: "push", next: 1 }],
	["Next push: fraud", "denied and reported", { verb: "fraud", on: "push", next: 1 }],
	["Next code: wrong", "no lock-out is counted", { verb: "deny", on: "code", next: 1 }],
	["Lock for 3 attempts", "whatever the password", { verb: "lock", on: "login", next: 3 }],
	["Checkout needs approval", "the next 2, after 5 s", { verb: "require_approval", on: "checkout", next: 2, after: "5s" }],
];

/** @type {Show} */
export function faults(main, page) {
	const force = h("section.card.gapb.force"), form = h("div"), decide = h("div");
	fill(main, h("div.head", {}, h("h1", {}, "Break something, or decide for somebody"), h("span.grow"), copy(() => yaml(rules), "Rules as YAML"),
		h("button.dan", { onclick: page.on(() => del("/faults").then(load)) }, "Break nothing any more")), force, form, decide);
	/** @type {Rule[]} */
	let rules = [];
	const load = async () => {
		const [f, d] = await Promise.all([get("/faults", {}, page.signal), get("/decisions", {}, page.signal)]);
		rules = f.rules;
		inForce(f.rules, d.decisions);
		return { f, d };
	};
	/** @param {Rule[]} all @param {Schemas["Decision"][]} decisions */
	function inForce(all, decisions) {
		if (!all.length && !decisions.length) return fill(force, h("p.d", {}, "Nothing is broken, and everybody decides for themselves."));
		const now = page.link.now();
		const remove = (path, text) => h("button.bare", { onclick: page.on(() => call("DELETE", path).then(load)) }, text);
		fill(force, h("table.fx", {}, heads(["In force", "What it does", "Struck", "Ends", ""]), h("tbody", {},
			all.map((r) => h("tr", {}, h("td", {}, mark("broken", r.id)), h("td", {}, ...says(r)), h("td.n.r", {}, count(r.fired) + " of " + count(r.seen), r.seen ? h("span.meter", {}, h("i", { "--w": Math.round((r.fired / r.seen) * 100) + "%" })) : null), h("td.d", {}, r.ends ? when(r.ends, now) : r.times ? "after " + r.times : "when removed"), h("td.r", {}, remove("/faults/" + enc(r.id), "Remove")))),
			decisions.map((d) => h("tr", {}, h("td", {}, h("b", {}, d.id)), h("td", {}, orderSays(d)), h("td.n.r", {}, count(d.used ?? 0) + (d.next ? " of " + count(d.next) : "")), h("td.d", {}, d.until ? when(d.until, now) : d.next ? "when used" : "when lifted"), h("td.r", {}, remove("/decisions/" + enc(d.id), "Lift")))))));
	}
	start(form, decide, page, load).catch((e) => !page.signal.aborted && fill(form, h("p", { role: "alert" }, e.message)));
	const timer = setInterval(() => load().catch(() => {}), 5000);
	page.signal.addEventListener("abort", () => clearInterval(timer));
}

/** says is a rule in words. @param {Rule} r @returns {Child[]} */
function says(r) {
	const args = Object.entries(r.args ?? {}).map(([k, v]) => (k === "code" || k === "for" || k === "as" ? v : k + " " + v)).join(", ");
	return [h("b", {}, r.kind + (args ? " " + args : "")), r.moment ? " " + r.moment + " " : " on ", h("code", {}, r.op || "everything"), " of " + (r.server || "any system"), r.port ? " on " + r.port : "", r.actor ? " for " + r.actor : "", r.object ? " about " + r.object : "",
		r.percent ? ", " + r.percent + " in a hundred" : "", r.every ? ", every " + r.every + ". time" : "", r.lasts ? ", for " + r.lasts : ""];
}

/** orderSays is a decision in words. @param {Schemas["Decision"]} d */
const orderSays = (d) => [h("b", {}, d.user || d.device || d.account || d.ticket || "everybody"), (d.next === 1 ? ": the next " : d.next ? ": the next " + d.next + " " : ": every ") + (d.on || "operation") + ": " + d.verb.replaceAll("_", " ") + (d.after ? " after " + d.after : "")];

/** yaml is rules as a file for `ctl faults set`. */
function yaml(rules) {
	const one = (r) => "  - {" + ["id", "server", "port", "op", "actor", "object", "kind", "moment", "percent", "skip", "times", "every", "nth", "lasts"].filter((k) => r[k]).map((k) => k + ": " + (typeof r[k] === "number" ? r[k] : scalar(String(r[k])))).join(", ") +
		(Object.keys(r.args ?? {}).length ? ", args: {" + Object.entries(r.args).map(([k, v]) => k + ": " + JSON.stringify(String(v))).join(", ") + "}" : "") + "}";
	return "rules:\n" + rules.map(one).join("\n") + "\n";
}

/** start makes both sentences. @param {Page} page */
async function start(form, decide, page, load) {
	const [{ d }, { endpoints }, from] = await Promise.all([load(), get("/endpoints", {}, page.signal), page.params.get("from") ? get("/journal/{seq}", { seq: page.params.get("from") ?? "" }, page.signal).then((x) => x.entry, () => null) : null]);
	const servers = [...new Map(endpoints.filter((e) => e.server !== "control" && e.server !== "egress").map((e) => [e.server, e.kind]))];
	sentence(form, servers, from, page, load);
	decisionSentence(decide, d, page, load);
}

/** @param {string} [hint] */
function text(label, value, changed, hint) {
	const e = field({ "aria-label": label, value, placeholder: hint ?? "any", oninput: changed }, ".word");
	return e;
}

/** sentence is the builder of a rule. @param {Page} page */
function sentence(box, servers, from, page, load) {
	const note = h("span.grow"), put = h("button.pri", { onclick: () => page.act(put, () => post("/faults", {}, { rules: [rule()] }).then(load)) }, "Put in force ", key("Ctrl ↵"));
	let pressed = "";
	const changed = () => consequence();
	const op = from ? from.op.replace(/^(\w+) .*\/([^/:]+)$/, "$1 *$2") : "";
	const who = text("Person", "", changed, "anyone"), server = pick("System", [["", "any system"], ...servers.map(([s]) => /** @type {[string, string]} */ ([s, s]))], from?.server ?? "", changed), what = text("Operation", op, changed, "anything"),
		object = text("Object", from?.object ?? "", changed), effect = pick("Effect", Object.entries(effects).map(([k, v]) => [k, v[0]]), from ? "reset" : "status", changed), moment = pick("Moment", [["before", "before"], ["after", "after"]], from ? "after" : "before", changed), times = pick("How often", Object.keys(often).map((k) => [k, k]), "once", changed);
	const rule = () => {
		const [, kind, args] = effects[effect.value];
		const r = { server: server.value, op: what.value, actor: who.value, object: object.value, kind, args, moment: ["reset", "status", "hang", "delay"].includes(kind) ? moment.value : "", ...often[times.value] };
		return /** @type {Schemas["Rule"]} */ (Object.fromEntries(Object.entries(r).filter(([, v]) => v !== "" && !(typeof v === "object" && !Object.keys(v).length))));
	};
	let turn = 0;
	const consequence = async () => {
		const mine = ++turn;
		await new Promise((r) => setTimeout(r, 250));
		if (mine !== turn) return;
		const after = effects[effect.value][1] === "reset" && moment.value === "after";
		let tried;
		try {
			tried = await post("/faults/try", {}, { rules: [rule()] });
		} catch (e) { // what the fleet does not take is said before it is put in force
			return mine === turn && fill(note, h("span.o.denied", {}, said(e)));
		}
		if (mine !== turn) return;
		fill(note, after ? "It happens and nobody hears of it. " : moment.value === "before" ? "Nothing is changed by what is struck. " : "", h("b", {}, count(tried.rules[0].fired) + " of the last " + count(tried.looked) + " operations"), " would have been struck.");
	};
	const buttons = h("div.cols", {}, presets.map(([name, hint, fillIn]) => h("button.pre", { "aria-pressed": "false", onclick: (e) => {
		const kind = fillIn.kind && servers.find(([, k]) => k === fillIn.kind);
		pressed = name;
		what.value = fillIn.op ?? "";
		if (kind) server.value = kind[0];
		effect.value = fillIn.effect;
		moment.value = fillIn.moment ?? "before";
		times.value = fillIn.often;
		for (const b of buttons.children) b.setAttribute("aria-pressed", String(b === e.currentTarget));
		consequence();
	} }, h("b", {}, name), h("span.s.d", {}, hint))));
	fill(box, h("h2", {}, from ? ["Break this next time ", h("span.dd", {}, "from ", h("a", { href: "/console/timeline?entry=" + from.seq }, "#" + count(from.seq)))] : "Break something"),
		h("div.card.gapb", {}, h("div.sent", {}, "When ", who, " asks ", server, " for ", what, h("span", {}, "of ", object, ","), effect, moment, " it has happened, ", h("span", {}, times, ".")),
			h("div.note.breaks", {}, note, copy(() => yaml([rule()]), "Copy YAML"), put)),
		h("h2", {}, "Faults people ask for"), buttons);
	box.addEventListener("keydown", (e) => e.ctrlKey && e.key === "Enter" && put.click());
	consequence();
	return pressed;
}

/** decisionSentence is the builder of an order. @param {Page} page */
function decisionSentence(box, known, page, load) {
	const who = text("Person", page.params.get("user") ?? "", () => {}, "whose"), next = text("How many", "1", () => {}, "all"), on = pick("On", ["", ...known.fields].map((f) => [f, f || "anything"]), "push", () => {}), verb = pick("Verb", known.verbs.map((v) => [v, v.replaceAll("_", " ")]), "deny", () => {}), after = text("After", "", () => {}, "at once");
	const account = text("Account or ticket", "", () => {}, "any");
	const go = h("button.pri", { onclick: () => page.act(go, () => post("/decisions", {}, order()).then(load)) }, "Decide");
	const note = h("p.s.d", { role: "status" });
	const would = async () => {
		const tried = await post("/decisions/try", {}, order()).catch((e) => said(e));
		fill(note, typeof tried === "string" ? tried : ["It would have decided ", h("b", {}, count(tried.would) + " of the last " + count(tried.looked)), " logins, codes, pushes, checkouts and tickets."]);
	};
	box.addEventListener("change", would);
	const order = () => {
		const o = { verb: verb.value, user: who.value, on: on.value, next: Number(next.value) || 0, after: after.value, [/^[A-Z]+-?\d+$/.test(account.value) ? "ticket" : "account"]: account.value };
		return /** @type {any} */ (Object.fromEntries(Object.entries(o).filter(([, v]) => v !== "" && v !== 0)));
	};
	fill(box, h("h2.gapt", {}, "Decisions people ask for"), h("div.cols", {}, orders.map(([name, hint, o]) => h("button.pre", { onclick: () => {
		verb.value = o.verb;
		on.value = o.on;
		next.value = String(o.next);
		after.value = o.after ?? "";
		who.focus();
		would();
	} }, h("b", {}, name), h("span.s.d", {}, hint)))),
	h("div.card.gapt", {}, h("div.sent", {}, h("span", {}, who, "’s next"), next, on, "of", account, "is", verb, h("span", {}, "after", after, "."), h("span.grow"), go), note));
}

