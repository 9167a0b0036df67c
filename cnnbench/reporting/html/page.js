// What a page does beyond being read: charts and the table of cases, made from the plain data that
// stand beside the figures and tables which they replace. Without scripts those stay.
(() => {
"use strict";
const NS = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "g", "path", "line", "circle", "text", "rect", "clipPath"]);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const ids = (() => { let n = 0; return () => `made-${n++}`; })();

// An element with attributes, functions as listeners, and children.
function make(name, attributes = {}, ...children) {
  const node = DRAWN.has(name) ? document.createElementNS(NS, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}
const toggle = (text, pressed, click) =>
  make("button", { type: "button", "aria-pressed": String(pressed), click }, text);

// --- numbers as the tables write them ---------------------------------------------------
const three = (v) => v.toFixed(Math.abs(v) < 9.995 ? 2 : Math.abs(v) < 99.95 ? 1 : 0);
function scaled(value, unit, base, prefixes, power) {
  let text = three(value / base ** power);
  for (let i = 0; ; i++, power++) {
    if (Math.abs(+text) < base || i === prefixes.length - 1) {
      if (power === 0 && !prefixes[i]) text = String(+value.toPrecision(3));
      return `${text} ${prefixes[i]}${unit}`.trim();
    }
    text = three(value / base ** (power + 1));
  }
}
const number = (v) => {
  const size = Math.abs(v);
  if (size >= 99.95 || Number.isInteger(v)) return Math.round(v).toLocaleString("en");
  return size >= 9.995 ? v.toFixed(1) : size >= 0.0995 ? v.toFixed(2) : String(+v.toPrecision(2));
};
const SHOW = {
  s: (v) => scaled(v, "s", 1000, ["n", "u", "m", ""], -3),
  B: (v) => scaled(v, "B", 1024, ["", "Ki", "Mi", "Gi", "Ti"], 0),
  "%": (v) => `${(100 * v).toFixed(1)} %`,
  "": number,
};
const show = (unit, v) =>
  (SHOW[unit] || ((x) => scaled(x, unit === "count" ? "" : unit, 1000, ["", "k", "M", "G", "T", "P"], 0)))(v);
const brief = (text) => text.replace(/\.0+(?=\D|$)/, "");
const between = (unit, [value, low, high]) =>
  show(unit, value) + (low == null ? "" : ` [${show(unit, low)}, ${show(unit, high)}]`);

// --- axes -------------------------------------------------------------------------------
function scale(axis, values, from, to) {
  const kept = values.filter((v) => Number.isFinite(v) && (!axis.log || v > 0));
  let low = Math.min(...kept), high = Math.max(...kept);
  if (!kept.length) [low, high] = [1, 10];
  if (axis.log) {
    const room = Math.max((high / low) ** 0.06, 1.12);
    [low, high] = [low / room, high * room];
  } else {
    const room = 0.06 * (high - low || Math.abs(high) || 1);
    [low, high] = [axis.zero === false ? low - room : Math.min(0, low), high + room];
  }
  const [a, b] = axis.log ? [Math.log(low), Math.log(high)] : [low, high];
  const at = (v) => from + ((axis.log ? Math.log(v) : v) - a) / (b - a) * (to - from);
  return { at, low, high, ticks: ticks(axis, low, high, Math.abs(to - from) / (axis.across ? 80 : 45)) };
}
function ticks(axis, low, high, most) {
  const found = [];
  if (axis.at) found.push(...axis.at);
  else if (axis.log && axis.unit === "B") {
    for (let k = Math.ceil(Math.log2(low)); 2 ** k <= high; k++) found.push(2 ** k);
  } else if (axis.log) {
    const steps = high / low < 300 ? [1, 2, 5] : [1];
    for (let k = Math.floor(Math.log10(low)); 10 ** k <= high; k++)
      for (const step of steps) found.push(step * 10 ** k);
  } else {
    const base = axis.unit === "B" ? 2 ** (10 * Math.floor(Math.log2(Math.max(high, 1)) / 10)) : 1;
    const rough = (high - low) / base / Math.max(2, Math.min(most, 6));
    const ten = 10 ** Math.floor(Math.log10(rough));
    const step = base * ten * [1, 2, 5, 10].find((s) => s * ten >= rough);
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) found.push(v);
  }
  const inside = found.filter((v) => v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9));
  const every = Math.ceil(inside.length / Math.max(2, most));
  return inside.filter((_, i) => i % every === 0);
}

