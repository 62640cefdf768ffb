"""The picture of ranks.py: exchanges measured between namespaces beside the paper's line, and that line to 1,000 processes."""

import math

COLOURS = ("#3b7dd8", "#d3691f", "#2a9d5c", "#9a4fb5")


class Panel:
    """Two logarithmic axes."""

    def __init__(self, left, title, unit, xs, ys):
        self.left, (self.low, self.high), (self.least, self.most) = left, xs, ys
        self.parts = [f'<text x="{left + 46}" y="22" font-weight="bold">{title}</text>',
                      f'<text x="{left + 175}" y="282" text-anchor="middle" font-size="11">{unit}</text>']

    def x(self, value):
        return self.left + 50 + 250 * math.log(value / self.low) / math.log(self.high / self.low)

    def y(self, value):
        return 250 - 210 * math.log(value / self.least) / math.log(self.most / self.least)

    def grid(self, xs, ys):
        for value in ys:
            self.parts.append(f'<line class="g" x1="{self.left + 50}" x2="{self.left + 300}" y1="{self.y(value):.1f}" y2="{self.y(value):.1f}"/>'
                              f'<text x="{self.left + 44}" y="{self.y(value) + 4:.1f}" text-anchor="end" font-size="10">{value:,}</text>')
        for value in xs:
            self.parts.append(f'<text x="{self.x(value):.1f}" y="266" text-anchor="middle" font-size="10">{value:,}</text>')

    def line(self, points, colour, dashed, label=None):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>')
        if label:
            x, y = points[-1]
            self.parts.append(f'<text x="{self.x(x) + 5:.1f}" y="{self.y(y) + 4:.1f}" font-size="10" style="fill:{colour}">{label}</text>')

    def dot(self, x, y, colour, is_open):
        fill = 'fill="none"' if is_open else f'fill="{colour}"'
        self.parts.append(f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4" {fill} stroke="{colour}" stroke-width="1.6"/>')

    def key(self, row, colour, text, shape):
        y = 44 + 15 * row
        mark = {"line": f'<line x1="{self.left + 176}" x2="{self.left + 194}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="1.6" stroke-dasharray="5 4"/>'}.get(
            shape, f'<circle cx="{self.left + 185}" cy="{y - 4}" r="4" stroke="{colour}" stroke-width="1.6" fill="{"none" if shape == "open" else colour}"/>')
        self.parts.append(mark + f'<text x="{self.left + 200}" y="{y}" font-size="10">{text}</text>')


def chart(results, computed, paper):
    bytes_ = 8 * results["values"]
    measured = [(entry, found) for entry in results["measured"] for found in entry["sums"] if found["reduction"] == "exact"]
    rates = sorted({entry["link_bits_per_second"] / 1e6 for entry, _ in measured})
    times = [1e3 * found["median_seconds"] for entry, found in measured if entry["launcher"] in ("Open MPI", "MPICH, without rendezvous")] or [100]
    left = Panel(0, "One step's exchange, ms: measured and on paper", "Mbit/s of each link", (rates[0] * 0.85, rates[-1] * 1.2), (min(times) * 0.8, max(times) * 1.6))
    left.grid([round(rate) for rate in rates], [value for value in (20, 50, 100, 200, 500, 1000) if min(times) * 0.8 < value < max(times) * 1.6])
    kinds = {}
    for entry, found in measured:
        kinds.setdefault((entry["processes"], entry["launcher"]), []).append((entry["link_bits_per_second"] / 1e6, 1e3 * found["median_seconds"]))
    # Filled: as the library runs it; open: another MPI.
    kinds = {(count, launcher): points for (count, launcher), points in kinds.items() if launcher in ("Open MPI", "MPICH, without rendezvous")}
    counts = sorted({count for count, _ in kinds})
    row = 0
    for colour, count in zip(COLOURS, counts):
        left.line([(rate, 1e3 * paper(count, bytes_, rate * 1e6)) for rate in rates], colour, True)
        left.key(row, colour, f"{count} processes, on paper", "line")
        row += 1
        for index, launcher in enumerate(sorted({launcher for number, launcher in kinds if number == count}, reverse=True)):
            for rate, time in kinds[count, launcher]:
                left.dot(rate, time, colour, index > 0)
            left.key(row, colour, f"{count}, {launcher}", "open" if index else "dot")
            row += 1
    right = Panel(370, "Computed, not measured: the same to 1,000 processes, ms", "processes", (2, 1000), (0.3, 400))
    right.grid([2, 10, 100, 1000], [0.5, 1, 5, 10, 50, 100])
    numbers = [round(2 * 500 ** (step / 60)) for step in range(61)]
    for colour, (label, bits) in zip(COLOURS, computed.items()):
        right.line([(number, 1e3 * paper(number, bytes_, bits)) for number in numbers], colour, True, label)
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 750 295" font-family="sans-serif" font-size="12" role="img">'
            "<title>The exchange of a training step between processes</title><style>text{fill:#333}.g{stroke:#9995}"
            "@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>" + "".join(left.parts + right.parts) + "</svg>\n")
