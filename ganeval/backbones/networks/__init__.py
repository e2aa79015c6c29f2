"""Networks that no library has as the weights need them, as torch modules; backbones load them when they are built."""
