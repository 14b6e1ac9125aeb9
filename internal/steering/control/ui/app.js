// The frame around all pages: clock bar, navigation, keys, and which page an address is.
import { get, link, onToken, post } from "./api.js";
import { day, field, fill, h, key, mark, plural, said, time } from "./dom.js";
import { Timeline } from "./timeline.js";
import { compare } from "./compare.js";
import { accounts, tickets } from "./vaults.js";
import { people } from "./people.js";
import { faults } from "./faults.js";
import { audit, endpoints, clockPage } from "./fleet.js";
import { session } from "./session.js";
import { phones } from "./phones.js";


const base = "/console";
/** @type {[string, string, string, ((main: HTMLElement, page: Page) => void) | null][]} */
const pages = [
	["timeline", "Timeline", "T", (main, page) => timeline.show(main, page)],
	["session", "Session", "S", session],
	["phones", "Phones", "P", phones],
	["vaults", "Vaults", "V", accounts],
	["tickets", "Tickets", "I", tickets],
	["people", "People", "U", people],
	["", "", "", null],
	["faults", "Faults", "F", faults],
	["decisions", "Decisions", "D", faults],
	["clock", "Clock", "C", clockPage],
	["", "", "", null],
	["audit", "Audit", "A", audit],
	["endpoints", "Endpoints", "E", endpoints],
];
const timeline = new Timeline(link);

/** @type {Record<string, HTMLElement>} */
const hints = {}; // behind the pages' names
const bar = h("header.bar", { "aria-label": "Time and state" });
const nav = h("nav", { "aria-label": "Pages" });
const main = h("main", { id: "main", tabindex: -1 });
const aloudBox = h("div", { role: "status", "aria-live": "polite", class: "unseen" });
let leaving = new AbortController();
/** @type {Record<string, () => void>} */
let pageKeys = {};
let name = "Counterpart";

/** act does what a button is for: the answer appears where one clicked. @type {Page["act"]} */
async function act(button, work) {
	if (button.getAttribute("aria-busy") === "true") return false;
	button.setAttribute("aria-busy", "true");
	const before = button.parentElement?.querySelector(":scope > .answer");
	before?.remove();
	try {
		await work();
		return true;
	} catch (e) {
		button.insertAdjacentElement("afterend", h("span.answer", { role: "alert" }, mark("denied", said(e))));
		return false;
	} finally {
		button.removeAttribute("aria-busy");
	}
}

/** on is the listener of a button that does something. @type {Page["on"]} */
const on = (work) => (e) => void act(/** @type {HTMLElement} */ (e.currentTarget), work);

/** title is the page's part of the window's. @param {string} text */
function title(text) {
	name = text;
	document.title = (link.frozen ? "Frozen: " : "") + text + " · Counterpart";
}

/** go shows an address. @param {string} path @param {boolean} [replace] */
function go(path, replace) {
	const url = path.startsWith("/") ? path : base + "/" + path;
	if (!url.startsWith(base)) return void (location.href = url);
	if (replace) history.replaceState(null, "", url);
	else history.pushState(null, "", url);
	route();
}

function route() {
	const [, slug = "", rest = ""] = location.pathname.slice(base.length).match(/^\/?([^/]*)\/?(.*)$/) ?? [];
	const which = slug || "timeline";
	const found = pages.find((p) => p[0] === which);
	leaving.abort();
	leaving = new AbortController();
	pageKeys = {};
	for (const a of nav.querySelectorAll("a")) a.toggleAttribute("aria-current", a.dataset.page === which);
	nav.querySelector("a[aria-current]")?.setAttribute("aria-current", "page");
	main.className = "";
	const page = { params: new URLSearchParams(location.search), rest: decodeURIComponent(rest), signal: leaving.signal, link, keys: pageKeys, go, title, act, on };
	main.replaceChildren();
	title(found ? found[1] : "No such page");
	if (which === "compare") {
		title("Compare");
		compare(main, page);
	} else if (found?.[3]) found[3](main, page);
	else fill(main, h("div.head", {}, h("h1", {}, "There is no such page."), h("a", { href: base }, "To the timeline")));
}

