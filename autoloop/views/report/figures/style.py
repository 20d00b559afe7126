"""The style sheet of the HTML report: light and dark, phone and paper, nothing loaded from elsewhere."""

STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f8;--card:#fff;--ink:#16202a;--soft:#56636f;--rule:#dfe4e8;
  --grid:#e9edf0;--blue:#0b63c5;--good:#0b7a63;--bad:#b45a08;--fail:#c0322b;--gray:#8793a0;
  --idle:#e4e8ec;--warn:#fff4e0}
@media (prefers-color-scheme:dark){:root{--bg:#0f1419;--card:#171d24;--ink:#e4e9ee;--soft:#9dabb8;
  --rule:#2b343d;--grid:#232b33;--blue:#6cb2ff;--good:#43c7a3;--bad:#f2a65a;--fail:#ff7d74;
  --gray:#7d8a97;--idle:#242c35;--warn:#33281a}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--bg);color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
header,main,footer{max-width:1160px;margin:0 auto;padding:0 20px}
header{padding-top:30px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:19px;margin:0 0 4px}
h3{font-size:15px;margin:18px 0 8px}
p{margin:0 0 10px;max-width:75ch}
.soft,figcaption,caption{color:var(--soft);font-size:13px}
a{color:var(--blue);text-underline-offset:2px}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--blue);
  outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-999px}
.skip:focus{left:12px;top:8px;background:var(--card);padding:6px 10px;z-index:2}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;padding:0;margin:14px 0 18px;font-size:14px}
section{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:20px 22px;
  margin:0 0 18px}
code,pre{font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{overflow-wrap:anywhere}
pre{margin:6px 0 12px;padding:10px 12px;background:var(--bg);border:1px solid var(--rule);border-radius:8px;
  overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
pre.copy{user-select:all;-webkit-user-select:all}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:14px;margin:0 0 16px}
.tile{background:var(--bg);border:1px solid var(--rule);border-radius:10px;padding:12px 14px;min-width:0}
.tile b{display:block;font-size:28px;line-height:1.2;letter-spacing:-.02em;
  font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:13px;display:block;overflow-wrap:break-word}
.better{color:var(--good)}
.worse{color:var(--bad)}
.failed{color:var(--fail)}
.same,.unclear,.root,.running,.stopped{color:var(--soft)}
.path{list-style:none;margin:0 0 16px;padding:0;display:flex;flex-wrap:wrap;gap:10px 26px}
.path li{position:relative;border-left:3px solid var(--blue);padding:2px 0 2px 10px;font-size:13px;
  max-width:270px;overflow-wrap:break-word}
.path li:not(:first-child)::before{content:"\\2192";position:absolute;left:-21px;top:0;color:var(--soft)}
.path b{font-size:14px}
.aside{background:var(--bg);border:1px solid var(--rule);border-radius:8px;padding:10px 14px;margin:0 0 16px;
  font-size:14px}
.alert{background:var(--warn);border-color:var(--warn)}
.aside ul{margin:4px 0 0;padding-left:20px}
figure{margin:8px 0 4px}
.scroll{overflow-x:auto}
svg[role]{display:block;width:100%;height:auto;max-width:var(--w);min-width:calc(var(--w)*.69);
  font:12px system-ui,-apple-system,"Segoe UI",sans-serif}
svg text{fill:var(--soft)}
svg text.name{fill:var(--ink);paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
svg text.strong{font-weight:600}
.grid{stroke:var(--grid)}
.axis{stroke:var(--gray)}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.line.child,.line.best{stroke:var(--blue)}
.line.best{stroke-width:2.2}
.line.parent{stroke:var(--gray);stroke-dasharray:5 3}
.line.reference{stroke:var(--gray);stroke-dasharray:2 4}
.edge{fill:none;stroke:var(--gray);stroke-width:1.2;opacity:.65}
.edge.winning{stroke:var(--blue);stroke-width:2.4;opacity:1}
.window{fill:var(--bad);opacity:.16}
.mark{fill:var(--card);stroke-width:2}
.mark.better{fill:var(--good);stroke:var(--good)}
.mark.worse{fill:var(--card);stroke:var(--bad)}
.mark.same,.mark.unclear,.mark.root{fill:var(--gray);stroke:var(--gray)}
.mark.stopped{fill:var(--card);stroke:var(--gray)}
.stop{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:1 2}
svg text.stop{fill:var(--bad);font-size:11px;paint-order:stroke;stroke:var(--card);stroke-width:3px;
  stroke-dasharray:none}
.mark.running{stroke:var(--blue);stroke-dasharray:2 2}
path.mark.failed{fill:none;stroke:var(--fail)}
.ring{fill:none;stroke:var(--blue);stroke-width:2}
.bar{fill:var(--blue);opacity:.85}
.bar.failed{fill:var(--fail)}
.bar.stopped{fill:var(--gray)}
.barend{stroke:var(--bad);stroke-width:3}
.bar.running{opacity:.4}
.bar.best{fill:var(--good)}
svg text.inbar{fill:var(--card)}
.lane{fill:var(--idle)}
.cut{stroke:var(--ink);stroke-dasharray:3 3}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:14px;
  margin:8px 0}
.card{border:1px solid var(--rule);border-radius:10px;padding:12px 14px;min-width:0}
.card h3{margin:0 0 2px;font-size:14px;overflow-wrap:break-word}
.card svg[role]{min-width:0;margin-top:8px}
.panels{display:grid;grid-template-columns:1fr;gap:0 18px}
@media (min-width:820px){.broad{grid-column:span 2}.broad .panels{grid-template-columns:1fr 1fr}}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--soft);padding:0;margin:6px 0;
  list-style:none}
