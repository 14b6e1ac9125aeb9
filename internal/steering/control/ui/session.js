// A session of a plugin, played in the page: prompts as a terminal shows them, hooks and
// what they asked of the systems beside them.
import { Problem, del, get, post } from "./api.js";
import { enc, field, fill, fine, h, key, mark, masked, pick, said } from "./dom.js";

/** @param {HTMLElement} main @param {Page} page */
export async function session(main, page) {
	let plugins;
	try {
		({ plugins } = await get("/plugins", {}, page.signal));
	} catch (e) {
		if (page.signal.aborted) return;
		const none = e instanceof Problem && e.status === 404;
		return fill(main, h("div.head", {}, h("h1", {}, "Session")), h("div.note", {}, h("span.grow", {}, none ? [h("b", {}, "This fleet has no plugins."), " Start it with ", h("code", {}, "counterpart serve --plugins DIR"), " to run sessions here."] : said(e))));
	}
	const [{ people }, { accounts }] = await Promise.all([get("/people", { limit: 200 }, page.signal), get("/accounts", { limit: 200 }, page.signal)]);
	const of = (type) => plugins.filter((p) => p.type === type && !p.rejected?.length);
	const named = (p) => [p.name, (p.title || p.name) + (p.version ? " " + p.version : "")];
	const aa = pick("Plugin", [...of("aa").map(named), ["", "no authentication plugin"]]), store = pick("Credential store", [["", "no credential store"], ...of("credentialstore").map((p) => ["" + p.name, "+ " + named(p)[1]])]);
	const who = choose("Person", people), what = choose("Account", accounts), over = pick("Connection", [["gateway", "SSH, gateway auth"], ["plain", "SSH"], ["rdp", "RDP, gateway auth"]]);
	const conf = (label) => /** @type {HTMLTextAreaElement} */ (h("textarea.conf", { rows: 6, spellcheck: "false", "aria-label": label, placeholder: "Nothing said: NAME.cfg beside the plugin, or its own default. Holes as in a scenario: {{ native.url }}" }));
	const confs = [conf("Configuration of the plugin"), conf("Configuration of the credential store")];
	const mine = (/** @type {number} */ i) => (confs[i].value.trim() ? { config: confs[i].value } : {});
	const run = h("button.pri", {}, "Run ", key("R")), stop = h("button.dan", { hidden: true }, "Hang up"), body = h("div");
	/** @type {string} */
	let id = page.rest;
	run.addEventListener("click", () => page.act(run, async () => {
		const account = accounts.find((a) => a.id === what[0].value) ?? (await get("/accounts/{account}", { account: what[0].value }));
		const started = await post("/sessions", {}, {
			...(aa.value ? { aa: { name: aa.value, ...mine(0) } } : {}), ...(store.value ? { credentialstore: { name: store.value, ...mine(1) } } : {}),
			connection: {
				protocol: over.value === "rdp" ? "rdp" : "ssh", usermapping: true, server: { user: account.name, ip: account.address, hostname: account.asset },
				...(over.value === "plain" ? { login: "gu=" + who[0].value + "@" + account.name + "@" + account.address } : { gateway: { user: who[0].value } }),
			},
		});
		history.replaceState(null, "", "/console/session/" + started.id);
		id = started.id;
		new Played(id, body, stop, page);
	}));
	stop.addEventListener("click", () => page.act(stop, () => del("/sessions/{id}", { id })));
	page.keys.r = () => run.click();
	const rejected = plugins.filter((p) => p.rejected?.length);
	fill(main, h("div.head", {}, h("h1", {}, "Session"), aa, store, h("span.d", {}, "as"), ...who, h("span.d", {}, "to"), ...what, h("span.d", {}, "over"), over, h("span.grow"), stop, run),
		h("details.gapb", {}, h("summary", {}, "Configuration"), h("div.two2.gapt", {}, confs)),
		rejected.map((p) => h("div.note.bad.gapb", {}, mark("denied", p.name), h("span.grow", {}, (p.rejected ?? []).join("; ")))), body);
	if (id) new Played(id, body, stop, page);
	else fill(body, h("p.d", {}, plugins.length ? "Choose who connects where, and run it." : "The folder has no plugins."));
}

/**
 * choose is a field with the first of many to choose from; others are typed.
 * @param {string} label @param {{id: string}[]} some @returns {[HTMLInputElement, HTMLElement]}
 */
function choose(label, some) {
	const id = label.toLowerCase() + "s";
	return [field({ "aria-label": label, list: id, value: some[0]?.id ?? "" }, ".word"), h("datalist", { id }, some.map((x) => h("option", { value: x.id })))];
}