function drawNav() {
	fill(nav, pages.map(([slug, text]) => {
		if (!slug) return h("hr");
		hints[slug] = h("span");
		return h("a", { href: base + "/" + slug, "data-page": slug }, text, hints[slug]);
	}), h("a.gap", { href: "#", role: "button", onclick: turnTheme }, "Theme", (hints.theme = h("span"))),
	h("a.w2", { href: "#", role: "button", onclick: (e) => (e.preventDefault(), help()) }, "Keys", h("span", {}, key("?"))));
	hints.theme.textContent = localStorage.getItem("theme") ?? "auto";
}

/** @param {Event} e */
function turnTheme(e) {
	e.preventDefault();
	const next = { auto: "light", light: "dark", dark: "auto" }[localStorage.getItem("theme") ?? "auto"] ?? "auto";
	localStorage.setItem("theme", next);
	theme();
}

function theme() {
	const t = localStorage.getItem("theme") ?? "auto";
	if (t === "auto") document.documentElement.removeAttribute("data-theme");
	else document.documentElement.dataset.theme = t;
	if (hints.theme) hints.theme.textContent = t;
}

// The clock bar.
const clock = h("time.n", { role: "timer" });
const today = h("span.d.w2");
const standing = h("span.st");
const freeze = h("button", { onclick: () => turnClock() });
const steps = h("span.seg", {}, [["30s", "+30 s"], ["1m", "+1 min"], ["1h", "+1 h"], ["8h", "+8 h"]].map(([by, text]) =>
	h("button" + (by === "8h" ? ".w2" : ""), { "data-by": by, onclick: (e) => advance(/** @type {HTMLElement} */ (e.currentTarget), by) }, text)));
const jump = h("button.w1", { onclick: () => go("clock") }, "Jump to…");
const lies = h("span.row.nowrap");
const state = h("span.row.nowrap");

function drawBar() {
	fill(bar, h("a.skip", { href: "#main" }, "To the content"), h("a.brand", { href: base }, "counterpart"), standing, clock, today, freeze, steps, jump, h("span.grow"), lies, state);
}

/** @param {HTMLElement} button @param {string} by */
const advance = (button, by) => act(button, async () => link.hear(await post("/clock", {}, { advance: by })));
const turnClock = () => act(freeze, async () => link.hear(await post("/clock", {}, { frozen: !link.frozen })));

function tick() {
	const now = link.now();
	clock.textContent = time(now);
	clock.setAttribute("datetime", new Date(now).toISOString());
	today.textContent = day(now);
	if (link.state === "lost") drawState();
}

function drawState() {
	const lost = link.state === "lost";
	const frozen = !!link.frozen && !lost;
	document.body.classList.toggle("frozen", frozen);
	document.body.classList.toggle("off", lost);
	bar.classList.toggle("off", lost);
	if (lost) fill(standing, h("span.dd", {}, "last known"));
	else if (frozen) fill(standing, h("span.pz", { "aria-hidden": "true" }), h("span.fzt", {}, "FROZEN"));
	else fill(standing, h("span.dot"), "running");
	fill(freeze, frozen ? "Let it run" : "Freeze", key("."));
	freeze.className = frozen ? "pri" : "";
	for (const b of bar.querySelectorAll("button")) b.toggleAttribute("disabled", lost);
	const f = link.fleet;
	fill(lies, f?.faults ? h("a.b.s", { href: base + "/faults" }, mark("broken", plural(f.faults, "fault"))) : null,
		f?.decisions ? h("a.b.s.w1", { href: base + "/decisions" }, plural(f.decisions, "order")) : null);
	const live = (f?.replicas ?? []).filter((r) => r.state === "live").length;
	const all = (f?.replicas ?? []).filter((r) => r.state !== "left").length;
	if (lost) {
		const again = h("button", { onclick: () => link.open() }, "Try now, or in ", h("span.n", {}, Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000)) + " s"));
		fill(state, h("span.dot.off"), h("b", {}, "Lost"), again);
	} else if (f && !f.ready) fill(state, h("span.dot.off"), h("b", { title: f.hindered.join("; ") }, "Not ready"), h("span.d.w2.cut", {}, f.hindered[0]));
	else if (all > live) fill(state, h("span.dot.off.part"), h("b", {}, live + " of " + all + " replicas"), h("span.d.w2", {}, "entries may be missing"));
	else fill(state, h("span.dot"), h("span.d.w2", {}, link.state === "opening" ? "Connecting" : "Live" + (live > 1 ? ", " + live + " replicas" : "")));
	title(name);
}

