extension ReportPage {
    /// The page's style sheet. No character in it may need escaping in XML.
    static let styleSheet = """

        :root { color-scheme: light dark; --paper: #ffffff; --panel: #f6f7f8; --ink: #1b1f24; --muted: #59616b;
          --rule: #d5d9de; --grid: #e7eaed; --accent: #0b5c9e; --blue: #0b6cb3; --vermilion: #c4500a; --green: #007d5b;
          --purple: #a8447f; --ochre: #8a6a00; --gray: #6b737c;
          --shade: rgb(0 0 0 / 0.28); }
        @media (prefers-color-scheme: dark) { :root { --paper: #14171b; --panel: #1d2126; --ink: #e7e9ec;
          --muted: #a3acb6; --rule: #3a4149; --grid: #2a3037; --accent: #7db9ec; --blue: #62b0ee; --vermilion: #f08a4b;
          --green: #3ec79a; --purple: #e58fc2; --ochre: #dcb74a; --gray: #9aa4af;
          --shade: rgb(255 255 255 / 0.3); } }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
        body { margin: 0 auto; max-width: 54rem; padding: 3.5rem 1.5rem 3rem; background: var(--paper);
          color: var(--ink); font: 1.0625rem/1.6 Charter, "Bitstream Charter", "Iowan Old Style", "Source Serif 4",
          "Noto Serif", Georgia, "Liberation Serif", serif; overflow-wrap: break-word; }
        header { border-bottom: 1px solid var(--rule); padding-bottom: 1.5rem; margin-bottom: 2rem; }
        h1, h2, h3, table, svg, .label, .legend, .byline, .key-figures, .facts, figcaption, summary, footer, .remark {
          font-family: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial,
          sans-serif; }
        h1 { font-size: 2.1rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0; }
        h2 { font-size: 1.35rem; line-height: 1.3; letter-spacing: -0.01em; margin: 3rem 0 0.75rem; }
        h3 { font-size: 1.05rem; line-height: 1.4; margin: 2rem 0 0.5rem; }
        p { margin: 0 0 1rem; max-width: 42rem; }
        .subtitle { font-size: 1.2rem; line-height: 1.45; color: var(--muted); margin: 0.6rem 0 0; }
        .finding { font-size: 1.2rem; line-height: 1.45; font-weight: 600; margin: 0.5rem 0 0; }
        .byline { font-size: 0.85rem; color: var(--muted); margin: 0.9rem 0 0; max-width: none; }
        .note { border-left: 3px solid var(--accent); padding: 0.1rem 0 0.1rem 1rem; color: var(--muted); }
        .warning { border-left: 5px solid var(--vermilion); background: var(--panel); color: var(--ink);
          padding: 0.6rem 1rem; }
        pre { background: var(--panel); border-radius: 6px; padding: 0.9rem 1.1rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
          font: 0.85rem/1.5 ui-monospace, SFMono-Regular, Menlo, "Liberation Mono", monospace; }
        code { font: inherit; }
        dl, dd { margin: 0; }
        .key-figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: 1.5rem;
          margin: 0 0 2rem; }
        .key-figures div { border-top: 2px solid var(--ink); padding-top: 0.6rem; display: flex;
          flex-direction: column; }
        .key-figures dt { font-size: 0.85rem; font-weight: 600; line-height: 1.35; }
        .key-figures .value { order: -1; font-size: 1.9rem; font-weight: 650; line-height: 1.2;
          letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
        .remark { font-size: 0.82rem; font-weight: 400; color: var(--muted); line-height: 1.4; }
        .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); column-gap: 2.5rem;
          font-size: 0.9rem; margin: 0 0 1rem; }
        .facts div { display: flex; justify-content: space-between; gap: 1rem; padding: 0.32rem 0;
          border-bottom: 1px solid var(--grid); }
        .facts dt { color: var(--muted); flex: none; max-width: 50%; }
        .facts dd { text-align: right; min-width: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
        figure { margin: 1.75rem 0; }
        figcaption { font-size: 0.88rem; line-height: 1.5; color: var(--muted); text-align: left; }
        figcaption { margin-top: 0.5rem; }
        figcaption.above { margin: 0 0 0.6rem; }
        figcaption b { color: var(--ink); }
        .scroll { overflow-x: auto; background:
          linear-gradient(to right, var(--paper) 40%, transparent) left / 2.5rem 100% no-repeat local,
          linear-gradient(to left, var(--paper) 40%, transparent) right / 2.5rem 100% no-repeat local,
          linear-gradient(to right, var(--shade), transparent) left / 0.9rem 100% no-repeat scroll,
          linear-gradient(to left, var(--shade), transparent) right / 0.9rem 100% no-repeat scroll; }
        table { border-collapse: collapse; width: 100%; font-size: 0.92rem; line-height: 1.4; }
        th, td { padding: 0.45rem 0.75rem; vertical-align: baseline; }
        th:first-child, td:first-child { padding-left: 0; }
        th:last-child, td:last-child { padding-right: 0.25rem; }
        thead th { font-size: 0.82rem; font-weight: 600; color: var(--muted); vertical-align: bottom; }
        thead tr:last-child th { border-bottom: 1.5px solid var(--ink); }
        .groups th { text-align: center; padding-bottom: 0; }
        .groups span { display: block; border-bottom: 1px solid var(--rule); padding-bottom: 0.3rem; }
        tbody th { font-weight: 500; }
        th.name { position: sticky; left: 0; background: var(--paper); } tbody th.name { white-space: nowrap; }
        .verdict { font-weight: 600; white-space: nowrap; } .yes { color: var(--green); } .no { color: var(--vermilion); }
        .open { color: var(--ochre); }
        tbody tr + tr th, tbody tr + tr td { border-top: 1px solid var(--grid); }
        tbody tr:last-child th, tbody tr:last-child td { border-bottom: 1.5px solid var(--ink); }
        .text { text-align: left; }
        .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        thead .number { white-space: normal; min-width: 5.4rem; }
        .tone-blue { --tone: var(--blue); } .tone-vermilion { --tone: var(--vermilion); }
        .tone-green { --tone: var(--green); } .tone-purple { --tone: var(--purple); }
        .tone-ochre { --tone: var(--ochre); } .tone-gray { --tone: var(--gray); }
        figure svg { display: block; width: 100%; height: auto; }
        .narrow-drawing { display: none !important; }
        .grid { stroke: var(--grid); stroke-width: 1; }
        .base, .mark { stroke: var(--muted); stroke-width: 1; }
        .tick { font-size: 12px; fill: var(--muted); font-variant-numeric: tabular-nums; }
        .axis { font-size: 12.5px; font-weight: 600; fill: var(--ink); }
        .line { fill: none; stroke: var(--tone); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .dashed { stroke-dasharray: 7 5; } .dotted { stroke-dasharray: 0.1 5; stroke-width: 2.6; }
        .faint { stroke-width: 1; opacity: 0.28; }
        .dot { fill: var(--tone); } .band { fill: var(--tone); opacity: 0.14; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.3rem 1.4rem; margin: 0 0 0.6rem; padding: 0;
          font-size: 0.88rem; }
        .legend li { display: flex; align-items: center; gap: 0.5rem; }
        .legend svg { width: 28px; height: 10px; flex: none; }
        details { margin: 1rem 0; }
        details.values { margin: 0.4rem 0 0; font-size: 0.85rem; }
        summary { cursor: pointer; color: var(--accent); font-size: 0.9rem; }
        details.values summary { font-size: 0.82rem; }
        summary:focus-visible, .scroll:focus-visible, pre:focus-visible { outline: 2px solid var(--accent);
          outline-offset: 2px; }
        details[open] > summary { margin-bottom: 0.75rem; }
        .card { border: 1px solid var(--rule); border-radius: 8px; padding: 1.1rem 1.25rem 1.2rem; margin: 1.5rem 0; }
        .card h3 { margin: 0 0 0.75rem; }
        .card p, .card li { max-width: none; }
        .label { font-size: 0.82rem; line-height: 1.4; color: var(--muted); margin: 0 0 0.3rem; }
        .label b { color: var(--ink); }
        .card .text { font-size: 1rem; line-height: 1.5; margin: 0; white-space: pre-wrap; }
        .card .none { color: var(--muted); font-style: italic; }
        .card .facts { margin-bottom: 0; }
        .outputs { display: grid; grid-template-columns: repeat(auto-fit, minmax(13.5rem, 1fr)); gap: 1.1rem;
          margin-top: 1.1rem; }
        .output { border-top: 3px solid var(--tone); padding-top: 0.5rem; }
        .references { margin-top: 1.1rem; padding-top: 0.8rem; border-top: 1px solid var(--grid); }
        .references ol { margin: 0; padding-left: 1.3rem; font-size: 0.95rem; line-height: 1.5; color: var(--muted); }
        footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--rule); font-size: 0.85rem;
          color: var(--muted); }
        @media (max-width: 40rem) {
          body { padding: 2rem 1rem; font-size: 1rem; }
          h1 { font-size: 1.65rem; } .subtitle { font-size: 1.08rem; } h2 { margin-top: 2.4rem; }
          .key-figures { grid-template-columns: repeat(2, 1fr); gap: 1.1rem; } .key-figures .value { font-size: 1.5rem; }
          .facts { grid-template-columns: 1fr; }
          .wide-drawing { display: none !important; } .narrow-drawing { display: block !important; }
          table { font-size: 0.86rem; } th, td { padding: 0.4rem 0.5rem; }
          tbody th:not(.name) { min-width: 7.5rem; } .verdict { white-space: normal; }
          .card { padding: 0.9rem 1rem 1rem; }
        }
        @media print {
          body { max-width: none; padding: 0; font-size: 10.5pt; }
          .card, figure, .key-figures { break-inside: avoid; } h2, h3 { break-after: avoid; }
        }

        """
}
