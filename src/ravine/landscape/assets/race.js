(() => {
  "use strict";

  const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false, typesetMath: false };
  const TOKEN = /^var\((--[a-z0-9-]+)\)$/;
  const COLORS = 10;
  const SECONDS = 7;
  const GENTLE = 1.6; // the first steps, which differ most, take more of the time

  if (!window.Plotly) return;
  const race = JSON.parse(document.getElementById("race").textContent);
  const map = document.getElementById("map");
  const loss = document.getElementById("loss");
  const slider = document.getElementById("step");
  const words = document.getElementById("step-words");
  const play = document.getElementById("play");
  const boxes = [...document.querySelectorAll("[data-lane]")];
  const fixed = race.map.ground.length;

  // Colours stand in the drawings by name, only below keys that speak of colours.
  function painted(value, style, inColor) {
    if (typeof value === "string") {
      const token = inColor && TOKEN.exec(value);
      return token ? style.getPropertyValue(token[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => painted(item, style, inColor));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, painted(item, style, inColor || /color/i.test(key))]),
      );
    }
    return value;
  }

  const step = () => Number(slider.value);
  const shown = (place) => boxes[place].checked;
  const upTo = (values, last) => values.slice(0, last + 1);
  const hue = (place) => `var(--lane-${place % COLORS})`;
  const dash = (place) => (Math.floor(place / COLORS) % 2 ? "dash" : "solid");
  const numbers = Array.from({ length: race.steps + 1 }, (_, place) => place);

  const narrow = () => map.clientWidth < 500;

  function paths(last) {
    const [width, size] = narrow() ? [1.6, 3.5] : [2.5, 5];
    return race.lanes.map((lane, place) => ({
      type: "scatter",
      mode: lane.beads ? "lines+markers" : "lines",
      name: lane.name,
      x: upTo(lane.x, last),
      y: upTo(lane.y, last),
      customdata: upTo(numbers, last),
      visible: shown(place),
      line: { color: hue(place), width, dash: dash(place) },
      marker: { color: hue(place), size },
      hovertemplate: "step %{customdata}<br>%{x:.4g}, %{y:.4g}<extra>%{fullData.name}</extra>",
    }));
  }

  function heads(last) {
    const there = race.lanes.map((_, place) => place).filter(shown);
    return {
      type: "scatter",
      mode: "markers",
      x: there.map((place) => race.lanes[place].x[last]),
      y: there.map((place) => race.lanes[place].y[last]),
      marker: { color: there.map(hue), size: narrow() ? 9 : 12, line: { color: "var(--map-low)", width: 2 } },
      hoverinfo: "skip",
    };
  }

  function curves(last) {
    return race.lanes.map((lane, place) => ({
      type: "scatter",
      mode: "lines",
      name: lane.name,
      x: upTo(numbers, last),
      y: upTo(lane.gap, last),
      visible: shown(place),
      line: { color: hue(place), width: 2, dash: dash(place) },
      hovertemplate: "step %{x}<br>%{y:.4g}<extra>%{fullData.name}</extra>",
    }));
  }

  function draw() {
    const last = step();
    const style = getComputedStyle(document.documentElement);
    const family = getComputedStyle(document.body).fontFamily;
    const put = (place, data, layout) => {
      const made = painted({ data, layout }, style, false);
      made.layout.font.family = family;
      return Plotly.react(place, made.data, made.layout, CONFIG);
    };
    put(map, [...race.map.ground, ...paths(last), race.map.start, heads(last)], race.map.layout);
    put(loss, curves(last), race.loss.layout);
    words.textContent = `step ${last} of ${race.steps}`;
  }

  // While playing only what moves is changed: the surface stays as it is drawn.
  function advance() {
    const last = step();
    const lanes = race.lanes.map((_, place) => place);
    const there = heads(last);
    Plotly.restyle(
      map,
      {
        x: [...lanes.map((place) => upTo(race.lanes[place].x, last)), there.x],
        y: [...lanes.map((place) => upTo(race.lanes[place].y, last)), there.y],
      },
      [...lanes.map((place) => fixed + place), fixed + lanes.length + 1],
    );
    Plotly.restyle(
      loss,
      {
        x: lanes.map(() => upTo(numbers, last)),
        y: lanes.map((place) => upTo(race.lanes[place].gap, last)),
      },
      lanes,
    );
    words.textContent = `step ${last} of ${race.steps}`;
  }

  let playing = 0;
  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "Play";
  }

  function start() {
    const from = step() === race.steps ? 0 : step();
    const begun = performance.now() - 1000 * SECONDS * (from / race.steps) ** (1 / GENTLE);
    play.textContent = "Pause";
    const tick = (now) => {
      const share = Math.min(1, Math.max(0, (now - begun) / (1000 * SECONDS)));
      const next = Math.round(race.steps * share ** GENTLE);
      if (next !== step() || next === 0) {
        slider.value = next;
        advance();
      }
      if (share < 1) playing = requestAnimationFrame(tick);
      else stop();
    };
    playing = requestAnimationFrame(tick);
  }

  document.querySelector(".controls").hidden = false;
  play.addEventListener("click", () => (playing ? stop() : start()));
  slider.addEventListener("input", () => {
    stop();
    advance();
  });
  boxes.forEach((box) => box.addEventListener("change", draw));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.scheme = "light";
    draw();
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.scheme;
    draw();
  });
  draw();
})();
