// Types of the console's modules, for `make lint`; nothing of it is part of the program.
type Child = Node | string | number | null | undefined | false | any[];

/** An entry of the journal, as openapi.yaml has it. */
type Entry = {
  seq: number; at: string; took_ns: number; server: string; port: string; peer: string; op: string; actor?: string; object?: string;
  outcome: string; status?: string; why?: string; cause?: string; faults?: string[]; request?: string; response?: string;
  session?: string; person?: string; grouped?: string;
};
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
