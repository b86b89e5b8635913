"""`linecolor-app`: the chain as a page in the browser.

The page (`page/`, plain HTML, CSS and JavaScript that loads nothing from elsewhere) keeps what a user paints; the
server keeps the drawing, and colours it anew after each stroke.

strokes: what was painted, read and rasterised. drawing: one uploaded drawing, its view and its full size. store: the
uploaded drawings. worker_pool: jobs in threads. guard: which requests are allowed. uploads: request bodies. server: the
requests and what is sent back.

Needs starlette and uvicorn (`pip install '.[app]'`); no torch.
"""
