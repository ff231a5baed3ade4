/** The one style sheet of all pages, and the Content-Security-Policy that lets only it in. */
import { createHash } from 'node:crypto';

/** A picture that is drawn in the colour behind it. */
function icon(path: string): string {
  return `url('data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="${path}"/></svg>')`;
}

const FOLDER = icon(
  'M1.5 3.5A1.5 1.5 0 0 1 3 2h3l1.6 1.8H13a1.5 1.5 0 0 1 1.5 1.5v7.2A1.5 1.5 0 0 1 13 14H3a1.5 1.5 0 0 1-1.5-1.5z',
);
const FILE = icon(
  'M4 1h5.2L13 4.8V14a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V2a1 1 0 0 1 1-1zm.4 1.4v11.2h7.2V5.9H8.4V2.4zm5.4.5v1.6h1.7z',
);
const LINK = icon(
  'M9 2h5v5h-1.6V4.7L7.6 9.6 6.4 8.4l4.9-4.8H9zM3 3.5h3.5V5H4v7h7V9.5h1.5v4H2.5v-10z',
);
const BRANCH = icon(
  'M5 2a2 2 0 0 1 .8 3.8v4.4a2 2 0 1 1-1.6 0V5.8A2 2 0 0 1 5 2zm6 0a2 2 0 0 1 .8 3.8C11.7 8.5 9.5 9 7.4 9.3V7.7c1.5-.2 2.7-.6 2.8-1.9A2 2 0 0 1 11 2z',
);

