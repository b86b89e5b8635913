import subprocess
import sys
import textwrap
import time

import pytest


def script(folder, code: str) -> list[str]:
    """The words that start a script: what a spawned process calls must be importable there."""
    (folder / "script.py").write_text(textwrap.dedent(code))
    return [sys.executable, str(folder / "script.py")]


@pytest.mark.slow
def test_an_item_that_kills_its_process_costs_only_itself(tmp_path):
    code = """
        import os
        from datamodules.processes import in_processes

        def work(chunk):
            if 7 in chunk:
                os._exit(3)
            return [10 * item for item in chunk]

        if __name__ == "__main__":
            chunks = [range(start, start + 4) for start in range(0, 16, 4)]
            results = [row for rows in in_processes(work, chunks, 2, lambda item: -item) for row in rows]
            print(sorted(results))
    """
    expected = sorted([10 * item for item in range(16) if item != 7] + [-7])
    done = subprocess.run(script(tmp_path, code), capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.stdout.strip() == str(expected), done.stderr


def test_when_the_parent_is_killed_its_processes_end(tmp_path):
    code = """
        import os, pathlib, time
        from datamodules.processes import in_processes

        def work(chunk):
            pathlib.Path(f"{os.getpid()}.pid").touch()
            time.sleep(60)

        if __name__ == "__main__":
            list(in_processes(work, [[1], [2]], 2, str))
    """
    parent = subprocess.Popen(script(tmp_path, code), cwd=tmp_path)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*.pid"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [path.stem for path in tmp_path.glob("*.pid")]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    while any(alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(worker) for worker in workers)


def alive(pid: str) -> bool:
    """Whether a process runs; one that ended and waits to be noticed does not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True)
    return bool(done.stdout.strip()) and not done.stdout.strip().startswith("Z")
