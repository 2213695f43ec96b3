/// The page's style: light and dark by the reader's choice, and on paper.
enum ReportStyle {
    static let css = """
        :root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --text: #1c2530; --soft: #5d6b7a; --line: #dfe4ea; --bar: #3b6fb6;
          --critical: #b3142b; --high: #d4561b; --medium: #b58a00; --low: #4c7a5b; }
        @media (prefers-color-scheme: dark) { :root { --page: #12171d; --card: #1b222b; --text: #e4e9ef; --soft: #93a1b0; --line: #2c3641; --bar: #6ea2e6;
          --critical: #ff5c72; --high: #ff9152; --medium: #e5bd3a; --low: #7cc493; } }
        * { box-sizing: border-box; } body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, "Noto Sans", "Noto Sans CJK TC", sans-serif; }
        main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 60px; } h1 { font-size: 26px; margin: 0; } h2 { font-size: 19px; margin: 32px 0 12px; }
        header p, .when { color: var(--soft); margin: 2px 0 0; } .note { border-left: 4px solid var(--medium); padding: 6px 12px; background: var(--card); }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin: 20px 0; }
        .tile { background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--line); border-radius: 8px; padding: 10px 14px; }
        .tile b { display: block; font-size: 26px; line-height: 1.2; } .tile span { color: var(--soft); }
        .tile.critical { border-top-color: var(--critical); } .tile.high { border-top-color: var(--high); } .tile.medium { border-top-color: var(--medium); }
        .tile.low { border-top-color: var(--low); }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 16px; } figure { margin: 0; background: var(--card);
          border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; } figcaption { font-weight: 600; margin-bottom: 8px; }
        svg { width: 100%; height: auto; display: block; } svg text { font: 12px system-ui, "Noto Sans", "Noto Sans CJK TC", sans-serif; fill: var(--text); }
        svg .soft { fill: var(--soft); } svg .axis { stroke: var(--line); } svg .bar { fill: var(--bar); } svg .critical { fill: var(--critical); }
        svg .high { fill: var(--high); } svg .medium { fill: var(--medium); } svg .low { fill: var(--low); }
        article { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--line); border-radius: 8px; padding: 12px 16px; margin: 0 0 12px; break-inside: avoid; }
        article.critical { border-left-color: var(--critical); } article.high { border-left-color: var(--high); } article.medium { border-left-color: var(--medium); }
        article.low { border-left-color: var(--low); } h3 { margin: 0; font-size: 16px; } .badge { font-size: 12px; text-transform: uppercase; color: var(--soft); }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 16px; margin: 10px 0 0; } dt { color: var(--soft); } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
        code { font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; }
        @media (max-width: 520px) { .charts { grid-template-columns: 1fr; } dl { grid-template-columns: 1fr; } }
        """
}