// --- charts -----------------------------------------------------------------------------
const SHAPES = [
  "M-5,0A5,5,0,1,0,5,0A5,5,0,1,0,-5,0Z", "M-4.4,-4.4H4.4V4.4H-4.4Z", "M0,-5.6L5.4,4.4H-5.4Z",
  "M0,-6L6,0L0,6L-6,0Z", "M0,5.6L5.4,-4.4H-5.4Z", "M-2,-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
  "M-5,-5H-1L0,-2.5L1,-5H5L2.5,0L5,5H1L0,2.5L-1,5H-5L-2.5,0Z", "M-5.6,0L4.4,-5.4V5.4Z",
  "M5.6,0L-4.4,-5.4V5.4Z", "M0,-6.2L1.6,-1.9H6L2.6,.9L3.8,5.4L0,2.7L-3.8,5.4L-2.6,.9L-6,-1.9H-1.6Z",
];
const look = (i) => ({ colour: `c${i % 7}`, shape: SHAPES[i % SHAPES.length] });

// A chart in `host`. Of `spec`: `x` and `y` are axes {name, unit, log}; `series` have a name, a
// look and points {x, y, low, high, cases, text}; `marks` are places on x, `guides` lines.
function plot(host, spec) {
  const wide = Math.max(host.clientWidth || 640, 220);
  const tall = spec.tall || Math.round(Math.min(440, Math.max(270, 0.56 * wide)));
  const [left, right, top, bottom] = [70, 12, 12, 46];
  const points = spec.series.flatMap((s, i) => s.points.map((p) => ({ ...p, name: s.name, series: i })))
    .filter((p) => p.x != null && p.y != null && (!spec.x.log || p.x > 0) && (!spec.y.log || p.y > 0));
  const x = scale({ ...spec.x, across: true }, spec.x.range || points.map((p) => p.x), left, wide - right);
  const y = scale(spec.y, spec.y.range || points.map((p) => p.y), tall - bottom, top);
  const clip = ids();
  const svg = make("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img",
    tabindex: 0, "aria-label": `${spec.label}. Arrow keys read the values.` },
    make("clipPath", { id: clip }, make("rect", { x: left, y: top, width: wide - left - right, height: tall - top - bottom })));
  const text = (at, words, attributes) => make("text", { x: at[0], y: at[1], ...attributes }, words);
  for (const v of y.ticks) {
    svg.append(make("line", { class: "grid", x1: left, x2: wide - right, y1: y.at(v), y2: y.at(v) }),
      text([left - 7, y.at(v) + 4], brief(show(spec.y.unit, v)), { "text-anchor": "end" }));
  }
  for (const v of x.ticks) {
    svg.append(make("line", { class: "grid", x1: x.at(v), x2: x.at(v), y1: top, y2: tall - bottom }),
      text([x.at(v), tall - bottom + 17], brief(show(spec.x.unit, v)), { "text-anchor": "middle" }));
  }
  svg.append(text([(left + wide - right) / 2, tall - 8], spec.x.name, { class: "axis", "text-anchor": "middle" }));
  const inside = make("g", { "clip-path": `url(#${clip})` });
  svg.append(inside);
  const path = (xs, kind) => make("path", { class: kind, d: xs.map(([a, b], i) => `${i ? "L" : "M"}${x.at(a).toFixed(1)},${y.at(b).toFixed(1)}`).join("") });
  for (const guide of spec.guides || []) {
    const kept = guide.points.filter(([a, b]) => (!spec.x.log || a > 0) && (!spec.y.log || b > 0));
    inside.append(path(kept, "guide"));
    if (guide.name) {
      // The name stands near the right end of what can be seen of the line, where it covers the fewest points.
      const [[a, b], [c, d]] = kept.slice(-2);
      const along = (f) => spec.x.log ? [a * (c / a) ** f, b * (d / b) ** f] : [a + f * (c - a), b + f * (d - b)];
      const places = Array.from({ length: 190 }, (_, i) => along(0.97 - i / 200)).filter(([u, v]) =>
        u > x.low && x.at(u) < wide - right - 8 && x.at(u) > left + 90 && y.at(v) > top + 12 && y.at(v) < tall - bottom - 8);
      const covered = ([u, v]) => points.filter((p) => x.at(u) - 8 * guide.name.length < x.at(p.x) && x.at(p.x) < x.at(u)
        && Math.abs(y.at(p.y) - y.at(v) + 9) < 12).length;
      const least = Math.min(...places.map(covered)), seen = places.find((place) => covered(place) === least);
      if (seen) inside.append(text([x.at(seen[0]) - 6, y.at(seen[1]) - 5], brief(guide.name), { "text-anchor": "end" }));
    }
  }
  for (const [i, mark] of (spec.marks || []).entries()) {
    const a = x.at(mark.at);
    if (mark.low != null) inside.append(make("rect", { class: "band", x: x.at(mark.low), y: top, width: x.at(mark.high) - x.at(mark.low), height: tall - top - bottom }));
    const late = a > (left + wide) / 2;
    inside.append(make("line", { class: "mark", x1: a, x2: a, y1: top, y2: tall - bottom }),
      text([a + (late ? -7 : 7), tall - bottom - 9 - 16 * i], mark.text, { class: "strong", "text-anchor": late ? "end" : "start" }));
  }
  spec.series.forEach((s, i) => {
    const group = make("g", { class: (s.look || look(i)).colour });
    const mine = points.filter((p) => p.series === i);
    if (s.line && mine.length > 1) group.append(path(mine.map((p) => [p.x, p.y]), `line${s.dashed ? " dashed" : ""}`));
    for (const p of mine) {
      if (p.low != null && p.high != null) group.append(make("line", { class: "end", x1: x.at(p.x), x2: x.at(p.x), y1: y.at(spec.y.log ? Math.max(p.low, y.low / 9) : p.low), y2: y.at(p.high) }));
      if (s.dots !== false || p.cases.length) group.append(make("path", { class: `point${s.dots === false ? " quiet" : ""}${p.cases.some((row) => marked.has(row)) ? " marked" : ""}`, d: (s.look || look(i)).shape, transform: `translate(${x.at(p.x).toFixed(1)},${y.at(p.y).toFixed(1)})`, "data-case": p.cases.join(" ") }));
    }
    inside.append(group);
  });
  // Reading: by pointer the nearest, by key the next; a line chart reads all lines at one place.
  const tip = make("div", { class: "tip", role: "status" });
  const cursor = make("line", { class: "cursor", y1: top, y2: tall - bottom });
  const sorted = [...points].sort((p, q) => p.x - q.x || p.y - q.y);
  const stops = spec.together ? [...new Set(sorted.map((p) => p.x))].map((v) => sorted.filter((p) => p.x === v).sort((p, q) => p.series - q.series)) : sorted.map((p) => [p]);
  let now = -1;
  const read = (index) => {
    now = index;
    cursor.remove();
    if (index < 0) { tip.textContent = ""; return mark(); }
    const stop = stops[index], [first] = stop;
    const a = x.at(first.x), b = Math.min(...stop.map((p) => y.at(p.y)));
    if (spec.together) { cursor.setAttribute("x1", a); cursor.setAttribute("x2", a); svg.append(cursor); }
    tip.textContent = spec.together
      ? [`${spec.x.name}: ${show(spec.x.unit, first.x)}`, ...stop.map((p) => `${p.name}: ${between(spec.y.unit, [p.y, p.low, p.high])}`),
        ...(stop.length === 2 ? [`ratio: ${number(stop[1].y / stop[0].y)}`] : [])].join("\n")
      : [first.text || first.name, `${spec.x.name}: ${show(spec.x.unit, first.x)}`, `${spec.y.name}: ${between(spec.y.unit, [first.y, first.low, first.high])}`].join("\n");
    const late = a > wide * 0.55;
    tip.style.left = late ? "" : `${a + 12}px`;
    tip.style.right = late ? `${wide - a + 12}px` : "";
    tip.style.top = `${Math.max(0, Math.min(b - 10, tall - 130))}px`;
    mark(...stop.flatMap((p) => p.cases));
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), k = wide / box.width;
    const [px, py] = [(event.clientX - box.left) * k, (event.clientY - box.top) * k];
    let best = -1, least = spec.together ? Infinity : 45;
    stops.forEach(([p], i) => {
      const far = spec.together ? Math.abs(x.at(p.x) - px) : Math.hypot(x.at(p.x) - px, y.at(p.y) - py);
      if (far < least) [best, least] = [i, far];
    });
    if (best !== now) read(best);
  });
  svg.addEventListener("pointerleave", () => read(-1));
  svg.addEventListener("blur", () => read(-1));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (event.key === "Escape") read(-1);
    if (!step || !stops.length) return;
    event.preventDefault();
    read((now < 0 ? (step > 0 ? 0 : stops.length - 1) : now + step + stops.length) % stops.length);
  });
  host.replaceChildren(svg, tip);
}

