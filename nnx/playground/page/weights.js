// The weights in words: of one unit, and of the whole network as tables.
import { figure } from "./format.js";
import { make } from "./controls.js";

const cell = (app, name, at, value) => {
  const button = make("button", { type: "button", title: `check the gradient of ${name}[${at.join(", ")}]` }, value.toFixed(4));
  button.setAttribute("aria-label", `${name} ${at.join(", ")}: ${value.toFixed(4)}, check its gradient`);
  button.addEventListener("click", () => app.check(name, at, button));
  return make("td", {}, button);
};

// A unit that is pointed at: its bias, and the weights that come into it.
export class UnitPanel {
  constructor(box, app) {
    Object.assign(this, { box, app, unit: null, kept: "" });
  }

  set(unit) {
    this.unit = unit;
    this.kept = "";
    this.update();
  }

  update() {
    const { app, unit } = this;
    if (!unit || unit.column === 0) {
      if (this.box.childElementCount) this.box.replaceChildren();
      return;
    }
    if (app.playing && this.kept && performance.now() - this.at < 400) return;
    const { dense } = app.state.layers[unit.column - 1];
    const rows = app.state.widths[unit.column - 1];
    const values = Array.from({ length: rows }, (_, i) => app.param(`${dense}.W`, i, unit.i));
    const bias = app.param(`${dense}.b`, unit.i);
    const key = JSON.stringify([unit.name, values.map(figure), figure(bias)]);
    if (key === this.kept || this.box.contains(document.activeElement)) return;
    this.kept = key;
    this.at = performance.now();
    const name = (i) => (unit.column === 1 ? app.settings.inputs[i] : `unit ${i + 1}`);
    const body = make("tbody", {}, ...values.map((v, i) => make("tr", {}, make("th", { scope: "row" }, name(i)), cell(app, `${dense}.W`, [i, unit.i], v))));
    body.append(make("tr", {}, make("th", { scope: "row" }, "bias"), cell(app, `${dense}.b`, [unit.i], bias)));
    const kinds = app.state.layers[unit.column - 1].kinds.join(", ");
    this.box.replaceChildren(make("h3", {}, unit.name), make("p", { className: "hint" }, `${kinds}; values up to ${app.shown.sizes[unit.number].toPrecision(3)} in size`),
      make("div", { className: "scroll" }, make("table", {}, make("caption", {}, "What comes into it"), body)));
  }
}

// The text alternative of the picture.
export class Weights {
  constructor(box, app) {
    Object.assign(this, { box, app, at: 0 });
  }

  show() {
    this.at = 0;
    if (!this.box.hidden) this.update();
  }

  clear() {
    this.show();
  }

  update() {
    const { app, box } = this;
    if (box.hidden || !app.shown) return;
    const focused = document.activeElement;
    if (performance.now() - this.at < (app.playing ? 1000 : 0) || (box.contains(focused) && app.playing)) return;
    if (this.step === app.shown.step && this.at && this.state === app.state) return;
    [this.at, this.step, this.state] = [performance.now(), app.shown.step, app.state];
    const { layers, widths } = app.state;
    const last = layers.length - 1;
    const names = [`${widths[0]} inputs`, ...app.settings.hidden.map((n, k) => `hidden layer ${k + 1} (${n})`), `output (${widths.at(-1)})`];
    const parts = [make("p", { className: "hint" }, `${names.join(" \u2192 ")}. A press on a number checks its gradient.`)];
    layers.forEach(({ dense, kinds }, k) => {
      const [rows, columns] = app.state.shapes[`${dense}.W`];
      const from = (i) => (k === 0 ? app.settings.inputs[i] : `unit ${i + 1}`);
      const head = make("tr", {}, make("td", {}), ...Array.from({ length: columns }, (_, j) => make("th", { scope: "col" }, `${k === last ? "output" : "unit"} ${j + 1}`)));
      const body = Array.from({ length: rows }, (_, i) =>
        make("tr", {}, make("th", { scope: "row" }, from(i)), ...Array.from({ length: columns }, (_, j) => cell(app, `${dense}.W`, [i, j], app.param(`${dense}.W`, i, j)))));
      body.push(make("tr", {}, make("th", { scope: "row" }, "bias"), ...Array.from({ length: columns }, (_, j) => cell(app, `${dense}.b`, [j], app.param(`${dense}.b`, j)))));
      const caption = `${k === last ? "Output" : `Hidden layer ${k + 1}`}: ${kinds.join(", ")}; W (${rows}, ${columns}), b (${columns})`;
      parts.push(make("div", { className: "scroll" }, make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body))), make("p"));
    });
    box.replaceChildren(...parts);
  }
}
