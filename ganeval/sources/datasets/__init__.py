"""The data sets that have a name, one file each; `table` lists them."""
