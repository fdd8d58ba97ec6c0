"""A susceptibility map by mapping unit: what the cells of each unit add up to, and how well units find landslides."""
