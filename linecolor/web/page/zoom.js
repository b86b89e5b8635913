// Two views that show the same part of the drawing at the same size.
export class Zoom {
  constructor(views) {
    this.views = views;
    this.times = 1;
    this.shape = { width: 1, height: 1 };
    for (const view of views) view.addEventListener("scroll", () => this.#follow(view), { passive: true });
    new ResizeObserver(() => this.place()).observe(views[0]);
  }

  fit(shape) {
    this.shape = shape ?? this.shape;
    this.times = 1;
    this.place();
  }

  by(factor) {
    const centres = this.views.map((view) => [
      (view.scrollLeft + view.clientWidth / 2) / view.scrollWidth,
      (view.scrollTop + view.clientHeight / 2) / view.scrollHeight,
    ]);
    this.times = Math.min(8, Math.max(1, this.times * factor));
    this.place();
    this.views.forEach((view, i) => {
      view.scrollLeft = centres[i][0] * view.scrollWidth - view.clientWidth / 2;
      view.scrollTop = centres[i][1] * view.scrollHeight - view.clientHeight / 2;
    });
  }

  place() {
    for (const view of this.views) {
      const style = getComputedStyle(view);
      const limit = style.height === "auto" || style.maxHeight !== "none" ? parseFloat(style.maxHeight) : view.offsetHeight;
      const wide = view.offsetWidth - 4;
      const scale = Math.min(wide / this.shape.width, (limit - 4) / this.shape.height) * this.times;
      view.style.setProperty("--wide", `${Math.floor(this.shape.width * scale)}px`);
      view.style.setProperty("--high", `${Math.floor(this.shape.height * scale)}px`);
    }
  }

  #follow(leader) {
    for (const view of this.views) {
      if (view === leader) continue;
      if (Math.abs(view.scrollLeft - leader.scrollLeft) > 1) view.scrollLeft = leader.scrollLeft;
      if (Math.abs(view.scrollTop - leader.scrollTop) > 1) view.scrollTop = leader.scrollTop;
    }
  }
}
