"""The short ways in: ndarrays that need no care go straight to the core, all else to the careful functions.

No rule is written here. A call is taken where all of them hold at a glance: exact ndarrays of a dtype with
kernels, aligned, native, not empty, of any strides; parameters of any float dtype, which are cast; `out` in
x's own memory, element by element, or apart from all that is read. Refusing is always right: the careful
function of the same name has the errors, the conversions and the docstring. These checks take 0.05 of the
0.6 us of layer_norm on (1, 768); written in Python they took 6 (Zen 3).
"""