// Draw now, and again when the width changes.
function drawn(host, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (host.clientWidth !== width) { width = host.clientWidth; draw(); }
  }).observe(host);
  return draw;
}

// Cases, marked wherever they are shown, also where a chart is drawn later.
const marked = new Set();
function mark(...indices) {
  marked.clear();
  for (const index of indices) marked.add(index);
  for (const node of all(".marked")) node.classList.remove("marked");
  for (const index of marked) for (const node of all(`[data-case~="${index}"]`)) node.classList.add("marked");
}

const swatch = ({ colour, shape }, { dots = true, dashed } = {}) => make("svg", { viewBox: "-9 -7 18 14", class: colour, "aria-hidden": "true" },
  make("path", dots ? { class: "point", d: shape } : { class: `line${dashed ? " dashed" : ""}`, d: "M-8,0H8" }));

// Names of series; one that is pressed stands alone.
function legend(names, looks, alone, change) {
  return make("div", { class: "legend", role: "group", "aria-label": "Show one alone" }, ...names.map((name, i) => {
    const button = toggle("", alone.has(name), () => change(name));
    button.append(swatch(looks[i]), name);
    if (alone.size && !alone.has(name)) button.classList.add("off");
    return button;
  }));
}
const flip = (set, value) => (set.has(value) ? set.delete(value) : set.add(value));
const group = (name, ...nodes) => make("div", { class: "group", role: "group", "aria-label": name }, ...nodes);
const check = (name, on, change) =>
  make("label", {}, make("input", { type: "checkbox", ...(on ? { checked: "" } : {}), change: (event) => change(event.target.checked) }), name);

