// One person's phone: pushes, codes, messages, a YubiKey. It is a page of its own, fit for
// a real phone, and a column of the page with everybody's.
import { get, post } from "./api.js";
import { copy, enc, fill, h, said, shape, span, time } from "./dom.js";

/** Phone shows what /phone/{user} says, and answers. */
export class Phone {
	/** @param {string} user @param {HTMLElement} box @param {AbortSignal} signal @param {EventTarget} [link] tells when to look again; without it requests are held */
	constructor(user, box, signal, link) {
		this.user = user;
		this.path = "/phone/" + enc(user);
		this.box = box;
		this.signal = signal;
		this.version = "";
		this.late = 0;
		this.own = false; // the page is this phone's alone
		/** @type {Map<string, HTMLElement>} */
		this.kept = new Map(); // what the owner has opened: pictures, and what keys typed
		this.top = h("div.top");
		this.strip = h("div.fzs", { hidden: true }, h("span.pz"), "The fleet's time stands still.");
		this.pushes = h("div.stack");
		this.rest = h("div.stack");
		this.typed = "";
		fill(box, this.strip, this.top, this.pushes, this.rest);
		this.follow(link);
		const timer = setInterval(() => this.tick(), 500);
		signal.addEventListener("abort", () => clearInterval(timer));
	}

	now() {
		return this.data?.frozen ? Date.parse(this.data.at) : Date.now() + this.late;
	}

	/**
	 * follow asks for what is new, and again when the link was lost. A browser has six connections for one address, so that phones beside each other hold none.
	 * @param {EventTarget} [link]
	 */
	async follow(link) {
		let tries = 0;
		while (!this.signal.aborted) {
			try {
				const d = await get("/phone/{user}", link ? { user: this.user } : { user: this.user, known: this.version, wait: this.version ? "25s" : "" }, this.signal);
				tries = 0;
				this.late = Date.parse(d.at) - Date.now();
				const same = this.version === d.version && this.data?.frozen === d.frozen;
				this.data = d;
				this.version = d.version;
				this.link = true;
				if (!same) this.draw();
				this.head();
				if (link) await told(link, this.signal);
			} catch (e) {
				if (this.signal.aborted) return;
				this.link = false;
				this.head(e instanceof Error ? e.message : "");
				await new Promise((r) => setTimeout(r, Math.min(8, 2 ** tries++) * 1000));
			}
		}
	}

	/** @param {string} [problem] */
	head(problem) {
		const d = this.data;
		this.strip.hidden = !d?.frozen;
		this.box.classList.toggle("fzp", !!d?.frozen);
		fill(this.top, h("div.grow", {}, h("h1", {}, (d?.name ?? this.user) + "’s phone"), h("p.s.d", {}, d ? [d.organization, " · fleet time ", h("span.n", {}, time(this.now()))] : problem ?? "Connecting")),
			h("span.s.d.row", {}, h("span.dot" + (this.link ? "" : ".off")), this.link ? "Connected" : "Lost"));
		if (problem && d) this.top.append(h("p.s", { role: "alert" }, problem));
	}

	tick() {
		if (!this.data) return;
		const now = this.now();
		for (const e of this.box.querySelectorAll("[data-until]")) {
			const ring = /** @type {HTMLElement} */ (e), left = Math.max(0, Number(ring.dataset.until) - now), whole = Number(ring.dataset.whole) || 30000;
			ring.style.setProperty("--p", String((left / whole) * 100));
			ring.classList.toggle("late", left < 5000);
			const s = Math.ceil(left / 1000);
			ring.textContent = s < 60 || whole <= 60000 ? String(s) : Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0");
			ring.setAttribute("aria-label", s + " seconds left");
		}
		const clock = this.top.querySelector(".n");
		if (clock) clock.textContent = time(now);
		if (this.data.codes?.some((c) => c.until && Date.parse(c.until) <= now) && !this.refetching) {
			this.refetching = true;
			get("/phone/{user}", { user: this.user }, this.signal).then((d) => {
				this.data = d;
				this.version = d.version;
				this.draw();
			}, () => {}).finally(() => (this.refetching = false));
		}
	}

