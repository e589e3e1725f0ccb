"""What all pages are dressed in: the one stylesheet, the one script, the icon, and the policy that permits no others.

Everything stands inside the page: nothing is fetched from elsewhere, so a room without the internet sees all of it. The
browser is told the SHA-256 of both (Content Security Policy Level 3, section 2.3.1), and runs nothing else, whatever a
name may hold. The colours have at least the contrast that WCAG 2.2 asks for (4.5 for text, 3 for outlines), in light
and in dark; a test computes it. Constants only.
"""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1d1f;--soft:#555b61;--line:#80868c;--good:#146638;--goodbg:#e6f3e9;
--bad:#a31515;--warn:#7a4100;--warnbg:#fdeed9;--accent:#0b5cad;--onaccent:#fff;--panel:#f3f5f7}
@media (prefers-color-scheme:dark){:root{--paper:#12161a;--ink:#f1f3f5;--soft:#b6bdc4;--line:#7c858d;--good:#7bd69a;
--goodbg:#16301f;--bad:#ff8f85;--warn:#ffc074;--warnbg:#3a2609;--accent:#7cb8ff;--onaccent:#0c1116;--panel:#1c2228}}
*{box-sizing:border-box}
[hidden]{display:none!important}
html{font:100%/1.5 system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif;background:var(--paper);color:var(--ink)}
body{margin:0;overflow-wrap:anywhere}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--accent);outline-offset:3px;border-radius:4px}
.soft{color:var(--soft)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.page{max-width:44rem;margin:0 auto;padding:clamp(1rem,4vw,3rem) clamp(1rem,4vw,2rem);
font-size:clamp(1rem,.55vw + .8rem,1.6rem)}
.page h1{font-size:2em;line-height:1.15;margin:0 0 .4em}
.page h2{font-size:1.25em;line-height:1.25;margin:2em 0 .5em}
.page header p:first-child{margin:0 0 .2em;font-weight:600;color:var(--soft)}
.button{display:inline-block;padding:.7em 1.3em;border-radius:.5em;background:var(--accent);color:var(--onaccent);
font-size:1.15em;font-weight:600;text-decoration:none}
.button:hover{text-decoration:underline}
code,.sum{font-family:ui-monospace,Consolas,"DejaVu Sans Mono",monospace;font-size:.9em}
.sum{display:block;color:var(--soft);font-size:.75em}
.address{font-weight:700;white-space:nowrap}
.page ol{padding-left:1.6em}.page ol>li{margin:.9em 0;padding-left:.3em}.page ol>li::marker{font-weight:700}
.files{padding-left:1.2em}
details{border:1px solid var(--line);border-radius:.5em;margin:.6em 0;padding:0 1em;background:var(--panel)}
summary{padding:.7em 0;font-weight:600;cursor:pointer}
q{font-weight:600}
footer{margin-top:3em;padding-top:1em;border-top:1px solid var(--line);color:var(--soft)}
.board{font-size:1.1rem;padding:1rem}
.board header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.1em 1em;margin-bottom:.6em}
.board h1{font-size:1.5em;line-height:1.2;margin:0}
.board .count{font-size:1.5em;line-height:1.2;font-weight:700;margin:0;display:flex;flex-wrap:wrap;gap:0 1em}
.here{color:var(--good)}.late{color:var(--warn)}.bad{color:var(--bad)}
.board .clock{margin:0 0 0 auto;color:var(--soft)}
.board footer{margin-top:1em;padding:.5em 0 0}
.notice{margin:0 0 .6em;padding:.4em .8em;border:3px dashed var(--warn);border-radius:.4em;background:var(--warnbg);
color:var(--warn);font-weight:700}
button{font:inherit;color:var(--ink);background:var(--panel);border:2px solid var(--line);border-radius:.4em;
padding:.1em .7em;cursor:pointer}
.board button{font-size:.7em}
.tiles{list-style:none;margin:0;padding:0;display:grid;gap:.4em;grid-template-columns:repeat(auto-fill,minmax(12em,1fr));grid-auto-rows:minmax(2.2em,auto)}
.tile{position:relative;display:grid;grid-template-columns:auto minmax(0,1fr);align-content:center;align-items:center;
column-gap:.5em;min-width:0;padding:.05em .6em;border:.12em solid var(--good);border-radius:.4em;
background:var(--goodbg);font-weight:600;line-height:1.15}
.tile::before{content:"";width:.62em;height:.62em;border:.13em solid var(--ink);border-radius:50%;
background:var(--ink)}
.name{min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.silent{border-style:dashed;border-color:var(--warn);background:var(--warnbg)}
.silent::before{grid-row:1/span 2;background:linear-gradient(90deg,var(--ink) 50%,transparent 50%)}
.silent .name{line-height:1.02}
.silent .state{grid-column:2;font-size:.55em;font-weight:700;color:var(--warn);line-height:1;white-space:nowrap}
.more{grid-template-columns:1fr;font-size:.75em;border-color:var(--line);background:var(--paper);color:var(--soft)}
.more::before{display:none}
.tiles:empty{display:none}
.stale .tile{background:var(--paper)}
.stale .tile:not(.silent){border-color:var(--line)}
.alone{font-size:1.3em;margin:2em 0;text-align:center}
@media (min-width:700px) and (min-height:420px){
.board{height:100vh;height:100dvh;padding:3.2vh 2.3vw 2vh;display:flex;flex-direction:column;font-size:2.6vh;
overflow:hidden}
.board header{flex:none;font-size:3.4vh;margin-bottom:2.2vh}
.board .clock{font-size:.9em}
.board main{flex:1;min-height:0;display:flex;flex-direction:column}
.board footer{flex:none;margin-top:1vh;padding-top:.8vh;font-size:.85em}
.notice{flex:none;font-size:3.4vh}
.tiles{flex:1;min-height:0;font-size:var(--size,3.4vh);gap:.25em;align-content:start;
grid-template-columns:repeat(auto-fill,minmax(13em,1fr));grid-auto-rows:minmax(1.85em,3.3em);overflow:auto}
.fitted{grid-template-columns:repeat(var(--columns),minmax(0,1fr));overflow:hidden}
.many{font-size:var(--size,2.1vh)}
.alone{font-size:5vh;margin:auto}
.numbers .count{font-size:16vh;justify-content:center;width:100%;margin-top:14vh}
}
@media (forced-colors:active){.tile::before{forced-color-adjust:none}}
"""

SCRIPT = """
"use strict";
(() => {
const by = id => document.getElementById(id);
const list = by("tiles"), notice = by("notice"), pager = by("pager"), said = by("said"), clock = by("clock");
const wall = matchMedia("(min-width:700px) and (min-height:420px)");
const timeOf = when => when.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit", hourCycle: "h23"});
const hereWords = state => state.here + (state.of === undefined ? "" : " of " + state.of) + " here";
const words = state => [hereWords(state), state.late ? state.late + " not answering" : "", state.absent, state.other]
  .filter(Boolean).join(", ");
const moreWords = state => state.guests ? "+ " + state.guests + (state.guests === 1 ? " guest" : " guests")
  : state.tiles.length && state.unnamed ? "+ " + state.unnamed + " without a name" : "";
const items = new Map();
let state = null, heard = Date.now(), brokenAt = 0, source = null, asked = false, page = 0, pages = 1, turning = true;
let told = "", toldAt = 0, fitting = false, fittedAt = 0;
const widths = new Map(), ruler = document.createElement("canvas").getContext("2d");

function tile(id, name, late) {
  let item = items.get(id);
  if (!item) {
    item = document.createElement("li");
    item.append(document.createElement("span"), document.createElement("span"));
    item.firstChild.className = "name";
    items.set(id, item);
  }
  if (item.firstChild.textContent !== name) { item.firstChild.textContent = name; item.title = name; }
  const kind = late ? "tile silent" : "tile";
  if (item.className !== kind) {
    item.className = kind;
    item.lastChild.className = late ? "state" : "unseen";
    item.lastChild.textContent = late ? "not answering" : "here";
  }
  return item;
}

function draw() {
  asked = false;
  if (!state) return;
  const shown = state.tiles.map(([id, name, late]) => tile(id, name, late));
  const ids = new Set(state.tiles.map(([id]) => id));
  for (const id of items.keys()) if (!ids.has(id)) items.delete(id);
  if (moreWords(state)) {
    const more = document.createElement("li");
    more.className = "tile more";
    more.textContent = moreWords(state);
    shown.push(more);
  }
  if (shown.length !== list.children.length || shown.some((item, place) => list.children[place] !== item))
    list.replaceChildren(...shown);
  by("here").textContent = hereWords(state);
  by("late").textContent = state.late + " not answering";
  by("late").hidden = !state.late;
  for (const id of ["absent", "other"]) { by(id).textContent = state[id] || ""; by(id).hidden = !state[id]; }
  const anybody = state.here + state.late + (state.guests || 0) > 0;
  by("alone").hidden = anybody;
  by("locked").hidden = state.named;
  document.body.classList.toggle("numbers", !shown.length && anybody);
  list.classList.toggle("many", shown.length > 40);
  document.documentElement.dataset.rev = state.rev;
  fitSoon();
  tell();
}

// Who is here is shown at once; the size need not change twenty times a second while a class joins.
function fitSoon() {
  if (fitting) return;
  fitting = true;
  setTimeout(() => { fitting = false; fittedAt = Date.now(); fit(); }, Math.max(0, fittedAt + 300 - Date.now()));
}

function fit() {
  const shown = [...list.children];
  pages = 1;
  const fits = wall.matches && shown.length > 0;
  list.classList.toggle("fitted", fits);
  if (fits) spread(shown); else { list.style.removeProperty("--size"); shown.forEach(item => item.hidden = false); }
  pager.hidden = pages < 2;
  pager.textContent = "Page " + (page + 1) + " of " + pages + (turning ? " \\u00b7 hold" : " \\u00b7 go on");
}

function widthOf(name) {
  if (!widths.has(name)) {
    if (widths.size > 5000) widths.clear();
    ruler.font = "600 100px " + getComputedStyle(list).fontFamily;
    widths.set(name, ruler.measureText(name).width / 100 + 2.75);
  }
  return widths.get(name);
}

// Whole names first, as large as they go; then shorter ones; then pages. No text below 1/30 of the height, or 1/50
// where there are more than 40. It is computed, not tried: a browser takes 50 ms to lay out two hundred tiles.
function spread(shown) {
  const count = shown.length, width = list.clientWidth, height = list.clientHeight;
  const least = (count > 40 ? 0.0203 : 0.034) * innerHeight, most = 0.06 * innerHeight;
  const widest = Math.max(7.5, ...state ? state.tiles.map(([, name]) => widthOf(name)) : [0]);
  const room = columns => height / (Math.ceil(count / columns) * 2.1 - 0.25);
  const whole = columns => width / (columns * (widest + 0.25) - 0.25);
  let size = 0, columns = 1;
  for (let tried = 1; tried <= 40; tried++) {
    const fitting = Math.min(room(tried), whole(tried), most);
    if (fitting > size) { size = fitting; columns = tried; }
  }
  let each = count;
  if (size < least) {
    size = least;
    const narrowest = Math.max(1, Math.floor(width / (8 * least)));
    columns = 1;
    while (columns < narrowest && room(columns) < least) columns++;
    if (room(columns) < least) {
      columns = Math.max(1, Math.floor(width / (Math.min(widest, 17) * least)));
      each = columns * Math.max(1, Math.floor((height / least + 0.25) / 2.1));
      pages = Math.ceil(count / each);
    }
  }
  if (page >= pages) page = 0;
  shown.forEach((item, place) => item.hidden = Math.floor(place / each) !== page);
  list.style.setProperty("--size", size.toFixed(2) + "px");
  list.style.setProperty("--columns", columns);
}

function tell() {
  const now = Date.now(), text = words(state);
  if (text !== told && now - toldAt > 5000) { said.textContent = told = text; toldAt = now; }
}

function look() {
  const silent = Date.now() - heard > 40000 || (brokenAt && Date.now() - brokenAt > 1500);
  if (silent && notice.hidden) {
    notice.textContent = "The server does not answer: this is as of " + timeOf(new Date(heard)) + ".";
    fit();
  }
  if (silent !== !notice.hidden) {
    notice.hidden = !silent;
    document.body.classList.toggle("stale", silent);
    fit();
  }
  clock.textContent = timeOf(new Date());
  if (state) tell();
}

function alive() { heard = Date.now(); brokenAt = 0; if (!notice.hidden) look(); }

function connect() {
  source = new EventSource("/board/events");
  source.onopen = alive;
  source.addEventListener("still", alive);
  source.onmessage = event => {
    state = JSON.parse(event.data);
    alive();
    if (!asked) { asked = true; setTimeout(draw, 16); }
  };
  source.onerror = () => {
    brokenAt = brokenAt || Date.now();
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 4000 + 3000 * Math.random());
  };
}

pager.onclick = () => { turning = !turning; fit(); };
addEventListener("resize", fitSoon);
setInterval(look, 1000);
setInterval(() => { if (pages > 1 && turning) { page = (page + 1) % pages; fit(); } }, 10000);
fit();
look();
connect();
})();
"""

ICON = (
    "data:image/svg+xml;base64,"
    + base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" '
        b'fill="#0b5cad"/><path d="M8 17l5.5 6L24 10" fill="none" stroke="#fff" stroke-width="4"/></svg>'
    ).decode()
)


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src data:; style-src "
POLICY = _POLICY + _hash(STYLE)
"""The policy of pages without a script."""

BOARD_POLICY = f"{POLICY}; script-src {_hash(SCRIPT)}; connect-src 'self'"
"""The same for the board, whose script asks this server for events."""
