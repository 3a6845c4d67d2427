"""What is said: ids, commands, events, frames, their codec and their errors. Pure: no clock, no socket, no task."""
