"""The functions that people call today, under the names and signatures of the libraries that they come from.

One module a library: a pipeline moves by changing one import. Values are those of the library, given the same weights;
no matrix root of SciPy's is taken, so they also come with a SciPy whose `sqrtm` has lost `disp`.
"""
