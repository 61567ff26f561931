// The network: a picture for each unit of what it computes over the plane, and the weights as lines.
import { colourOf, css, diverging, pictures, sized } from "./colours.js";

const TOP = 34; // above the units: the buttons of the columns
const SEEN = 0.02; // a change of a weight, of the largest, from which on a line is drawn anew: a tenth of a pixel

export class Network {
  constructor(box, app) {
    this.app = app;
    this.canvas = box.querySelector("canvas");
    this.columns = box.querySelector("#columns");
    this.group = box.querySelector("#units");
    this.tip = box.querySelector("#tip");
    this.buttons = [];
    this.kept = null; // the unit that stays shown
    this.link = null; // the weight under the pointer
    box.addEventListener("pointermove", (event) => this.hover(event));
    box.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("click", (event) => this.link && this.app.check(...this.link.weight, { x: event.clientX, y: event.clientY }));
    this.group.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => { if (this.app.state) { this.arrange(); this.app.redraw(); } }).observe(box);
  }

  // Where everything is, for the widths of the layers.
  arrange() {
    const { widths } = this.app.state;
    const width = this.canvas.clientWidth || 300;
    const narrow = width / widths.length < 92;
    const top = narrow ? 76 : TOP;
    const most = Math.max(...widths);
    const height = Math.max(330, Math.min(620, most * 24 + top + 14));
    const tile = (n) => Math.max(9, Math.min(40, width / widths.length - 12, (height - top - 10) / n - 3));
    const edge = Math.max(...[widths[0], widths[widths.length - 1]].map(tile)) / 2 + (narrow ? 2 : 26);
    this.size = [width, height];
    this.places = widths.map((n, column) => {
      const side = tile(n);
      const gap = Math.min(side + 10, (height - top - 10) / n);
      const x = edge + ((width - 2 * edge) * column) / (widths.length - 1);
      const first = top + (height - top - 8 - gap * n) / 2 + gap / 2;
      return Array.from({ length: n }, (_, i) => ({ x, y: first + gap * i, side }));
    });
    this.tight = narrow;
    this.fill();
  }

  fill() {
    const { widths } = this.app.state;
    const names = this.app.settings.inputs;
    this.buttons = [];
    const wanted = [];
    widths.forEach((n, column) => this.places[column].forEach(({ x, y, side }, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "unit-button";
      button.tabIndex = -1;
      const name = column === 0 ? `Input ${names[i]}` : column === widths.length - 1 ? `Output ${i + 1}` : `Hidden layer ${column}, unit ${i + 1}`;
      button.setAttribute("aria-label", name);
      Object.assign(button.style, { left: `${x - side / 2}px`, top: `${y - side / 2}px`, width: `${side}px`, height: `${side}px` });
      const unit = { column, i, number: this.buttons.length, name, button };
      button.addEventListener("pointerenter", () => this.point(unit));
      button.addEventListener("focus", () => { this.move(unit); if (button.matches(":focus-visible")) this.point(unit); });
      button.addEventListener("blur", () => this.point(null));
      button.addEventListener("click", () => this.keep(unit));
      this.buttons.push(unit);
      wanted.push(button);
    }));
    if (this.kept) this.kept = this.buttons.find((u) => u.column === this.kept.column && u.i === this.kept.i) || null;
    this.group.replaceChildren(...wanted);
    const first = this.kept || this.buttons[0];
    first.button.tabIndex = 0;
    this.app.unit(this.kept);
    this.mark();
    this.heads();
  }

  heads() {
    const { widths } = this.app.state;
    const { hidden } = this.app.settings;
    const focused = document.activeElement && this.columns.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.columns.className = this.tight ? "columns tight" : "columns";
    this.columns.replaceChildren(...widths.map((n, column) => {
      const head = document.createElement("div");
      head.style.left = `${this.places[column][0].x}px`;
      const layer = column - 1;
      if (column === 0) head.append(this.tight ? "in" : "inputs");
      else if (column === widths.length - 1) head.append(this.tight ? "out" : "output");
      else {
        const change = (by, sign) => {
          const button = document.createElement("button");
          button.type = "button";
          button.textContent = sign;
          button.dataset.key = `${column}${sign}`;
          button.setAttribute("aria-label", `Hidden layer ${column}: one unit ${by > 0 ? "more" : "less"}`);
          button.disabled = hidden[layer] + by < 1 || hidden[layer] + by > this.app.options.limits.units;
          button.addEventListener("click", () => this.app.change({ hidden: hidden.map((w, k) => (k === layer ? w + by : w)) }));
          return button;
        };
        const count = document.createElement("span");
        count.textContent = this.tight ? n : `${n}`;
        head.append(...(this.tight ? [change(1, "+"), count, change(-1, "\u2212")] : [change(-1, "\u2212"), count, change(1, "+")]));
      }
      return head;
    }));
    if (focused) this.columns.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  mark() {
    for (const unit of this.buttons) {
      unit.button.classList.toggle("kept", unit === this.kept);
      unit.button.setAttribute("aria-pressed", String(unit === this.kept));
    }
  }

  move(unit) {
    for (const other of this.buttons) other.button.tabIndex = other === unit ? 0 : -1;
  }

  key(event) {
    const now = this.buttons.find((u) => u.button === document.activeElement);
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!now || !step) return;
    event.preventDefault();
    event.stopPropagation();
    const column = Math.max(0, Math.min(this.places.length - 1, now.column + step[0]));
    const share = this.places[column].length / this.places[now.column].length;
    const row = step[0] ? Math.floor((now.i + 0.5) * share) : now.i + step[1];
    const i = Math.max(0, Math.min(this.places[column].length - 1, row));
    this.buttons.find((u) => u.column === column && u.i === i).button.focus();
  }

  keep(unit) {
    this.kept = this.kept === unit ? null : unit;
    this.mark();
    this.app.unit(this.kept);
  }

  point(unit) {
    this.tip.hidden = true;
    this.link = null;
    this.app.unit(unit || this.kept);
  }

  // The weight from unit i of a column to unit j of the next.
  weight(column, i, j) {
    const layer = this.app.state.layers[column];
    return { name: `${layer.dense}.W`, at: [i, j], value: this.app.param(`${layer.dense}.W`, i, j) };
  }

  hover(event) {
    if (event.target !== this.canvas) return;
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    for (let c = 0; c + 1 < this.places.length; c++) {
      const [from, to] = [this.places[c], this.places[c + 1]];
      const [left, right] = [from[0].x + from[0].side / 2, to[0].x - to[0].side / 2];
      if (x < left || x > right) continue;
      const t = solved((x - left) / (right - left));
      from.forEach((a, i) => to.forEach((b, j) => {
        const far = Math.abs(a.y + (b.y - a.y) * t - y);
        if (far < 7 && (!best || far < best.far)) best = { far, column: c, i, j };
      }));
    }
    this.canvas.style.cursor = best ? "pointer" : "default";
    if (!best) {
      if (this.link) this.point(null);
      return;
    }
    const { name, at, value } = this.weight(best.column, best.i, best.j);
    this.link = { weight: [name, at], column: best.column, i: best.i, j: best.j };
    this.tip.textContent = `${name}[${at.join(", ")}] = ${value.toPrecision(5)} \u00b7 click to check its gradient`;
    this.tip.hidden = false;
    const wide = this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(this.size[0] - wide, x - wide / 2))}px`;
    this.tip.style.top = `${Math.max(0, y - 34)}px`;
    this.app.redraw();
  }

  draw() {
    const [width, height] = this.size;
    const [context] = sized(this.canvas, height);
    const shares = this.shares();
    const whole = this.changed(shares);
    if (whole) {
      context.clearRect(0, 0, width, height);
      this.lines(context, shares);
    }
    const side = this.app.shown.unit_side;
    const all = pictures(this.app.units, side, this.buttons.length, diverging());
    let number = 0;
    context.imageSmoothingEnabled = true;
    context.strokeStyle = css("--line");
    context.lineWidth = 1;
    for (const column of this.places) {
      for (const place of column) { // on whole pixels, so that a picture covers the one before
        const [x, y, wide] = [place.x - place.side / 2, place.y - place.side / 2, place.side].map(Math.round);
        context.drawImage(all, 0, number * side, side, side, x, y, wide, wide);
        context.strokeRect(x + 0.5, y + 0.5, wide - 1, wide - 1);
        number++;
      }
    }
  }

  // Every weight as a share of the largest, layer after layer.
  shares() {
    let largest = 1e-6;
    for (let c = 0; c + 1 < this.places.length; c++) {
      const w = this.app.params[`${this.app.state.layers[c].dense}.W`];
      for (const v of w) if (Math.abs(v) > largest) largest = Math.abs(v);
    }
    return this.app.state.layers.map(({ dense }) => this.app.params[`${dense}.W`].map((v) => v / largest));
  }

  // True if the lines have to be drawn anew: while it plays, most steps change none of them so that it can be seen.
  changed(shares) {
    const key = [this.places, this.link, this.canvas.width, this.canvas.height, diverging(), this.app.state];
    const near = this.app.playing && Number.isInteger(this.canvas.width / this.size[0]) && this.drawn?.key.every((v, i) => v === key[i])
      && shares.every((w, k) => w.every((v, i) => Math.abs(v - this.drawn.shares[k][i]) < SEEN));
    if (!near) this.drawn = { key, shares };
    return !near;
  }

  // The lines, from the edge of one unit to that of the next.
  lines(context, shares) {
    for (let c = 0; c + 1 < this.places.length; c++) {
      const [from, to] = [this.places[c], this.places[c + 1]];
      const [left, right] = [from[0].x + from[0].side / 2, to[0].x - to[0].side / 2];
      const middle = (left + right) / 2;
      const many = from.length * to.length;
      for (let i = 0; i < from.length; i++) {
        for (let j = 0; j < to.length; j++) {
          const share = shares[c][i * to.length + j];
          const strong = this.link && this.link.column === c && this.link.i === i && this.link.j === j;
          if (many > 300 && Math.abs(share) < 0.08 && !strong) continue;
          context.lineWidth = strong ? 4 : Math.max(0.4, 4.5 * Math.abs(share));
          context.strokeStyle = colourOf(Math.sign(share) * Math.max(0.25, Math.abs(share)));
          context.globalAlpha = strong ? 1 : 0.75;
          context.beginPath();
          context.moveTo(left, from[i].y);
          context.bezierCurveTo(middle, from[i].y, middle, to[j].y, right, to[j].y);
          context.stroke();
        }
      }
    }
    context.globalAlpha = 1;
  }
}

// The parameter of the curve at this share of its width: its x is 3/2 t (1 - t) + t^3 ... solved by halving.
function solved(share) {
  let [low, high] = [0, 1];
  for (let k = 0; k < 24; k++) {
    const t = (low + high) / 2;
    const x = 1.5 * (1 - t) * (1 - t) * t + 1.5 * (1 - t) * t * t + t ** 3;
    if (x < share) low = t;
    else high = t;
  }
  const t = (low + high) / 2;
  return t * t * (3 - 2 * t);
}
