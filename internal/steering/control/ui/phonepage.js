// The page of one phone, /phone/{user}. The token of a pairing stands behind # and is
// exchanged for a cookie that no script can read.
import { Phone } from "./phone.js";
import { onToken, post } from "./api.js";
import { fill, h } from "./dom.js";

const user = decodeURIComponent(location.pathname.split("/").pop() ?? "");
const main = h("main");
document.body.classList.add("phone");
document.body.append(main);

async function open() {
	const token = location.hash.slice(1);
	if (token) {
		history.replaceState(null, "", location.pathname);
		await post("/phone/{user}/session", { user }, { token });
	}
	const leaving = new AbortController();
	onToken(() => {
		leaving.abort();
		fill(main, h("h1", {}, "This phone is not paired."), h("p", {}, "Open the console, choose the person under Phones, and scan the picture that it shows."));
	});
	const phone = new Phone(user, main, leaving.signal);
	phone.own = true;
	addEventListener("pagehide", () => leaving.abort());
	addEventListener("pageshow", (e) => e.persisted && location.reload());
}
open().catch((e) => fill(main, h("h1", {}, "This phone cannot be opened."), h("p", { role: "alert" }, e.message)));
