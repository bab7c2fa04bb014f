"""Sources: their traffic, silence, rejections and rules."""
