"""How it runs: behaviours, mailboxes, actors, their journal, and the hub that shows what they decided."""
