"""What both ends share: text rules, addresses, lines, and one peer's socket."""
