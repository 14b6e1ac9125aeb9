// Types of the console's modules, for `make lint`; nothing of it is part of the program.
type Child = Node | string | number | null | undefined | false | any[];

// The API, of which .ci/types makes ui.api.d.ts.
type Paths = import("./ui.api").paths;
type Schemas = import("./ui.api").components["schemas"];
type With<M extends string> = { [P in keyof Paths]: Paths[P] extends Record<M, { responses: any }> ? P : never }[keyof Paths];
type Gets = With<"get">;
type Posts = With<"post">;
type Deletes = With<"delete">;
type Op<P extends keyof Paths, M extends string> = M extends keyof Paths[P] ? Paths[P][M] : never;
type Json<T> = T extends { content: { "application/json": infer J } } ? J : T extends { content: infer C } ? (C extends Record<string, infer J> ? J : null) : null;
type Answer<P extends keyof Paths, M extends string> = Op<P, M> extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 204)]> : never;
type Values<P extends keyof Paths, M extends string> = Op<P, M> extends { parameters: { query?: infer Q; path?: infer V } } ? ([V] extends [undefined] ? {} : V) & ([Q] extends [undefined] ? {} : Partial<NonNullable<Q>>) : {};
type Sent<P extends keyof Paths> = Op<P, "post"> extends { requestBody?: infer B } ? (NonNullable<B> extends { content: { "application/json": infer J } } ? J : never) : never;

/** An entry of the journal. */
type Entry = Schemas["Entry"];
type Shown = Schemas["Phone"];
type Push = Shown["pushes"][number];
type Code = Shown["codes"][number];
type Rule = Schemas["RuleState"];
type Lease = Schemas["Lease"];
type Asked = Schemas["Request"];
type Ticket = Schemas["Ticket"];
type Account = Schemas["Account"];
type Session = Schemas["PluginSession"];
/** What waits and who has what, as the frame tells pages. */
type World = { pushes: Schemas["Approval"][]; leases: Lease[]; requests: Asked[] };
/** An entry as the timeline keeps it. */
type Row = {
  seq: number; at: number; took: number; server: string; op: string; actor: string; object: string; outcome: string; status: string;
  why: string; cause: string; session: string; person: string; fault: string; grouped: string; text: string;
};
type Group = { id: string; rows: Row[]; person: string; worst: string; first: number; subject: string; single: boolean };
type Gap = { from: number; to: number; held: boolean; missed: number };
type Token = { key: string; value: string; not: boolean };
/** One line of the timeline, and where it stands. */
type Item = { id: string; top: number; height: number; group?: Group; row?: Row; gap?: Gap; line?: string; dim?: boolean };
type Timeline = import("./ui/timeline.js").Timeline;
/** What a page is given. */
type Page = {
  params: URLSearchParams; rest: string; signal: AbortSignal; link: import("./ui/api.js").Link; keys: Record<string, () => void>;
  go: (path: string) => void; title: (text: string) => void;
  act: (button: HTMLElement, work: () => Promise<any>) => Promise<boolean>; on: (work: () => Promise<any>) => (e: Event) => void;
};
/** A page fills main. */
type Show = (main: HTMLElement, page: Page) => void | Promise<void>;
type Moment = string | number | Date;
