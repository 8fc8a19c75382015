"""Reports of others as typed values. What was mended is told, what is refused has a reason."""
