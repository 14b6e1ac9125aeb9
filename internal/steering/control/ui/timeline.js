// The timeline: every operation as it happens, also while it is not on the page.
import { Store } from "./store.js";
import { View } from "./view.js";

export class Timeline {
	/** @param {typeof import("./api.js").link} link */
	constructor(link) {
		this.store = new Store();
		this.link = link;
		this.paused = false;
		/** @type {(() => void)[]} */
		this.held = [];
		/** @type {Map<string, boolean>} */
		this.open = new Map(); // by the reader's hand
		this.begins = 0;
		this.seed = "";
		link.on("entry", (e) => this.take(() => this.store.add(e)));
		link.on("missed", (g) => this.take(() => this.store.miss(g)));
		link.on("fleet", (f) => {
			if (this.seed && f.seed !== this.seed) this.store.clear();
			this.seed = f.seed;
			this.begins = f.journal?.begins ?? 0;
			this.redraw();
		});
	}

	/** take lets something in, or keeps it while the reader pauses. @param {() => void} change */
	take(change) {
		if (this.paused) this.held.push(change);
		else change();
		this.redraw();
	}

	redraw() {
		if (!this.view || this.drawing) return;
		this.drawing = true;
		requestAnimationFrame(() => {
			this.drawing = false;
			this.view?.draw();
		});
	}

	/** show puts the timeline on the page. @type {Show} */
	show(main, page) {
		this.view = new View(this, main, page);
		page.signal.addEventListener("abort", () => (this.view = undefined));
		this.view.draw();
	}

	/** pause stops what is shown, or lets it follow again. */
	pause() {
		this.paused = !this.paused;
		if (!this.paused) for (const f of this.held.splice(0)) f();
		this.redraw();
	}

	/** like finds another session where the same went well. @param {Row} r */
	like(r) {
		const rows = [...this.store.rows.values()].filter((x) => x.outcome === "ok" && x.op === r.op && x.server === r.server && x.session !== r.session);
		return rows.filter((x) => x.object === r.object).pop() ?? rows.pop();
	}
}
