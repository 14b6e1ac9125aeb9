// Elements, times and marks. Whatever comes from the fleet is a text node or the value of
// an attribute that runs nothing; there is no way to make markup of a string here.

/**
 * h makes an element: h("a.row", {href: "/x", onclick: f}, "text", child).
 * @param {string} tag its name, and classes behind dots
 * @param {Record<string, any>} [attributes] strings, booleans, or listeners (on…)
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes, ...children) {
	const [name, ...classes] = tag.split(".");
	const e = document.createElement(name || "div");
	if (classes.length) e.className = classes.join(" ");
	for (const [key, value] of Object.entries(attributes ?? {})) {
		if (value === undefined || value === null || value === false) continue;
		if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
		else if (key === "class") e.className += " " + value;
		else if (key === "value" && "value" in e) /** @type {any} */ (e).value = value;
		else if (key.startsWith("--")) e.style.setProperty(key, String(value));
		else e.setAttribute(key, value === true ? "" : String(value));
	}
	put(e, children);
	return e;
}

/** @param {Node} e @param {Child[]} children */
function put(e, children) {
	for (const c of children) {
		if (Array.isArray(c)) put(e, c);
		else if (c instanceof Node) e.appendChild(c);
		else if (c !== null && c !== undefined && c !== false) e.appendChild(document.createTextNode(String(c)));
	}
}

/** fill replaces what an element holds. @param {Element} e @param {...Child} children */
export function fill(e, ...children) {
	e.replaceChildren();
	put(e, children);
}

const svg = "http://www.w3.org/2000/svg";

/** How outcomes are called, the worst last. */
export const outcomes = /** @type {const} */ ({
	ok: "OK",
	challenge: "Asked",
	unimplemented: "Not played",
	unplayed: "Not played",
	dropped: "Silence",
	failed: "Malformed",
	denied: "Refused",
	broken: "Broken",
	error: "Error",
});
const order = Object.keys(outcomes);

/** @param {string} outcome */
export const word = (outcome) => /** @type {Record<string, string>} */ (outcomes)[outcome] ?? outcome;
/** @param {string} outcome */
export const kind = (outcome) => (outcome === "unimplemented" ? "unplayed" : outcome in outcomes ? outcome : "quiet");
/** @param {string} outcome */
export const badness = (outcome) => order.indexOf(outcome);

/** Paths of the marks, 16 by 16; with a number they are lines of that width. @type {Record<string, [string, number?, string?][]>} */
const shapes = {
	ok: [["M3 8.5l3.4 3.4L13 4.6", 2]],
	challenge: [["M1.8 2.8h12.4v8.4H8l-3.4 3v-3H1.8z", 1.6], ["M5 6h6v1.5H5z"]],
	denied: [["M8 .8a7.2 7.2 0 100 14.4A7.2 7.2 0 008 .8zM3.8 6.8h8.4v2.4H3.8z"]],
	failed: [["M8 1.2L14.8 8 8 14.8 1.2 8z", 1.6], ["M7.1 4.6h1.8v4H7.1zm0 5h1.8v1.8H7.1z"]],
	broken: [["M9.6.6L2.6 9h4l-1 6.4L13.4 6.4H9.1z"]],
	dropped: [["M1 6.8h3.2v2.4H1zm5.4 0h3.2v2.4H6.4zm5.4 0H15v2.4h-3.2z"]],
	unplayed: [["M2 2h12v12H2z", 1.7, "3.2 2.8"]],
	error: [["M8 1l7.6 13.8H.4zM7.1 5.6v4.6h1.8V5.6zm0 5.7v1.8h1.8v-1.8z"]],
	quiet: [["M4.4 8a3.6 3.6 0 107.2 0 3.6 3.6 0 10-7.2 0z", 1.6]],
};

/** shape is an outcome's mark. @param {string} outcome */
export function shape(outcome) {
	const s = document.createElementNS(svg, "svg");
	for (const [k, v] of [["class", "i"], ["viewBox", "0 0 16 16"], ["aria-hidden", "true"]]) s.setAttribute(k, v);
	for (const [d, width, dashes] of shapes[kind(outcome)]) {
		const p = document.createElementNS(svg, "path");
		p.setAttribute("d", d);
		p.setAttribute("fill-rule", "evenodd");
		if (width) for (const [k, v] of [["fill", "none"], ["stroke", "currentColor"], ["stroke-width", String(width)], ["stroke-dasharray", dashes ?? "none"]]) p.setAttribute(k, v);
		s.append(p);
	}
	return s;
}

