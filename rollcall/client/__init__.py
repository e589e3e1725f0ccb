"""What every client is made of: dialling, heartbeat, the roster as a client sees it, events."""
