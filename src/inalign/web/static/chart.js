"use strict";
// Draws each chart of the page again with uPlot: with the numbers under the pointer, columns that are links, and zoom.
// Without this script the image of the server stays. Both show the same model (charts/model.py).
(() => {
  const FONT = "12px system-ui, sans-serif";
  const INCREMENTS = [1, 2, 7, 14, 28, 56, 91, 182, 364];

  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const roundUp = (number) => {
    let unit = 1;
    while (number > 20 * unit) unit *= 10;
    return [4, 6, 8, 10, 12, 16, 20].map((factor) => factor * unit).find((top) => number <= top && top % 4 === 0);
  };

  // The fill of a series: its colour with its texture, as in charts/templates/charts.html.
  const fillOf = (series, context) => {
    if (series.texture === "plain") return series.colour;
    const scale = window.devicePixelRatio || 1;
    const tile = document.createElement("canvas");
    tile.width = tile.height = Math.round(6 * scale);
    const pen = tile.getContext("2d");
    pen.scale(tile.width / 6, tile.height / 6);
    pen.fillStyle = series.colour;
    pen.fillRect(0, 0, 6, 6);
    pen.strokeStyle = pen.fillStyle = "#fff";
    pen.globalAlpha = 0.55;
    const line = (...points) => {
      pen.beginPath();
      pen.moveTo(points[0], points[1]);
      pen.lineTo(points[2], points[3]);
      pen.stroke();
    };
    if (series.texture === "diagonal") {
      line(-1, 7, 7, -1);
      line(-1, 1, 1, -1);
      line(5, 7, 7, 5);
    } else if (series.texture === "dots") {
      for (const at of [2, 5]) {
        pen.beginPath();
        pen.arc(at, at, 1, 0, 7);
        pen.fill();
      }
    } else {
      line(0, 1.5, 6, 1.5);
      line(0, 4.5, 6, 4.5);
    }
    return context.createPattern(tile, "repeat");
  };

  // Each series with those below it, the highest first: a lower one is drawn over it.
  const stacked = (chart) => {
    const sums = chart.series.map(() => []);
    chart.counts.forEach((counts, column) => {
      const whole = counts.reduce((sum, count) => sum + count, 0) || 1;
      let sum = 0;
      counts.forEach((count, at) => {
        sum += chart.percent ? 100 * count / whole : count;
        sums[at][column] = sum;
      });
    });
    return [chart.labels.map((_, column) => column), ...sums.reverse()];
  };

  const rows = (chart, column) => {
    const counts = chart.counts[column];
    const whole = counts.reduce((sum, count) => sum + count, 0) || 1;
    return chart.series.map((series, at) => {
      const share = chart.percent ? ` (${(100 * counts[at] / whole).toFixed(1)}%)` : "";
      return [series, counts[at].toLocaleString() + share];
    }).reverse();
  };

  class View {
    constructor(figure) {
      this.figure = figure;
      this.charts = JSON.parse(figure.dataset.charts);
      this.of = figure.dataset.of;
      this.place = figure.querySelector(".chart");
      this.reset = figure.querySelector(".reset");
      this.place.hidden = false;
      figure.classList.add("drawn");
      this.draw();
      this.reset.addEventListener("click", () => this.showAll());
      for (const link of figure.querySelectorAll(".switch a")) {
        link.addEventListener("click", (event) => this.switchTo(event, link));
      }
      this.place.addEventListener("keydown", (event) => this.press(event));
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
      new ResizeObserver(() => this.plot.setSize(this.size())).observe(this.place);
    }

    get chart() {
      return this.charts[this.of];
    }

    size() {
      return { width: Math.max(this.place.clientWidth, 120), height: this.place.clientHeight || 272 };
    }

    draw() {
      const chart = this.chart, faint = variable("--faint"), line = variable("--line");
      this.plot?.destroy();
      this.tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
      this.tip.setAttribute("role", "status");
      const axis = { stroke: faint, font: FONT, ticks: { show: false } };
      const most = (plot) => {
        const sums = plot.data[1].slice(...this.shown(plot));
        return chart.percent ? 100 : roundUp(Math.max(0, ...sums));
      };
      this.plot = new uPlot({
        ...this.size(),
        legend: { show: false },
        padding: [12, 28, 0, 0],
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
        scales: {
          x: { time: false, range: (plot, low, high) => [Math.max(low, 0) - 0.5, high + 0.5] },
          y: { range: (plot) => [0, most(plot)] },
        },
        axes: [
          {
            ...axis, grid: { show: false }, incrs: INCREMENTS, space: 84, size: 30, gap: 8,
            values: (plot, splits) => splits.map((at) => chart.labels[at] ?? ""),
          },
          {
            ...axis, grid: { stroke: line, width: 1 },
            size: (plot, values) => 16 + 7 * Math.max(1, ...(values ?? []).map((each) => each.length)),
            splits: (plot, at, low, high) => [0, 1, 2, 3, 4].map((part) => high * part / 4),
            values: (plot, splits) => splits.map((each) => each.toLocaleString() + (chart.percent ? "%" : "")),
          },
        ],
        series: [{}, ...[...chart.series].reverse().map((series) => ({
          label: series.label,
          width: 0,
          points: { show: false },
          fill: (plot) => fillOf(series, plot.ctx),
          paths: uPlot.paths.bars({ size: [0.76, 48] }),
        }))],
        hooks: {
          draw: [(plot) => this.drawMarks(plot)],
          setCursor: [(plot) => this.showTip(plot)],
          setScale: [(plot, scale) => { if (scale === "x") this.showReset(plot); }],
        },
      }, stacked(chart), this.place);
      this.plot.over.append(this.tip);
      this.place.setAttribute("aria-label", chart.title);
      this.followClicks();
    }

    // The first column that is shown, and the one after the last.
    shown(plot) {
      const { min, max } = plot.scales.x;
      return min == null ? [0] : [Math.max(0, Math.ceil(min)), Math.floor(max) + 1];
    }

    drawMarks(plot) {
      const { ctx: pen, bbox } = plot;
      pen.save();
      pen.strokeStyle = variable("--text");
      pen.lineWidth = window.devicePixelRatio || 1;
      pen.setLineDash([4 * pen.lineWidth, 3 * pen.lineWidth]);
      for (const [column] of this.chart.marks) {
        const x = Math.round(plot.valToPos(column - 0.5, "x", true));
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        pen.beginPath();
        pen.moveTo(x, bbox.top);
        pen.lineTo(x, bbox.top + bbox.height);
        pen.stroke();
      }
      pen.restore();
    }

    showTip(plot) {
      const { idx: column, left } = plot.cursor, chart = this.chart;
      this.tip.hidden = column == null || left < 0;
      if (this.tip.hidden) return;
      const head = document.createElement("b");
      head.textContent = chart.labels[column];
      const lines = rows(chart, column).map(([series, text]) => {
        const line = document.createElement("div"), sign = document.createElement("i");
        sign.style.background = series.colour;
        line.append(sign, `${series.label} `, Object.assign(document.createElement("span"), { textContent: text }));
        return line;
      });
      const marks = chart.marks.filter(([at]) => at === column).map(([, text]) => {
        return Object.assign(document.createElement("div"), { className: "change", textContent: text });
      });
      this.tip.replaceChildren(head, ...lines, ...marks);
      const isRight = left > plot.over.clientWidth / 2;
      this.tip.style.left = isRight ? "auto" : `${left + 14}px`;
      this.tip.style.right = isRight ? `${plot.over.clientWidth - left + 14}px` : "auto";
      plot.over.style.cursor = chart.link ? "pointer" : "crosshair";
    }

    showReset(plot) {
      const [first, end] = this.shown(plot);
      this.reset.hidden = !first && end >= this.chart.labels.length;
    }

    showAll() {
      this.plot.setData(this.plot.data);
    }

    linkOf(column) {
      const { link, labels } = this.chart;
      return link && labels[column] !== undefined ? link.replaceAll("{}", labels[column]) : "";
    }

    follow(event) {
      const address = this.linkOf(this.plot.cursor.idx);
      if (!address) return;
      if (event.ctrlKey || event.metaKey) window.open(address);
      else location.assign(address);
    }

    followClicks() {
      let from = null;
      this.plot.over.addEventListener("mousedown", (event) => { from = event.clientX; });
      this.plot.over.addEventListener("click", (event) => {
        if (from !== null && Math.abs(event.clientX - from) < 4) this.follow(event);
      });
    }

    press(event) {
      const last = this.chart.labels.length - 1;
      const at = this.plot.cursor.idx ?? (event.key === "ArrowLeft" ? last + 1 : -1);
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
      if (event.key === "Enter") this.follow(event);
      else if (event.key === "Escape") this.showAll();
      else if (to === undefined) return;
      else {
        const left = this.plot.valToPos(Math.min(Math.max(to, 0), last), "x");
        this.plot.setCursor({ left, top: 0 });
      }
      event.preventDefault();
    }

    // Other series, or shares instead of counts, without asking the server.
    switchTo(event, link) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.of = link.dataset.of ?? this.of;
      const percent = link.dataset.show ? link.dataset.show === "percent" : this.chart.percent;
      for (const chart of Object.values(this.charts)) chart.percent = percent;
      const now = { of: this.of, show: percent ? "percent" : "count" };
      const address = new URL(location.href);
      for (const [name, value] of Object.entries(now)) address.searchParams.set(name, value);
      history.replaceState(null, "", address);
      for (const each of this.figure.querySelectorAll(".switch a")) {
        const isNow = each.dataset.of === now.of || each.dataset.show === now.show;
        if (isNow) each.setAttribute("aria-current", "true");
        else each.removeAttribute("aria-current");
      }
      for (const legend of this.figure.querySelectorAll("[data-legend]")) legend.hidden = legend.dataset.legend !== this.of;
      this.draw();
    }
  }

  const drawAll = (root) => {
    for (const figure of root.querySelectorAll("figure[data-charts]:not(.drawn)")) new View(figure);
  };
  if (!window.uPlot) return;
  drawAll(document);
  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target.parentElement ?? document));
})();
