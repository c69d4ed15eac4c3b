"""The main job on real input: networks whose normalization runs on cnorm."""
