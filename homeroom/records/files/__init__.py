"""Files that people give: where their bytes lie, and what they are found to be."""
