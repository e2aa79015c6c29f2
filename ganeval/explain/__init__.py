"""Why other libraries print another FID: each emulated from the same images and weights, term by term."""