export const STYLE = `
:root{color-scheme:light dark;--bg:#fff;--soft:#f5f6f8;--line:#dfe3e8;--text:#1c2128;--dim:#59626f;--link:#0b57a4;--accent:#0b57a4;--on:#e6f0fb;--add:#e2f5e7;--addt:#0f5a28;--del:#fdeaea;--delt:#9b2320;--mod:#fff3d1;--modt:#6b4a00;--c:#5a6472;--k:#a0195f;--s:#12652f;--n:#8f4300;--f:#6233ab;--t:#0b5d80;--a:#775000;--m:#a12622}
@media(prefers-color-scheme:dark){:root{--bg:#14171c;--soft:#1c2027;--line:#2f3540;--text:#e3e7ee;--dim:#a0aabb;--link:#7db9ff;--accent:#7db9ff;--on:#1b2a3d;--add:#12321d;--addt:#7ee2a0;--del:#3b1a1c;--delt:#ffa39e;--mod:#3a2f10;--modt:#f0cd6b;--c:#97a1b2;--k:#ff8fb4;--s:#8bdc9b;--n:#ffb778;--f:#c9aaff;--t:#7bd0ef;--a:#eec670;--m:#ff9d98}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
.box :focus-visible,pre:focus-visible{outline-offset:-2px}
.skip{position:absolute;left:-999rem}
.skip:focus{left:.5rem;top:.5rem;z-index:1;background:var(--bg);padding:.4rem .8rem;border:1px solid var(--accent)}
.wrap{max-width:74rem;margin:0 auto;padding:1.1rem 1.25rem 2.5rem}
header{margin-bottom:1rem}
.top{display:flex;flex-wrap:wrap;gap:.6rem 1.2rem;align-items:center;justify-content:space-between}
h1{font-size:1.25rem;font-weight:600;margin:0;line-height:1.4;overflow-wrap:anywhere;flex:1 1 18rem}
h1 .sep{color:var(--dim);font-weight:400;margin:0 .3rem}
h2{font-size:1rem;font-weight:600;margin:1.4rem 0 .6rem}
main>h2:first-child{margin-top:0}
.find{display:flex;flex:0 1 21rem;min-width:0}
.find input{flex:1;min-width:0;border-radius:.4rem 0 0 .4rem;border-right:0}
.find button{border-radius:0 .4rem .4rem 0}
input[type=search],input[type=number]{font:inherit;font-size:.9rem;color:var(--text);background:var(--bg);border:1px solid var(--line);border-radius:.4rem;padding:.28rem .6rem}
input::placeholder{color:var(--dim);opacity:1}
input[type=number]{width:6rem}
.bar{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.8rem 0 0}
.acts{display:flex;flex-wrap:wrap;gap:.5rem;margin-left:auto;align-items:center}
.pair{display:flex;flex-wrap:nowrap}
.pair>:first-child{border-radius:.4rem 0 0 .4rem}
.pair>:last-child{border-radius:0 .4rem .4rem 0;margin-left:-1px}
.tag{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:.1rem .75rem .1rem 1.8rem;font-size:.87rem;color:var(--text);max-width:100%;overflow-wrap:anywhere;position:relative}
.tag::before,.ls td:first-child::before{content:"";position:absolute;width:1rem;height:1rem;left:.6rem;top:.28rem;background:var(--dim);mask:${BRANCH} center/contain no-repeat}
.btn,button{display:inline-block;border:1px solid var(--line);background:var(--soft);color:var(--text);border-radius:.4rem;padding:.28rem .75rem;font:inherit;font-size:.9rem;line-height:1.4;cursor:pointer;white-space:nowrap}
.btn:hover,button:hover{border-color:var(--accent);text-decoration:none}
[aria-current]{border-color:var(--accent);color:var(--accent);background:var(--on);font-weight:500}
.btn.off{color:var(--dim);background:none;cursor:default;border-color:var(--line)}
.snap{display:flex;flex-wrap:wrap;gap:.15rem .7rem;align-items:baseline;border:1px solid var(--line);border-bottom:0;background:var(--soft);border-radius:.5rem .5rem 0 0;padding:.6rem .9rem;font-size:.9rem}
.snap .msg{font-weight:500;flex:1 1 14rem;overflow-wrap:anywhere}
.snap .by{color:var(--dim);white-space:nowrap}
.box{border:1px solid var(--line);border-radius:.5rem;overflow:hidden}
.snap+.box{border-radius:0 0 .5rem .5rem}
.about{margin:0;padding:.4rem .9rem;border-bottom:1px solid var(--line);color:var(--dim);font-size:.85rem}
.old{background:var(--mod);color:var(--modt);border-radius:.4rem;padding:.45rem .9rem;margin:0 0 .8rem;font-size:.9rem}
.old a{color:inherit;text-decoration:underline}
.note{color:var(--dim);padding:1.2rem;margin:0;text-align:center}
code,pre,.mono,table.diff{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.mono{font-size:.88em}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:500;font-size:.8rem;color:var(--dim);background:var(--soft)}
th,td{padding:.43rem .9rem;border-bottom:1px solid var(--line);vertical-align:baseline}
tr:last-child>td{border-bottom:0}
.ls tbody tr:hover{background:var(--soft)}
.ls td:first-child{position:relative;width:36%;padding-left:2.5rem;overflow-wrap:anywhere}
.ls th:first-child{padding-left:2.5rem}
.ls td:first-child a{font-weight:500}
.ls td:first-child::before{left:.95rem;top:.62rem}
.ls td.d::before{background:var(--accent);mask-image:${FOLDER}}
.ls td.f::before{mask-image:${FILE}}
.ls td.l::before{mask-image:${LINK}}
.ls td:nth-child(n+2){color:var(--dim);white-space:nowrap}
.ls td:nth-child(3),.ls th:nth-child(3){text-align:right;font-variant-numeric:tabular-nums}
.refs td:nth-child(3),.refs th:nth-child(3){text-align:left}
.ls td:nth-child(5),.refs td:nth-child(4){max-width:0;width:38%;overflow:hidden;text-overflow:ellipsis}
.ls td:nth-child(5) a{color:inherit}
mark{background:var(--mod);color:var(--modt);border-radius:.15rem}
.dim{color:var(--dim)}
.pages{display:flex;gap:.6rem;justify-content:center;align-items:center;margin:1rem 0 0;flex-wrap:wrap}
.go{display:flex;gap:.4rem;align-items:center}
pre.code{margin:0;padding:.6rem 0;overflow-x:auto;font-size:.84rem;line-height:1.55;tab-size:4}
pre.code code{display:block;width:max-content;min-width:100%}
pre.code span{display:block;padding:0 .9em 0 4.6em;text-indent:-4.6em}
pre.code.prose{white-space:pre-wrap;overflow-wrap:anywhere}
pre.code.prose code{width:auto}
pre.code a{display:inline-block;text-indent:0;width:3.5em;margin-right:1.1em;text-align:right;color:var(--dim);user-select:none}
pre.code a:target{background:var(--mod);color:var(--modt)}
pre i,table.diff i{font-style:normal}i.c{color:var(--c)}i.k{color:var(--k)}i.s{color:var(--s)}i.n{color:var(--n)}i.f{color:var(--f)}i.t{color:var(--t)}i.a{color:var(--a)}i.m{color:var(--m)}
.cut{color:var(--dim);font-weight:400;font-style:italic}
.readme{margin-top:1.2rem}
.readme>h2{margin:0;padding:.6rem .9rem;font-size:.9rem;background:var(--soft);border-bottom:1px solid var(--line)}
.md{padding:1.2rem 1.6rem 1.4rem;max-width:60rem;overflow-wrap:anywhere;font-size:1rem;line-height:1.6}
.md>:first-child{margin-top:0}.md>:last-child{margin-bottom:0}
.md h2{font-size:1.55rem;margin:1.6rem 0 .7rem;line-height:1.3}
.md h3{font-size:1.25rem;margin:1.5rem 0 .6rem}
.md h4,.md h5,.md h6{font-size:1.05rem;margin:1.3rem 0 .5rem}
.md h2,.md h3{border-bottom:1px solid var(--line);padding-bottom:.25rem}
.md a{text-decoration:underline;text-decoration-color:color-mix(in srgb,currentColor 40%,transparent);text-underline-offset:.15em}
.md img{max-width:100%;height:auto}
.md pre,pre.plain{background:var(--soft);border-radius:.4rem;padding:.8rem 1rem;overflow-x:auto;font-size:.86rem;line-height:1.5;tab-size:4}
pre.plain{margin:0;background:none;white-space:pre-wrap;overflow-wrap:anywhere}
.md :not(pre)>code,.md kbd{background:var(--soft);border-radius:.25rem;padding:.1em .35em;font-size:.88em}
.md blockquote{margin:1rem 0;padding:.1rem 1rem;border-left:.25rem solid var(--line);color:var(--dim)}
.md table{width:auto;max-width:100%;display:block;overflow-x:auto;margin:1rem 0}
.md table th,.md table td{border:1px solid var(--line);padding:.35rem .7rem;font-size:.92rem;color:var(--text)}
.md hr{border:0;border-top:1px solid var(--line);margin:1.6rem 0}
.md li{margin:.25rem 0}
.media{display:flex;justify-content:center;padding:1rem;background:repeating-conic-gradient(var(--soft) 0 25%,transparent 0 50%) 0 0/20px 20px}
.media img,.media video{max-width:100%;max-height:80vh;height:auto;display:block;margin:0 auto}
.media figure{margin:0;min-width:0;flex:0 1 auto}
.media.two{gap:1rem}.media.two figure{flex:1 1 0}
figcaption{text-align:center;font-size:.85rem;color:var(--text);background:var(--bg);border:1px solid var(--line);border-radius:1rem;padding:.05rem .8rem;width:max-content;max-width:100%;margin:.7rem auto 0}
.media.plain{background:none}
.media audio{width:100%}
iframe{display:block;border:0;width:100%;height:82vh}
.line{margin-bottom:1.2rem}
.line h2{margin:0;padding:.6rem .9rem .2rem;font-size:.9rem}
.line svg{display:block;height:4.5rem;padding:0 .9rem}
.line rect{fill:var(--accent);opacity:.75}
.line .hit{fill:transparent}
.line a:hover rect,.line a:focus rect,.line .on rect{opacity:1;fill:var(--k)}
.line p{display:flex;justify-content:space-between;gap:1rem;margin:.3rem 0 .6rem;padding:0 .9rem;font-size:.82rem;color:var(--dim)}
.day h2{font-size:.85rem;font-weight:500;color:var(--dim);margin:0;padding:.5rem 0 .5rem 1.6rem;position:relative}
.day h2::before{content:"";position:absolute;left:.25rem;top:.85rem;width:.6rem;height:.6rem;border:2px solid var(--accent);border-radius:50%;background:var(--bg)}
.day{position:relative;padding-bottom:.4rem}
.day::before{content:"";position:absolute;left:.5rem;top:1.5rem;bottom:-.8rem;width:2px;background:var(--line)}
.day:last-of-type::before{bottom:0}
.day ol.log{margin:0 0 0 1.6rem;border:1px solid var(--line);border-radius:.5rem}
ol.log{list-style:none;padding:0;margin:0}
ol.log li{display:flex;gap:.2rem .8rem;align-items:baseline;padding:.5rem .9rem;border-bottom:1px solid var(--line);flex-wrap:wrap}
ol.log li:last-child{border-bottom:0}
ol.log .pick{white-space:nowrap;color:var(--dim)}
ol.log .pick input{margin:0 .15rem;width:1rem;height:1rem;vertical-align:-.1rem;accent-color:var(--accent)}
ol.log .msg{flex:1 1 15rem;overflow-wrap:anywhere;font-weight:500}
ol.log .by{color:var(--dim);font-size:.88rem;white-space:nowrap}
ol.log .see{white-space:nowrap;font-size:.9rem}
.st{display:inline-block;min-width:1.5em;text-align:center;border-radius:.25rem;font-size:.78rem;font-weight:600;padding:0 .3em;margin-right:.5rem}
.st.A{background:var(--add);color:var(--addt)}.st.D{background:var(--del);color:var(--delt)}.st.M{background:var(--mod);color:var(--modt)}
.ends{margin:0 0 .9rem}.ends h2{margin:.2rem 0;overflow-wrap:anywhere}.ends p{margin:.15rem 0}
pre.body{margin:.5rem 0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.86rem}
details.file{border:1px solid var(--line);border-radius:.5rem;margin:0 0 .8rem;overflow:hidden;position:relative}
details.file>summary{cursor:pointer;padding:.5rem 8rem .5rem .9rem;background:var(--soft);overflow-wrap:anywhere}
details.file[open]>summary{border-bottom:1px solid var(--line)}
.sides{position:absolute;right:.9rem;top:.55rem;margin:0;font-size:.88rem}.sides a{margin-left:.6rem}
.plus{color:var(--addt)}.minus{color:var(--delt)}
table.diff{font-size:.8rem;line-height:1.5;table-layout:fixed}
table.diff td{border:0;padding:0 .5rem;white-space:pre-wrap;overflow-wrap:anywhere;tab-size:4;vertical-align:top}
table.diff td:nth-child(-n+2){width:3.8em;text-align:right;color:var(--dim);user-select:none;padding:0 .5rem 0 0}
table.diff td:nth-child(3){width:1.4em;padding:0;text-align:center;user-select:none}
table.diff .add td:nth-child(n+3){background:var(--add)}table.diff .del td:nth-child(n+3){background:var(--del)}
table.diff .hunk td{background:var(--soft);color:var(--dim);padding:.2rem .5rem}
footer{margin-top:1.5rem;color:var(--dim);font-size:.82rem;display:flex;flex-wrap:wrap;gap:.3rem 1rem;overflow-wrap:anywhere}
@media(max-width:44rem){
.wrap{padding:.8rem .7rem 2rem}
.find{flex:1 1 100%}
.acts{margin-left:0}
.ls thead,.ls td:nth-child(2),.ls td:nth-child(5){display:none}
.ls tr{display:grid;grid-template-columns:1fr auto;border-bottom:1px solid var(--line);padding:.5rem .75rem .5rem 2.3rem;gap:0 .8rem;position:relative}
.ls tr:last-child{border-bottom:0}
.ls td{border:0;padding:0}
.ls td:first-child{grid-column:1/-1;width:auto;padding:0;position:static}
.ls td:first-child::before{left:.75rem;top:.7rem}
.ls td:nth-child(4){order:2;font-size:.82rem}
.ls td:nth-child(3){order:3;font-size:.82rem}
.refs td:nth-child(2){display:block;order:4;font-size:.82rem}
.refs td:nth-child(4){order:5;width:auto;max-width:none;grid-column:1/-1;white-space:normal}
.btn,button{padding:.42rem .65rem}
input[type=search]{padding:.42rem .6rem;font-size:1rem}
.snap,ol.log li{padding:.5rem .75rem}
.snap .by,ol.log .by{white-space:normal;flex:1 1 14rem}
.day ol.log{margin-left:1.3rem}
.md{padding:1rem}
pre.code{white-space:pre-wrap;overflow-wrap:anywhere}pre.code code{width:auto}
pre.code span{padding-left:3.6em;text-indent:-3.6em}pre.code a{width:2.8em;margin-right:.8em}
table.diff td:nth-child(-n+2){width:2.8em;padding:0 .3rem 0 0}
details.file>summary{padding-right:.75rem}.sides{position:static;padding:.3rem .75rem 0}.sides a{margin:0 .8rem 0 0}
}
@media print{.bar,.pages,.find,footer{display:none}}
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