/** counts behind the pages' names. @param {Record<string, [number, boolean?]>} values */
function badges(values) {
	for (const [slug, [n, hot]] of Object.entries(values)) {
		hints[slug].textContent = n ? String(n) : "";
		hints[slug].className = n && hot ? "hot" : "";
	}
}

let looking = 0;
async function look() {
	const turn = ++looking;
	const [pushes, leases, requests] = await Promise.all([get("/approvals", { state: "pending" }), get("/leases", { state: "active" }), get("/requests")]);
	if (turn !== looking) return;
	const open = requests.requests.filter((r) => r.state === "pending").length;
	badges({ phones: [pushes.approvals.length, true], vaults: [open || leases.leases.length, open > 0], faults: [link.fleet?.faults ?? 0], decisions: [link.fleet?.decisions ?? 0] });
	link.tell("world", { pushes: pushes.approvals, leases: leases.leases, requests: requests.requests });
}
/** @type {ReturnType<typeof setTimeout> | undefined} */
let soon;
const lookSoon = () => {
	soon ??= setTimeout(() => {
		soon = undefined;
		look().catch(() => {});
	}, 400);
};

// Keys. A letter does nothing in fields, and all of them can be switched off (WCAG 2.1.4).
const lettersOff = () => localStorage.getItem("keys") === "off";
let goingTo = 0;
/** @param {KeyboardEvent} e */
function pressed(e) {
	const at = /** @type {HTMLElement} */ (e.target);
	const typing = at.matches("input, textarea, select, [contenteditable]");
	if (e.ctrlKey || e.altKey || e.metaKey) return;
	if (e.key === "Escape") {
		if (typing) at.blur();
		else pageKeys.Escape?.();
		return;
	}
	if (typing || (e.key === " " && at.matches("button, a, summary")) || (e.key === "Enter" && at.matches("button, a, summary, select"))) return;
	const letter = e.key.length === 1;
	if (letter && lettersOff() && e.key !== " ") return;
	if (Date.now() - goingTo < 1500 && letter) {
		goingTo = 0;
		const to = pages.find((p) => p[2] === e.key.toUpperCase());
		if (to) return void (e.preventDefault(), go(to[0]));
	}
	const f = pageKeys[e.key] ?? pageKeys[letter && !e.shiftKey ? e.key.toLowerCase() : e.key] ?? globalKeys[e.key];
	if (f) {
		e.preventDefault();
		f();
	}
}
/** @type {Record<string, () => void>} */
const globalKeys = {
	g: () => (goingTo = Date.now()),
	".": () => turnClock(),
	"+": () => advance(steps.children[1] instanceof HTMLElement ? steps.children[1] : freeze, "1m"),
	"?": () => help(),
};

const keyList = [["N", "next refusal"], ["Shift N", "the one before"], ["J", "next row"], ["K", "row before"], ["→", "open a session"], ["←", "close it"], ["Enter", "into the entry"],
	["Esc", "back"], ["/", "filter"], ["Space", "pause"], ["Y", "copy the link"], ["B", "break this next time"], ["X", "as expectation"], ["M", "compare"], ["F", "fold what is the same"],
	[".", "freeze, or let it run"], ["+", "one minute on"], ["?", "this list"]];

