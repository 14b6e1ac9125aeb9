// Several phones on one screen, for demos; and pairing with real ones.
import { get, post, query } from "./api.js";
import { copy, enc, fill, h, mark } from "./dom.js";
import { Phone } from "./phone.js";

/** @param {HTMLElement} main @param {Page} page */
export async function phones(main, page) {
	const shown = (page.params.get("show") ?? "").split(",").filter(Boolean);
	const columns = h("div.phones"), list = h("div.row.chosen");
	fill(main, h("div.head", {}, h("h1", {}, "Phones"), h("p", {}, "Everybody with a push, a code or a key has one. Choose whose stand side by side."), h("span.grow")), list, columns);
	const { people } = await get("/people", { limit: 100 }, page.signal);
	const pending = await get("/approvals", { state: "pending" }, page.signal);
	const owners = people.filter((u) => (u.devices ?? []).length);
	const waits = new Set(pending.approvals.map((p) => p.user));
	if (!shown.length) shown.push(...owners.map((u) => u.id).sort((a, b) => Number(waits.has(b)) - Number(waits.has(a))).slice(0, 3));
	const turn = (id) => {
		const i = shown.indexOf(id);
		if (i < 0) shown.push(id);
		else shown.splice(i, 1);
		page.go("phones" + query({ show: shown.join(",") || "-" }));
	};
	fill(list, owners.map((u) => h("button", { "aria-pressed": String(shown.includes(u.id)), onclick: () => turn(u.id) }, u.id, waits.has(u.id) ? mark("challenge", "asks") : null)));
	for (const id of shown.filter((x) => owners.some((u) => u.id === x))) {
		const box = h("div.stack"), paired = h("div");
		columns.append(h("section.phone.column", { "aria-label": id + "’s phone" }, box, h("div.row.gapt", {}, h("a.b.small", { href: "/phone/" + enc(id), target: "_blank", rel: "noopener" }, "Alone"), h("button.small", { onclick: page.on(() => pair(id, paired)) }, "Pair a real phone")), paired));
		new Phone(id, box, page.signal, page.link);
	}
}

/** pair shows what a real phone has to scan. @param {string} id @param {HTMLElement} box */
async function pair(id, box) {
	const { qr, url } = await post("/phones/{user}", { user: id });
	const picture = URL.createObjectURL(new Blob([Uint8Array.from(atob(qr), (c) => c.charCodeAt(0))], { type: "image/png" }));
	const near = /^https?:\/\/(127\.|localhost|\[::1\])/.test(url);
	fill(box, h("div.card", {}, h("img.qr", { src: picture, alt: "Address of " + id + "’s phone, with its token" }), h("p.s.d", {}, near ? "This fleet listens on this machine alone. For a phone in the same network start it with --host and --control-token: see docs/console.md." : "Scan it with the phone’s camera. The token in it opens this phone and nothing else."), copy(url, "Copy the address", ".small")));
}