/** mark is an outcome: its shape and its word. @param {string} outcome @param {Child} [text] */
export function mark(outcome, text) {
	return h("span.o." + kind(outcome), {}, shape(outcome), text ?? word(outcome));
}

const seconds = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const clockTime = new Intl.DateTimeFormat(undefined, seconds);
const fineTime = new Intl.DateTimeFormat(undefined, { ...seconds, fractionalSecondDigits: 3 });
const date = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const whole = new Intl.NumberFormat();

/** @param {Moment} t */
export const time = (t) => clockTime.format(new Date(t));
/** @param {Moment} t */
export const fine = (t) => fineTime.format(new Date(t));
/** @param {Moment} t */
export const day = (t) => date.format(new Date(t));
/** when is a time, with its day unless that is now's. @param {Moment} t @param {number} [now] */
export function when(t, now) {
	const d = new Date(t);
	return now !== undefined && d.toDateString() === new Date(now).toDateString() ? time(d) : moment.format(d);
}
/** @param {number} n */
export const count = (n) => whole.format(n);

/** span says how long some milliseconds are: 40 min. @param {number} ms */
export function span(ms) {
	const s = Math.abs(ms) / 1000;
	if (s < 1) return Math.round(ms * 10) / 10 + " ms";
	if (s < 60) return Math.round(s) + " s";
	if (s < 3600) return Math.floor(s / 60) + " min" + (s < 600 && s % 60 >= 1 ? " " + Math.floor(s % 60) + " s" : "");
	if (s < 86400) return Math.floor(s / 3600) + " h" + (s % 3600 >= 60 ? " " + Math.floor((s % 3600) / 60) + " min" : "");
	return Math.floor(s / 86400) + " d" + (s % 86400 >= 3600 ? " " + Math.floor((s % 86400) / 3600) + " h" : "");
}

/** plural: 1 account, 2 accounts. @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many) => count(n) + " " + (n === 1 ? one : many ?? one + "s");

/** masked shows a text with each mask as a chip. @param {string} text @returns {Child[]} */
export function masked(text) {
	return text.split(/(\*\*\*|\(hidden\))/).map((part, i) => (i % 2 ? h("span.mask", { title: "a secret, not shown" }, "masked") : part));
}

/** copy is a button that copies a text. @param {string | (() => string)} text @param {string} [label] @param {string} [classes] */
export function copy(text, label = "Copy", classes = "") {
	const b = h("button" + classes, {
		onclick: async () => {
			try {
				await navigator.clipboard.writeText(typeof text === "string" ? text : text());
				b.textContent = "Copied";
			} catch {
				b.textContent = "Not allowed here";
			}
			setTimeout(() => (b.textContent = label), 1500);
		},
	}, label);
	return b;
}

/** key is a hint of a key. @param {string} text */
export const key = (text) => h("kbd", { "aria-hidden": "true" }, text);

/** option is one choice of a select. @param {string} value @param {string} [text] @param {boolean} [chosen] */
export const option = (value, text, chosen) => h("option", { value, selected: chosen }, text ?? value);

export const enc = encodeURIComponent;
/** person and account link to where they are shown. @param {string} id */
export const person = (id) => h("a", { href: "/console/people/" + enc(id) }, id);
/** @param {string} id */
export const account = (id) => h("a", { href: "/console/vaults/" + enc(id) }, id);

/** heads is a table's head; a column without a name has actions, one with a + is left out where it is narrow. @param {string[]} names */
export const heads = (names) => h("thead", {}, h("tr", {}, names.map((t) => h("th" + (t.endsWith("+") ? ".hideS" : ""), { scope: "col" }, t.replace("+", "") || h("span.unseen", {}, "Actions")))));

/** field is an input. @param {Record<string, any>} attributes @param {string} [classes] */
export const field = (attributes, classes = "") => /** @type {HTMLInputElement} */ (h("input" + classes, attributes));
/** finder is a field to search with, and what it stands in. @param {string} placeholder @param {string} value @param {() => void} oninput @returns {[HTMLInputElement, HTMLElement]} */
export function finder(placeholder, value, oninput) {
	const find = field({ placeholder, "aria-label": "Find", value, oninput });
	return [find, h("label.field.find", {}, find, key("/"))];
}
/** pick is a select. @param {string} label @param {string[][]} options @param {string} [chosen] @param {() => void} [onchange] */
export const pick = (label, options, chosen, onchange) => /** @type {HTMLSelectElement} */ (h("select", { "aria-label": label, onchange }, options.map(([v, t]) => option(v, t, v === chosen))));

/** said is what an error says. @param {any} e */
export const said = (e) => e?.message ?? String(e);
