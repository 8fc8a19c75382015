"use strict";
// Stacked columns of days, drawn over the figure that the server drew; the numbers are in the page.
(() => {
  const figure = document.getElementById("chart");
  const place = figure && figure.querySelector(".chart");
  if (!place || !window.echarts) return;
  const told = JSON.parse(place.dataset.chart);
  const kinds = { classes: ["--good", "--blue", "--orange", "--ash"], outcomes: ["--pale", "--orange", "--red"] };
  let of = place.dataset.of, shape = place.dataset.show;
  let chart = null;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const draw = () => {
    const { days, counts, marks } = told[of];
    const names = place.dataset[of].split("|");
    const percent = shape === "percent";
    const text = colour("--faint");
    const part = (row, at) => percent ? Math.round(1000 * row[at] / (row.reduce((sum, each) => sum + each, 0) || 1)) / 10 : row[at];
    chart ??= echarts.init(place, null, { renderer: "svg" });
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      aria: { enabled: true },
      legend: { textStyle: { color: colour("--text") }, bottom: 0, left: 0, itemWidth: 12, itemHeight: 12, icon: "roundRect" },
      tooltip: { trigger: "axis", renderMode: "richText", axisPointer: { type: "shadow" }, valueFormatter: (value) => percent ? value + "%" : value.toLocaleString() },
      grid: { left: 4, right: 32, top: 12, bottom: 56, containLabel: true },
      xAxis: { type: "category", data: days, axisTick: { show: false }, axisLine: { lineStyle: { color: colour("--line") } }, axisLabel: { color: text, hideOverlap: true } },
      yAxis: { type: "value", splitNumber: 4, splitLine: { lineStyle: { color: colour("--line") } }, max: percent ? 100 : null, interval: percent ? 25 : null, axisLabel: { color: text, formatter: percent ? "{value}%" : (value) => value.toLocaleString() } },
      series: names.map((name, at) => ({
        name, type: "bar", stack: "all", itemStyle: { color: colour(kinds[of][at]) }, barMaxWidth: 36, barCategoryGap: "20%",
        data: counts.map((row) => part(row, at)),
        markLine: at || !marks.length ? undefined : { symbol: "none", silent: true, label: { show: false }, lineStyle: { color: colour("--text"), type: "dashed" }, data: marks.map(([day]) => ({ xAxis: day })) },
      })),
    }, true);
  };
  for (const link of figure.querySelectorAll(".switch a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      of = link.dataset.of ?? of;
      shape = link.dataset.show ?? shape;
      const address = new URL(location.href);
      address.searchParams.set("of", of);
      address.searchParams.set("show", shape);
      history.replaceState(null, "", address);
      for (const each of figure.querySelectorAll(".switch a")) {
        if ((each.dataset.of ?? each.dataset.show) === (each.dataset.of ? of : shape)) each.setAttribute("aria-current", "true");
        else each.removeAttribute("aria-current");
      }
      draw();
    });
  }
  place.hidden = false;
  figure.classList.add("drawn");
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => chart.resize()).observe(place);
})();