	draw() {
		const d = this.data;
		if (!d) return;
		const first = d.pushes[0];
		const held = /** @type {HTMLInputElement | null} */ (this.pushes.querySelector("input.num"));
		const keep = held && held.dataset.id === first?.id ? held.value : "";
		const focused = held === document.activeElement;
		fill(this.pushes, d.pushes.length ? this.push(first, d, keep) : h("p.s.d.quiet", {}, "Nobody asks for anything."), d.answered.map((a) => h("div.note", { role: "status" }, shape(a.state === "approved" ? "ok" : a.fraud ? "denied" : "dropped"), h("span", {}, ended(a)))));
		if (focused) this.pushes.querySelector("input")?.focus();
		fill(this.rest, d.codes.map((c) => this.code(c)), d.messages.length ? this.messages(d) : null, d.yubikeys.map((y) => this.yubikey(y)));
		if (this.own) document.title = (d.waiting ? "(" + d.waiting + ") " : "") + d.name + "’s phone";
		this.tick();
	}

	/** push is a request that waits, the oldest on top. @param {Push} p @param {Shown} d @param {string} typed */
	push(p, d, typed) {
		const id = "p" + p.id, digits = p.number_digits;
		const answer = (verdict) => async (e) => {
			const b = /** @type {HTMLButtonElement} */ (e.currentTarget);
			b.disabled = true;
			try {
				await post("/phone/{user}/pushes/{id}", { user: this.user, id: p.id }, verdict === "approve" && digits ? { verdict, number: number?.value } : { verdict });
				this.version = "";
				const fresh = await get("/phone/{user}", { user: this.user }, this.signal);
				this.data = fresh;
				this.version = fresh.version;
				this.draw();
			} catch (x) {
				fill(wrong, said(x));
				b.disabled = false;
				number?.select();
			}
		};
		const wrong = h("p.s.o.denied.wrap", { role: "alert" });
		const number = digits ? /** @type {HTMLInputElement} */ (h("input.num", { inputmode: "numeric", autocomplete: "off", maxlength: digits, "aria-label": "Number", "data-id": p.id, value: typed, oninput: () => (yes.disabled = number?.value.length !== digits) })) : null;
		const yes = /** @type {HTMLButtonElement} */ (h("button.pri", { onclick: answer("approve"), "aria-describedby": digits ? id + "hint" : undefined }, "Approve"));
		yes.disabled = !!digits && typed.length !== digits;
		const whole = Date.parse(p.expires) - Date.parse(p.created);
		return h("section.card.asks", { "aria-labelledby": id }, h("div.row.nowrap", {}, h("div.grow", {}, h("h2", { id }, p.kind === "call" ? "A call: is it you?" : "Is it you signing in?"), h("p.s.d", {}, p.system + (d.waiting > 1 ? " · 1 of " + d.waiting + " waiting" : ""))), h("span.ring", { role: "timer", "data-until": Date.parse(p.expires), "data-whole": whole })),
			h("dl.facts", {}, p.message ? [h("dt", {}, "Says"), h("dd", {}, p.message)] : null, Object.entries(p.details ?? {}).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]), h("dt", {}, "Asked"), h("dd.n", {}, time(p.created) + ", " + span(this.now() - Date.parse(p.created)) + " ago")),
			d.lately > 2 ? h("div.note.bomb", {}, shape("failed"), h("span", {}, h("b", {}, d.lately + " requests lately."), " If you are not signing in, report it.")) : null,
			number ? h("label.row.nowrap.match", {}, h("span.grow", {}, "Type the number that your login shows"), number) : null,
			h("div.two2", {}, h("button", { onclick: answer("deny") }, "Deny"), yes), digits ? h("p.s.dd", { id: id + "hint" }, "Approve stays closed until " + (digits === 2 ? "both digits are" : "the digits are") + " there.") : null, wrong,
			h("button.dan.fraud", { onclick: answer("fraud") }, "Not me: report fraud"), p.left_alone ? h("p.s.dd", {}, "Left alone, it " + ({ approved: "approves itself", denied: "is denied", fraud: "is reported as fraud" }[p.left_alone.ends] ?? "runs out") + " at " + time(p.left_alone.at) + (p.left_alone.by && p.left_alone.by !== "time" ? ": " + p.left_alone.by : "") + ".") : null);
	}

	/** code is what an authenticator shows. @param {Code} c */
	code(c) {
		const grouped = (t) => (t.length === 6 || t.length === 8 ? t.slice(0, t.length / 2) + " " + t.slice(t.length / 2) : t);
		const qr = this.keep("qr " + c.device, "div");
		return h("section.card", {}, h("div.row.nowrap", {}, h("div.grow", {}, h("h2.d", {}, c.label || c.device), c.code ? h("div.code", {}, grouped(c.code)) : h("p.d", {}, c.note || "No code yet"), c.next ? h("p.s.dd", {}, "next ", h("span.n", {}, grouped(c.next))) : null, c.locked ? h("p.s.o.denied", {}, "Locked") : null), c.until ? h("span.ring", { role: "timer", "data-until": Date.parse(c.until), "data-whole": (c.period_s || 30) * 1000 }) : null),
			h("div.two2.gapt", {}, c.code ? copy(c.code) : h("span"), c.kind === "totp" || c.kind === "hotp" ? h("button", { onclick: () => this.qr(c.device, qr) }, "Show QR") : null), qr);
	}

	/** keep is a place that outlives drawing. @param {string} name @param {string} tag */
	keep(name, tag) {
		let e = this.kept.get(name);
		if (!e) this.kept.set(name, (e = h(tag, { role: "status" })));
		return e;
	}

	/** qr shows the picture that a real app reads. @param {string} device @param {HTMLElement} box */
	async qr(device, box) {
		if (box.childElementCount) return box.replaceChildren();
		const picture = h("img.qr", { src: this.path + "/devices/" + enc(device) + "/qr", alt: "Key of " + device + ", for an authenticator app" });
		const { uri } = await get("/phone/{user}/devices/{device}/uri", { user: this.user, device }, this.signal);
		fill(box, picture, copy(uri, "Copy the address"));
	}

	/** @param {Shown} d */
	messages(d) {
		return h("section.card", {}, h("h2.d", {}, "Text messages"), d.messages.map((m) => [h("p.msg", {}, "Your code is ", h("b", {}, m.code)), h("div.row.s.dd.gapb", {}, h("span.grow", {}, m.system + " · " + time(m.at) + (m.expires ? " · " + span(Date.parse(m.expires) - this.now()) + " left" : "")), m.code ? copy(m.code, "Copy " + m.code, ".small") : null)]));
	}

	/** @param {Shown["yubikeys"][number]} y */
	yubikey(y) {
		const typed = this.keep("otp " + y.device, "p.m");
		return h("section.card", {}, h("div.row.nowrap.wide", {}, h("button.yk", { "aria-label": "Press the YubiKey", onclick: async () => {
			try {
				const { otp } = await post("/phone/{user}/devices/{device}/press", { user: this.user, device: y.device });
				fill(typed, otp, " ", copy(otp, "Copy", ".small"));
				await navigator.clipboard?.writeText(otp).catch(() => {});
			} catch (e) {
				fill(typed, said(e));
			}
		} }, "Press"), h("div", {}, h("h2", {}, y.label || "YubiKey"), h("p.s.d", {}, "Types a one-time password, and copies it here. Presses so far: " + (y.presses ?? 0) + "."), typed)));
	}
}

/** @param {Schemas["EndedPush"]} a */
function ended(a) {
	const how = a.fraud ? "You reported it as fraud." : { approved: "You are let in: approved.", denied: "Denied.", expired: "It ran out.", cancelled: "It was withdrawn." }[/** @type {string} */ (a.state)] ?? a.state;
	return (a.system ? a.system + ": " : "") + how + (a.by && a.by !== "person" ? " (" + a.by + ")" : "");
}

/** told waits until something has happened in the fleet, or some seconds. @param {EventTarget} link @param {AbortSignal} signal */
function told(link, signal) {
	return new Promise((done) => {
		const later = setTimeout(done, 5000);
		const soon = () => (clearTimeout(later), setTimeout(done, 250));
		for (const name of ["entry", "clock", "world"]) link.addEventListener(name, soon, { once: true, signal });
	});
}