// Points from columns of numbers.
const points = ({ x, y, low, high, cases }) =>
  x.map((v, i) => ({ x: v, y: y[i], low: low && low[i], high: high && high[i], cases: cases[i] || [] }));

// Tabs of line charts over one quantity: {x, tabs: [{name, unit, series, marks}]}. A series has a
// line, or dots, or both; the cases on a mere line are seen when they are marked.
function lines(data, root) {
  let tab = 0, log = true;
  const host = make("div", { class: "chart" }), controls = make("div", { class: "controls" });
  const keys = make("div", { class: "legend" });
  const draw = drawn(host, () => {
    const { name, unit, marks } = data.tabs[tab];
    const series = data.tabs[tab].series.map((s) => ({ name: s.name, look: look(s.look), points: points(s), line: s.line, dots: Boolean(s.dots), dashed: s.look === 1 }));
    keys.replaceChildren(...series.map((s) => make("span", {}, swatch(s.look, s), s.name)));
    plot(host, { label: `${name} over ${data.x.name}: ${series.map((s) => s.name).join(" and ")}`, together: true, marks, series,
      x: { ...data.x, log, at: log ? data.x.at : null }, y: { name, unit, log } });
  });
  const update = () => {
    controls.replaceChildren(
      group("Quantity", ...data.tabs.map((t, i) => toggle(t.name, i === tab, () => { tab = i; update(); all("button", controls)[i].focus(); }))),
      check("logarithmic", log, (on) => { log = on; draw(); }));
    draw();
  };
  root.append(controls, keys, host);
  update();
}

