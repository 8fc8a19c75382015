"""Charts: one model and one palette, drawn as SVG on the server and by uPlot in the browser, from the same numbers."""
