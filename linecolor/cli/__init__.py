"""The top floor: console scripts that wire the rooms together and decide nothing."""
