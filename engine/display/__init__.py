"""How a run looks: lines, a live tree, details, or JSON."""
