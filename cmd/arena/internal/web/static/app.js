// Pages work without this. With it, they renew themselves while games are
// played, and games are stepped through without loading a page a move.
"use strict";
(() => {
  const svg = "http://www.w3.org/2000/svg";
  document.documentElement.classList.add("scripted");

  // --- games -------------------------------------------------------------

  // square "e4" -> 0..63, a8 first, as placements are written
  const at = (s) => (8 - Number(s[1])) * 8 + s.charCodeAt(0) - 97;

  // The board after each of the moves, as arrays of 64 FEN letters. The moves
  // are legal: the server has replayed them.
  function positions(start, moves) {
    const board = [];
    for (const c of start.split(" ")[0]) {
      if (c === "/") continue;
      if (c >= "1" && c <= "8") for (let i = 0; i < Number(c); i++) board.push("");
      else board.push(c);
    }
    const all = [board];
    for (const m of moves) {
      const b = all[all.length - 1].slice();
      const from = at(m), to = at(m.slice(2)), piece = b[from];
      const lower = piece.toLowerCase();
      if (lower === "p" && from % 8 !== to % 8 && b[to] === "") b[from - from % 8 + to % 8] = ""; // en passant
      if (lower === "k" && Math.abs(from - to) === 2) { // castling
        const rook = to > from ? to + 1 : to - 2;
        b[(from + to) / 2] = b[rook];
        b[rook] = "";
      }
      b[to] = m.length > 4 ? (piece === lower ? m[4] : m[4].toUpperCase()) : piece;
      b[from] = "";
      all.push(b);
    }
    return all;
  }

  const name = (i) => String.fromCharCode(97 + i % 8) + (8 - Math.floor(i / 8));

  function describe(board, move, white) {
    const list = (own) => [..."kqrbnp"].flatMap((kind) => board.flatMap((c, i) =>
      c !== "" && c.toLowerCase() === kind && (c !== kind) === own ? [(kind === "p" ? "" : kind.toUpperCase()) + name(i)] : [])).join(" ");
    return (move ? `Last move from ${move.slice(0, 2)} to ${move.slice(2, 4)}. ` : "") +
      `White: ${list(true)}. Black: ${list(false)}. ${white ? "White" : "Black"} to move.`;
  }

  function element(tag, attributes) {
    const e = document.createElementNS(svg, tag);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    return e;
  }

  class Viewer {
    constructor(root) {
      this.root = root;
      this.moves = root.dataset.moves ? root.dataset.moves.split(" ") : [];
      this.boards = null;
      this.ply = Number(root.dataset.ply);
      this.whiteFirst = root.dataset.start.split(" ")[1] !== "b";
      this.board = root.querySelector("svg.board");
      this.arrows = [...this.board.querySelectorAll(".arrows > *")];
      if (this.ply !== this.moves.length) {
        this.arrows = (root.dataset.wrote || "").split(" ").filter((t, i, all) => /^[a-h][1-8][a-h][1-8]/.test(t) && all.indexOf(t) === i).flatMap((t) => {
          const p = (s) => ({ x: at(s) % 8 * 45 + 22, y: Math.floor(at(s) / 8) * 45 + 22 });
          const a = p(t), b = p(t.slice(2));
          return [element("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y }), element("circle", { cx: b.x, cy: b.y, r: 7 })];
        });
      }
      const evals = root.querySelector("svg.evals");
      if (evals) {
        evals.addEventListener("click", (e) => {
          const box = evals.getBoundingClientRect();
          this.show(Math.round((e.clientX - box.left) / box.width * Number(evals.dataset.plies)));
        });
      }
      root.addEventListener("click", (e) => {
        const step = e.target.closest(".step");
        const to = e.target.closest("[data-ply]");
        if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
        if (step) {
          e.preventDefault();
          this.step(step.classList.contains("first") ? "Home" : step.classList.contains("back") ? "ArrowLeft" : step.classList.contains("next") ? "ArrowRight" : "End");
        } else if (to && to !== root) {
          e.preventDefault();
          this.show(Number(to.dataset.ply));
        }
      });
      this.mark();
    }

    step(key) {
      this.show({ ArrowLeft: this.ply - 1, ArrowRight: this.ply + 1, Home: 0, End: this.moves.length }[key]);
    }

    show(ply) {
      this.boards ??= positions(this.root.dataset.start, this.moves);
      this.ply = Math.max(0, Math.min(this.moves.length, ply));
      const board = this.boards[this.ply], move = this.moves[this.ply - 1];
      this.board.querySelector(".pieces").replaceChildren(...board.flatMap((c, i) => c === "" ? [] :
        [element("use", { href: "#" + (c === c.toLowerCase() ? "b" : "w") + c.toUpperCase(), x: i % 8 * 45, y: Math.floor(i / 8) * 45, width: 45, height: 45 })]));
      this.board.querySelector(".marks").replaceChildren(...(move ? [at(move), at(move.slice(2))] : []).map((i) =>
        element("rect", { x: i % 8 * 45, y: Math.floor(i / 8) * 45, width: 45, height: 45 })));
      this.board.querySelector(".arrows").replaceChildren(...(this.ply === this.moves.length ? this.arrows : []));
      this.board.setAttribute("aria-label", describe(board, move, (this.ply % 2 === 0) === this.whiteFirst));
      this.mark();
      if (document.body.dataset.poll) {
        const url = new URL(location.href);
        url.searchParams.set("ply", this.ply);
        history.replaceState(null, "", url);
      }
    }

    // mark shows where the game is: in the list, the graph, the table.
    mark() {
      let current = null;
      for (const m of this.root.querySelectorAll(".move")) {
        const here = Number(m.dataset.ply) === this.ply;
        if (here) { m.setAttribute("aria-current", "true"); current = m; } else m.removeAttribute("aria-current");
      }
      const list = this.root.querySelector(".moves");
      if (current && list) { // in its own box: the page stays where it is
        const box = list.getBoundingClientRect(), row = current.getBoundingClientRect();
        if (row.top < box.top || row.bottom > box.bottom - 4) list.scrollTop += row.top - box.top - list.clientHeight / 2;
      } else if (list) list.scrollTop = 0;
      const number = current?.closest("li")?.value;
      const white = current && (this.ply % 2 === 1) === this.whiteFirst;
      this.root.querySelector(".caption").textContent = current ? `${number}${white ? "." : "..."} ${current.textContent.trim().replace(/\s+/g, "  ")}` : "Start";
      const now = this.root.querySelector(".evals .now");
      if (now) {
        const x = this.ply / Math.max(1, this.moves.length) * 360;
        now.setAttribute("x1", x);
        now.setAttribute("x2", x);
      }
      const panel = this.root.querySelector(".now-choices");
      let shown = false;
      for (const row of this.root.querySelectorAll("table.choices tr[data-ply]")) {
        const here = Number(row.dataset.ply) === this.ply;
        row.toggleAttribute("data-current", here);
        if (here && !shown) {
          shown = true;
          const title = document.createElement("p");
          title.textContent = row.querySelector("th").textContent.trim().replace(/\s+/g, " ") + ", and the model's probabilities at T = 1 and at its own:";
          const top = document.createElement("div");
          top.className = "top";
          top.append(...[...row.querySelectorAll("td.top > .option")].map((o) => o.cloneNode(true)));
          panel.replaceChildren(title, top);
        }
      }
      panel.hidden = !shown;
    }
  }

  const viewers = new Map();
  let last = null;
  // A report has hundreds of games: each is set up when it is opened.
  const viewerOf = (root) => {
    if (!root) return null;
    if (!viewers.has(root)) viewers.set(root, new Viewer(root));
    return viewers.get(root);
  };

  function setUp() {
    const roots = [...document.querySelectorAll(".viewer")].filter((r) => !r.closest("details:not([open])"));
    for (const r of roots) viewerOf(r);
    return roots;
  }
  document.addEventListener("toggle", (e) => {
    if (e.target.open && e.target.matches(".gamefold")) last = viewerOf(e.target.querySelector(".viewer"));
  }, true);
  document.addEventListener("pointerdown", (e) => { last = viewerOf(e.target.closest(".viewer")) ?? last; });
  document.addEventListener("keydown", (e) => {
    if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(e.key) || e.altKey || e.ctrlKey || e.metaKey || e.shiftKey) return;
    if (e.target.closest("input, select, textarea")) return;
    const wide = e.target.closest(".scroll"); // arrows scroll a table that is wider than its box
    if (wide && wide.scrollWidth > wide.clientWidth) return;
    const open = setUp();
    const v = viewerOf(e.target.closest(".viewer")) ?? (last && open.includes(last.root) ? last : null) ?? (open.length === 1 ? viewerOf(open[0]) : null);
    if (!v) return;
    e.preventDefault();
    v.step(e.key);
  });
  // A link to a game of a report opens it.
  const openTarget = () => {
    const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    if (target?.matches("details.gamefold")) { target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", openTarget);

  // --- what takes a while -------------------------------------------------

  async function load(box) {
    const url = box.dataset.load;
    box.removeAttribute("data-load");
    const p = document.createElement("p");
    p.className = "muted";
    p.textContent = "Asking the model…";
    box.replaceChildren(p);
    try {
      const answer = await fetch(url);
      const text = await answer.text();
      if (!answer.ok) throw new Error(answer.statusText);
      // From our own server, whose templates escape what comes from games.
      box.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
      viewers.get(box.closest(".viewer"))?.mark();
    } catch (e) {
      p.textContent = `No probabilities: ${e.message}`;
    }
  }

  // --- renewing -----------------------------------------------------------

  const poll = Number(document.body.dataset.poll || 0) * 1000;
  const freshness = document.getElementById("freshness");
  let failed = false;

  async function renew() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: "no-cache", headers: { "X-Renew": "1" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = next.getElementById(part.id);
        if (!fresh || fresh.innerHTML === part.dataset.was) continue;
        part.dataset.was = fresh.innerHTML;
        const open = [...part.querySelectorAll("details[open]")].map((d) => d.id);
        const active = part.contains(document.activeElement) ? document.activeElement : null;
        const again = active && [...part.querySelectorAll("a, summary, [tabindex]")].indexOf(active);
        const scrolled = [...part.querySelectorAll(".scroll")].map((s) => s.scrollLeft);
        part.replaceChildren(...fresh.childNodes);
        for (const id of open) document.getElementById(id)?.setAttribute("open", "");
        [...part.querySelectorAll(".scroll")].forEach((s, i) => { s.scrollLeft = scrolled[i] || 0; });
        if (active) [...part.querySelectorAll("a, summary, [tabindex]")][again]?.focus({ preventScroll: true });
      }
      if (failed) { failed = false; freshness.textContent = ""; }
    } catch {
      // Said once, not every second.
      if (!failed) { failed = true; freshness.textContent = "the arena's server does not answer; this is as of " + new Date().toLocaleTimeString(); }
    }
  }

  setUp();
  openTarget();
  document.querySelectorAll("[data-load]").forEach((box) => load(box));
  if (poll && document.querySelector("[data-live]")) {
    for (const part of document.querySelectorAll("[data-live]")) part.dataset.was = part.innerHTML;
    const loop = async () => { await renew(); setTimeout(loop, poll); };
    setTimeout(loop, poll);
  }
})();
