"""Drop-in functions with the names, signatures and values of other libraries.

One module per library: to migrate, change one import. Values are those of the library with the same weights. SciPy's
`sqrtm` isn't used, so they work with any version of SciPy, also those whose `sqrtm` has no `disp`.
"""
