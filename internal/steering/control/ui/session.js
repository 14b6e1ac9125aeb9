// A session of a plugin, played in the page.
import { fill, h } from "./dom.js";

/** @param {HTMLElement} main @param {import("./app.js").Page} page */
export function session(main, page) {
  fill(main, h("div.head", {}, h("h1", {}, "Session")), h("div.note", {}, h("span.grow", {}, h("b", {}, "This fleet has no plugins."), " Start it with ", h("code", {}, "counterpart serve --plugins DIR"), " to run sessions here.")));
  page.title("Session");
}
