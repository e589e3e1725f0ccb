"""Everything behind the four front doors: five rooms. Imports go downward only; see docs/ARCHITECTURE.md."""