// One small chart a network, all with the same axes.
function multiples(data, root) {
  let tab = 0;
  const grid = make("div", { class: "multiples" }), controls = make("div", { class: "controls" });
  const hosts = [];
  const draw = drawn(grid, () => {
    const { unit, name, panels } = data.tabs[tab];
    const ys = panels.flatMap((p) => p.y), xs = panels.flatMap((p) => p.x);
    grid.replaceChildren();
    panels.forEach((panel, i) => {
      const host = make("div", { class: "chart" });
      grid.append(make("div", {}, make("h4", {}, panel.name), host));
      hosts[i] = host;
    });
    panels.forEach((panel, i) => plot(hosts[i], { label: `${name} of ${panel.name} over ${data.x.name}`, tall: 190,
      x: { ...data.x, log: true, range: xs }, y: { name, unit, log: true, range: ys }, guides: panel.guide.length ? [{ points: panel.guide }] : [],
      series: [{ name: panel.name, points: points(panel), line: true, look: look(0) }] }));
  });
  const update = () => {
    controls.replaceChildren(group("Quantity", ...data.tabs.map((t, i) => toggle(t.name, i === tab, () => { tab = i; update(); }))));
    draw();
  };
  root.append(controls, grid);
  update();
}

// --- cases ------------------------------------------------------------------------------
let cases = null;  // the data of the table; the charts draw what its filters leave
const watching = [];
const kept = new Set();

