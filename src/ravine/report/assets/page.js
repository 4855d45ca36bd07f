(() => {
  "use strict";

  const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false, typesetMath: false };
  const TOKEN = /^var\((--[a-z0-9-]+)\)$/;

  const figures = new Map();
  for (const script of document.querySelectorAll("script[data-figure]")) {
    figures.set(script.dataset.figure, { spec: JSON.parse(script.textContent), log: false });
  }

  // Colours stand in the plots by name; only below keys that speak of colours, so that no word of the data is taken for one.
  function painted(value, style, inColor) {
    if (typeof value === "string") {
      const token = inColor && TOKEN.exec(value);
      return token ? style.getPropertyValue(token[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => painted(item, style, inColor));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, painted(item, style, /color/i.test(key))]),
      );
    }
    return value;
  }

  function draw(id) {
    const place = document.getElementById(id);
    if (!place || place.clientWidth === 0) return; // folded away: drawn when opened
    const { spec, log } = figures.get(id);
    const style = getComputedStyle(document.documentElement);
    const { data, layout } = painted(spec, style, false);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    if (log) layout.yaxis = { ...layout.yaxis, type: "log", dtick: undefined, exponentformat: "power" };
    Plotly.react(place, data, layout, CONFIG);
  }

  const drawAll = () => figures.forEach((_, id) => draw(id));

  if (window.Plotly) {
    drawAll();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    for (const details of document.querySelectorAll("details")) {
      details.addEventListener("toggle", () => {
        if (details.open) details.querySelectorAll(".plot").forEach((place) => draw(place.id));
      });
    }
    for (const button of document.querySelectorAll("[data-log]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const figure = figures.get(button.dataset.log);
        figure.log = !figure.log;
        button.setAttribute("aria-pressed", String(figure.log));
        draw(button.dataset.log);
      });
    }
    // On paper: light, and everything unfolded.
    let opened = [];
    addEventListener("beforeprint", () => {
      document.documentElement.dataset.scheme = "light";
      opened = [...document.querySelectorAll("details:not([open])")];
      opened.forEach((details) => (details.open = true));
      drawAll();
    });
    addEventListener("afterprint", () => {
      delete document.documentElement.dataset.scheme;
      opened.forEach((details) => (details.open = false));
      drawAll();
    });
  }

  if (navigator.clipboard) {
    for (const button of document.querySelectorAll(".copy")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const code = button.parentElement.querySelector("code").textContent;
        try {
          await navigator.clipboard.writeText(code);
          button.textContent = "copied";
        } catch {
          button.textContent = "not allowed";
        }
        setTimeout(() => (button.textContent = "copy"), 1600);
      });
    }
  }

  // The list of contents follows the reader.
  const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]));
  const inSight = new Set();
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) inSight[entry.isIntersecting ? "add" : "delete"](entry.target.id);
      const first = [...links.keys()].find((id) => inSight.has(id));
      links.forEach((a, id) => (id === first ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current")));
    },
    { rootMargin: "-15% 0px -70% 0px" },
  );
  links.forEach((_, id) => watcher.observe(document.getElementById(id)));
})();
