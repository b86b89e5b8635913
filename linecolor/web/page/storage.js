// Hints outlive a reload, another drawing and the browser's end: it keeps them for the file they were painted on.
const PREFIX = "linecolor hints: ";
const MOST = 30; // files
const LARGEST = 1_000_000; // characters of a file's strokes: one drawing must not push out all others

const key = (file) => `${PREFIX}${file.name} ${file.size} ${file.lastModified}`;
const read = (name) => {
  try {
    const { when, strokes } = JSON.parse(localStorage.getItem(name));
    return { when: Number(when), strokes: strokes.filter(({ points }) => Array.isArray(points)) };
  } catch {
    return { when: 0, strokes: [] }; // none, or of another version, or the browser keeps nothing
  }
};

/** The names of what is kept of other files, the longest untouched last. */
function others(than) {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX) && name !== than);
  const kept = names.map((name) => [read(name).when, name]);
  return kept.sort(([a], [b]) => b - a).map(([, name]) => name);
}

/** Keep the strokes of a file in place of what was kept of it; the files longest untouched make room. */
export function keep(file, strokes) {
  const name = key(file);
  try {
    if (!strokes.length) return localStorage.removeItem(name);
    const text = JSON.stringify({ when: Date.now(), strokes });
    if (text.length > LARGEST) throw new Error("there are too many");
    let known = null;
    if (localStorage.getItem(name) === null) {
      known = others(name);
      while (known.length >= MOST) localStorage.removeItem(known.pop());
    }
    for (;;) {
      try {
        return localStorage.setItem(name, text);
      } catch (error) {
        known ??= others(name);
        if (!known.length) throw error;
        localStorage.removeItem(known.pop());
      }
    }
  } catch (error) {
    console.warn(`These hints are not kept for later: ${error.message}`);
  }
}

/** The strokes that were kept of a file, none where there are none. */
export const kept = (file) => read(key(file)).strokes;
