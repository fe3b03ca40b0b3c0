// watch.js: the table of all runs and the curves of those that are ticked. What it shows comes from the element "data",
// { rows, details }, in the page of rnnlua watch --once, and else from the server: a stream of rows, and details by name.
"use strict";
(function () {
  const holder = document.getElementById("data");
  const fixed = holder && JSON.parse(holder.textContent);
  const at = id => document.getElementById(id);
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const COLORS = 8, TICKED = 3, STATES = ["running", "done", "stopped", "crashed"], SETTINGS = 8;
  const font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  const SVG = "http://www.w3.org/2000/svg";

  const add = (parent, tag, className, text) => {
    const element = parent.appendChild(document.createElement(tag));
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const drawing = (parent, width, height, className) => {
    const svg = parent.appendChild(document.createElementNS(SVG, "svg"));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    if (className) svg.setAttribute("class", className);
    return svg;
  };
  const shape = (svg, tag, attributes) => {
    const element = svg.appendChild(document.createElementNS(SVG, tag));
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    return element;
  };

  // ---- numbers ----

  const raised = n => String(n).replace(/./g, c => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] || "⁻");
  function text(v) {
    if (v === null || v === undefined) return "–";
    if (typeof v !== "number") return String(v);
    const size = Math.abs(v);
    if (v === 0 || (size >= 1e-3 && size < 1e5)) return String(Number(v.toPrecision(4)));
    const [digits, power] = v.toExponential(3).split("e"), factor = Number(digits);
    return (factor === 1 ? "" : factor === -1 ? "−" : factor + "·") + "10" + raised(Number(power));
  }
  // A setting is shown as the script was told it.
  const setting = v => typeof v === "number" && !Number.isInteger(v) ? String(Number(v.toPrecision(6))) : v === undefined ? "" : String(v);
  function ago(seconds) {
    if (seconds < 5) return "now";
    if (seconds < 90) return Math.round(seconds) + " s ago";
    if (seconds < 5400) return Math.round(seconds / 60) + " min ago";
    if (seconds < 129600) return Math.round(seconds / 3600) + " h ago";
    return Math.round(seconds / 86400) + " days ago";
  }

  // ---- the rows ----

  const rows = new Map(); // name -> { row, element, cells }
  const ticked = new Map(); // name -> number of its colour
  const hidden = new Set(); // states
  let sort = { by: "updated", down: true }, columns = [], filter = "";

  const value = {
    name: r => r.name, state: r => STATES.indexOf(r.state), epoch: r => r.epoch, last: r => r.last[r.figure],
    best: r => r.best, loss: r => r.last.loss, updated: r => r.updated,
  };
  const valueOf = (r, key) => value[key] ? value[key](r) : (r.settings || {})[key.slice(1)];

  // The settings that are not the same in all runs, those of the scripts' own first, as they come.
  const IGNORED = new Set(["epochs", "parameters"]);
  function differing() {
    const seen = new Map();
    let count = 0;
    for (const { row } of rows.values()) {
      count++;
      for (const name in row.settings || {}) {
        const values = seen.get(name) || new Map();
        seen.set(name, values.set(row.settings[name], (values.get(row.settings[name]) || 0) + 1));
      }
    }
    const names = [];
    for (const [name, values] of seen) {
      let there = 0;
      for (const n of values.values()) there += n;
      if (values.size > 1 || there < count) names.push(name);
    }
    names.sort((a, b) => IGNORED.has(a) - IGNORED.has(b) || (a === "seed") - (b === "seed") || (a < b ? -1 : 1));
    return names.slice(0, SETTINGS);
  }

  function commonFigure() {
    const counts = {};
    for (const { row } of rows.values()) if (row.figure) counts[row.figure] = (counts[row.figure] || 0) + 1;
    return Object.keys(counts).sort((a, b) => counts[b] - counts[a])[0] || "loss";
  }

  function layColumns() {
    const figure = commonFigure(), names = differing();
    const wanted = [["name", "run", "left"], ["state", "state", "left"], ["epoch", "epoch", ""], ["", "", ""],
      ["last", figure, ""], ["best", "best", ""], ...figure === "loss" ? [] : [["loss", "loss", ""]],
      ...names.map(n => ["." + n, n, ""]), ["updated", "changed", ""]];
    if (JSON.stringify(wanted) === JSON.stringify(columns)) return false;
    columns = wanted;
    const head = at("head");
    head.replaceChildren();
    add(head, "th").setAttribute("aria-label", "show");
    for (const [key, label, className] of columns) {
      const cell = add(head, "th", className);
      if (!key) { cell.setAttribute("aria-label", "curve"); continue; }
      const button = add(cell, "button", "", label);
      button.type = "button";
      cell.dataset.key = key;
      button.onclick = () => {
        sort = { by: key, down: sort.by === key ? !sort.down : key === "updated" };
        order();
      };
    }
    return true;
  }

  function spark(cell, row) {
    const values = (row.spark || "").split(" ").map(v => Number.isFinite(parseFloat(v)) ? parseFloat(v) : null);
    const known = values.filter(v => v !== null);
    if (known.length < 2) { cell.replaceChildren(); return; }
    const log = known.every(v => v > 0) && Math.max(...known) / Math.min(...known) > 30;
    const scale = v => log ? Math.log(v) : v;
    const low = scale(Math.min(...known)), high = scale(Math.max(...known)), span = high - low || 1;
    let path = "", pen = "M";
    values.forEach((v, i) => {
      if (v === null) { pen = "M"; return; }
      path += pen + (i / (values.length - 1) * 84).toFixed(1) + " " + (20 - (scale(v) - low) / span * 18).toFixed(1);
      pen = "L";
    });
    const old = cell.querySelector("path");
    if (old) old.setAttribute("d", path);
    else shape(drawing(cell, 84, 22, "spark"), "path", { d: path });
  }

  function progress(cell, row) {
    cell.replaceChildren(row.of ? `${row.epoch} / ${row.of}` : String(row.epoch));
    if (!row.of || row.state !== "running") return;
    const bar = add(cell, "span", "progress");
    shape(drawing(bar, 100, 4), "rect", { width: 100 * Math.min(1, row.epoch / row.of), height: 4, fill: css("--running") });
  }

  const cellText = (row, key) =>
    key === "last" ? text(row.last[row.figure]) : key === "best" ? text(row.best) : key === "loss" ? text(row.last.loss)
      : setting((row.settings || {})[key.slice(1)]);

  function fill(entry) {
    const { row, element } = entry;
    element.className = row.state;
    element.replaceChildren();
    const tick = add(add(element, "td", "tick"), "input");
    tick.type = "checkbox";
    tick.checked = ticked.has(row.name);
    tick.setAttribute("aria-label", "show " + row.name);
    tick.onchange = () => toggle(row.name, tick.checked);
    entry.tick = tick;
    paintTick(entry);
    for (const [key, label, className] of columns) {
      if (key === "name") add(element, "td", "name " + className, row.name).title = row.name;
      else if (key === "state") {
        const state = add(add(element, "td", "status " + className), "span", "state");
        add(state, "span", "dot");
        state.append(row.state);
      } else if (key === "epoch") progress(add(element, "td", "desk"), row);
      else if (key === "") spark(add(element, "td", "sparks"), row);
      else if (key === "updated") entry.updated = add(element, "td", "desk soft");
      else {
        const cell = add(element, "td", "desk", cellText(row, key));
        if (key === "best" && row.best_epoch) cell.title = "epoch " + row.best_epoch;
      }
    }
    const settings = columns.filter(c => c[0][0] === "." && !IGNORED.has(c[1]) && cellText(row, c[0]) !== "").map(c => c[1] + " " + cellText(row, c[0]));
    add(element, "td", "figures soft", [`${row.figure || "loss"} ${text(row.last[row.figure])}, best ${text(row.best)}`,
      `epoch ${row.epoch}${row.of ? " of " + row.of : ""}`, ...settings].join(" · "));
    date(entry);
  }

  function date(entry) {
    if (!entry.updated) return;
    const shown = fixed ? new Date(entry.row.updated * 1000).toLocaleString() : ago(Date.now() / 1000 - entry.row.updated);
    if (entry.updated.textContent !== shown) entry.updated.textContent = shown;
  }

  const paintTick = ({ tick, row }) => {
    if (ticked.has(row.name)) tick.style.setProperty("--tick", `var(--s${ticked.get(row.name) + 1})`);
    else tick.style.removeProperty("--tick");
  };

  function matches(row) {
    if (hidden.has(row.state)) return false;
    return filter.split(/\s+/).every(word => {
      const [, name, wanted] = word.match(/^([\w.]+)=(.*)$/) || [];
      if (name) return setting((row.settings || {})[name]).startsWith(wanted);
      return row.name.toLowerCase().includes(word.toLowerCase());
    });
  }

  function order() {
    const list = [...rows.values()];
    const before = (a, b) => {
      const x = valueOf(a.row, sort.by), y = valueOf(b.row, sort.by);
      const missing = v => v === undefined || v === null || v === "nan";
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      if (x !== y) return (typeof x === typeof y ? x < y : String(x) < String(y)) !== sort.down ? -1 : 1;
      return a.row.name < b.row.name ? -1 : 1;
    };
    list.sort(before);
    const body = at("rows");
    let place = body.firstElementChild;
    for (const entry of list) { // only what is not where it belongs is moved
      if (entry.element === place) place = place.nextElementSibling;
      else body.insertBefore(entry.element, place);
      entry.element.hidden = !matches(entry.row);
      entry.element.style.display = entry.element.hidden ? "none" : "";
    }
    for (const cell of at("head").children) {
      if (cell.dataset.key === sort.by) cell.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    at("none").hidden = rows.size > 0;
  }

  function chips() {
    const counts = {};
    for (const { row } of rows.values()) counts[row.state] = (counts[row.state] || 0) + 1;
    const box = at("chips");
    for (const state of STATES) {
      let chip = box.querySelector(`[data-state=${state}]`);
      if (!chip) {
        chip = add(box, "button", state);
        chip.type = "button";
        chip.dataset.state = state;
        add(chip, "span", "dot");
        add(chip, "span");
        chip.setAttribute("aria-pressed", "true");
        chip.onclick = () => {
          if (!hidden.delete(state)) hidden.add(state);
          chip.setAttribute("aria-pressed", String(!hidden.has(state)));
          order();
        };
      }
      chip.lastChild.textContent = `${counts[state] || 0} ${state}`;
      chip.hidden = !counts[state];
      chip.style.display = chip.hidden ? "none" : "";
    }
    if (!at("state").classList.contains("lost"))
      at("state").textContent = `${rows.size.toLocaleString("en")} run${rows.size === 1 ? "" : "s"}${fixed ? "" : ", live"}`;
  }

  // Some rows are new or changed, some are gone.
  function take(changed, gone) {
    for (const name of gone) {
      const entry = rows.get(name);
      if (!entry) continue;
      entry.element.remove();
      rows.delete(name);
      ticked.delete(name);
      details.delete(name);
    }
    for (const row of changed) {
      let entry = rows.get(row.name);
      if (!entry) {
        entry = { element: document.createElement("tr") };
        entry.element.onclick = event => {
          if (event.target.tagName === "INPUT" || getSelection().toString()) return;
          entry.tick.checked = !entry.tick.checked;
          toggle(entry.row.name, entry.tick.checked);
        };
        rows.set(row.name, entry);
      }
      entry.row = row;
    }
    const all = layColumns();
    for (const entry of all ? rows.values() : changed.map(r => rows.get(r.name))) fill(entry);
    order();
    chips();
    if (gone.length || changed.some(r => ticked.has(r.name))) ask(changed.map(r => r.name).filter(n => ticked.has(n)));
  }

  // ---- details of the ticked runs ----

  const details = new Map(); // name -> what the server says
  const asked = new Set();
  let asking = 0;

  function toggle(name, on) {
    if (on) {
      const used = new Set(ticked.values());
      let color = 0;
      while (used.has(color) && color < COLORS - 1) color++;
      if (used.has(color)) color = ticked.size % COLORS;
      ticked.set(name, color);
      ask([name]);
    } else {
      ticked.delete(name);
      details.delete(name);
      show();
    }
    paintTick(rows.get(name));
  }

  // Asks for what has changed, at most once a second.
  function ask(names) {
    names.forEach(n => asked.add(n));
    if (fixed) {
      for (const name of asked) if (fixed.details[name]) details.set(name, fixed.details[name]);
      asked.clear();
      show();
      return;
    }
    if (asking) return;
    asking = setTimeout(async () => {
      const list = [...asked].filter(n => ticked.has(n));
      asked.clear();
      await Promise.all(list.map(async name => {
        try {
          const answer = await fetch("details?run=" + encodeURIComponent(name));
          if (answer.ok && ticked.has(name)) details.set(name, await answer.json());
        } catch { /* the server is gone, which the stream says */ }
      }));
      show();
      asking = setTimeout(() => { asking = 0; if (asked.size) ask([]); }, 900);
    }, 20);
  }

  // ---- curves ----

  const plots = new Map(); // title -> { card, plot, key, log, signature }

  function figures() {
    const names = new Set();
    for (const d of details.values()) for (const name in d.curves) names.add(name.replace(/^val_/, ""));
    const list = [...names].filter(n => n !== "lr").sort((a, b) => (b === "loss") - (a === "loss") || (a < b ? -1 : 1));
    if (names.has("lr")) list.push("lr");
    return list;
  }

  // The curves of a figure: training and validation of each ticked run.
  function curvesOf(figure) {
    const list = [];
    for (const [name, color] of ticked) {
      const d = details.get(name);
      if (!d) continue;
      const train = d.curves[figure], valid = d.curves["val_" + figure];
      if (valid) list.push({ name, part: "validation", color, x: d.x, y: valid, dash: [] });
      if (train) list.push({ name, part: valid ? "training" : "", color, x: d.x, y: train, dash: valid ? [4, 4] : [] });
    }
    return list;
  }

  const isDecade = v => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9;
  const decades = (u, values) => values.filter(isDecade).length < 2 ? values : values.map(v => isDecade(v) ? v : null);

  function options(state, list, width) {
    const axis = { stroke: () => css("--soft"), grid: { stroke: () => css("--line"), width: 1 }, font,
      ticks: { stroke: () => css("--line"), width: 1, size: 5 } };
    const one = Math.max(...list.map(c => c.x.length)) < 2;
    return {
      width, height: Math.round(Math.min(300, Math.max(200, width * 0.42))), legend: { show: false },
      scales: { x: { time: false, range: one ? (u, a) => [a - 1, a + 1] : undefined },
        y: state.log ? { distr: 3, log: 10 } : {} },
      axes: [
        { ...axis, values: (u, values) => values.map(v => Number.isInteger(v) ? v.toLocaleString("en") : ""), size: 30 },
        { ...axis, values: (u, values) => values.map(v => v === null ? "" : text(v)), size: 58,
          ...state.log && { grid: { ...axis.grid, filter: decades } } },
      ],
      series: [{}, ...list.map(c => ({ stroke: () => css(`--s${c.color + 1}`), width: c.dash.length ? 1.2 : 1.8, dash: c.dash,
        spanGaps: true, points: { show: one || c.x.length < 3, size: 5 } }))],
      cursor: { sync: { key: "epoch" }, points: { size: 6 }, y: false },
      hooks: { setCursor: [u => readOut(state, u.cursor.idx)] },
    };
  }

  function readOut(state, place) {
    state.values.forEach(([element, y], i) => {
      const last = state.list[i].last;
      const shown = text(place === null || place === undefined ? last : y[place]);
      if (element.textContent !== shown) element.textContent = shown;
    });
  }

  function legend(state, aligned) {
    state.key.replaceChildren();
    state.values = [];
    state.list.forEach((c, i) => {
      const item = add(state.key, "li");
      shape(drawing(item, 16, 3), "line", { x1: 0, y1: 1.5, x2: 16, y2: 1.5, stroke: css(`--s${c.color + 1}`), "stroke-width": 3,
        "stroke-dasharray": c.dash.length ? "4 3" : "" });
      item.append(c.name + (c.part ? ", " + c.part : "") + " ");
      c.last = [...c.y].reverse().find(v => v !== null);
      state.values.push([add(item, "b"), aligned[i + 1]]);
    });
    readOut(state, null);
  }

  function drawFigure(figure, list) {
    let state = plots.get(figure);
    if (!state) {
      const card = add(at("charts"), "section", "card"), head = add(card, "div", "cardhead");
      add(head, "h2", "", figure);
      state = { card, body: add(card, "div"), key: add(card, "ul", "key"), log: null };
      const button = state.button = add(head, "button");
      button.type = "button";
      button.onclick = () => { state.log = !state.log; state.signature = ""; show(); };
      new ResizeObserver(() => {
        const width = state.body.clientWidth;
        if (state.plot && width > 0 && width !== state.plot.width)
          state.plot.setSize({ width, height: Math.round(Math.min(300, Math.max(200, width * 0.42))) });
      }).observe(state.body);
      plots.set(figure, state);
    }
    at("charts").append(state.card);
    let low = Infinity, high = -Infinity;
    for (const c of list) for (const v of c.y) if (v !== null) { low = Math.min(low, v); high = Math.max(high, v); }
    if (state.log === null) state.log = figure !== "lr" && low > 0 && high / low > 30;
    if (low <= 0) state.log = false;
    state.button.hidden = !(low > 0 && high > low);
    state.button.textContent = "axis: " + (state.log ? "logarithmic" : "linear");
    const aligned = uPlot.join(list.map(c => [c.x, c.y]));
    const signature = JSON.stringify([state.log, list.map(c => [c.name, c.part, c.color])]);
    state.list = list;
    if (state.plot && signature === state.signature) state.plot.setData(aligned);
    else {
      if (state.plot) state.plot.destroy();
      state.values = [];
      state.plot = new uPlot(options(state, list, Math.max(120, state.body.clientWidth)), aligned, state.body);
    }
    state.signature = signature;
    legend(state, aligned);
  }

  // ---- heat maps and samples ----

  const VIRIDIS = ["440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725"]
    .map(c => [0, 2, 4].map(i => parseInt(c.slice(i, i + 2), 16)));
  function shade(t) {
    const place = Math.min(Math.max(t, 0), 1) * 8, i = Math.min(Math.floor(place), 7);
    return VIRIDIS[i].map((a, k) => Math.round(a + (VIRIDIS[i + 1][k] - a) * (place - i)));
  }

  function drawHeat(parts, map) {
    const box = add(parts, "div");
    add(box, "h3", "", map.title);
    const canvas = add(box, "canvas"), height = map.values.length, width = map.x.length;
    let low = Infinity, high = -Infinity;
    for (const row of map.values) for (const v of row) if (v !== null) { low = Math.min(low, v); high = Math.max(high, v); }
    if (!width || !height || low > high) return;
    canvas.width = width;
    canvas.height = height;
    const ctx = canvas.getContext("2d"), image = ctx.createImageData(width, height);
    map.values.forEach((row, i) => row.forEach((v, j) => {
      if (v !== null) image.data.set([...shade((v - low) / (high - low || 1)), 255], 4 * ((height - 1 - i) * width + j));
    }));
    ctx.putImageData(image, 0, 0);
    add(box, "p", "", `${map.xlabel} ${map.x[0]} to ${map.x[width - 1]}; upwards: ${height} steps back; dark ` +
      `${text(10 ** low)}, bright ${text(10 ** high)}`);
  }

  function drawSample(box, sample) {
    add(box, "h3", "", `${sample.tag}, step ${Number(sample.step).toLocaleString("en")}`);
    if (sample.image) {
      const image = add(box, "img");
      image.alt = sample.tag;
      image.src = "data:image/png;base64," + sample.image;
    } else add(box, "pre", "", sample.text);
  }

  function drawExtras() {
    const box = at("extras"), seen = new Set();
    for (const name of ticked.keys()) {
      const d = details.get(name);
      if (!d || d.heat.length + d.samples.length === 0) continue;
      const signature = JSON.stringify([d.heat.map(m => [m.title, m.x.length, m.x[m.x.length - 1]]), d.samples.map(s => [s.tag, s.step])]);
      seen.add(name);
      let card = [...box.children].find(c => c.dataset.name === name);
      if (!card) {
        card = add(box, "section", "card run");
        card.dataset.name = name;
      }
      if (card.dataset.signature === signature) continue;
      card.dataset.signature = signature;
      card.replaceChildren();
      add(card, "h2", "", name);
      const parts = add(card, "div", "parts");
      d.heat.forEach(m => drawHeat(parts, m));
      for (const tag of new Set(d.samples.map(s => s.tag))) { // the latest first
        const box = add(parts, "div");
        d.samples.filter(s => s.tag === tag).reverse().forEach(s => drawSample(box, s));
      }
    }
    for (const card of [...box.children]) if (!seen.has(card.dataset.name)) card.remove();
  }

  function show() {
    const names = ticked.size ? figures() : [];
    for (const figure of names) {
      const list = curvesOf(figure);
      if (list.length) drawFigure(figure, list);
    }
    for (const [figure, state] of plots) {
      if (names.includes(figure) && curvesOf(figure).length) continue;
      state.plot.destroy();
      state.card.remove();
      plots.delete(figure);
    }
    drawExtras();
    at("clear").disabled = ticked.size === 0;
  }

  // ---- the beginning ----

  function begin(list) {
    const names = new Set(list.map(r => r.name)), first = rows.size === 0 && ticked.size === 0;
    if (first) {
      const latest = [...list].sort((a, b) => b.updated - a.updated).slice(0, TICKED);
      latest.forEach((r, i) => ticked.set(r.name, i));
    }
    take(list, [...rows.keys()].filter(n => !names.has(n)));
  }

  at("filter").oninput = event => { filter = event.target.value.trim(); order(); };
  at("clear").onclick = () => {
    for (const name of [...ticked.keys()]) {
      const entry = rows.get(name);
      entry.tick.checked = false;
      toggle(name, false);
    }
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const state of plots.values()) state.signature = "";
    for (const entry of rows.values()) fill(entry);
    show();
  });

  if (fixed) {
    begin(fixed.rows);
    return;
  }
  const stream = new EventSource("events");
  stream.addEventListener("all", event => {
    at("state").classList.remove("lost");
    begin(JSON.parse(event.data));
  });
  stream.addEventListener("rows", event => {
    const { rows: changed, gone } = JSON.parse(event.data);
    take(changed, gone);
  });
  stream.onerror = () => {
    at("state").classList.add("lost");
    at("state").textContent = "rnnlua watch does not answer; what is shown is as it was";
  };
  setInterval(() => rows.forEach(date), 1000);
})();
