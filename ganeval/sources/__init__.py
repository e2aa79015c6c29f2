"""Where images come from: folders, archives, arrays, data sets and generators, all behind one interface."""
