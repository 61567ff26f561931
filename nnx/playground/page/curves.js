// The loss on training and test points, by step.
import { css, sized } from "./colours.js";

const MOST = 1200; // points kept of a curve

export class Curves {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
  }

  clear() {
    this.known = []; // [step, train, test]
    this.every = 1;
    this.count = 0;
  }

  add(step, train, test) {
    const last = this.known[this.known.length - 1];
    if (last && last[0] === step) return;
    this.last = [step, train, test];
    if (this.count++ % this.every === 0) this.known.push(this.last);
    if (this.known.length > MOST) {
      this.known = this.known.filter((_, i) => i % 2 === 0);
      this.every *= 2;
    }
  }

  draw(logarithmic) {
    const [context, width, height] = sized(this.canvas);
    context.clearRect(0, 0, width, height);
    const rows = this.last && this.known[this.known.length - 1] !== this.last ? [...this.known, this.last] : this.known;
    const values = rows.flatMap((r) => [r[1], r[2]]).filter((v) => v !== null && Number.isFinite(v) && (!logarithmic || v > 0));
    const [left, right, top, bottom] = [38, 6, 8, 18];
    const last = Math.max(1, rows.length ? rows[rows.length - 1][0] : 1);
    let high = Math.max(...values, 1e-9);
    let low = logarithmic ? Math.min(...values, high) : Math.min(0, ...values);
    const f = logarithmic ? Math.log10 : (v) => v;
    if (logarithmic) [low, high] = [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high) + 1e-9)];
    const y = (v) => top + (height - top - bottom) * (1 - (f(v) - f(low)) / (f(high) - f(low) || 1));
    const x = (s) => left + ((width - left - right) * s) / last;
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = css("--soft");
    context.strokeStyle = css("--line");
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    const ticks = logarithmic ? decades(low, high) : steps(low, high);
    for (const tick of ticks) {
      context.beginPath();
      context.moveTo(left, Math.round(y(tick)) + 0.5);
      context.lineTo(width - right, Math.round(y(tick)) + 0.5);
      context.stroke();
      context.fillText(plain(tick), left - 5, y(tick));
    }
    context.textBaseline = "alphabetic";
    context.textAlign = "left";
    context.fillText("0", left, height - 4);
    context.textAlign = "right";
    context.fillText(`step ${rows.length ? last : 0}`, width - right, height - 4);
    for (const [column, name] of [[2, "--orange"], [1, "--blue"]]) {
      context.strokeStyle = css(name);
      context.lineWidth = 1.8;
      context.lineJoin = "round";
      context.beginPath();
      let drawn = false;
      for (const row of rows) {
        const v = row[column];
        if (v === null || v === undefined || (logarithmic && v <= 0)) { drawn = false; continue; }
        if (drawn) context.lineTo(x(row[0]), y(v));
        else context.moveTo(x(row[0]), y(v));
        drawn = true;
      }
      context.stroke();
    }
  }
}

const plain = (v) => (v === 0 ? "0" : Math.abs(v) < 0.001 || Math.abs(v) >= 1e5 ? v.toExponential(0) : String(Number(v.toPrecision(3))));

function steps(low, high) {
  const raw = (high - low) / 3;
  const unit = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map((f) => f * unit).find((s) => s >= raw) || unit;
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high * 1.0001; v += step) found.push(Math.abs(v) < step / 1e6 ? 0 : v);
  return found;
}

function decades(low, high) {
  const [first, last] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
  const every = Math.max(1, Math.ceil((last - first) / 4));
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => 10 ** (first + i * every));
}
