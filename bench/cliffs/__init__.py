"""A map of speed: every public function, by row length, dtype, layout and option, in copies."""
