// Strokes are stored for the file they were painted on: they survive a reload, another drawing and a closed browser.
const PREFIX = "linecolor hints: ";
const MAX_FILES = 30;
const MAX_CHARACTERS = 1_000_000; // of the strokes of a file: one drawing must not push out all others

const key = (file) => `${PREFIX}${file.name} ${file.size} ${file.lastModified}`;
const read = (name) => {
  try {
    const { when, strokes } = JSON.parse(localStorage.getItem(name));
    return { when: Number(when), strokes: strokes.filter(({ points }) => Array.isArray(points)) };
  } catch {
    return { when: 0, strokes: [] }; // none, or of another version, or the browser stores nothing
  }
};

/** The keys of other files, the one untouched longest last. */
function otherKeys(own) {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX) && name !== own);
  const dated = names.map((name) => [read(name).when, name]);
  return dated.sort(([a], [b]) => b - a).map(([, name]) => name);
}

/** Store the strokes of a file in place of its earlier ones; the files untouched longest make room. */
export function saveStrokes(file, strokes) {
  const name = key(file);
  try {
    if (!strokes.length) return localStorage.removeItem(name);
    const text = JSON.stringify({ when: Date.now(), strokes });
    if (text.length > MAX_CHARACTERS) throw new Error("there are too many");
    let others = null;
    if (localStorage.getItem(name) === null) {
      others = otherKeys(name);
      while (others.length >= MAX_FILES) localStorage.removeItem(others.pop());
    }
    for (;;) {
      try {
        return localStorage.setItem(name, text);
      } catch (error) {
        others ??= otherKeys(name);
        if (!others.length) throw error;
        localStorage.removeItem(others.pop());
      }
    }
  } catch (error) {
    console.warn(`These hints are not stored: ${error.message}`);
  }
}

/** The strokes stored for a file, or none. */
export const loadStrokes = (file) => read(key(file)).strokes;
