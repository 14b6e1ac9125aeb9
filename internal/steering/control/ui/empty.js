// The first minute: nothing has been asked yet, so the page says what to type.
import { get } from "./api.js";
import { copy, fill, h, plural, span } from "./dom.js";

/** What the first commands of a demo are, and how they end. Addresses and people come from the fleet. */
const ends = /** @type {Record<string, [string, string]>} */ ({
	native: ["Vault", "Goes well: alice sees the accounts that she may use."],
	radius: ["RADIUS", "Accepted: alice’s password is enough here."],
	ldap: ["Directory", "Answers as the directory would."],
	vault: ["HashiCorp Vault", "Answers as Vault would."],
	servicenow: ["Tickets", "Lists tickets."],
	duo: ["Duo", "The service answers."],
	yubico: ["YubiKey", "A refusal: that one-time password is nobody’s."],
});

/** @param {HTMLElement} box @param {Page | null} page nothing is shown without it */
export function firstMinute(box, page) {
	if (!page) return box.replaceChildren();
	if (box.childElementCount) return;
	const listening = h("span.grow");
	const list = h("ul.first");
	const counted = h("p.say.d");
	const since = Date.now();
	fill(box, h("div.minute", {}, h("div", {}, h("h1.lead", {}, "Nothing has asked for anything yet."), counted), h("div.note.fine", {}, h("span.dot"), listening, h("a", { href: "/console/endpoints" }, "All endpoints")), list,
		h("div.row", {}, h("a.b.pri", { href: "/console/session" }, "Run a plugin session here"), h("a.b", { href: "/console/phones" }, "Open the phones"), h("a.b", { href: "/console/people" }, "Who is who"))));
	const say = () => fill(listening, h("b", {}, page.link.state === "lost" ? "Not connected." : "Listening."), " ", page.link.state === "lost" ? "It tries again by itself." : "This page is connected; nothing arrived in " + span(Date.now() - since) + ".");
	say();
	const timer = setInterval(say, 1000);
	page.signal.addEventListener("abort", () => clearInterval(timer));
	commands(list, counted, page);
}

/** @param {HTMLElement} list @param {HTMLElement} counted @param {Page} page */
async function commands(list, counted, page) {
	const { endpoints } = await get("/endpoints", {}, page.signal);
	const systems = new Set(endpoints.filter((e) => e.server !== "control").map((e) => e.server));
	fill(counted, plural(systems.size, "system is", "systems are") + " played on " + plural(endpoints.length, "port") + ". Point your plugin at one of them, or paste a line below: it appears here the moment it arrives, and says why it ended as it did.");
	/** @type {{kind: string, name: string, line: string, end: string}[]} */
	const tries = [];
	for (const e of endpoints) {
		if (!e.try || !ends[e.kind] || tries.some((t) => t.kind === e.kind)) continue;
		tries.push({ kind: e.kind, name: ends[e.kind][0], line: e.try, end: ends[e.kind][1] });
		if (e.kind === "native") {
			tries.push({ kind: "refusal", name: "A refusal", line: "curl -u dave:Dave-Pass-1 " + e.url + "/vault/v1/accounts", end: "Refused in the demo company, where dave is disabled. Select the entry to read why." });
			tries.push({ kind: "push", name: "A push", line: "curl -u bob:Bob-Pass-1 " + e.url + "/otp/v1/transactions --json '" + JSON.stringify({ user: "bob", method: "push" }) + "'", end: "Waits for you: open bob’s phone and approve it." });
		}
	}
	fill(list, tries.slice(0, 7).map((t) => h("li.card", {}, h("div.row.nowrap", {}, h("b.name", {}, t.name), h("code.cut.grow", { title: t.line }, t.line), copy(t.line)), h("p.s.d", {}, t.end))));
}
