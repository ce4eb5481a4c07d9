"use strict";
(() => {
  const body = document.getElementById("rows");
  const closed = [...document.querySelectorAll("details")];
  // Paper cannot be clicked: print what is folded away, and fold it again.
  addEventListener("beforeprint", () => {
    for (const each of closed) {
      each.dataset.was = each.open;
      each.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = each.dataset.was === "true";
  });
  if (!body) return;

  // What stands below each break for those without scripts is made anew where it is opened.
  for (const each of body.querySelectorAll(":scope > .plain")) each.remove();
  const page = 200;
  const rows = [...body.rows];
  let limit = page;
  const filters = document.getElementById("filters");
  const field = (name) => document.getElementById("f-" + name);
  const shown = document.getElementById("shown");
  const none = document.getElementById("none");
  const more = document.getElementById("more");
  const count = new Intl.NumberFormat("en-US");
  let details = null;
  let texts = null;

  // Text goes into the page as text only: never as markup.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const data = () => (details ??= JSON.parse(document.getElementById("details").textContent));

  const cell = (value, absent) => {
    const td = make("td", { class: "value" });
    if (value === null) td.append(make("span", { class: "absent" }, absent));
    else if (typeof value === "string") td.append(value);
    else for (const [text, differs] of value) td.append(differs ? make("mark", {}, text) : text);
    return td;
  };
  const facts = (pairs) =>
    make("dl", { class: "facts" }, ...pairs.map(([name, text]) =>
      make("div", {}, make("dt", {}, name), make("dd", {}, text))));
  const head = (names) =>
    make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));

  const comparison = (brk) => {
    const [internal, external] = brk.sides;
    const lines = brk.fields.map(([name, ours, theirs, difference, differs]) => {
      const allowed = !differs && ours !== null && theirs !== null && ours !== theirs;
      return make("tr", differs ? { class: "differs" } : {},
        make("th", { scope: "row" }, name),
        cell(ours, internal ? "no value" : "no record"),
        cell(theirs, external ? "no value" : "no record"),
        difference === null
          ? make("td", { class: "n muted" }, allowed ? "allowed, or not compared" : "")
          : make("td", { class: "n value" }, difference));
    });
    return make("table", { class: "list compare" },
      make("caption", {}, "Both sides"),
      head(["Field", "Internal", "External", "Internal − external"]),
      make("tbody", {}, ...lines));
  };
  const others = (parts) => {
    const names = [...new Set(parts.flatMap((part) => Object.keys(part.record)))]
      .filter((name) => parts.some((part) => (part.record[name] ?? null) !== null));
    const value = (part, name) => part.record[name] ?? null;
    const contested = new Set(names.filter((name) =>
      parts.some((part) => value(part, name) !== value(parts[0], name))));
    const shown = (text, name) => text !== null && contested.has(name) ? [[text, true]] : text;
    return make("table", { class: "list compare" },
      make("caption", {}, "Other records: duplicates, candidates, members"),
      head(["Side", "Role", ...names]),
      make("tbody", {}, ...parts.map((part) => make("tr", {},
        make("td", {}, part.side), make("td", {}, part.role),
        ...names.map((name) => cell(shown(value(part, name), name), ""))))));
  };
  const render = (brk) => {
    const records = make("div");
    if (brk.fields.length) records.append(make("div", { class: "scroll" }, comparison(brk)));
    if (brk.others.length) records.append(make("div", { class: "scroll" }, others(brk.others)));
    const about = make("div", {},
      make("h3", {}, "This break"), facts(brk.facts), make("h3", {}, "Key"), facts(brk.key));
    const td = make("td", { colspan: rows[0].cells.length }, make("div", { class: "sheet" }, records, about));
    return make("tr", { class: "detail" }, td);
  };

  const detail = (row) => row.nextElementSibling?.classList.contains("detail") ? row.nextElementSibling : null;
  const toggle = (row) => {
    const open = detail(row);
    row.querySelector(".open").setAttribute("aria-expanded", String(!open));
    if (open) open.remove();
    else row.after(render(data()[Number(row.dataset.index)]));
  };
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-index]");
    if (row && (event.target.closest(".open") || getSelection().isCollapsed)) toggle(row);
  });

  const printed = [];
  addEventListener("beforeprint", () => {
    for (const row of rows) {
      if (row.hidden || detail(row)) continue;
      toggle(row);
      printed.push(row);
    }
  });
  addEventListener("afterprint", () => {
    for (const row of printed.splice(0)) if (detail(row)) toggle(row);
  });

  const search = () =>
    (texts ??= data().map((brk) => values(brk).toLowerCase()));
  const values = (value) => {
    if (value === null || typeof value === "boolean") return "";
    if (typeof value !== "object") return String(value);
    if (Array.isArray(value) && value.every((part) => Array.isArray(part) && typeof part[1] === "boolean"))
      return value.map((part) => part[0]).join("");
    return Object.values(value).map(values).join("\n");
  };
  const apply = () => {
    const wanted = (name) => field(name)?.value ?? "";
    const words = wanted("text").toLowerCase().split(/\s+/).filter(Boolean);
    const severity = wanted("severity");
    const exact = ["reconciliation", "kind", "state", "age"].filter((name) => wanted(name));
    const index = words.length ? search() : null;
    let passed = 0;
    for (const row of rows) {
      const keep = (!severity || Number(row.dataset.rank) >= Number(severity))
        && exact.every((name) => row.dataset[name] === wanted(name))
        && words.every((word) => index[row.dataset.index].includes(word));
      passed += keep;
      for (const each of [row, detail(row)]) {
        if (!each) continue;
        each.hidden = !keep;
        each.classList.toggle("later", passed > limit);
      }
    }
    const total = Number(shown.dataset.total);
    const held = count.format(rows.length);
    const all = " of " + count.format(total) + " breaks";
    if (total === rows.length) shown.textContent = count.format(passed) + all;
    else if (passed === rows.length) shown.textContent = held + " shown" + all;
    else shown.textContent = count.format(passed) + " of the " + held + " shown" + all;
    none.hidden = passed > 0;
    more.hidden = passed <= limit;
  };
  const grow = () => {
    limit += page;
    apply();
  };
  const refilter = () => {
    limit = page;
    apply();
  };
  more.querySelector("button").addEventListener("click", grow);
  new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && grow()).observe(more);
  let timer = 0;
  filters.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(refilter, event.target.id === "f-text" ? 120 : 0);
  });
  filters.addEventListener("reset", () => setTimeout(refilter, 0));
  filters.addEventListener("submit", (event) => event.preventDefault());
  for (const each of document.querySelectorAll(".pick")) {
    each.addEventListener("click", () => {
      const facet = field(each.dataset.facet);
      facet.value = facet.value === each.dataset.value ? "" : each.dataset.value;
      refilter();
      document.getElementById("breaks").scrollIntoView();
    });
  }

  const numeric = new Set(["rank", "seconds", "value"]);
  const compare = (name, sign) => (left, right) => {
    const [a, b] = [left.dataset[name], right.dataset[name]];
    // What has no value stands at the end, whichever way the others are sorted.
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (numeric.has(name) ? Math.abs(a) - Math.abs(b) : a.localeCompare(b, "en", { numeric: true }));
  };
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const first = numeric.has(button.dataset.sort) ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? second : first;
      for (const each of document.querySelectorAll("#table [aria-sort]")) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      rows.sort(compare(button.dataset.sort, order === "ascending" ? 1 : -1));
      body.append(...rows.flatMap((row) => (detail(row) ? [row, detail(row)] : [row])));
      refilter();
    });
  }
})();
