"""What is kept: declared tables of the school and their migrations."""
