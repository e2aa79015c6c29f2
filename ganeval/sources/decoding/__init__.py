"""From the bytes of an image file to uint8 RGB: formats, limits of their structure, rules, 16-bit samples, rounding."""