function help() {
	const box = /** @type {HTMLDialogElement} */ (h("dialog.card", { "aria-label": "Keys" }, h("div.row", {}, h("h2.grow", {}, "Keys"), h("button.bare", { onclick: () => box.close(), "aria-label": "Close" }, "✕")),
		h("dl.facts", {}, keyList.map(([k, text]) => [h("dt", {}, key(k)), h("dd", {}, text)]),
			h("dt", {}, key("G"), " then"), h("dd", {}, pages.filter((p) => p[0]).map((p) => p[2] + " " + p[1]).join(" · "))),
		h("label.row", {}, h("input", { type: "checkbox", checked: !lettersOff(), onchange: (e) => localStorage.setItem("keys", e.target.checked ? "on" : "off") }), "Letters are keys")));
	box.addEventListener("close", () => box.remove());
	document.body.append(box);
	box.showModal();
}

// The token, where the port wants one.
let asking = false;
function askForToken() {
	if (asking) return;
	asking = true;
	const token = field({ type: "password", autocomplete: "current-password", required: true, "aria-label": "Token" }, ".grow");
	const box = /** @type {HTMLDialogElement} */ (h("dialog.card", { "aria-labelledby": "wanted" }, h("form", {
		onsubmit: (e) => {
			e.preventDefault();
			act(send, async () => {
				await post("/console/session", {}, { token: token.value });
				box.close();
				box.remove();
				asking = false;
				link.open();
				route();
			});
		},
	}, h("h1", { id: "wanted" }, "This port wants its token."), h("p.d", {}, "It keeps strangers out. It is `control.token` in the seed, or what serve was given with --control-token or COUNTERPART_CONTROL_TOKEN."), h("div.row", {}, token))));
	const send = h("button.pri", { type: "submit" }, "Open");
	box.querySelector(".row")?.append(send);
	box.addEventListener("cancel", (e) => e.preventDefault());
	document.body.append(box);
	box.showModal();
}
onToken(askForToken);

// Refusals and pushes are said aloud by name, the rest as a sum, at most every five seconds.
let silent = 0;
/** @type {string[]} */
let aloud = [];
setInterval(() => {
	const parts = [...aloud.slice(-3), silent ? plural(silent, "more entry", "more entries") : ""].filter(Boolean);
	if (parts.length) aloudBox.textContent = parts.join(". ");
	silent = 0;
	aloud = [];
}, 5000);

function start() {
	theme();
	drawBar();
	drawNav();
	document.body.append(bar, nav, main, aloudBox);
	document.addEventListener("keydown", pressed);
	document.addEventListener("click", (e) => {
		const a = e.target instanceof Element ? e.target.closest("a[href]") : null;
		if (!a || e.defaultPrevented || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey || a.hasAttribute("target") || a.hasAttribute("download")) return;
		const href = a.getAttribute("href") ?? "";
		if (!href.startsWith(base)) return;
		e.preventDefault();
		go(href);
	});
	addEventListener("popstate", route);
	// A browser keeps a page that was left, and has six connections for one address.
	addEventListener("pagehide", () => {
		leaving.abort();
		link.close();
	});
	addEventListener("pageshow", (e) => e.persisted && (link.open(), route()));
	link.on("link", drawState);
	link.on("clock", drawState);
	link.on("fleet", () => (drawState(), lookSoon()));
	link.on("entry", (e) => {
		if (Date.parse(e.at) > link.now() - 5000) {
			if (e.outcome === "denied") aloud.push("Refused: " + (e.why || e.op));
			else silent++;
		}
		lookSoon();
	});
	setInterval(tick, 250);
	drawState();
	route();
	link.open();
	tick();
	setInterval(() => document.visibilityState === "visible" && link.state === "live" && look().catch(() => {}), 15000);
}

start();
