// Draws a table's two columns, moments and whole numbers, as a line above it.
(() => {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const rows = [...document.querySelectorAll(`#${place.dataset.chart} tbody tr`)];
      const moments = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
      const values = rows.map((row) => Number(row.querySelector("[data-value]").dataset.value));
      const style = getComputedStyle(document.body);
      const axis = { stroke: style.color, grid: { stroke: "rgb(128 128 128 / 25%)" } };
      const options = {
        width: place.clientWidth,
        height: 180,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_chart, _low, high) => [0, high * 1.1 || 1] } },
        axes: [{ ...axis }, { ...axis, size: 60 }],
        series: [{}, { stroke: "#2f6bff", width: 2, points: { show: true } }],
      };
      const chart = new uPlot(options, [moments, values], place);
      addEventListener("resize", () => chart.setSize({ width: place.clientWidth, height: 180 }));
    }
  });
})();
