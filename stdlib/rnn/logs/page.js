// page.js: draws what the element "data" holds: { charts: [...], heat: [...] }, which report.lua describes.
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const color = i => css("--s" + (i % 6 + 1));
  const font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  const add = (parent, tag, className, text) => {
    const element = parent.appendChild(document.createElement(tag));
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const raised = n => String(n).replace(/./g, c => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] || "⁻");
  // Four digits that count; far from 1 with a power of ten.
  function text(v) {
    if (v === null || v === undefined) return "–";
    const size = Math.abs(v);
    if (v === 0 || (size >= 1e-3 && size < 1e5)) return String(Number(v.toPrecision(4)));
    const [digits, power] = v.toExponential(3).split("e");
    const factor = Number(digits);
    return (factor === 1 ? "" : factor === -1 ? "−" : factor + "·") + "10" + raised(Number(power));
  }
  const ticks = (u, values) => values.map(v => v === null ? "" : text(v));
  // Whole numbers only: there is no epoch 2.5.
  const wholeTicks = (u, values) => values.map(v => Number.isInteger(v) ? v.toLocaleString("en") : "");

  // Lines at powers of ten alone, where there are some.
  const isDecade = v => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9;
  const decades = (u, values) => values.filter(isDecade).length < 2 ? values : values.map(v => isDecade(v) ? v : null);

  // ---- curves ----

  function extent(chart) {
    let low = Infinity, high = -Infinity;
    for (const s of chart.series) for (const v of s.y) {
      if (v === null) continue;
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
    return [low, high];
  }

  // A dashed line at x = mark.x with its label.
  function marker(mark) {
    return u => {
      const x = u.valToPos(mark.x, "x", true), { ctx, bbox } = u, ratio = devicePixelRatio;
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = css("--soft");
      ctx.lineWidth = ratio;
      ctx.setLineDash([4 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.font = font.replace("12px", 12 * ratio + "px");
      ctx.textBaseline = "top";
      const left = x > bbox.left + bbox.width / 2;
      ctx.textAlign = left ? "right" : "left";
      ctx.fillText(mark.label, x + (left ? -6 : 6) * ratio, bbox.top + 4 * ratio);
      ctx.restore();
    };
  }

  function options(chart, width, log) {
    const axis = { stroke: () => css("--soft"), grid: { stroke: () => css("--line"), width: 1 }, font,
      ticks: { stroke: () => css("--line"), width: 1, size: 5 } };
    const few = chart.x.length < 40;
    return {
      width, height: Math.round(Math.min(340, Math.max(230, width * 0.45))),
      scales: { x: { time: false, range: chart.x.length > 1 ? undefined : (u, a) => [a - 1, a + 1] },
        y: log ? { distr: 3, log: 10 } : {} },
      axes: [
        { ...axis, values: wholeTicks, size: 30, label: chart.xlabel, labelFont: font, labelSize: 18, labelGap: 0 },
        { ...axis, values: ticks, size: 58, ...log && { grid: { ...axis.grid, filter: decades } } },
      ],
      series: [
        { label: chart.xlabel, value: (u, v) => v === null ? "–" : v.toLocaleString("en") },
        ...chart.series.map((s, i) => ({
          label: s.label, stroke: () => color(i), width: few ? 2 : 1.6, points: { show: few, size: 5 },
          value: (u, v) => text(v),
        })),
      ],
      cursor: { sync: { key: chart.xlabel }, points: { size: 7 }, y: false },
      legend: { markers: { width: 0, fill: (u, i) => color(i - 1) } },
      hooks: {
        draw: chart.mark ? [marker(chart.mark)] : [],
        // Without a pointer the legend shows where the curves end.
        setLegend: [u => { if (u.legend.idx === null) u.setLegend({ idx: chart.x.length - 1 }, false); }],
        ready: [u => u.setLegend({ idx: chart.x.length - 1 }, false)],
      },
    };
  }

  function drawChart(holder, chart) {
    const [low, high] = extent(chart);
    const card = add(holder, "section", chart.wide ? "card wide" : "card");
    const head = add(card, "div", "head");
    add(head, "h2", "", chart.title);
    if (chart.unit) add(head, "span", "unit", chart.unit);
    const body = add(card, "div");
    if (chart.note) add(card, "p", "note", chart.note);
    let log = chart.log && low > 0 && high / low > 30, plot;
    const build = () => {
      if (plot) plot.destroy();
      plot = new uPlot(options(chart, body.clientWidth, log), [chart.x, ...chart.series.map(s => s.y)], body);
    };
    if (low > 0 && high > low) {
      const button = add(head, "button");
      const name = () => { button.textContent = "axis: " + (log ? "logarithmic" : "linear"); };
      button.type = "button";
      button.title = "scale of the vertical axis";
      button.onclick = () => { log = !log; name(); build(); };
      name();
    }
    build();
    new ResizeObserver(() => {
      const { width, height } = options(chart, body.clientWidth, log);
      if (width > 0 && width !== plot.width) plot.setSize({ width, height });
    }).observe(body);
    return build;
  }

  // ---- heat maps: row i of values is the time step i - 1 back, column j belongs to x[j]; values are powers of ten ----

  // Viridis (van der Walt and Smith 2015) at nine places.
  const VIRIDIS = ["440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725"]
    .map(c => [0, 2, 4].map(i => parseInt(c.slice(i, i + 2), 16)));
  function shade(t) {
    const at = Math.min(Math.max(t, 0), 1) * 8, i = Math.min(Math.floor(at), 7);
    return VIRIDIS[i].map((a, k) => Math.round(a + (VIRIDIS[i + 1][k] - a) * (at - i)));
  }

  // One scale for all layers, so that they can be compared.
  function commonRange(maps) {
    let low = Infinity, high = -Infinity;
    for (const m of maps) for (const row of m.values) for (const v of row) {
      if (v === null) continue;
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
    if (low > high) return [-1, 0];
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  }

  function picture(map, low, high) {
    const rows = map.values.length, columns = map.x.length, canvas = document.createElement("canvas");
    canvas.width = columns;
    canvas.height = rows;
    const ctx = canvas.getContext("2d"), image = ctx.createImageData(columns, rows);
    map.values.forEach((row, i) => row.forEach((v, j) => {
      if (v === null) return;
      image.data.set([...shade((v - low) / (high - low)), 255], 4 * ((rows - 1 - i) * columns + j));
    }));
    ctx.putImageData(image, 0, 0);
    return canvas;
  }

  // Round numbers, about n of them at most, from low to high.
  function steps(low, high, n) {
    let step = 1;
    for (let k = 0; (high - low) / step > n; k++) step *= [2, 2.5, 2][k % 3];
    const list = [];
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) list.push(v);
    return list;
  }

  function drawHeat(holder, map, [low, high]) {
    const card = add(holder, "section", "card"), head = add(card, "div", "head");
    add(head, "h2", "", map.title);
    add(head, "span", "unit", map.unit);
    const canvas = add(add(card, "div", "heat"), "canvas"), readout = add(card, "div", "readout");
    if (map.note) add(card, "p", "note", map.note);
    const rows = map.values.length, columns = map.x.length, source = picture(map, low, high);
    const box = { left: 58, top: 8, right: 76, bottom: 38, height: Math.min(260, Math.max(120, rows * 3)) };
    const idle = "Bottom: the last time step; upwards: further back. Blank: nothing recorded, or exactly zero.";
    readout.textContent = idle;
    let width = 0;
    function draw() {
      const ratio = devicePixelRatio || 1, full = card.clientWidth - 2 * parseFloat(getComputedStyle(card).paddingLeft);
      if (full <= 0) return;
      width = full - box.left - box.right;
      canvas.style.height = box.top + box.height + box.bottom + "px";
      canvas.width = Math.round(full * ratio);
      canvas.height = Math.round((box.top + box.height + box.bottom) * ratio);
      const ctx = canvas.getContext("2d");
      ctx.scale(ratio, ratio);
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(source, box.left, box.top, width, box.height);
      ctx.strokeStyle = css("--line");
      ctx.strokeRect(box.left + 0.5, box.top + 0.5, width - 1, box.height - 1);
      ctx.font = font;
      ctx.fillStyle = css("--soft");
      ctx.textAlign = "right";
      ctx.textBaseline = "middle";
      for (const back of steps(0, rows - 1, 5))
        ctx.fillText(back, box.left - 8, box.top + box.height * (1 - (back + 0.5) / rows));
      ctx.textAlign = "center";
      ctx.textBaseline = "top";
      for (const x of steps(map.x[0], map.x[columns - 1], Math.max(2, width / 90))) {
        const at = map.x.findIndex(v => v >= x);
        ctx.fillText(map.x[at].toLocaleString("en"), box.left + width * (at + 0.5) / columns, box.top + box.height + 6);
      }
      ctx.fillText(map.xlabel, box.left + width / 2, box.top + box.height + 22);
      ctx.save();
      ctx.translate(12, box.top + box.height / 2);
      ctx.rotate(-Math.PI / 2);
      ctx.fillText("steps back", 0, -6);
      ctx.restore();
      const bar = box.left + width + 18;
      for (let i = 0; i < box.height; i++) {
        ctx.fillStyle = "rgb(" + shade(1 - i / (box.height - 1)) + ")";
        ctx.fillRect(bar, box.top + i, 12, 1.5);
      }
      ctx.fillStyle = css("--soft");
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      const marks = high - low >= 2 ? steps(low, high, 6) : [low, high];
      for (const p of marks)
        ctx.fillText(Number.isInteger(p) ? "10" + raised(p) : text(10 ** p), bar + 17,
          box.top + box.height * (1 - (p - low) / (high - low)));
    }
    canvas.addEventListener("pointermove", event => {
      const edge = canvas.getBoundingClientRect();
      const j = Math.floor((event.clientX - edge.left - box.left) / width * columns);
      const i = Math.floor((1 - (event.clientY - edge.top - box.top) / box.height) * rows);
      const inside = i >= 0 && i < rows && j >= 0 && j < columns;
      readout.textContent = !inside ? idle : map.xlabel + " " + map.x[j].toLocaleString("en") + ", " +
        i + (i === 1 ? " step back: " : " steps back: ") + (map.values[i][j] === null ? "–" : text(10 ** map.values[i][j]));
    });
    canvas.addEventListener("pointerleave", () => { readout.textContent = idle; });
    draw();
    new ResizeObserver(draw).observe(card);
    return draw;
  }

  const charts = document.getElementById("charts"), heat = document.getElementById("heat");
  const range = commonRange(data.heat);
  const redraw = [
    ...data.charts.map(c => drawChart(charts, c)),
    ...data.heat.map(m => drawHeat(heat, m, range)),
  ];
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw.forEach(f => f()));
})();