function table(data, root) {
  cases = data;
  const names = data.columns[0].texts;
  names.forEach((_, i) => kept.add(i));
  const chosen = Object.fromEntries(Object.keys(data.tags).map((tag) => [tag, new Set()]));
  let words = "", sort = null, falling = false;
  const shown = data.columns.map((c, i) => i).filter((i) => data.columns[i].table);
  const count = make("span", { role: "status" });
  const body = make("tbody");
  const rows = names.map((name, i) => row(data, shown, name, i));
  const heads = shown.map((c) => {
    const column = data.columns[c];
    return make("th", { scope: "col", title: column.note, class: column.values ? "number" : null, "aria-sort": "none" },
      make("button", { type: "button", click: () => {
        falling = sort === c ? !falling : false;
        sort = c;
        update();
      } }, column.name));
  });
  const values = (c) => data.columns[c].values || data.columns[c].texts;
  function update() {
    kept.clear();
    names.forEach((name, i) => {
      const fits = Object.entries(chosen).every(([tag, set]) => !set.size || set.has(data.tags[tag][i]));
      if (fits && words.split(/\s+/).every((word) => data.columns.some((c) => c.table && c.texts[i].toLowerCase().includes(word)))) kept.add(i);
    });
    const order = [...kept];
    if (sort !== null) {
      const by = values(sort);
      const compare = (a, b) => (typeof by[a] === "string" ? by[a].localeCompare(by[b], "en", { numeric: true }) : by[a] - by[b]);
      order.sort((a, b) => (by[a] == null) - (by[b] == null) || (falling ? -1 : 1) * compare(a, b));
    }
    body.replaceChildren(...order.flatMap((i) => rows[i].filter(Boolean)));
    heads.forEach((head, i) => head.setAttribute("aria-sort", shown[i] !== sort ? "none" : falling ? "descending" : "ascending"));
    count.textContent = `${kept.size} of ${names.length} cases`;
    for (const draw of watching) draw();
  }
  const chips = Object.entries(data.tags).map(([tag, of]) => [tag, [...new Set(of)].filter(Boolean)])
    .filter(([tag, found]) => found.length > (new Set(data.tags[tag]).size > found.length ? 0 : 1))
    .map(([tag, found]) => group(tag, make("span", { class: "name" }, tag), ...found.map((value) => toggle(value, false, (event) => {
      flip(chosen[tag], value);
      event.currentTarget.setAttribute("aria-pressed", String(chosen[tag].has(value)));
      update();
    }))));
  const search = make("input", { type: "search", class: "search", placeholder: "Search", "aria-label": "Search the cases",
    input: (event) => { words = event.target.value.toLowerCase().trim(); update(); } });
  root.classList.add("cases");
  root.append(make("div", { class: "controls" }, search, count), make("div", { class: "controls chips" }, ...chips),
    make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "All cases" },
      make("table", {}, make("caption", { class: "hidden" }, "All cases; a header sorts, a name opens the launches."),
        make("thead", {}, make("tr", {}, ...heads)), body)));
  update();
  const named = /^#case-(\d+)$/.exec(location.hash);
  if (named && rows[named[1]]) {
    all("button", rows[named[1]][0])[0].click();
    rows[named[1]][0].scrollIntoView({ block: "center" });
  }
}

function row(data, shown, name, i) {
  const cells = shown.slice(1).map((c) => {
    const column = data.columns[c];
    const [value, ends] = column.texts[i].split(" [");
    const cell = make("td", { class: column.values ? "number" : null }, value);
    if (column.low && column.low[i] != null) cell.append(" ", make("small", {}, `[${ends}`), bar(column, i));
    return cell;
  });
  const pair = [null, null];
  const open = make("button", { type: "button", "aria-expanded": "false", click: () => {
    if (pair[1]) pair[1].remove();
    const opened = pair[1] ? null : make("tr", { class: "detail" }, make("td", { colspan: shown.length }, ...detail(data, i)));
    pair[1] = opened;
    open.setAttribute("aria-expanded", String(Boolean(opened)));
    if (opened) pair[0].after(opened);
  } }, name);
  pair[0] = make("tr", { id: `case-${i}`, "data-case": i, pointerenter: () => mark(i), pointerleave: () => mark(), focusin: () => mark(i), focusout: () => mark() },
    make("th", { scope: "row" }, open), ...cells);
  return pair;
}

