"use strict";
(() => {
  const dialog = document.getElementById("zoom");
  const stage = document.getElementById("zoom-stage");
  const tabs = document.getElementById("zoom-tabs");
  const rows = [...document.querySelectorAll(".row")]
    .map((row) => ({ row, frames: [...row.querySelectorAll("button.frame")] }))
    .filter((entry) => entry.frames.length);

  const lineOf = (entry) => entry.frames.find((frame) => "line" in frame.dataset);
  const pictureOf = (frame) => frame.querySelector("img:not(.under)");
  const ratio = (frame) => frame.dataset.width / frame.dataset.height;
  const paleLine = (entry, frame) => {
    const line = lineOf(entry);
    if (!line || line === frame || !frame.classList.contains("alpha")) return null;
    if (Math.abs(ratio(line) / ratio(frame) - 1) > 0.02) return null;
    const under = new Image();
    under.src = pictureOf(line).src;
    under.alt = "";
    under.className = "under";
    return under;
  };

  // A view shared by all pictures of a drawing, so that going from one to the next moves nothing:
  // zoom 1 fits the stage, (x, y) is the point of the picture in the middle of the stage, in [0, 1].
  let at = { row: 0, picture: 0 };
  let view = { zoom: 1, x: 0.5, y: 0.5 };
  let layers = [];

  const fitted = (layer) => {
    const scale = Math.min(stage.clientWidth / layer.width, stage.clientHeight / layer.height);
    return { width: layer.width * scale, height: layer.height * scale };
  };
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const keepInside = (centre, room, size) =>
    size <= room ? 0.5 : clamp(centre, room / 2 / size, 1 - room / 2 / size);

  function place() {
    if (!layers.length) return;
    const current = layers[at.picture];
    const base = fitted(current);
    const stored = current.images[0].naturalWidth || current.width;
    view.zoom = clamp(view.zoom, 1, Math.max(4, (40 * stored) / base.width));
    view.x = keepInside(view.x, stage.clientWidth, base.width * view.zoom);
    view.y = keepInside(view.y, stage.clientHeight, base.height * view.zoom);
    layers.forEach((layer, index) => {
      const { width, height } = fitted(layer);
      const left = stage.clientWidth / 2 - view.x * width * view.zoom;
      const top = stage.clientHeight / 2 - view.y * height * view.zoom;
      for (const image of [layer.box, ...layer.images]) {
        image.style.width = `${width * view.zoom}px`;
        image.style.height = `${height * view.zoom}px`;
      }
      for (const image of layer.images) {
        image.classList.toggle("pixels", width * view.zoom > 2 * (image.naturalWidth || layer.width));
      }
      layer.box.style.transform = `translate(${left}px, ${top}px)`;
      layer.box.style.visibility = index === at.picture ? "visible" : "hidden";
    });
    const percent = (100 * base.width * view.zoom * devicePixelRatio) / stored;
    document.getElementById("zoom-percent").textContent = `${Math.round(percent)} %`;
  }

  function describe() {
    const entry = rows[at.row];
    const frame = entry.frames[at.picture];
    const image = pictureOf(frame);
    const size = `${frame.dataset.width} × ${frame.dataset.height} px`;
    const stored = `${image.getAttribute("width")} × ${image.getAttribute("height")} px`;
    document.getElementById("zoom-name").textContent = entry.row.dataset.name;
    document.getElementById("zoom-meta").textContent = [
      frame.dataset.column,
      entry.row.dataset.caption,
      size === stored ? size : `${size}, stored here at ${stored}`,
    ].filter(Boolean).join(" · ");
    [...tabs.children].forEach((tab, index) => {
      tab.setAttribute("aria-pressed", index === at.picture);
      if (index === at.picture) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  }

  function build() {
    const entry = rows[at.row];
    layers = entry.frames.map((frame) => {
      const box = document.createElement("div");
      box.className = frame.classList.contains("alpha") ? "layer alpha" : "layer";
      const image = new Image();
      image.src = pictureOf(frame).src;
      image.alt = frame.dataset.column;
      const under = paleLine(entry, frame);
      if (under) box.classList.add("lined");
      box.append(...(under ? [under, image] : [image]));
      image.onload = place;
      return {
        box,
        images: under ? [image, under] : [image],
        width: +frame.dataset.width,
        height: +frame.dataset.height,
      };
    });
    stage.replaceChildren(...layers.map((layer) => layer.box));
    tabs.replaceChildren(
      ...entry.frames.map((frame, index) => {
        const tab = document.createElement("button");
        tab.type = "button";
        tab.textContent = frame.dataset.column;
        tab.onclick = () => show(at.row, index);
        return tab;
      }),
    );
  }

  function show(row, picture) {
    const other = row !== at.row || !layers.length;
    at = { row, picture: clamp(picture, 0, rows[row].frames.length - 1) };
    if (other) {
      view = { zoom: 1, x: 0.5, y: 0.5 };
      build();
    }
    describe();
    place();
  }

  const beside = (step) => {
    const count = rows[at.row].frames.length;
    show(at.row, (at.picture + step + count) % count);
  };
  const above = (step) => {
    const row = clamp(at.row + step, 0, rows.length - 1);
    const column = rows[at.row].frames[at.picture].dataset.column;
    const same = rows[row].frames.findIndex((frame) => frame.dataset.column === column);
    if (row !== at.row) show(row, Math.max(0, same));
  };

  function zoomAt(factor, clientX, clientY) {
    const rect = stage.getBoundingClientRect();
    const dx = (clientX ?? rect.left + rect.width / 2) - rect.left - rect.width / 2;
    const dy = (clientY ?? rect.top + rect.height / 2) - rect.top - rect.height / 2;
    const { width, height } = fitted(layers[at.picture]);
    const before = view.zoom;
    view.zoom *= factor;
    const { x, y } = view;
    place();
    view.x = x + dx / width / before - dx / width / view.zoom;
    view.y = y + dy / height / before - dy / height / view.zoom;
    place();
  }
  function pan(dx, dy) {
    const { width, height } = fitted(layers[at.picture]);
    view.x -= dx / width / view.zoom;
    view.y -= dy / height / view.zoom;
    place();
  }
  const fit = () => {
    view = { zoom: 1, x: 0.5, y: 0.5 };
    place();
  };
  function actual(clientX, clientY) {
    const layer = layers[at.picture];
    const target = layer.images[0].naturalWidth / devicePixelRatio / fitted(layer).width;
    zoomAt(Math.max(target, 1) / view.zoom, clientX, clientY);
  }

  function open(row, picture) {
    layers = [];
    dialog.showModal();
    document.documentElement.classList.add("zooming");
    show(row, picture);
  }
  dialog.addEventListener("close", () => {
    document.documentElement.classList.remove("zooming");
    stage.replaceChildren();
    layers = [];
    rows[at.row].frames[at.picture].focus();
  });

  const actions = {
    in: () => zoomAt(1.5),
    out: () => zoomAt(1 / 1.5),
    fit,
    actual: () => actual(),
    close: () => dialog.close(),
    above: () => above(-1),
    below: () => above(1),
  };
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) actions[button.dataset.do]();
  });
  const keys = {
    ArrowLeft: () => beside(-1),
    ArrowRight: () => beside(1),
    ArrowUp: actions.above,
    ArrowDown: actions.below,
    "+": actions.in,
    "=": actions.in,
    "-": actions.out,
    0: fit,
    1: actions.actual,
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const speed = event.ctrlKey ? 0.01 : 0.0015;
    zoomAt(Math.exp(-clamp(event.deltaY * lines, -400, 400) * speed), event.clientX, event.clientY);
  }, { passive: false });

  // One pointer drags, two pinch; where the whole picture is seen, a sideways swipe goes to the next one.
  const pointers = new Map();
  let swipe = null;
  const pinch = () => {
    const [a, b] = [...pointers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, reach: Math.hypot(a.x - b.x, a.y - b.y) || 1 };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const alone = pointers.size === 1 && event.pointerType === "touch" && view.zoom === 1;
    swipe = alone ? { x: event.clientX, y: event.clientY } : null;
  });
  stage.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const before = pointers.size === 2 && pinch();
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (before) {
      const after = pinch();
      pan(after.x - before.x, after.y - before.y);
      zoomAt(after.reach / before.reach, after.x, after.y);
    } else if (pointers.size === 1) {
      pan(event.clientX - last.x, event.clientY - last.y);
    }
  });
  const release = (event) => {
    if (pointers.delete(event.pointerId) && swipe && event.type === "pointerup") {
      const [dx, dy] = [event.clientX - swipe.x, event.clientY - swipe.y];
      if (Math.abs(dx) > 50 && Math.abs(dx) > 2 * Math.abs(dy)) beside(dx < 0 ? 1 : -1);
    }
    swipe = null;
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("dblclick", (event) => {
    if (view.zoom > 1) fit();
    else zoomAt(3, event.clientX, event.clientY);
  });
  addEventListener("resize", () => dialog.open && place());

  rows.forEach((entry, row) => {
    entry.frames.forEach((frame, picture) => {
      frame.title = "Enlarge";
      frame.addEventListener("click", () => open(row, picture));
      const under = paleLine(entry, frame);
      if (under) {
        frame.classList.add("lined");
        frame.prepend(under);
      }
    });
  });
})();
