// Colours of classes and values: those of Okabe & Ito 2008, which colour-blind readers can tell apart.
export const CLASSES = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
export const SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#5b4fa2"];
const dark = matchMedia("(prefers-color-scheme: dark)");

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const word = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;
const mixed = (a, b, t) => a.map((v, i) => Math.round(v + (b[i] - v) * t));

const made = new Map();
const cached = (name, make) => {
  const key = name + dark.matches;
  if (!made.has(key)) made.set(key, make());
  return made.get(key);
};

export const onTheme = (then) => dark.addEventListener("change", then);
export const ground = () => rgb(dark.matches ? "#20262c" : "#f7f8f9");
export const css = (name) => cached(name, () => getComputedStyle(document.documentElement).getPropertyValue(name).trim());

// 256 colours from orange over the ground to blue, the middle being 0 or one half.
export const diverging = () => cached("diverging", () => Uint32Array.from({ length: 256 }, (_, i) => {
  const t = (i - 127.5) / 127.5;
  const [low, high] = dark.matches ? ["#f08a3c", "#4aa8e0"] : CLASSES;
  return word(mixed(ground(), rgb(t < 0 ? low : high), 0.78 * Math.abs(t) ** 0.85));
}));

// For each class 32 steps from the ground to its colour.
export const several = () => cached("several", () => Uint32Array.from({ length: 256 }, (_, i) =>
  word(mixed(ground(), rgb(CLASSES[i >> 5] || CLASSES[0]), 0.1 + 0.68 * (i & 31) / 31))));

// From light to dark for a height: the lower, the lighter.
export const heights = () => cached("heights", () => Uint32Array.from({ length: 256 }, (_, i) => {
  const t = i / 255;
  return word(dark.matches ? mixed([64, 116, 138], [24, 28, 33], t) : mixed([238, 246, 250], [104, 122, 140], t ** 0.8));
}));

// A number from -1 to 1 as a colour of a line or a point.
export const colourOf = (t) => {
  const c = diverging()[Math.max(0, Math.min(255, Math.round(127.5 + 127.5 * t)))];
  return `rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})`;
};

const spare = document.createElement("canvas");

// Pictures of bytes (count * side * side), one below the other, in a canvas of their own: its rows k * side onwards are
// the k-th.
export function pictures(bytes, side, count, table) {
  if (spare.width !== side || spare.height !== side * count) [spare.width, spare.height] = [side, side * count];
  const own = spare.getContext("2d");
  const image = own.createImageData(side, side * count);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = table[bytes[i]];
  own.putImageData(image, 0, 0);
  return spare;
}

// Draw bytes (side * side) as a picture into a rectangle of a canvas.
export function paint(context, bytes, side, table, x, y, width, height, smooth = true) {
  context.imageSmoothingEnabled = smooth;
  context.drawImage(pictures(bytes, side, 1, table), x, y, width, height);
}

// The canvas as sharp as the screen: its context, in CSS pixels, and its size.
export function sized(canvas, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth;
  const tall = height ?? canvas.clientHeight;
  const w = Math.round(width * ratio);
  const h = Math.round(tall * ratio);
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    if (height !== undefined) canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [context, width, tall];
}

export const bytesOf = (text) => {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
};
export const floatsOf = (text) => new Float32Array(bytesOf(text).buffer);
