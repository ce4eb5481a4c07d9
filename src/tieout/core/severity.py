"""How bad a break is: the presets of the design's section 7, each boundary exact."""
