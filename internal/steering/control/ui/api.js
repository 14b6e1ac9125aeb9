// The control port, as the pages use it.

/** Problem is what the fleet refuses with (RFC 9457). */
export class Problem extends Error {
	/** @param {number} status @param {{title?: string, detail?: string}} body */
	constructor(status, body) {
		super(body.detail || body.title || "The fleet answered " + status + ".");
		this.status = status;
	}
}

/** @type {(() => void)[]} */
const wanted = [];
/** onToken is called when the port wants its token. @param {() => void} f */
export const onToken = (f) => wanted.push(f);

/**
 * call asks the control port. It resolves to the JSON of the answer, or its text, or null.
 * @param {string} method @param {string} path @param {any} [body] @param {{signal?: AbortSignal}} [more]
 * @returns {Promise<any>}
 */
export async function call(method, path, body, more = {}) {
	/** @type {Record<string, string>} */
	const headers = { Accept: "application/json" };
	if (body !== undefined) headers["Content-Type"] = typeof body === "string" ? "application/yaml" : "application/json";
	const answer = await fetch(path, { method, headers, credentials: "same-origin", signal: more.signal, body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body) });
	const type = answer.headers.get("Content-Type") ?? "";
	if (answer.ok) return answer.status === 204 ? null : type.includes("json") ? answer.json() : answer.text();
	const problem = type.includes("json") ? await answer.json().catch(() => ({})) : { detail: await answer.text() };
	if (answer.status === 401) wanted.forEach((f) => f());
	throw new Problem(answer.status, problem);
}

/**
 * filled puts values into a path of openapi.yaml, and those that it has no place for behind it.
 * @param {string} path @param {Record<string, any>} values
 */
function filled(path, values) {
	const rest = { ...values };
	return path.replace(/{(\w+)}/g, (_, name) => {
		delete rest[name];
		return encodeURIComponent(values[name]);
	}) + query(rest);
}

// Paths, parameters, bodies and answers are those of openapi.yaml: their types are made of it.

/** @template {Gets} P @param {P} path @param {Values<P, "get">} [values] @param {AbortSignal} [signal] @returns {Promise<Answer<P, "get">>} */
export const get = (path, values, signal) => call("GET", filled(path, values ?? {}), undefined, { signal });
/** @template {Posts} P @param {P} path @param {Values<P, "post">} values @param {Sent<P>} [body] @returns {Promise<Answer<P, "post">>} */
export const post = (path, values, body) => call("POST", filled(path, values), body ?? {});
/** @template {Deletes} P @param {P} path @param {Values<P, "delete">} [values] */
export const del = (path, values) => call("DELETE", filled(path, values ?? {}));

/** query makes a query string of what is given. @param {Record<string, any>} values */
export function query(values) {
	const q = new URLSearchParams();
	for (const [k, v] of Object.entries(values)) if (v !== undefined && v !== null && v !== "" && v !== false) q.set(k, String(v));
	const text = q.toString();
	return text ? "?" + text : "";
}

/** Link follows the journal and the fleet's state, and tells when it is lost. */
export class Link extends EventTarget {
	constructor() {
		super();
		/** @type {"opening" | "live" | "lost"} */
		this.state = "opening";
		this.seen = -1; // the last number that came
		this.retryAt = 0;
		this.tries = 0;
		/** @type {Schemas["FleetState"] | null} */
		this.fleet = null;
		this.late = 0; // of the fleet's clock against this one's, in ms
		this.heard = 0;
	}

	open() {
		this.source?.close();
		clearTimeout(this.timer);
		const source = new EventSource("/journal/stream" + query(this.seen < 0 ? { fleet: true, last: 10000 } : { fleet: true, since: this.seen }));
		this.source = source;
		source.onopen = () => {
			this.tries = 0;
			this.turn("live");
		};
		source.addEventListener("entry", (e) => {
			const entry = JSON.parse(e.data);
			this.seen = Math.max(this.seen, entry.seq);
			this.tell("entry", entry);
		});
		source.addEventListener("missed", (e) => {
			const gap = JSON.parse(e.data);
			if (gap.to) this.seen = Math.max(this.seen, gap.to);
			this.tell("missed", gap);
		});
		source.addEventListener("fleet", (e) => {
			const before = this.fleet;
			/** @type {Schemas["FleetState"]} */
			const now = JSON.parse(e.data);
			this.fleet = now;
			if (before && now.seed !== before.seed) this.seen = -1;
			this.hear(now);
			this.tell("fleet", now);
		});
		source.onerror = () => this.lose();
		this.watch();
	}

	/** close ends it until it is opened again. */
	close() {
		clearTimeout(this.timer);
		this.source?.close();
	}

	/** hear takes what the fleet says of its time. @param {{now: string, frozen: boolean}} clock */
	hear(clock) {
		if (!clock?.now) return;
		this.frozen = clock.frozen;
		this.stoppedAt = Date.parse(clock.now);
		this.late = this.stoppedAt - Date.now();
		this.tell("clock", clock);
	}

	/** now is the fleet's time, in ms. */
	now() {
		return this.frozen || this.state === "lost" ? this.stoppedAt ?? Date.now() : Date.now() + this.late;
	}

	lose() {
		if (this.state !== "lost" && this.stoppedAt && !this.frozen) this.stoppedAt = Date.now() + this.late;
		this.source?.close();
		const wait = Math.min(8, 2 ** this.tries++) * 1000;
		this.retryAt = Date.now() + wait;
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.open(), wait);
		this.turn("lost");
	}

	// Whoever wants the token says so here: an event source tells no status.
	watch() {
		if (this.asked) return;
		this.asked = true;
		get("/clock").then((c) => this.hear(c), () => {}).finally(() => (this.asked = false));
	}

	/** @param {"opening" | "live" | "lost"} state */
	turn(state) {
		this.state = state;
		this.tell("link", state);
	}

	/** @param {string} name */
	tell(name, detail) {
		this.dispatchEvent(new CustomEvent(name, { detail }));
	}

	/** on listens, until signal. @param {string} name @param {(detail: any) => void} f @param {AbortSignal} [signal] */
	on(name, f, signal) {
		this.addEventListener(name, (e) => f(/** @type {CustomEvent} */ (e).detail), { signal });
	}
}

export const link = new Link();
