// The check of a gradient, shown where it was asked for.
import { figure } from "./format.js";
import { make } from "./controls.js";
import { card } from "./steps.js";

const ROWS = { first: (n) => `the first ${n} training rows`, open: (n) => `the ${n} rows of the open batch`, last: (n) => `the ${n} rows of the last batch` };

export class Gradient {
  constructor(box, app) {
    Object.assign(this, { box, app, from: null });
    addEventListener("keydown", (event) => { if (event.key === "Escape" && !box.hidden) this.close(); });
    addEventListener("pointerdown", (event) => { if (!box.contains(event.target)) this.close(); });
    addEventListener("resize", () => this.close());
  }

  close() {
    if (this.box.hidden) return;
    const focus = this.box.contains(document.activeElement);
    this.box.hidden = true;
    if (focus && this.from?.isConnected) this.from.focus({ preventScroll: true });
  }

  // from: the element that was pressed, or the place in the window.
  show({ name, at, weight, loss, backprop, difference, error, rows, of, step, h }, from) {
    const line = (title, v) => make("tr", {}, make("th", { scope: "row" }, title), make("td", {}, String(v)));
    const size = Math.max(Math.abs(backprop), Math.abs(difference));
    const fine = error !== null && error <= 1e-6 * Math.max(1, size);
    const text = fine ? "They agree." : "They differ: at a kink (of a ReLU, of an absolute value) a central difference is no gradient.";
    const close = make("button", { type: "button", className: "close" }, "Close");
    close.addEventListener("click", () => this.close());
    const table = make("table", {}, make("tbody", {}, line("weight", weight), line("loss", loss), line("backprop", backprop), line("central difference", difference), line("difference of both", error === null ? "not finite" : error.toExponential(2))));
    this.box.replaceChildren(card(`Gradient of ${name}[${at.join(", ")}] at step ${step}`, `(loss(w + h) - loss(w - h)) / 2h,  h = ${h}, in float64, on ${ROWS[of](rows)}`, null, table, make("p", {}, text), close));
    this.from = from instanceof Element ? from : null;
    this.box.hidden = false;
    this.place(from);
    this.app.say(`Gradient of ${name} ${at.join(", ")}: backprop ${figure(backprop)}, central difference ${figure(difference)}. ${text}`);
  }

  // Below the press where there is room, else above it, within the window.
  place(from) {
    const at = from instanceof Element ? from.getBoundingClientRect() : { left: from.x, top: from.y - 6, bottom: from.y + 6 };
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const room = document.documentElement;
    const below = at.bottom + 8 + height <= room.clientHeight || at.top - 8 - height < 0;
    this.box.style.left = `${scrollX + Math.max(8, Math.min(room.clientWidth - width - 8, at.left))}px`;
    this.box.style.top = `${scrollY + (below ? at.bottom + 8 : at.top - 8 - height)}px`;
  }
}
