"use strict";
// Stacked columns of days. The numbers are in the page; without this script the table below tells them.
(() => {
  const place = document.querySelector(".chart");
  if (!place || !window.echarts) return;
  const names = place.dataset.legend.split("|");
  const rows = place.dataset.days.split(";").map((row) => row.split(" "));
  const sums = rows.map((row) => row.slice(1).reduce((sum, each) => sum + Number(each), 0));
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let percent = false;
  let chart = null;
  const draw = () => {
    const text = colour("--text");
    const colours = ["--good", "--blue", "--grey", "--orange"].map(colour);
    place.classList.add("drawn");
    chart ??= echarts.init(place, null, { renderer: "svg" });
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      aria: { enabled: true, decal: { show: true } },
      legend: { textStyle: { color: text }, bottom: 0 },
      tooltip: { trigger: "axis", renderMode: "richText" },
      grid: { left: 8, right: 8, top: 16, bottom: 40, containLabel: true },
      xAxis: { type: "category", data: rows.map((row) => row[0]), axisLabel: { color: text } },
      yAxis: { type: "value", splitLine: { lineStyle: { color: colour("--line") } }, max: percent ? 100 : null, axisLabel: { color: text, formatter: percent ? "{value}%" : null } },
      series: names.map((name, at) => ({
        name, type: "bar", stack: "all", itemStyle: { color: colours[at] }, barMaxWidth: 40,
        data: rows.map((row, day) => percent ? Math.round(1000 * row[at + 1] / (sums[day] || 1)) / 10 : Number(row[at + 1])),
      })),
    }, true);
  };
  const buttons = document.querySelectorAll("[data-show]");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      percent = button.dataset.show === "percent";
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
      draw();
    });
  }
  document.querySelector("[data-switch]").hidden = false;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("resize", () => chart.resize());
  addEventListener("beforeprint", () => chart.resize({ width: 640 }));
  addEventListener("afterprint", () => chart.resize({ width: "auto" }));
  draw();
})();
