"""The ways to make a page ready, for the command line and its --help. The standard library only."""

PAPER_MODES = {
    "auto": "make paper white that is not",
    "keep": "the networks see white paper, the picture keeps its own",
    "white": "make any paper white, nearly white as well",
}
INVERT_MODES = {"auto": "light ink on dark paper is inverted", "yes": "always", "no": "never"}