.legend svg{display:inline-block;width:18px;height:12px;min-width:0;
  vertical-align:-1px;margin-right:5px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:6px;position:sticky;left:0;max-width:calc(100vw - 56px)}
td code,th code{overflow-wrap:normal}
th,td{text-align:left;padding:6px 10px 6px 0;border-bottom:1px solid var(--grid);vertical-align:top}
thead th{color:var(--soft);font-weight:600;white-space:nowrap;border-bottom-color:var(--rule)}
tbody th{font-weight:600}
.num{text-align:right;white-space:nowrap}
td.long{overflow-wrap:anywhere;min-width:9em}
.tree{list-style:none;padding:0;margin:8px 0}
.tree>li{margin-left:calc(min(var(--d),12)*18px);border-left:2px solid var(--rule);padding:1px 0 1px 10px}
.tree>li.winning{border-left-color:var(--blue)}
summary{cursor:pointer;padding:3px 0;overflow-wrap:break-word}
summary b{font-weight:600}
summary .chip{margin-left:4px;font-variant-numeric:tabular-nums}
.chip.whole{white-space:nowrap}
.chip.rule{display:inline-block;max-width:100%;overflow-wrap:break-word}
.chip.rule{border:1px solid var(--rule);border-radius:99px;padding:0 8px;font-size:12px;color:var(--soft)}
.body{padding:4px 0 12px 16px}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:3px 14px;margin:4px 0 8px;
  font-size:14px}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
dd ul{margin:0;padding-left:18px}
footer{color:var(--soft);font-size:13px;padding-bottom:40px}
@media (max-width:600px){header,main,footer{padding-left:12px;padding-right:12px}section{padding:16px 14px}
  .tile b{font-size:24px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:6px}.tree>li{
  margin-left:calc(min(var(--d),6)*9px)}}
@media (max-width:600px){.path li::before{display:none}}
@media (max-width:600px){figure .scroll:has(>svg[viewBox^="0 0 1090"])::before{
  content:"Wider than the screen: scroll sideways.";position:sticky;left:0;color:var(--soft);font-size:12px}}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444}body{font-size:11px}nav,.skip{display:none}
  section{border:0;padding:8px 0}.card,figure,tr,.tile{break-inside:avoid}details::details-content{
  content-visibility:visible;block-size:auto}svg[role]{min-width:0}pre{white-space:pre-wrap}}
"""
