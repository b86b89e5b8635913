"""Where pictures come from: prepared data sets and folders of illustrations."""
