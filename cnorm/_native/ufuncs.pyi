from numpy import ufunc

mean_var: ufunc
