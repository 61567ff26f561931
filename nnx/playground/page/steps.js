// Step by step: evaluate, loss, backprop, update, one call at a time, in numbers.
import { figure } from "./format.js";
import { make } from "./controls.js";

const PARTS = ["evaluate", "loss", "backprop", "update"];
const CALLS = {
  evaluate: "z, values = net.evaluate(params, x, train=True, key=key)",
  loss: "value, saved = loss.evaluate(z, target)",
  backprop: "dz = loss.backprop(saved);  _, grads = net.backprop(params, values, dz)",
  update: "params, state = optimizer.update(params, grads, state)",
};
const shape = (s) => `(${s.join(", ")}${s.length === 1 ? "," : ""})`;
const shapes = (all) => Object.entries(all).map(([name, s]) => `${name} ${shape(s)}`).join("   ");

function numbers(caption, rows) {
  const lines = Array.isArray(rows[0]) ? rows : [rows];
  const body = lines.map((row) => make("tr", {}, ...row.map((v) => make("td", {}, figure(v)))));
  const box = make("div", { className: "scroll", tabIndex: 0 }, make("table", {}, make("caption", {}, caption), make("tbody", {}, ...body)));
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", caption);
  return box;
}

export function card(title, formula, sizes, ...content) {
  const box = make("section", { className: "part-card" }, make("h3", {}, title));
  if (formula) box.append(make("p", { className: "formula" }, formula));
  if (sizes) box.append(make("p", { className: "shapes" }, shapes(sizes)));
  box.append(...content);
  return box;
}

export class Steps {
  constructor(box, app) {
    Object.assign(this, { box, app });
    this.list = make("ol", { className: "parts" }, ...PARTS.map((name) => make("li", {}, name)));
    this.button = make("button", { type: "button", className: "main", id: "next-part" }, "Next: evaluate");
    this.button.addEventListener("click", () => this.next());
    this.call = make("p", { className: "formula" });
    this.told = make("div", { className: "cards", id: "told" });
    const head = make("div", { className: "row" }, this.button, this.list);
    const hint = make("p", { className: "hint" }, "A step is four calls. Each press makes the next one on the next batch, and shows each layer's formula, shapes and first numbers. A press on a weight, a line of the network or a number of the tab Weights, checks its gradient.");
    box.append(head, hint, this.call, this.told);
  }

  clear() {
    this.told.replaceChildren();
    this.call.textContent = "";
    this.mark(null, "evaluate");
  }

  mark(now, next) {
    [...this.list.children].forEach((item, i) => {
      if (PARTS[i] === now) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
    this.button.textContent = `Next: ${next}`;
  }

  async next() {
    this.app.openTab("steps");
    if (this.app.playing) this.app.play();
    const answer = await this.app.train({ do: "part" });
    if (!answer) return;
    const { told } = answer;
    this.mark(told.part, PARTS[(PARTS.indexOf(told.part) + 1) % 4]);
    this.call.textContent = CALLS[told.part];
    this.told.replaceChildren(...this[told.part](told));
    this.app.say(`${told.part}, step ${told.step}, epoch ${told.epoch}`);
  }

  evaluate({ rows, layers }) {
    const first = card("Batch", "", null, make("p", { className: "shapes" }, `${rows.length} rows: ${rows.slice(0, 24).join(", ")}${rows.length > 24 ? ", \u2026" : ""}`), numbers("x, first rows", layers[0].x));
    return [first, ...layers.map((l) => card(`${l.layer}: ${l.kind}`, l.formula, l.shapes, numbers("y, first rows", l.y)))];
  }

  loss(told) {
    const value = make("p", {}, "loss of the batch ", make("strong", {}, figure(told.value)));
    return [card(told.kind, told.formula, told.shapes, value, numbers("z, first rows", told.z), numbers("target, first rows", told.target))];
  }

  backprop({ loss, layers }) {
    const first = card(`loss: ${loss.kind}`, loss.formula, loss.shapes, numbers("dz, first rows", loss.dz));
    return [first, ...layers.map((l) => card(`${l.layer}: ${l.kind}`, l.formula, l.shapes, numbers("dy, first rows", l.dy), ...Object.entries(l.grads).map(([name, g]) => numbers(name, g))))];
  }

  update(told) {
    const head = card(told.kind, told.formula, null, make("p", {}, `rate ${told.rate === null ? "" : Number(told.rate.toPrecision(6))}`));
    return [head, ...told.params.map((p) => card(p.name, "", null, make("p", { className: "shapes" }, `largest change ${figure(p.change)}`), numbers("before", p.before), numbers("after", p.after)))];
  }
}
