"""What it means: one file an actor kind. Pure: decides and applies, never awaits, never looks at a clock."""
