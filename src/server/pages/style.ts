/** The one style sheet of all pages, and the Content-Security-Policy that lets only it in. */
import { createHash } from 'node:crypto';

export const STYLE = `
:root{color-scheme:light dark;--bg:#fff;--soft:#f5f6f8;--line:#e2e5ea;--text:#1c2128;--dim:#636c7a;--link:#0b5cad;--accent:#0b5cad;--add:#e4f6e8;--addt:#12622c;--del:#fdeaea;--delt:#a12622;--mod:#fff4d6;--modt:#7a5400}
@media(prefers-color-scheme:dark){:root{--bg:#14171c;--soft:#1c2027;--line:#2d333d;--text:#e3e7ee;--dim:#98a2b3;--link:#79b8ff;--accent:#79b8ff;--add:#12321d;--addt:#7ee2a0;--del:#3b1a1c;--delt:#ff9d98;--mod:#3a2f10;--modt:#f0cd6b}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
a:focus-visible,button:focus-visible,summary:focus-visible,input:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
.wrap{max-width:70rem;margin:0 auto;padding:1rem 1.25rem 2.5rem}
header{margin-bottom:.9rem}
h1{font-size:1.2rem;font-weight:600;margin:0;line-height:1.4;overflow-wrap:anywhere}
h1 .sep{color:var(--dim);font-weight:400;margin:0 .3rem}
h2{font-size:1rem;font-weight:600;margin:1.4rem 0 .5rem}
.bar{display:flex;flex-wrap:wrap;gap:.5rem .6rem;align-items:center;margin:.7rem 0 0}
.pair{display:flex;flex-wrap:nowrap;gap:.6rem;margin-left:auto}
.tag{display:inline-block;border:1px solid var(--line);background:var(--soft);border-radius:1rem;padding:.05rem .65rem;font-size:.85rem;color:var(--dim);max-width:100%;overflow-wrap:anywhere}
.btn,button{display:inline-block;border:1px solid var(--line);background:var(--soft);color:var(--text);border-radius:.4rem;padding:.28rem .7rem;font:inherit;font-size:.9rem;line-height:1.4;cursor:pointer;white-space:nowrap}
.btn:hover,button:hover{border-color:var(--accent);text-decoration:none}
.btn.on{border-color:var(--accent);color:var(--accent)}
.btn.off{opacity:.4;cursor:default;border-color:var(--line)}
.snap{display:flex;flex-wrap:wrap;gap:.15rem .7rem;align-items:baseline;border:1px solid var(--line);border-bottom:0;background:var(--soft);border-radius:.5rem .5rem 0 0;padding:.55rem .85rem;font-size:.9rem}
.snap .msg{font-weight:500;flex:1 1 14rem;overflow-wrap:anywhere}
.snap .by{color:var(--dim);white-space:nowrap}
.box{border:1px solid var(--line);border-radius:.5rem;overflow:hidden}
.snap+.box{border-radius:0 0 .5rem .5rem}
.old{background:var(--mod);color:var(--modt);border-radius:.4rem;padding:.45rem .85rem;margin:0 0 .7rem;font-size:.9rem}
.note{color:var(--dim);padding:1.2rem;text-align:center}
code,pre,.mono,table.diff{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.mono{font-size:.86em}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:500;font-size:.8rem;color:var(--dim);background:var(--soft)}
th,td{padding:.42rem .85rem;border-bottom:1px solid var(--line);vertical-align:baseline}
tr:last-child>td{border-bottom:0}
.ls tbody tr:hover{background:var(--soft)}
.ls .name{width:38%;overflow-wrap:anywhere}
.ls .name a.n{font-weight:500}
.ls .name svg{width:1rem;height:1rem;vertical-align:-.16rem;margin-right:.5rem;color:var(--dim);flex:none}
.ls .name .dir svg{color:var(--accent)}
.ls .num{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--dim)}
.ls .kind,.ls .when{white-space:nowrap;color:var(--dim)}
.ls .last{color:var(--dim);max-width:0;width:36%;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.ls .last a{color:inherit}
.dim{color:var(--dim)}
.pages{display:flex;gap:.6rem;justify-content:center;align-items:center;margin:1rem 0 0;flex-wrap:wrap}
pre.code{margin:0;padding:.5rem 0;overflow-x:auto;font-size:.84rem;line-height:1.5;tab-size:4}
pre.code code{display:block;width:max-content;min-width:100%}
pre.code span{display:block;padding:0 .8em 0 4.6em;text-indent:-4.6em}
pre.code.prose{white-space:pre-wrap;overflow-wrap:anywhere}
pre.code.prose code{width:auto}
pre.code a{display:inline-block;text-indent:0;width:3.5em;margin-right:1.1em;text-align:right;color:var(--dim);user-select:none;opacity:.75}
pre.code a::before{content:attr(data-n)}
pre.code a:target{opacity:1;background:var(--mod);color:var(--modt)}
.media{display:flex;justify-content:center;padding:1rem;background:repeating-conic-gradient(var(--soft) 0 25%,transparent 0 50%) 0 0/20px 20px}
.media img,.media video{max-width:100%;max-height:80vh;height:auto}
.media.two{gap:1rem}.media.two img{max-width:calc(50% - .5rem);object-fit:contain}
.media.plain{background:none}
.media audio{width:100%}
iframe{display:block;border:0;width:100%;height:82vh}
ol.log{list-style:none;margin:0;padding:0}
ol.log li{display:flex;gap:.2rem .8rem;align-items:baseline;padding:.5rem .85rem;border-bottom:1px solid var(--line);flex-wrap:wrap}
ol.log li:last-child{border-bottom:0}
ol.log .pick{white-space:nowrap;color:var(--dim)}
ol.log .pick input{margin:0 .15rem;width:1rem;height:1rem;vertical-align:-.1rem;accent-color:var(--accent)}
ol.log .msg{flex:1 1 15rem;overflow-wrap:anywhere}
ol.log .by{color:var(--dim);font-size:.88rem;white-space:nowrap}
ol.log .acts{white-space:nowrap;font-size:.9rem}
.st{display:inline-block;min-width:1.5em;text-align:center;border-radius:.25rem;font-size:.78rem;font-weight:600;padding:0 .3em;margin-right:.5rem}
.st.A{background:var(--add);color:var(--addt)}.st.D{background:var(--del);color:var(--delt)}.st.M{background:var(--mod);color:var(--modt)}
.ends{margin:0 0 .9rem}.ends h2{margin:.2rem 0;overflow-wrap:anywhere}.ends p{margin:.15rem 0}
pre.body{margin:.5rem 0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.86rem}
details.file{border:1px solid var(--line);border-radius:.5rem;margin:0 0 .7rem;overflow:hidden}
details.file>summary{cursor:pointer;padding:.45rem .85rem;background:var(--soft);overflow-wrap:anywhere}
details.file[open]>summary{border-bottom:1px solid var(--line)}
.sides{float:right;font-size:.88rem}.sides a{margin-left:.6rem}
.plus{color:var(--addt)}.minus{color:var(--delt)}
table.diff{font-size:.8rem;line-height:1.45;table-layout:fixed}
table.diff td{border:0;padding:0 .5rem;white-space:pre-wrap;overflow-wrap:anywhere;tab-size:4;vertical-align:top}
table.diff .n{width:3.6em;text-align:right;color:var(--dim);user-select:none;padding:0 .5rem 0 0}
table.diff .s{width:1.4em;padding:0;text-align:center;user-select:none}
table.diff .add{background:var(--add)}table.diff .del{background:var(--del)}
table.diff .hunk td{background:var(--soft);color:var(--dim);padding:.15rem .85rem}
footer{margin-top:1.5rem;color:var(--dim);font-size:.82rem;display:flex;flex-wrap:wrap;gap:.3rem 1rem}
@media(max-width:44rem){
.wrap{padding:.7rem .7rem 2rem}
.ls thead,.ls .kind,.ls .last{display:none}
.ls tr{display:grid;grid-template-columns:1fr auto;border-bottom:1px solid var(--line);padding:.5rem .75rem;gap:0 .8rem}
.ls tr:last-child{border-bottom:0}
.ls td{border:0;padding:0}
.ls .name{grid-column:1/-1;width:auto}
.ls .when{order:2;font-size:.82rem;padding-left:1.5rem}
.ls .num{order:3;font-size:.82rem}
.btn,button{padding:.42rem .6rem}.bar{gap:.5rem .4rem}.pair{gap:.4rem}
.snap,ol.log li{padding:.5rem .75rem}
.snap .by,ol.log .by{white-space:normal;flex:1 1 14rem}
pre.code{white-space:pre-wrap;overflow-wrap:anywhere}pre.code code{width:auto}
pre.code span{padding-left:3.6em;text-indent:-3.6em}pre.code a{width:2.8em;margin-right:.8em}
table.diff .n{width:2.6em;padding:0 .3rem 0 0}
}
@media print{.bar,.pages,footer{display:none}}
`.replaceAll('\n', '');

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Pages run no code; names from the store could not bring any in. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${STYLE_HASH}'`,
  "img-src 'self' data:",
  "media-src 'self'",
  "frame-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');