/** Played follows one session. */
class Played {
	/** @param {string} id @param {HTMLElement} body @param {HTMLElement} stop @param {Page} page */
	constructor(id, body, stop, page) {
		this.id = id;
		this.page = page;
		this.stop = stop;
		this.path = "/sessions/" + enc(id);
		this.asked = -1;
		this.note = h("div");
		this.term = h("div.term", { role: "log", "aria-label": "Terminal", tabindex: 0 });
		this.log = h("pre");
		this.what = h("div.card");
		this.left = h("div.card.row.wide");
		fill(body, this.note, h("div.run", {}, h("section", {}, h("h2.gapb", {}, "What the user sees"), this.term, h("h2.gapt", {}, "Plugin log"), this.log), h("section", {}, h("h2.gapb", {}, "What happened"), this.what, h("h2.gapt", {}, "Left behind"), this.left)));
		/** @type {Session["moments"]} */
		this.moments = [];
		this.follow().catch((e) => !page.signal.aborted && fill(this.note, h("div.note.bad", { role: "alert" }, e.message)));
	}

	async follow() {
		for (let last = 0, asked = 0, wait = ""; !this.page.signal.aborted; wait = "20s") {
			const s = await get("/sessions/{id}", { id: this.id, since: last, asked, wait }, this.page.signal);
			last = s.last;
			asked = s.ask?.number ?? 0;
			this.moments.push(...s.moments);
			await this.draw(s);
			if (s.state === "ended") return;
		}
	}

	async draw(s) {
		const over = s.state === "ended";
		this.stop.hidden = over;
		fill(this.note, over ? h("div.note.gapb." + (s.problem ? "bad" : "fine"), {}, mark(s.problem || /den|refus|fail|exception/i.test(s.outcome ?? "") ? "denied" : "ok", s.problem || "Ended: " + s.outcome)) : s.ask ? h("div.note.gapb.waits", {}, mark("challenge", ""), h("span.grow", {}, h("b", {}, "The plugin waits for an answer.")), h("a", { href: "/console/phones?show=" + (s.user ?? ""), target: "_blank", rel: "noopener" }, "Open the phone")) : h("div.note.gapb", {}, h("span.grow", {}, "A hook runs.")),
			(s.not_isolated ?? []).length ? h("p.s.dd.gapb", {}, "Not kept apart here: " + s.not_isolated.join("; ")) : null);
		this.terminal(s);
		fill(this.log, this.moments.filter((m) => m.source === "log" || m.source === "plugin").map((m) => [...masked(m.text), "\n"]));
		await this.story();
		fill(this.left, s.left_behind.length ? s.left_behind.map((x) => mark("denied", x)) : mark("ok", over ? "nothing" : "nothing so far"));
	}

	/** terminal shows prompts and answers, and the field for the next. */
	terminal(s) {
		const before = this.term?.querySelector("input");
		if (before && s.ask && this.asked === s.ask.number) return;
		const lines = this.moments.filter((m) => m.source === "prompt" || m.source === "answer" || m.source === "user").map((m) => h("div" + (m.source === "answer" ? ".y" : ""), {}, ...masked(m.text)));
		if (s.ask) {
			this.asked = s.ask.number;
			const line = field({ type: s.ask.hidden ? "password" : "text", "aria-label": s.ask.text || "Answer", autocomplete: "off" });
			const form = h("form", {
				onsubmit: (e) => {
					e.preventDefault();
					this.page.act(line, () => post("/sessions/{id}/answer", { id: this.id }, { number: s.ask.number, text: line.value }));
				},
			}, s.ask.text, " ", line);
			lines.push(form);
			setTimeout(() => line.focus());
		}
		fill(this.term ?? h("div"), lines);
	}

	/** story is what hooks and systems did, in one list. */
	async story() {
		const { entries } = await get("/journal", { session: this.id }, this.page.signal);
		const hooks = this.moments.filter((m) => m.source === "hook" || m.source === "verdict");
		fill(this.what, hooks.map((m) => h("div.hk", {}, h("div.row", {}, h("b", {}, ...masked(m.text)), h("span.grow"), h("span.dd.n.s", {}, m.at_s.toFixed(2) + " s")))),
			entries.length ? h("ol", {}, entries.map((e) => h("li", {}, h("a.t.lately" + (e.outcome === "ok" ? "" : ".two"), { href: "/console/timeline?entry=" + e.seq }, h("span.m.n.dd", {}, fine(e.at)), mark(e.outcome), h("span.d.cut", {}, e.server), h("code.cut", {}, e.op), h("span.m.d.r", {}, e.status ?? ""), e.why ? h("span.w.cut", {}, e.why) : null)))) : null);
	}
}
