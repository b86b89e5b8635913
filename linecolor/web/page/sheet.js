// The drawing that is painted on: pointer to strokes, strokes to canvas. The canvas has the size of the view;
// strokes are kept in pixels of the page.
const STEP = 1.5; // pixels of the view between two points of a stroke

export class Sheet {
  /** brush(): {color, width in pixels of the view}; painted(stroke); picks(event): whether a click picks a
      colour, which calls picked(x, y) in shares of the page. */
  constructor(canvas, ring, brush, painted, picks, picked) {
    this.canvas = canvas;
    this.ring = ring;
    this.brush = brush;
    this.painted = painted;
    this.picks = picks;
    this.picked = picked;
    this.page = { width: 1, height: 1 };
    this.stroke = null;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.#cancel());
    canvas.addEventListener("pointerleave", () => (ring.hidden = true));
  }

  /** Take another drawing; its view gives the canvas's size. */
  open(page, view) {
    this.page = page;
    this.stroke = null;
    this.canvas.width = view.width;
    this.canvas.height = view.height;
  }

  /** Pixels of the page for one of the view. */
  get scale() {
    return this.page.width / this.canvas.width;
  }

  draw(strokes) {
    this.strokes = strokes;
    const pen = this.canvas.getContext("2d");
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const stroke of strokes) this.#paint(stroke, 0);
  }

  #paint(stroke, from) {
    const pen = this.canvas.getContext("2d");
    const points = stroke.points.slice(Math.max(0, from - 1)).map(([x, y]) => [x / this.scale, y / this.scale]);
    pen.globalCompositeOperation = stroke.color === null ? "destination-out" : "source-over";
    pen.strokeStyle = pen.fillStyle = stroke.color ?? "#000";
    pen.lineWidth = stroke.width / this.scale;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    if (points.length === 1) {
      pen.arc(...points[0], pen.lineWidth / 2, 0, 2 * Math.PI);
      pen.fill();
      return;
    }
    pen.moveTo(...points[0]);
    for (const point of points.slice(1)) pen.lineTo(...point);
    pen.stroke();
  }

  #at(event) {
    const rect = this.canvas.getBoundingClientRect();
    return [(event.clientX - rect.left) / rect.width, (event.clientY - rect.top) / rect.height];
  }

  #down(event) {
    if (event.button || this.stroke || !event.isPrimary) return;
    event.preventDefault();
    if (this.picks(event)) {
      this.picked(...this.#at(event));
      return;
    }
    this.canvas.setPointerCapture(event.pointerId);
    const { color, width } = this.brush();
    this.stroke = { color, width: round(width * this.scale), points: [] };
    this.#extend([event]);
  }

  #move(event) {
    this.#showRing(event);
    if (!this.stroke) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.#extend(events.length ? events : [event]);
  }

  #extend(events) {
    const from = this.stroke.points.length;
    for (const event of events) {
      const [x, y] = this.#at(event);
      const point = [round(x * this.page.width), round(y * this.page.height)];
      const last = this.stroke.points.at(-1);
      if (!last || Math.hypot(point[0] - last[0], point[1] - last[1]) >= STEP * this.scale) this.stroke.points.push(point);
    }
    if (this.stroke.points.length > from) this.#paint(this.stroke, from);
  }

  #up(event) {
    if (!this.stroke) return;
    this.#extend([event]);
    const stroke = this.stroke;
    this.stroke = null;
    this.painted(stroke);
  }

  // A second finger: this was the start of a pinch, not a stroke.
  #cancel() {
    this.stroke = null;
    this.draw(this.strokes ?? []);
  }

  #showRing(event) {
    const wide = event.pointerType !== "touch";
    this.ring.hidden = !wide;
    this.canvas.classList.toggle("ringed", wide);
    if (!wide) return;
    const [x, y] = this.#at(event);
    const side = (this.brush().width / this.canvas.width) * this.canvas.getBoundingClientRect().width;
    Object.assign(this.ring.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${side}px`, height: `${side}px` });
  }
}

const round = (value) => Math.round(value * 100) / 100;
