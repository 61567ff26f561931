// The output over the plane with the points on it, and the adding of points.
import { CLASSES, colourOf, css, diverging, paint, several, sized } from "./colours.js";


export class Plane {
  constructor(canvas, scale, app) {
    Object.assign(this, { canvas, scale, app, cross: null, unit: null });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const box = canvas.getBoundingClientRect();
      this.app.addPoint(this.place((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height));
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.cross = null; this.app.redraw(); });
    canvas.addEventListener("focus", () => {
      if (!canvas.matches(":focus-visible")) return;
      this.cross = [0.5, 0.5];
      this.app.redraw();
    });
  }

  place(u, v) {
    const [left, right, bottom, top] = this.app.state.frame;
    const short = (value, size) => Number(value.toFixed(Math.max(0, 3 - Math.floor(Math.log10(size)))));
    return [short(left + (right - left) * u, right - left), short(top - (top - bottom) * v, top - bottom)];
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const size = event.shiftKey ? 0.1 : 0.02;
    if (moves[event.key]) {
      const [u, v] = this.cross || [0.5, 0.5];
      const [du, dv] = moves[event.key];
      this.cross = [Math.min(1, Math.max(0, u + du * size)), Math.min(1, Math.max(0, v + dv * size))];
      const [a, b] = this.place(...this.cross);
      this.app.say(`x1 ${a}, x2 ${b}`);
    } else if (event.key === "Enter") {
      this.cross ||= [0.5, 0.5];
      this.app.addPoint(this.place(...this.cross));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      if (this.cross) this.app.removePoint(this.place(...this.cross));
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.app.redraw();
  }

  draw() {
    const { state, shown } = this.app;
    const [context, width, height] = sized(this.canvas);
    if (!width || !height) return;
    const many = state.classes > 2;
    if (this.unit !== null) {
      const side = shown.unit_side;
      const bytes = this.app.units.subarray(this.unit * side * side, (this.unit + 1) * side * side);
      paint(context, bytes, side, diverging(), 0, 0, width, height, !this.app.sharp);
    } else {
      let bytes = this.app.map;
      if (this.app.sharp && !many && state.classes) bytes = bytes.map((v) => (v < 128 ? 20 : 235));
      paint(context, bytes, shown.map_side, many ? several() : diverging(), 0, 0, width, height, !many && !this.app.sharp);
    }
    context.imageSmoothingEnabled = true;
    context.drawImage(this.points(width, height), 0, 0, width, height);
    if (this.cross) {
      const [x, y] = [this.cross[0] * width, this.cross[1] * height];
      context.strokeStyle = css("--ink");
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(x - 12, y); context.lineTo(x + 12, y);
      context.moveTo(x, y - 12); context.lineTo(x, y + 12);
      context.stroke();
    }
    this.bar();
  }

  // The points as a picture of their own, drawn anew only where something of it has changed.
  points(width, height) {
    const { state } = this.app;
    const layer = (this.layer ||= document.createElement("canvas"));
    const ratio = this.canvas.width / width;
    const key = [state, state.points, this.app.showTest, width, height, ratio, css("--ink")];
    if (this.layerKey?.every((v, i) => v === key[i])) return layer;
    this.layerKey = key;
    [layer.width, layer.height] = [this.canvas.width, this.canvas.height];
    const context = layer.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const [left, right, bottom, top] = state.frame;
    const radius = width < 240 ? 2.4 : 3.4;
    const paper = css("--paper");
    const ink = css("--ink");
    context.lineWidth = 1;
    for (const [a, b, target, test] of state.points) {
      if (test && !this.app.showTest) continue;
      context.beginPath();
      context.arc(((a - left) / (right - left)) * width, ((top - b) / (top - bottom)) * height, radius, 0, 2 * Math.PI);
      context.fillStyle = state.classes ? CLASSES[target] : colourOf(target);
      context.fill();
      context.strokeStyle = test ? ink : paper;
      context.stroke();
    }
    return layer;
  }

  // The bar of colours, drawn anew only where its meaning has changed.
  bar() {
    const { state, shown } = this.app;
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const size = this.unit === null ? 1 : shown.sizes[this.unit];
    const words = this.unit !== null ? [-size, size].map((v) => v.toPrecision(3))
      : state.classes === 2 ? this.app.names(2)
      : state.classes ? null : ["-1", "1"].map((v) => (this.app.scaleOf * Number(v)).toPrecision(3));
    const key = JSON.stringify([words, state.classes, dark]);
    if (this.known === key) return;
    this.known = key;
    this.scale.replaceChildren();
    if (!words) {
      this.scale.append(...this.app.names(state.classes).map((name, i) => {
        const part = document.createElement("span");
        const dot = document.createElement("span");
        dot.className = "dot";
        dot.style.background = CLASSES[i];
        part.append(dot, ` ${name}`);
        return part;
      }));
      return;
    }
    const bar = document.createElement("canvas");
    bar.width = 256;
    bar.height = 1;
    const own = bar.getContext("2d");
    const image = own.createImageData(256, 1);
    new Uint32Array(image.data.buffer).set(diverging());
    own.putImageData(image, 0, 0);
    this.scale.append(words[0], bar, words[1]);
  }
}

// A small picture of points, for a choice.
export function thumbnail(canvas, points, values) {
  const [context, width, height] = sized(canvas);
  context.clearRect(0, 0, width, height);
  for (const [a, b, target] of points) {
    context.fillStyle = values ? colourOf(target) : CLASSES[target];
    context.fillRect(((a + 3) / 6) * width - 1, ((3 - b) / 6) * height - 1, 2, 2);
  }
}