// The interval of a case on the axis that all of its column share.
function bar(column, i) {
  const known = column.values.filter((v) => v > 0);
  const ends = [Math.min(...known) / 1.3, Math.max(...known) * 1.3].map(Math.log);
  const at = (v) => Math.max(0, Math.min(100, 100 * (Math.log(v) - ends[0]) / (ends[1] - ends[0])));
  return make("svg", { class: "interval", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    make("line", { x1: at(column.low[i]), x2: Math.max(at(column.high[i]), at(column.low[i]) + 1), y1: 4, y2: 4 }),
    make("line", { class: "middle", x1: at(column.values[i]) - 0.7, x2: at(column.values[i]) + 0.7, y1: 4, y2: 4 }));
}

// The launches of a case: every call in order, the warm-up hollow, the median as a line.
function detail(data, i) {
  const facts = make("dl", { class: "facts" }, ...data.columns.filter((c) => !c.table && c.texts[i] && c.texts[i] !== "-")
    .map((c) => make("div", {}, make("dt", {}, c.name), make("dd", {}, c.texts[i]))));
  const launches = data.launches[i]
    .filter((l) => l.calls.length)
    .map((l) => ({ ...l, calls: l.calls.map((v) => v * l.median / 1000) }));
  if (!launches.length) return [facts];
  const steady = launches.flatMap((l) => l.calls.slice(l.warm));
  const all = launches.flatMap((l) => l.calls);
  const [low, high] = [Math.min(...all), Math.min(Math.max(...all), 3 * Math.max(...steady))];
  const wide = 900, tall = 150, left = 64, total = all.length + 2 * launches.length;
  const y = (v) => tall - 22 - (Math.min(v, high) - 0.97 * low) / (1.03 * high - 0.97 * low) * (tall - 34);
  const svg = make("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": `Every call of ${launches.length} launches, from ${show("s", low)} to ${show("s", Math.max(...all))}` });
  for (const v of [low, high]) svg.append(make("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, show("s", v)));
  let n = 0;
  const x = () => left + (wide - left - 6) * (n / total);
  for (const l of launches) {
    const from = x();
    l.calls.forEach((v, k) => {
      svg.append(make("circle", { cx: x().toFixed(1), cy: y(v).toFixed(1), r: 2.4, class: k < l.warm ? "warm" : null }, title(`launch ${l.launch}, call ${k + 1}${k < l.warm ? ", warm-up" : ""}: ${show("s", v)}`)));
      n++;
    });
    if (l.median) svg.append(make("line", { class: "middle", x1: from, x2: x(), y1: y(l.median), y2: y(l.median) }));
    svg.append(make("text", { x: (from + x()) / 2, y: tall - 4, "text-anchor": "middle" }, String(l.launch)));
    n += 2;
  }
  const failed = data.launches[i].filter((l) => l.outcome).map((l) => `launch ${l.launch}: ${l.outcome} ${l.detail}`.trim());
  return [facts, make("div", { class: "strip" }, svg), make("small", {}, ["Every call, launch by launch; hollow: warm-up; line: the launch's median.", ...failed].join(" "))];
}
const title = (words) => { const node = document.createElementNS(NS, "title"); node.textContent = words; return node; };

// One scatter of the cases, any quantity over any other, for all the views of the page.
let views = null;
function explore(view, root) {
  if (!cases) return;
  if (views) { views.push(view); for (const draw of watching) draw(); return; }
  const data = { presets: views = [view] };
  const axes = cases.columns.filter((c) => c.values && c.values.some((v) => v != null));
  const by = (name) => axes.find((c) => c.name === name);
  const labels = [...new Set(cases.tags.network)];
  const state = { x: view.x, y: view.y, logx: true, logy: true };
  const alone = new Set();
  const host = make("div", { class: "chart" }), controls = make("div", { class: "controls" }), keys = make("div");
  const draw = drawn(host, () => {
    const [x, y] = [by(state.x), by(state.y)];
    const preset = data.presets.find((p) => p.x === state.x && p.y === state.y);
    const series = labels.map((name, s) => ({ name, look: look(s), points: [...kept].filter((i) => cases.tags.network[i] === name && (!alone.size || alone.has(name)))
      .map((i) => ({ x: x.values[i], y: y.values[i], low: y.low && y.low[i], high: y.high && y.high[i], cases: [i], text: cases.columns[0].texts[i] })) }));
    plot(host, { label: `${y.name} over ${x.name}, ${kept.size} cases`, series, guides: preset && preset.guides,
      x: { name: x.name, unit: x.unit, log: state.logx }, y: { name: y.name, unit: y.unit, log: state.logy } });
    host.prepend(make("small", {}, y.name));
  });
  const choice = (which) => make("label", {}, which === "x" ? "across" : "up", make("select", { change: (event) => { state[which] = event.target.value; update(); } },
    ...axes.map((c) => make("option", { value: c.name, selected: c.name === state[which] ? "" : null }, c.name))));
  const update = () => {
    controls.replaceChildren(
      group("Presets", ...data.presets.map((p) => toggle(p.name, p.x === state.x && p.y === state.y, () => { Object.assign(state, p, { logx: true, logy: true }); update(); }))),
      choice("x"), check("log", state.logx, (on) => { state.logx = on; draw(); }), choice("y"), check("log", state.logy, (on) => { state.logy = on; draw(); }));
    keys.replaceChildren(legend(labels, labels.map((_, i) => look(i)), alone, (name) => { flip(alone, name); update(); }));
    draw();
  };
  root.append(controls, keys, host);
  watching.push(update);
  update();
}

// --- every page -------------------------------------------------------------------------
// What a cell is worth: its first number with its prefix, else its text.
const PREFIX = { n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, K: 1024, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };
function worth(text) {
  const found = /^(?:>= )?([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)(?:\s*([numkKMGTP])?(i)?(?:B|s|FLOP|MAC)?)?/.exec(text);
  if (!found) return null;
  const [, digits, prefix, binary] = found;
  return +digits.replaceAll(",", "") * (binary ? 1024 ** " KMGTP".indexOf(prefix) : PREFIX[prefix] || 1);
}
function sortable(grid) {
  const body = grid.tBodies[0], rows = [...body.rows];
  const heads = [...grid.tHead.rows[0].cells];
  // Under a head without a word stand things of several kinds, which have no order.
  if (rows.length < 6 || heads.some((head) => !head.textContent)) return;
  heads.forEach((head, c) => {
    const button = make("button", { type: "button", click: () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const texts = new Map(rows.map((r) => [r, r.cells[c].textContent]));
      const numbers = new Map(rows.map((r) => [r, worth(texts.get(r))]));
      const numeric = head.classList.contains("number");
      const compare = (a, b) => numeric ? (numbers.get(a) === null) - (numbers.get(b) === null) || (falling ? -1 : 1) * (numbers.get(a) - numbers.get(b))
        : (falling ? -1 : 1) * texts.get(a).localeCompare(texts.get(b), "en", { numeric: true });
      body.append(...[...rows].sort(compare));
    } });
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
  });
}

function themes() {
  const words = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  const stored = () => { try { return localStorage.getItem("cnnbench-theme") || ""; } catch { return ""; } };
  const button = make("button", { type: "button", click: () => set({ "": "light", light: "dark", dark: "" }[document.documentElement.dataset.theme || ""]) });
  const set = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    try { localStorage.setItem("cnnbench-theme", theme); } catch { /* a page from a file may not store */ }
    button.textContent = words[theme];
  };
  all(".top")[0].append(button);
  set(stored());
}

function copies() {
  for (const code of all("pre > code")) {
    const button = make("button", { type: "button", click: async () => {
      try { await navigator.clipboard.writeText(code.textContent); button.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(code); button.textContent = "Selected"; }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    } }, "Copy");
    code.parentElement.before(button);
    code.parentElement.parentElement.classList.add("copied");
  }
}

// A place inside a fold is opened before it is shown.
function reveal() {
  const place = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!place) return;
  for (let node = place; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  if (place.tagName === "DETAILS" || place.closest("details")) place.scrollIntoView();
}

document.documentElement.classList.add("scripted");
themes();
const KINDS = { cases: table, lines, multiples, explore };
for (const live of all(".live")) {
  const root = make("div", { class: "made" });
  live.append(root);
  KINDS[live.dataset.kind](JSON.parse(all("script", live)[0].textContent), root);
}
for (const grid of all("main table")) if (!grid.closest(".made")) sortable(grid);
copies();
reveal();
addEventListener("hashchange", reveal);
let folded = [];
addEventListener("beforeprint", () => { folded = all("details:not([open])"); for (const node of folded) node.open = true; });
addEventListener("afterprint", () => { for (const node of folded) node.open = false; });
})();
